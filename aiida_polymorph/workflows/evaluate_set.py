"""EvaluateSetWorkChain: energies, forces and stresses of a set of structures, whatever stops its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_polymorph.calculations.evaluate_set import EvaluateSetCalculation
from aiida_polymorph.calculations.functions.evaluations import join_evaluations, structures_left
from aiida_polymorph.calculations.set_job import validate_species
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.relaxation.evaluations import left
from aiida_polymorph.workflows.children import run_once
from aiida_polymorph.workflows.options import validate_options
from aiida_polymorph.workflows.protocols.utils import ProtocolMixin, fill_builder
from aiida_polymorph.workflows.set_jobs import SetJobWorkChain


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    return validate_species(inputs) or validate_options(inputs)


class EvaluateSetWorkChain(ProtocolMixin, SetJobWorkChain):
    """Evaluate a set of structures as they are; a job that is stopped is followed by one for what it left."""

    _process_class = EvaluateSetCalculation
    _result = "evaluations"
    _protocol_file = "evaluate_set.yaml"

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define outputs and exit codes."""
        super().define(spec)
        spec.inputs.validator = validate_inputs
        spec.expose_outputs(EvaluateSetCalculation, include=("evaluations",))
        spec.exit_code(
            420, "ERROR_ALL_FAILED", message="no structure could be evaluated; the output counts the reasons"
        )

    def _count_left(self) -> int:
        return len(left(self.inputs.structures.to_set(), [each.to_evaluations() for each in self._found().values()]))

    def _select_left(self, label: str) -> StructureSetData:
        return run_once(self, label, structures_left, structures=self.inputs.structures, **self._found())

    def _attach_reached(self) -> int:
        found = self._found()
        if not found:
            return 0
        single = next(iter(found.values()))
        whole = {"structures": self.inputs.structures}
        evaluations = (
            single if len(self.ctx.children) == 1 else run_once(self, "join", join_evaluations, **whole, **found)
        )
        self.out("evaluations", evaluations)
        return evaluations.value("evaluated")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structures: StructureSetData,
        potential: PotentialData,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            code: a Python with NumPy and the potential's engine.
            structures: to evaluate.
            potential: how to compute energies.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's.

        Raises:
            ValueError: if there is no such protocol.
        """
        builder = cls.get_builder()
        inputs = {"code": code, "structures": structures, "potential": potential}
        fill_builder(builder, {**cls.get_protocol_inputs(protocol, overrides), **inputs})
        return builder
