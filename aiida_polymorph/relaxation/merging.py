"""Sets from several jobs become one, by the structures' indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_polymorph.structures import StructureSet

IDENTITY = ("recipe", "pressure_gpa", "potential")
"""Metadata without which an index doesn't say which structure is meant."""


def indices_of(structures: StructureSet) -> np.ndarray:
    """Return the column `index`, or 0, 1, 2, ... where the set has none, shape (n,)."""
    return structures.columns.get("index", np.arange(len(structures)))


def merge(sets: Sequence[StructureSet], mix_minimisers: bool = False) -> StructureSet:
    """Join sets of one search by index, sorted by it; of those with the same index the first counts.

    Args:
        sets: parts of one search, which may overlap.
        mix_minimisers: join sets whose minimisers differ; how often a minimum is found depends on the minimiser, so
            the result then serves as a collection of structures, not for counting.

    Raises:
        ValueError: if the sets differ in recipe, pressure or potential, or in the minimiser without `mix_minimisers`.
    """
    filled = [each for each in sets if len(each)] or list(sets[:1])
    for name in IDENTITY:
        _check_same(filled, name, "their indices don't mean the same structures; join them by StructureSet.concatenate")
    if not mix_minimisers:
        _check_same(filled, "minimiser", "which minimum is reached depends on it; say so if they are to be mixed")
    joined = StructureSet.concatenate([each.with_columns(index=indices_of(each)) for each in filled])
    _, first = np.unique(indices_of(joined), return_index=True)
    merged = joined.select(first)
    return merged.with_metadata(minimiser="several") if _differ(filled, "minimiser") else merged


def missing(structures: StructureSet, found: Sequence[StructureSet]) -> StructureSet:
    """Return those structures, with their index, whose index is in none of the sets found."""
    indices = indices_of(structures)
    seen = np.concatenate([np.zeros(0, dtype=int), *(indices_of(each) for each in found)])
    return structures.with_columns(index=indices).select(~np.isin(indices, seen))


def _pressure_of(structures: StructureSet) -> float | None:
    """Return the pressure that the column of all structures states, else that of the metadata, in GPa."""
    stated = np.unique(structures.column("pressure_gpa"))
    if len(stated) == 1 and np.isfinite(stated[0]):
        return float(stated[0])
    return structures.metadata.get("pressure_gpa")


def _differ(sets: Sequence[StructureSet], name: str) -> bool:
    values: list[Any] = [each.metadata.get(name) for each in sets]
    return any(value != values[0] for value in values[1:])


def _check_same(sets: Sequence[StructureSet], name: str, why: str) -> None:
    if _differ(sets, name):
        values = list(dict.fromkeys(str(each.metadata.get(name)) for each in sets))
        raise ValueError(f"the sets differ in {name} ({' / '.join(values)}): {why}")


def pool(sets: Sequence[StructureSet]) -> StructureSet:
    """Join searches of one pressure; parts of the same search, told by their recipes, count once by index.

    Returns:
        All structures, with the column `index` renumbered; the metadata are those of the first set, without `recipe`.

    Raises:
        ValueError: if the sets differ in pressure, potential or minimiser.
    """
    stated = [each.with_metadata(pressure_gpa=_pressure_of(each)) for each in sets]
    for name in ("pressure_gpa", "potential", "minimiser"):
        _check_same(stated, name, "frequencies can only be pooled where all of it is the same")
    searches: list[list[StructureSet]] = []
    for each in sets:
        recipe = each.metadata.get("recipe")
        same = (s for s in searches if recipe is not None and s[0].metadata.get("recipe") == recipe)
        if (search := next(same, None)) is None:
            searches.append([each])
        else:
            search.append(each)
    joined = StructureSet.concatenate([merge(search) for search in searches])
    metadata = {name: value for name, value in sets[0].metadata.items() if name != "recipe"}
    return replace(joined.with_columns(index=np.arange(len(joined))), metadata=metadata)
