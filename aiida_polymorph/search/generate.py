"""Random structures: a random cell, random points, and overlapping pairs pushed apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from aiida_polymorph.search.cells import random_cell
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.search.separations import Box, push_apart
from aiida_polymorph.structures import StructureSet

STRUCTURE_TRIES = {None: 50, "pyxtal": 50, "spglib": 400}
"""Attempts at a structure, by the generator of symmetric structures; a failed one of ours takes two milliseconds."""


class Made(NamedTuple):
    """A structure: positions and cell in angstrom, and the space group asked for, 0 without symmetry."""

    positions: np.ndarray
    cell: np.ndarray
    space_group: int


def generate(recipe: Recipe, indices: Iterable[int]) -> StructureSet:
    """Make the structures with these indices.

    Structure i depends on the recipe (its seed included) and on i only, so a search may be split into any batches.
    Every structure keeps the minimum separations, periodic images included. Without symmetry: lengths and angles of
    the cell are uniform, it is scaled to a volume drawn uniformly, the atoms are put at random and overlapping pairs
    pushed apart; a structure that this doesn't mend is drawn again from a sub-seed of its own. With symmetry: see
    `symmetric`.

    Returns:
        The set with the column `index` and the recipe in its metadata; with symmetry also the column
        `start_space_group`, the number of the group asked for (a structure may have more symmetry).

    Raises:
        ValueError: if an index is negative, no structure that keeps the separations is found, or no space group of
            the recipe can hold the atoms.
    """
    indices = np.fromiter(indices, dtype=int)
    if np.any(indices < 0):
        raise ValueError(f"indices of structures start at 0, got {indices.min()}")
    boxes = {count: Box.of(recipe, count) for count in set(recipe.formula_units)}
    counts = [recipe.formula_units[index % len(recipe.formula_units)] for index in indices.tolist()]
    made = [_make(recipe, boxes[count], count, index) for count, index in zip(counts, indices.tolist(), strict=True)]
    columns = {"index": indices}
    if recipe.symmetry is not None:
        columns["start_space_group"] = np.array([each.space_group for each in made], dtype=int)
    return StructureSet(
        positions=np.concatenate([np.zeros((0, 3)), *(each.positions for each in made)]),
        cells=np.array([each.cell for each in made]).reshape(-1, 3, 3),
        numbers=np.concatenate([np.zeros(0, dtype=int), *(boxes[count].numbers for count in counts)]),
        offsets=np.concatenate([[0], np.cumsum([len(each.positions) for each in made], dtype=int)]),
        columns=columns,
        metadata={"recipe": recipe.to_dict()},
    )


def _make(recipe: Recipe, box: Box, formula_units: int, index: int) -> Made:
    tries = STRUCTURE_TRIES[None if recipe.symmetry is None else recipe.symmetry_generator]
    for k in range(tries):
        found = _attempt(recipe, box, formula_units, index, k)
        if found is not None:
            return found
    raise ValueError(
        f"recipe: no structure of {formula_units} formula units keeps the minimum separations in {tries} attempts "
        f"(index {index}, seed {recipe.seed}); lower minimum_separations or raise volume_per_formula_unit"
        + ("" if recipe.symmetry is None else ", or choose other space groups or formula_units")
    )


def _attempt(recipe: Recipe, box: Box, formula_units: int, index: int, k: int) -> Made | None:
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([recipe.seed, index, k])))
    if recipe.symmetry is None:
        return _random_structure(recipe, box, formula_units, rng)
    if recipe.symmetry_generator == "pyxtal":
        return _pyxtal_structure(recipe, box, formula_units, rng)
    return _symmetric_structure(recipe, box, formula_units, index, k, rng)


def _random_structure(recipe: Recipe, box: Box, formula_units: int, rng: np.random.Generator) -> Made | None:
    spread = recipe.volume_spread * rng.uniform(-1, 1)
    cell = random_cell(recipe, formula_units * recipe.volume_per_formula_unit * (1 + spread), box.own, rng)
    if cell is None:
        return None
    positions = push_apart(rng.random((len(box.numbers), 3)) @ cell, cell, box)
    return None if positions is None else Made(positions, cell, 0)


def _symmetric_structure(
    recipe: Recipe, box: Box, formula_units: int, index: int, k: int, rng: np.random.Generator
) -> Made | None:
    from aiida_polymorph.search.symmetric import group_of_attempt, symmetric_structure

    number = group_of_attempt(recipe, formula_units, index, k)
    found = symmetric_structure(recipe, box, formula_units, number, rng)
    return None if found is None else Made(*found, number)


def _pyxtal_structure(recipe: Recipe, box: Box, formula_units: int, rng: np.random.Generator) -> Made | None:
    from aiida_polymorph.search.pyxtal_structures import pyxtal_structure

    found = pyxtal_structure(recipe, box, formula_units, rng)
    return None if found is None else Made(*found)
