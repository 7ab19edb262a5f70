"""FreeEnergyWorkChain: Gibbs energy of one phase at one temperature and pressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext, if_, while_

from aiida_polymorph.calculations.functions.free_energy import (
    combine,
    draw_positions,
    parameters_of,
    refuse,
    runs_of,
    springs_of,
    take_minimum,
)
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.lammps.settings import EvaluateSettings, MinimiseSettings
from aiida_polymorph.plain import plain
from aiida_polymorph.thermodynamics.free_energy.assembly import TOLERANCE
from aiida_polymorph.thermodynamics.free_energy.routes import (
    first_springs,
    first_switching,
    next_springs,
    next_switching,
)
from aiida_polymorph.workflows.children import submit_once
from aiida_polymorph.workflows.equilibrate import EquilibrateWorkChain
from aiida_polymorph.workflows.parameters import define_parameters, validate_parameters
from aiida_polymorph.workflows.protocols.utils import ProtocolMixin, fill_builder
from aiida_polymorph.workflows.tasks import DynamicsMixin, task

PASSED_ON = [
    EquilibrateWorkChain.exit_codes[name].status for name in ("ERROR_NOT_METASTABLE", "ERROR_SUPERCELL_TOO_SMALL")
]
"""Exit codes of the equilibration that are also those of the free energy."""


def validate_dynamic(parameters: orm.Dict | None, port: Any = None) -> str | None:
    """Return what is wrong with the parameters, None if nothing."""
    if parameters is not None and parameters.get("method") == "harmonic":
        return "method is 'harmonic', which polymorph.harmonic computes; here it is equilibrium or switching"
    return validate_parameters(parameters, port)


class FreeEnergyWorkChain(ProtocolMixin, DynamicsMixin):
    """Compute the Gibbs energy of one phase at one temperature and pressure by Frenkel-Ladd."""

    _protocol_file = "free_energy.yaml"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        define_parameters(spec, validate_dynamic)
        spec.outline(
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
        spec.exit_code(
            420,
            "ERROR_NOT_ACCURATE",
            message="max_steps are spent, and the error is {error:.2g} eV per formula unit, not {target:.2g}; what was "
            "computed is kept",
        )
        spec.exit_code(430, "ERROR_SUPERCELL_TOO_SMALL", message="the supercell is too small: {problem}")

    # --- the crystal ---------------------------------------------------------------------------------------------

    def equilibrate(self) -> ToContext:
        """Bring the phase to temperature and pressure."""
        self.ctx.runs = []
        phase = {"structure": self.inputs.structure, "parameters": self.inputs.parameters}
        inputs = {**self._shared(), **self._phases(), **phase}
        return ToContext(equilibrate=submit_once(self, "equilibrate", EquilibrateWorkChain, **inputs))

    def inspect_equilibration(self) -> ExitCode | None:
        """Take the mean cell, and stop where the phase did not last."""
        process = self.ctx.equilibrate
        if process.exit_status in PASSED_ON:
            if "summary" in process.outputs:
                self.out("free_energy", refuse(self.inputs.parameters, self.inputs.structure, process.outputs.summary))
            return ExitCode(process.exit_status, process.exit_message)
        failed = self._failed("equilibrate")
        if failed:
            return failed
        self.ctx.equilibration = process.outputs.summary
        self.ctx.crystal = self.ctx.equilibrated = process.outputs.crystal
        return None

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
        self.to_context(phonons=self._submit_phonons("phonons", self.ctx.crystal))
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
        if found.value("reason"):
            return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=found.value("reason"))
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
