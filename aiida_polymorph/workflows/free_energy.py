"""FreeEnergyWorkChain: Gibbs energy of one phase at one temperature and pressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, WorkChain, if_, while_

from aiida_polymorph.calculations.functions.free_energy import (
    combine,
    displace,
    draw_positions,
    make_supercell,
    parameters_of,
    refuse,
    runs_of,
    springs_of,
    take_equilibration,
    take_minimum,
)
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import plain
from aiida_polymorph.lammps.settings import EvaluateSettings, MinimiseSettings, Settings
from aiida_polymorph.thermodynamics.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.routes import first_springs, first_switching, next_springs, next_switching
from aiida_polymorph.thermodynamics.supercell import smallest_width
from aiida_polymorph.workflows.children import submit_once
from aiida_polymorph.workflows.dynamics import DynamicsWorkChain
from aiida_polymorph.workflows.protocols.utils import ProtocolMixin, fill_builder

SKIN = 2.0
"""Distance (angstrom) by which LAMMPS's neighbour lists reach beyond the cutoff, in units real and metal."""


TOLERANCE = 1.001
"""An error is as wanted up to this factor."""


def task(name: str, settings: Settings) -> orm.Dict:
    """Return the node that asks for a task."""
    return orm.Dict({"task": name, "settings": plain(settings.to_dict())})


