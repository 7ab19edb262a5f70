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
    nodes = [found[name] for name in sorted(found)]
    whole = joined([node.to_evaluations() for node in nodes], structures.to_set())
    walls = [node.value("wall_seconds") for node in nodes]
    wall_seconds = None if None in walls else sum(walls)
    engine = next((engine for node in nodes if (engine := node.value("engine"))), None)
    return EvaluationsData.from_evaluations(whole, nodes[0].value("potential"), wall_seconds, engine)
