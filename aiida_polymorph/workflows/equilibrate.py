"""EquilibrateWorkChain: one phase at one temperature and pressure."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, ProcessSpec, ToContext

from aiida_polymorph.calculations.functions.free_energy import (
    make_supercell,
    parameters_of,
    take_equilibration,
    take_minimum,
)
from aiida_polymorph.lammps.settings import MinimiseSettings
from aiida_polymorph.thermodynamics.supercell import smallest_width
from aiida_polymorph.workflows.parameters import define_parameters
from aiida_polymorph.workflows.tasks import DynamicsMixin, task

SKIN = 2.0
"""Distance (angstrom) by which LAMMPS's neighbour lists reach beyond the cutoff, in units real and metal."""


TOO_SMALL = (
    "the supercell of {atoms} atoms is {width:.1f} angstrom wide, less than twice the potential's cutoff of "
    "{cutoff:.1f}; ask for target_atoms of {needed} or more"
)


class EquilibrateWorkChain(DynamicsMixin):
    """Relax a supercell of a phase at 0 K, then let it move at constant temperature and pressure."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        define_parameters(spec)
        spec.outline(cls.minimise, cls.inspect_minimum, cls.equilibrate, cls.inspect_equilibration)
        spec.output("crystal", valid_type=orm.StructureData, required=False, help="The crystal in its mean cell.")
        spec.output(
            "summary",
            valid_type=orm.Dict,
            required=False,
            help="Volume, enthalpy, displacements, and `reason`: why this is not the phase any more, empty if it is.",
        )
        spec.exit_code(
            430,
            "ERROR_SUPERCELL_TOO_SMALL",
            message=TOO_SMALL,
        )

    def minimise(self) -> ToContext:
        """Relax the supercell at 0 K and the pressure."""
        self.ctx.crystal = make_supercell(self.inputs.structure, self.inputs.parameters)
        asked = parameters_of(self.inputs.parameters)
        parameters = task("minimise", MinimiseSettings(asked.pressure_gpa))
        return ToContext(minimise=self._submit("minimise", parameters, self.ctx.crystal))

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
        return self._unstable(taken["summary"])

    def equilibrate(self) -> ToContext:
        """Run molecular dynamics at constant pressure and temperature, then at the mean cell."""
        settings = parameters_of(self.inputs.parameters).equilibrate_settings()
        return ToContext(equilibrate=self._submit("equilibrate", task("equilibrate", settings), self.ctx.crystal))

    def inspect_equilibration(self) -> ExitCode | None:
        """Take the mean cell, and say whether the phase lasted."""
        failed = self._failed("equilibrate")
        if failed:
            return failed
        results = self.ctx.equilibrate.outputs.results
        taken = take_equilibration(self.ctx.crystal, self.ctx.minimum, results, self.inputs.parameters)
        self.out("crystal", taken["crystal"])
        return self._unstable(taken["summary"])

    def _unstable(self, summary: orm.Dict) -> ExitCode | None:
        """Hand out a summary that is final, and return the exit code of a phase that does not last."""
        if "volume" in summary.get_dict() or summary["reason"]:
            self.out("summary", summary)
        return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=summary["reason"]) if summary["reason"] else None

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
