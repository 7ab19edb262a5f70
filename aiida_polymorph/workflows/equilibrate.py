"""EquilibrateWorkChain: one phase at one temperature and pressure."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, ProcessSpec, ToContext, if_

from aiida_polymorph.calculations.functions.free_energy import parameters_of, take_equilibration, take_minimum
from aiida_polymorph.calculations.functions.transformation import name_product, take_final
from aiida_polymorph.lammps.settings import MinimiseSettings
from aiida_polymorph.workflows.supercell import SupercellMixin
from aiida_polymorph.workflows.tasks import task


class EquilibrateWorkChain(SupercellMixin):
    """Relax a supercell of a phase at 0 K, then let it move at constant temperature and pressure."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.outline(
            cls.minimise,
            cls.inspect_minimum,
            if_(cls.lasts)(cls.equilibrate, cls.inspect_equilibration),
            if_(cls.must_be_quenched)(cls.quench, cls.inspect_quench),
            cls.results,
        )
        spec.output("crystal", valid_type=orm.StructureData, required=False, help="The crystal in its mean cell.")
        spec.output(
            "summary",
            valid_type=orm.Dict,
            required=False,
            help="Volume, enthalpy, displacements, and `reason`: why this is not the phase any more, empty if it is.",
        )
        spec.output(
            "product",
            valid_type=orm.StructureData,
            required=False,
            help="What a phase that does not last has turned into, relaxed at 0 K.",
        )

    def equilibrate(self) -> ToContext:
        """Run molecular dynamics at constant pressure and temperature, then at the mean cell."""
        settings = parameters_of(self.inputs.parameters).equilibrate_settings()
        return ToContext(equilibrate=self._submit("equilibrate", task("equilibrate", settings), self.ctx.crystal))

    def inspect_equilibration(self) -> ExitCode | None:
        """Take the mean cell, or where the atoms are now if the phase did not last."""
        failed = self._failed("equilibrate")
        if failed:
            return failed
        results = self.ctx.equilibrate.outputs.results
        taken = take_equilibration(self.ctx.crystal, self.ctx.minimum, results, self.inputs.parameters)
        self.out("crystal", taken["crystal"])
        self.ctx.summary = taken["summary"]
        self.ctx.product = None if self.lasts() else take_final(self.ctx.crystal, results)
        return None

    def must_be_quenched(self) -> bool:
        """Return whether dynamics has turned the phase into something else, whose atoms still move."""
        return not self.lasts() and "equilibrate" in self.ctx

    def quench(self) -> ToContext:
        """Relax what is left at 0 K and the pressure."""
        settings = MinimiseSettings(parameters_of(self.inputs.parameters).pressure_gpa)
        return ToContext(quench=self._submit("quench", task("minimise", settings), self.ctx.product))

    def inspect_quench(self) -> None:
        """Take what it is; if that failed, it stays unknown."""
        taken = self.ctx.quench
        self.ctx.product = (
            take_minimum(self.ctx.product, taken.outputs.results)["crystal"] if taken.is_finished_ok else None
        )

    def results(self) -> ExitCode | None:
        """Hand out the summary, and say what the phase became if it did not last."""
        if self.lasts():
            self.out("summary", self.ctx.summary)
            return None
        summary = self.ctx.summary
        if self.ctx.product is not None:
            summary = name_product(summary, self.ctx.product, **self._phases())
            self.out("product", self.ctx.product)
        self.out("summary", summary)
        return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=summary["reason"])
