"""RelaxSetWorkChain: relax a set of structures to the end, whatever stops its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_polymorph.calculations import relax_set
from aiida_polymorph.calculations.functions.structures import (
    merge_structures,
    missing_structures,
    summarise_relaxation,
)
from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.relaxation.merging import missing
from aiida_polymorph.workflows.children import run_once
from aiida_polymorph.workflows.options import validate_options
from aiida_polymorph.workflows.protocols.utils import ProtocolMixin, fill_builder
from aiida_polymorph.workflows.set_jobs import SetJobWorkChain


def validate_inputs(inputs: Mapping[str, Any], context: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    problem = relax_set.validate_inputs(inputs, context)
    return problem or validate_options(inputs)


class RelaxSetWorkChain(ProtocolMixin, SetJobWorkChain):
    """Relax a set of structures; a job that is stopped is followed by one for the structures that it left."""

    _process_class = RelaxSetCalculation
    _result = "relaxed"
    _protocol_file = "relax_set.yaml"

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define outputs and exit codes."""
        super().define(spec)
        spec.inputs.validator = validate_inputs
        spec.expose_outputs(RelaxSetCalculation, include=("relaxed", "summary"))
        spec.exit_code(420, "ERROR_ALL_FAILED", message="no structure was relaxed; the summary counts the reasons")

    def _count_left(self) -> int:
        return len(missing(self.inputs.structures.to_set(), [each.to_set() for each in self._found().values()]))

    def _select_left(self, label: str) -> StructureSetData:
        return run_once(self, label, missing_structures, structures=self.inputs.structures, **self._found())

    def _attach_reached(self) -> int:
        """Attach the outputs of all jobs as one, if there are any, and return how many structures are relaxed."""
        found = self._found()
        if not found:
            return 0
        if len(self.ctx.children) == 1:
            relaxed, summary = self.ctx.children[0].outputs.relaxed, self.ctx.children[0].outputs.summary
        else:
            relaxed = run_once(self, "merge", merge_structures, **found)
            summary = run_once(self, "summarise", summarise_relaxation, **self._summaries(relaxed))
        self.out("relaxed", relaxed)
        self.out("summary", summary)
        return summary["relaxed"]

    def _summaries(self, relaxed: StructureSetData) -> dict[str, orm.Data]:
        children = enumerate(self.ctx.children, 1)
        parts = {f"iteration_{i:02d}": node.outputs.summary for i, node in children if "summary" in node.outputs}
        return {"relaxed": relaxed, "asked": orm.Int(len(self.inputs.structures)), **parts}

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structures: StructureSetData,
        potential: PotentialData,
        pressure_gpa: float | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            code: a Python with NumPy and the potential's engine.
            structures: starting points.
            potential: how to compute energies.
            pressure_gpa: target pressure; None to take the column `pressure_gpa` of the structures.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's.

        Raises:
            ValueError: if there is no such protocol.
        """
        builder = cls.get_builder()
        pressure = None if pressure_gpa is None else float(pressure_gpa)
        inputs = {"code": code, "structures": structures, "potential": potential, "pressure_gpa": pressure}
        fill_builder(builder, {**cls.get_protocol_inputs(protocol, overrides), **inputs})
        return builder
