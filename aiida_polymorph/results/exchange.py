"""What `import` tells, and what `export` writes."""

from __future__ import annotations

from typing import Any

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.results.analysis import find_analysis, is_analysis, phase_set
from aiida_polymorph.results.nodes import load, structure_set
from aiida_polymorph.structures import StructureSet


def import_row(node: StructureSetData) -> dict[str, Any]:
    """Return the fields of `import`."""
    return {"node": node.pk, "count": len(node)}


def structures_to_export(identifier: str) -> StructureSet:
    """Return a set by its identifier or that of the process that made it; of an analysis its phases.

    Raises:
        ValueError: if there is no such set (yet).
    """
    if is_analysis(load(identifier)):
        return phase_set(find_analysis(identifier))
    return structure_set(identifier).to_set()
