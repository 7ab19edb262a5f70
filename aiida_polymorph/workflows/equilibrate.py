"""EquilibrateWorkChain: one phase at one temperature and pressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_polymorph.calculations.functions.equilibrate import conclude_equilibration
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.workflows.parameters import define_parameters
from aiida_polymorph.workflows.plans import TaskPlanWorkChain


class EquilibrateWorkChain(TaskPlanWorkChain):
    """Relax a supercell of a phase at 0 K, then let it move at constant temperature and pressure."""

    _plan_name = "equilibration"
    _conclude = conclude_equilibration

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        define_parameters(spec)
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
            help="What a phase that is not metastable has turned into, relaxed at 0 K.",
        )

    def _verdict(self, outputs: Mapping[str, Any]) -> ExitCode | None:
        """Return an exit code where the phase is not metastable."""
        reason = outputs["summary"]["reason"]
        return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=reason) if reason else None
