"""SweepWorkChain: one phase at one pressure, heated at an even pace and cooled again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_polymorph.calculations.functions.plans import parameters_of
from aiida_polymorph.calculations.functions.sweep import conclude_sweep
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.thermodynamics.surfaces.sweep import sweep_settings
from aiida_polymorph.workflows.parameters import define_parameters
from aiida_polymorph.workflows.plans import TaskPlanWorkChain
from aiida_polymorph.workflows.tasks import validate_phase


def validate_sweep(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    problem = validate_phase(inputs)
    if problem or not {"parameters", "final_temperature", "sweep_steps"} <= set(inputs):
        return problem
    asked = parameters_of(inputs["parameters"])
    return problem_of(sweep_settings, asked, inputs["final_temperature"].value, inputs["sweep_steps"].value)


class SweepWorkChain(TaskPlanWorkChain):
    """Relax a supercell of a phase at 0 K, then heat it at constant pressure and an even pace, and cool it again."""

    _plan_name = "sweep"
    _plan_inputs = ("structure", "potential", "parameters", "final_temperature", "sweep_steps")
    _conclusion_inputs = ()
    _conclude = conclude_sweep
    _output = "sweeps"

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        define_parameters(spec)
        spec.input(
            "final_temperature",
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            help="Up to where it is heated, K; from the temperature in `parameters`, and back to it.",
        )
        spec.input("sweep_steps", valid_type=orm.Int, serializer=orm.to_aiida_type, help="Steps one way.")
        spec.inputs.validator = validate_sweep
        spec.output(
            "sweeps",
            valid_type=RecordData,
            required=False,
            help="Temperatures, enthalpy and volume up and down, and `reason`: why the phase is another one, if so.",
        )

    def _verdict(self, outputs: Mapping[str, Any]) -> ExitCode | None:
        """Return an exit code where the phase is not metastable."""
        reason = outputs["sweeps"].value("reason")
        return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=reason) if reason else None
