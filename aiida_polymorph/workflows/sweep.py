"""SweepWorkChain: one phase at one pressure, heated at an even pace and cooled again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessSpec, ToContext, if_

from aiida_polymorph.calculations.functions.free_energy import parameters_of
from aiida_polymorph.calculations.functions.sweep import take_sweeps
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.thermodynamics.surfaces.sweep import sweep_settings
from aiida_polymorph.workflows.supercell import SupercellMixin
from aiida_polymorph.workflows.tasks import task, validate_phase


def validate_sweep(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    problem = validate_phase(inputs)
    if problem or not {"parameters", "final_temperature", "sweep_steps"} <= set(inputs):
        return problem
    asked = parameters_of(inputs["parameters"])
    return problem_of(sweep_settings, asked, inputs["final_temperature"].value, inputs["sweep_steps"].value)


class SweepWorkChain(SupercellMixin):
    """Relax a supercell of a phase at 0 K, then heat it at constant pressure and an even pace, and cool it again."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input(
            "final_temperature",
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            help="Up to where it is heated, K; from the temperature in `parameters`, and back to it.",
        )
        spec.input("sweep_steps", valid_type=orm.Int, serializer=orm.to_aiida_type, help="Steps one way.")
        spec.inputs.validator = validate_sweep
        spec.outline(
            cls.minimise,
            cls.inspect_minimum,
            if_(cls.lasts)(cls.sweep, cls.inspect_sweep),
            cls.results,
        )
        spec.output(
            "sweeps",
            valid_type=RecordData,
            required=False,
            help="Temperatures, enthalpy and volume up and down, and `reason`: why the phase did not last, if so.",
        )

    def sweep(self) -> ToContext:
        """Run molecular dynamics at constant pressure up to the final temperature and back."""
        asked, highest = parameters_of(self.inputs.parameters), self.inputs.final_temperature.value
        settings = sweep_settings(asked, highest, self.inputs.sweep_steps.value)
        return ToContext(sweep=self._submit("sweep", task("sweep", settings), self.ctx.crystal))

    def inspect_sweep(self) -> ExitCode | None:
        """Take the samples."""
        failed = self._failed("sweep")
        if failed:
            return failed
        job = self.ctx.sweep
        self.ctx.sweeps = take_sweeps(self.ctx.crystal, self.ctx.minimum, job.outputs.results, job.inputs.parameters)
        self.out("sweeps", self.ctx.sweeps)
        return None

    def results(self) -> ExitCode | None:
        """Say why the phase did not last, if so."""
        reason = self.ctx.sweeps.value("reason") if self.lasts() else self.ctx.summary["reason"]
        return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=reason) if reason else None
