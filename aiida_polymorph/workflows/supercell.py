"""What the WorkChains that begin with a supercell relaxed at 0 K share."""

from __future__ import annotations

from aiida.engine import ExitCode, ProcessSpec, ToContext

from aiida_polymorph.calculations.functions.free_energy import make_supercell, parameters_of, take_minimum
from aiida_polymorph.lammps.settings import MinimiseSettings
from aiida_polymorph.thermodynamics.sampling.supercell import size_problem
from aiida_polymorph.workflows.parameters import define_parameters
from aiida_polymorph.workflows.tasks import DynamicsMixin, task


class SupercellMixin(DynamicsMixin):
    """Relaxes a supercell of the phase at 0 K and the pressure, and checks that it is wide enough."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define what they share."""
        super().define(spec)
        define_parameters(spec)
        spec.exit_code(430, "ERROR_SUPERCELL_TOO_SMALL", message="the supercell is too small: {problem}")

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
        cutoff = results.value("neighbour_cutoff")
        problem = size_problem(self.ctx.crystal.get_ase(), self.inputs.potential.to_potential(), cutoff)
        if problem:
            return self.exit_codes.ERROR_SUPERCELL_TOO_SMALL.format(problem=problem)
        taken = take_minimum(self.ctx.crystal, results)
        self.ctx.crystal, self.ctx.minimum = taken["crystal"], taken["summary"]
        self.ctx.summary, self.ctx.product = taken["summary"], taken["crystal"]
        return None

    def lasts(self) -> bool:
        """Return whether it is the phase asked for so far."""
        return not self.ctx.summary["reason"]
