"""Calcfunctions on evaluations of sets of structures."""

from __future__ import annotations

from aiida_polymorph.data.evaluations import EvaluationsData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.relaxation.evaluations import joined, left
from aiida_polymorph.versioned import calcfunction


@calcfunction
def structures_left(structures: StructureSetData, **found: EvaluationsData) -> StructureSetData:
    """Return the structures of which none of the evaluations has a record."""
    return StructureSetData.from_set(left(structures.to_set(), [node.to_evaluations() for node in found.values()]))


@calcfunction
def join_evaluations(structures: StructureSetData, **found: EvaluationsData) -> EvaluationsData:
    """Return the evaluations of several jobs as one, in the order of the structures."""
    parts = [found[name].to_evaluations() for name in sorted(found)]
    name = next(iter(found.values())).value("potential")
    return EvaluationsData.from_evaluations(joined(parts, structures.to_set()), name)