def validate_parameters(parameters: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the parameters, None if nothing."""
    return problem_of(FreeEnergyParameters.from_dict, parameters.get_dict()) if parameters else None


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    if not {"structure", "potential"} <= set(inputs):
        return None
    potential = inputs["potential"].to_potential()
    if potential.engine != "lammps":
        return f"potential {potential.name!r} runs with {potential.engine}; free energies need one of LAMMPS"
    return problem_of(potential.check_species, inputs["structure"].get_ase().get_chemical_symbols())


class FreeEnergyWorkChain(ProtocolMixin, WorkChain):
    """Compute the Gibbs energy of one phase at one temperature and pressure by Frenkel-Ladd."""

    _protocol_file = "free_energy.yaml"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input("code", valid_type=orm.AbstractCode, help="LAMMPS's executable.")
        spec.input("structure", valid_type=orm.StructureData, help="The phase, any cell of it.")
        spec.input("potential", valid_type=PotentialData, help="How to compute energies; one of LAMMPS.")
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_parameters,
            help="temperature (K), pressure_gpa, method, target_error (eV per formula unit), target_atoms, ...; see "
            "aiida_polymorph.thermodynamics.parameters.",
        )
        spec.input(
            "options",
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            help="Options of the jobs: resources, max_wallclock_seconds, queue_name, ...",
        )
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.build,
            cls.minimise,
            cls.inspect_minimum,
            cls.equilibrate,
            cls.inspect_equilibration,
            cls.minimise_in_mean_cell,
            cls.inspect_mean_cell,
            if_(cls.is_equilibrium_route)(cls.evaluate_drawn),
            cls.begin_route,
            while_(cls.is_not_accurate_enough)(cls.run_route, cls.inspect_run),
            cls.results,
        )
        spec.output("free_energy", valid_type=FreeEnergyData, help="Gibbs energy, term by term.")
        spec.output("crystal", valid_type=orm.StructureData, required=False, help="The crystal in its mean cell.")
        spec.exit_code(401, "ERROR_JOB_FAILED", message="{label} failed: {message}")
        spec.exit_code(410, "ERROR_NOT_METASTABLE", message="the phase does not last here: {reason}")
        spec.exit_code(
            420,
            "ERROR_NOT_ACCURATE",
            message="max_steps are spent, and the error is {error:.2g} eV per formula unit, not {target:.2g}; what was "
            "computed is kept",
        )
        spec.exit_code(
            430,
            "ERROR_SUPERCELL_TOO_SMALL",
            message="the supercell of {atoms} atoms is {width:.1f} angstrom wide, less than twice the potential's cutoff "
            "of {cutoff:.1f}; ask for target_atoms of {needed} or more",
        )

    # --- the crystal ---------------------------------------------------------------------------------------------

    def build(self) -> None:
        """Make the supercell."""
        self.ctx.crystal = make_supercell(self.inputs.structure, self.inputs.parameters)
        self.ctx.runs = []

    def minimise(self) -> ToContext:
        """Relax it at 0 K and the pressure."""
        asked = parameters_of(self.inputs.parameters)
        return ToContext(
            minimise=self._submit("minimise", task("minimise", MinimiseSettings(asked.pressure_gpa)), self.ctx.crystal)
        )

    def inspect_minimum(self) -> ExitCode | None:
        """Stop where the supercell is too small, or the phase is no minimum."""
        failed = self._failed("minimise")
        if failed:
            return failed
        results = self.ctx.minimise.outputs.results
        too_small = self._too_small(results.value("neighbour_cutoff"))
        if too_small:
            return too_small
        taken = take_minimum(self.ctx.crystal, results)
        self.ctx.crystal, self.ctx.minimum = taken["crystal"], taken["summary"]
        return self._unstable(taken["summary"]["reason"])

    def equilibrate(self) -> ToContext:
        """Run molecular dynamics at constant pressure and temperature."""
        settings = parameters_of(self.inputs.parameters).equilibrate_settings()
        return ToContext(equilibrate=self._submit("equilibrate", task("equilibrate", settings), self.ctx.crystal))

    def inspect_equilibration(self) -> ExitCode | None:
        """Take the mean cell, and stop where the phase did not last."""
        failed = self._failed("equilibrate")
        if failed:
            return failed
        results = self.ctx.equilibrate.outputs.results
        taken = take_equilibration(self.ctx.crystal, self.ctx.minimum, results, self.inputs.parameters)
        self.ctx.crystal, self.ctx.equilibration = taken["crystal"], taken["summary"]
        self.ctx.equilibrated = taken["crystal"]
        return self._unstable(taken["summary"]["reason"])

    def minimise_in_mean_cell(self) -> ToContext:
        """Relax the positions in the mean cell."""
        label, parameters = "minimise_in_mean_cell", task("minimise", MinimiseSettings())
        return ToContext(**{label: self._submit(label, parameters, self.ctx.crystal)})

    def inspect_mean_cell(self) -> ExitCode | None:
        """Take the perfect crystal, and begin its phonons."""
        failed = self._failed("minimise_in_mean_cell")
        if failed:
            return failed
        taken = take_minimum(self.ctx.crystal, self.ctx.minimise_in_mean_cell.outputs.results)
        self.ctx.crystal, self.ctx.minimum = taken["crystal"], taken["summary"]
        self.out("crystal", taken["crystal"])
        displaced = displace(self.ctx.crystal, self.inputs.parameters)
        parameters = task("evaluate", EvaluateSettings())
        phonons = self._submit("phonons", parameters, displaced["supercell"], displaced["displaced"])
        self.to_context(phonons=phonons)
        return None

    # --- Frenkel-Ladd --------------------------------------------------------------------------------------------

    def is_equilibrium_route(self) -> bool:
        """Return whether springs are added in equilibrium."""
        return parameters_of(self.inputs.parameters).method == "equilibrium"

    def evaluate_drawn(self) -> ToContext:
        """Compute energies at positions drawn from the ideal Einstein crystal."""
        drawn = draw_positions(self.ctx.crystal, self.ctx.equilibration, self.inputs.parameters)
        parameters = task("evaluate", EvaluateSettings(forces=False, commands="dynamics"))
        return ToContext(drawn=self._submit("drawn", parameters, self.ctx.crystal, drawn))

    def begin_route(self) -> ExitCode | None:
        """Check what came before and plan the first runs."""
        for label in ("phonons", "drawn"):
            failed = self._failed(label) if label in self.ctx else None
            if failed:
                return failed
        asked = parameters_of(self.inputs.parameters)
        first = first_springs if self.is_equilibrium_route() else first_switching
        own = springs_of(self.ctx.equilibration, asked)
        self.ctx.following = first(own, asked.temperature, asked.seed, **asked.dynamics).to_dict()
        return None

    def is_not_accurate_enough(self) -> bool:
        """Return whether more runs are needed, and may be made."""
        return self.ctx.following is not None

    def run_route(self) -> ToContext:
        """Run what is missing to the wanted error."""
        number = len(self.ctx.runs)
        parameters = orm.Dict({"task": self._route_task, "settings": plain(self.ctx.following)})
        return ToContext(run=self._submit(f"run_{number:02d}", parameters, self.ctx.crystal))

    def inspect_run(self) -> ExitCode | None:
        """Take the run, and plan the next one."""
        failed = self._failed("run")
        if failed:
            return failed
        self.ctx.runs.append(self.ctx.run.pk)
        asked, atoms, runs = parameters_of(self.inputs.parameters), self.ctx.crystal.get_ase(), self._runs()
        if asked.method == "switching":
            following = next_switching(atoms, runs_of(runs), asked.target)
        else:
            following = next_springs(atoms, runs_of(runs), runs["energies"].get_array("energies__energy"), asked.target)
        self.ctx.following = following and following.to_dict()
        return None

    def results(self) -> ExitCode | None:
        """Put the terms together."""
        found = combine(
            parameters=self.inputs.parameters,
            potential=self.inputs.potential,
            crystal=self.ctx.crystal,
            minimum=self.ctx.minimum,
            equilibrated=self.ctx.equilibrated,
            equilibration=self.ctx.equilibration,
            forces=self.ctx.phonons.outputs.results,
            **self._runs(),
        )
        self.out("free_energy", found)
        asked = parameters_of(self.inputs.parameters)
        if found.value("error") > asked.target_error * TOLERANCE:
            return self.exit_codes.ERROR_NOT_ACCURATE.format(error=found.value("error"), target=asked.target_error)
        return None

    # --- helpers -------------------------------------------------------------------------------------------------

    @property
    def _route_task(self) -> str:
        return "springs" if self.is_equilibrium_route() else "switching"

    def _runs(self) -> dict[str, orm.Data]:
        """Return settings and results of the runs so far, as `combine` takes them."""
        runs: dict[str, orm.Data] = {}
        for number, pk in enumerate(self.ctx.runs):
            process = orm.load_node(pk)
            runs[f"settings_{number:02d}"] = process.inputs.parameters
            runs[f"results_{number:02d}"] = process.outputs.results
        return {**runs, "energies": self.ctx.drawn.outputs.results} if "drawn" in self.ctx else runs

    def _submit(
        self, label: str, parameters: orm.Dict, crystal: orm.StructureData, positions: orm.ArrayData | None = None
    ) -> orm.ProcessNode:
        inputs = {"code": self.inputs.code, "potential": self.inputs.potential, "crystal": crystal}
        inputs |= {"parameters": parameters}
        inputs |= {} if positions is None else {"positions": positions}
        inputs |= {"options": self.inputs.options} if "options" in self.inputs else {}
        return submit_once(self, label, DynamicsWorkChain, **inputs)

    def _failed(self, label: str) -> ExitCode | None:
        process = self.ctx[label]
        if process.is_finished_ok:
            return None
        message = process.exit_message or f"it ended as {process.process_state.value}"
        return self.exit_codes.ERROR_JOB_FAILED.format(label=f"{label} ({process.pk})", message=message)

    def _unstable(self, reason: str) -> ExitCode | None:
        """Return the exit code of a phase that does not last, with what is known as output; None if it lasts."""
        if not reason:
            return None
        self.out("free_energy", refuse(self.inputs.parameters, self.ctx.crystal, orm.Str(reason)))
        return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=reason)

    def _too_small(self, listed: float | None) -> ExitCode | None:
        """Return the exit code of a supercell in which an atom would see itself; long-ranged potentials always do."""
        potential, atoms = self.inputs.potential.to_potential(), self.ctx.crystal.get_ase()
        if listed is None or any(line.startswith("kspace_style") for line in potential.commands):
            return None
        cutoff, width = listed - SKIN, smallest_width(np.asarray(atoms.cell))
        if width >= 2 * cutoff:
            return None
        needed = int(np.ceil(len(atoms) * (2 * cutoff / width) ** 3))
        return self.exit_codes.ERROR_SUPERCELL_TOO_SMALL.format(
            atoms=len(atoms), width=width, cutoff=cutoff, needed=needed
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        potential: PotentialData,
        temperature: float,
        pressure_gpa: float = 0.0,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            code: LAMMPS's executable.
            structure: the phase, any cell of it.
            potential: of LAMMPS.
            temperature: K.
            pressure_gpa: GPa.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's.

        Raises:
            ValueError: if there is no such protocol.
        """
        builder = cls.get_builder()
        inputs = cls.get_protocol_inputs(protocol, overrides)
        inputs["parameters"] |= {"temperature": float(temperature), "pressure_gpa": float(pressure_gpa)}
        fill_builder(builder, {**inputs, "code": code, "structure": structure, "potential": potential})
        return builder
