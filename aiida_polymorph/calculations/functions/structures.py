"""Calcfunctions on structure sets: made, joined, taken apart, each with its provenance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from aiida import orm

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.relaxation.merging import merge, missing, pool
from aiida_polymorph.relaxation.statistics import count
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.versioned import calcfunction

NAMES_KEPT = 100
"""So many names of imported files are kept; the digest covers all of them."""


@calcfunction
def generate_structures(recipe: orm.Dict, first: orm.Int, number: orm.Int) -> StructureSetData:
    """Make the random structures `first`, `first` + 1, ... of a recipe, `number` of them."""
    indices = range(first.value, first.value + number.value)
    made = generate(Recipe.from_dict(recipe.get_dict()), indices)
    return StructureSetData.from_set(made)


@calcfunction
def merge_structures(**sets: StructureSetData) -> StructureSetData:
    """Join parts of one search by index; sets of different minimisers are refused."""
    return StructureSetData.from_set(merge([sets[name].to_set() for name in sorted(sets)]))


@calcfunction
def mix_structures(**sets: StructureSetData) -> StructureSetData:
    """Join parts of one search by index, also those of different minimisers; not for counting."""
    return StructureSetData.from_set(merge([sets[name].to_set() for name in sorted(sets)], mix_minimisers=True))


@calcfunction
def pool_structures(**sets: StructureSetData) -> StructureSetData:
    """Join several searches at one pressure; parts of the same search count once by index."""
    return StructureSetData.from_set(pool([sets[name].to_set() for name in sorted(sets)]))


@calcfunction
def missing_structures(structures: StructureSetData, **found: StructureSetData) -> StructureSetData:
    """Return the starting points whose index is in none of the sets that were found."""
    return StructureSetData.from_set(missing(structures.to_set(), [each.to_set() for each in found.values()]))


@calcfunction
def summarise_relaxation(relaxed: StructureSetData, asked: orm.Int, **summaries: orm.Dict) -> orm.Dict:
    """Summarise a set that several jobs relaxed one after the other; `summaries` are theirs."""
    parts = [summaries[name].get_dict() for name in sorted(summaries)]
    walls = [part["wall_seconds"] for part in parts]
    engine = next((part["engine"] for part in parts if part["engine"]), None)
    wall_seconds = None if None in walls else sum(walls)
    return orm.Dict({**count(relaxed.to_set(), asked.value), "wall_seconds": wall_seconds, "engine": engine})


@calcfunction
def summarise_search(structures: StructureSetData, asked: orm.Int, wall_seconds: orm.Float) -> orm.Dict:
    """Summarise a search whose batches were merged; `wall_seconds` is what the whole search took."""
    return orm.Dict({**count(structures.to_set(), asked.value), "wall_seconds": wall_seconds.value})


@calcfunction
def extract_structure(structures: StructureSetData, position: orm.Int) -> orm.StructureData:
    """Draw one structure out of a set, by its position in it (from 0)."""
    return orm.StructureData(ase=structures.to_set()[position.value])


def import_structures(paths: Sequence[str | Path], pressure_gpa: float | None = None) -> StructureSetData:
    """Return a stored set read from files that were made elsewhere.

    The files stay where they are. The set's metadata entry `source` says where that was: how many files, the first
    names, and the SHA-256 digest of all contents, one after the other.

    Args:
        paths: files (`.res`, extended XYZ, anything ASE reads, gzipped as well).
        pressure_gpa: pressure at which they were relaxed; None where the files say so or nobody knows.

    Raises:
        ValueError: if a file can't be read.
    """
    from aiida_polymorph.formats import read_structures

    files = [Path(path) for path in paths]
    structures = read_structures(files, pressure_gpa)
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    names = [str(path) for path in files[:NAMES_KEPT]]
    source = {"files": len(files), "names": names, "sha256": digest.hexdigest()}
    node = StructureSetData.from_set(structures.with_metadata(source=source))
    node.description = f"imported from {', '.join(names[:3])}{', ...' if len(files) > 3 else ''}"
    return node.store()
