"""HarmonicWorkChain: quasi-harmonic Gibbs energy of one phase, without dynamics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, ToContext

from aiida_polymorph.calculations.functions.free_energy import (
    make_supercell,
    parameters_of,
    refuse,
    take_minimum,
)
from aiida_polymorph.calculations.functions.harmonic import combine_harmonic
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.lammps.settings import MinimiseSettings
from aiida_polymorph.thermodynamics.phonons.volume_grid import ladder, rung_reason
from aiida_polymorph.workflows.parameters import define_parameters
from aiida_polymorph.workflows.protocols.utils import ProtocolMixin, fill_builder
from aiida_polymorph.workflows.tasks import DynamicsMixin, task


class HarmonicWorkChain(ProtocolMixin, DynamicsMixin):
    """Compute the quasi-harmonic Gibbs energy of one phase from phonons of several cells."""

    _protocol_file = "free_energy.yaml"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        define_parameters(spec)
        spec.outline(cls.minimise_at_pressure, cls.minimise_at_other_pressures, cls.compute_phonons, cls.results)
        spec.output("free_energy", valid_type=FreeEnergyData, help="Gibbs energy, term by term.")

    def minimise_at_pressure(self) -> ToContext:
        """Relax a supercell at 0 K and the pressure."""
        self.ctx.crystal = make_supercell(self.inputs.structure, self.inputs.parameters)
        pressure = parameters_of(self.inputs.parameters).pressure_gpa
        parameters = task("minimise", MinimiseSettings(pressure))
        return ToContext(minimise_00=self._submit("minimise_00", parameters, self.ctx.crystal))

    def minimise_at_other_pressures(self) -> ExitCode | None:
        """Relax it over the pressures that thermal expansion asks for."""
        failed = self._failed("minimise_00")
        if failed:
            return failed
        taken = take_minimum(self.ctx.crystal, self.ctx.minimise_00.outputs.results)
        self.ctx.crystal = taken["crystal"]
        if taken["summary"]["reason"]:
            self.out("free_energy", refuse(self.inputs.parameters, self.inputs.structure, taken["summary"]))
            return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=taken["summary"]["reason"])
        asked, atoms = parameters_of(self.inputs.parameters), taken["crystal"].get_ase()
        wanted = ladder(asked.pressure_gpa, asked.temperature, atoms.get_volume() / len(atoms))
        self.ctx.pressures = [asked.pressure_gpa]
        self.ctx.pressures += [each for each in wanted if not np.isclose(each, asked.pressure_gpa, atol=1e-6)]
        for number, pressure in enumerate(self.ctx.pressures[1:], 1):
            label = f"minimise_{number:02d}"
            self.to_context(
                **{label: self._submit(label, task("minimise", MinimiseSettings(pressure)), self.ctx.crystal)}
            )
        return None

    def compute_phonons(self) -> None:
        """Compute forces on displaced supercells of each cell that is still the phase."""
        self.ctx.rungs, self.ctx.failed = [], []
        for number, pressure in enumerate(self.ctx.pressures):
            process = self.ctx[f"minimise_{number:02d}"]
            if not process.is_finished_ok:
                self.ctx.failed.append(f"no cell at {pressure:g} GPa: {process.exit_message}")
                continue
            taken = take_minimum(process.inputs.crystal, process.outputs.results)
            reason = rung_reason(self.ctx.crystal.get_ase(), taken["crystal"].get_ase()) if number else ""
            if reason:
                self.ctx.failed.append(f"no cell at {pressure:g} GPa: {reason}")
                continue
            label = f"phonons_{number:02d}"
            self.to_context(**{label: self._submit_phonons(label, taken["crystal"])})
            self.ctx.rungs.append((number, taken["crystal"].pk, taken["summary"].pk))

    def results(self) -> ExitCode | None:
        """Put the cells together."""
        found: dict[str, orm.Data] = {}
        for number, crystal, summary in self.ctx.rungs:
            failed = self._failed(f"phonons_{number:02d}")
            if failed:
                return failed
            found[f"crystal_{number:02d}"] = orm.load_node(crystal)
            found[f"minimum_{number:02d}"] = orm.load_node(summary)
            found[f"forces_{number:02d}"] = self.ctx[f"phonons_{number:02d}"].outputs.results
        energy = combine_harmonic(
            parameters=self.inputs.parameters,
            potential=self.inputs.potential,
            failed=orm.List(self.ctx.failed),
            pressures=orm.Dict({f"crystal_{n:02d}": self.ctx.pressures[n] for n, _, _ in self.ctx.rungs}),
            **found,
        )
        self.out("free_energy", energy)
        reason = energy.value("reason")
        return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=reason) if reason else None

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
        """Return a builder with the inputs that a protocol stands for; arguments as of `FreeEnergyWorkChain`.

        Raises:
            ValueError: if there is no such protocol.
        """
        builder = cls.get_builder()
        inputs = cls.get_protocol_inputs(protocol, overrides)
        kept = ("target_error", "target_atoms", "convention", "symprec")
        parameters = {name: value for name, value in inputs["parameters"].items() if name in kept}
        parameters |= {"temperature": float(temperature), "pressure_gpa": float(pressure_gpa), "method": "harmonic"}
        fill_builder(builder, {"code": code, "structure": structure, "potential": potential, "parameters": parameters})
        return builder
