"""What a set of relaxed random structures is good for: counting basins, or finding phases.

How often unbiased starts without symmetry fall into each minimum tells the size of its basin. Starts with symmetry find
low phases far sooner, and their frequencies tell nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COUNT, FIND = "count", "find"

FINDING: Mapping[str, Any] = {"symmetry": (2, 230), "formula_units": (1, 2, 3, 4, 6, 8, 9, 12)}
"""What a recipe for finding has where nothing else is asked for."""


def purpose_of(metadata: Mapping[str, Any]) -> str | None:
    """Return what a set was made for, by its metadata; None for a set that says nothing of how it was made."""
    recipe = metadata.get("recipe")
    if recipe is None:
        return None
    return COUNT if recipe.get("symmetry") is None else FIND


def counting_problem(metadata: Mapping[str, Any]) -> str | None:
    """Return why the frequencies of a set mean nothing, None if they do, or nobody knows how it was made."""
    if purpose_of(metadata) != FIND:
        return None
    groups = metadata["recipe"]["symmetry"]
    text = f"space group {groups}" if isinstance(groups, int) else f"space groups {groups[0]} to {groups[-1]}"
    return (
        f"its structures were made with symmetry ({text}), to find phases: how often they fall into each minimum tells "
        "nothing of basin entropies; search without symmetry (`search --purpose count`) for these"
    )
