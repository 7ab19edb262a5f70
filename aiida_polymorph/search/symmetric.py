"""Random structures with the symmetry of a space group, in primitive cells.

A structure is made in three steps: a random cell of the group's lattice (`frames`), orbits that hold exactly the atoms
asked for, on general and special positions (`occupation`), and overlapping atoms pushed apart with their symmetry
(`orbit_pushing`).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from aiida_polymorph.search.frames import random_frame
from aiida_polymorph.search.occupation import occupy
from aiida_polymorph.search.orbit_pushing import Crowd
from aiida_polymorph.search.possible_groups import possible_groups
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.search.separations import Box
from aiida_polymorph.search.space_groups import space_group

GROUP_TRIES = 6
"""Attempts at a structure of one space group before the next one is drawn."""
SAME = 1e-3
"""Angstrom: atoms that a translation takes nearer than this to others take their places."""
GROUP_STREAM = 1
"""Spawn key of the random numbers that draw the groups."""


def symmetric_structure(
    recipe: Recipe, box: Box, formula_units: int, number: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return positions and primitive cell of a random structure, angstrom; None if this attempt fails.

    Args:
        recipe: whose volumes, lengths and angles are taken.
        box: atoms and separations.
        formula_units: in the primitive cell.
        number: of a space group that can hold them, see `possible_groups`.
        rng: source of random numbers.
    """
    volume = formula_units * recipe.volume_per_formula_unit * (1 + recipe.volume_spread * rng.uniform(-1, 1))
    frame = random_frame(recipe, space_group(number), volume, box.own, rng)
    if frame is None:
        return None
    counts = tuple(count * formula_units for count in recipe.counts.values())
    orbits = occupy(frame, counts, box.between_species.diagonal(), rng)
    crowd = Crowd(frame, sorted(orbits, key=lambda orbit: orbit.species), box.between_species)
    if has_smaller_cell(crowd.atoms, crowd.cell, box.numbers):
        return None
    found = crowd.push_apart()
    return None if found is None or has_smaller_cell(*found, box.numbers) else found


def has_smaller_cell(positions: np.ndarray, cell: np.ndarray, numbers: np.ndarray) -> bool:
    """Tell whether a translation that is no vector of the cell's lattice takes the structure to itself.

    Args:
        positions: angstrom, shape (n, 3).
        cell: lattice vectors as rows, angstrom, shape (3, 3).
        numbers: atomic numbers, shape (n,).
    """
    fractional = positions @ np.linalg.inv(cell)
    kinds = [fractional[numbers == number] for number in np.unique(numbers)]
    kinds.sort(key=len)
    translations = kinds[0][1:] - kinds[0][0]
    for atoms in kinds:
        away = (atoms + translations[:, None])[:, :, None] - atoms
        squares = np.square((away - np.rint(away)) @ cell).sum(axis=3)
        translations = translations[np.all(squares.min(axis=2) < SAME**2, axis=1)]
    return len(translations) > 0


def group_of_attempt(recipe: Recipe, formula_units: int, index: int, attempt: int) -> int:
    """Return the space group of an attempt at structure `index`: uniform among those that can hold the atoms.

    Raises:
        ValueError: if none can.
    """
    order = _order_of_groups(recipe.seed, index, groups_of(recipe, formula_units))
    return order[attempt // GROUP_TRIES % len(order)]


@lru_cache(maxsize=1)
def _order_of_groups(seed: int, index: int, groups: tuple[int, ...]) -> tuple[int, ...]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, index], spawn_key=(GROUP_STREAM,)))
    return tuple(rng.permutation(groups).tolist())


def groups_of(recipe: Recipe, formula_units: int) -> tuple[int, ...]:
    """Return the space groups of the recipe that can hold so many formula units in a primitive cell.

    Raises:
        ValueError: if there is none.
    """
    low, high = np.broadcast_to(np.asarray(recipe.symmetry), 2).tolist()
    groups = possible_groups(recipe.counts, formula_units, low, high, recipe.operations)
    if groups:
        return groups
    atoms = " and ".join(f"{count * formula_units} {symbol}" for symbol, count in recipe.counts.items())
    operations = "" if recipe.operations is None else f" with operations {recipe.operations}"
    raise ValueError(
        f"recipe: symmetry {recipe.symmetry}{operations}: no such space group has sites for {atoms} in its primitive "
        "cell; choose other formula_units or space groups"
    )
