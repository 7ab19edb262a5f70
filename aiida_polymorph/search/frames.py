"""A space group in a random cell of its lattice: operations in Cartesian coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aiida_polymorph.search.cells import random_shape, reduce_cell
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.search.space_groups import GRID, SpaceGroup

CELL_TRIES = 20


@dataclass(frozen=True, eq=False)
class Frame:
    """A space group with its lattice; operation i takes the row x to `x @ turns[i] + moves[i]`; h operations.

    Attributes:
        group: the space group.
        vectors: primitive cell that the group's coordinates refer to, as rows, angstrom, shape (3, 3).
        cell: the same lattice by its shortest vectors, right-handed, angstrom, shape (3, 3).
    """

    group: SpaceGroup
    vectors: np.ndarray
    cell: np.ndarray

    @cached_property
    def to_fractional(self) -> np.ndarray:
        """Inverse of the primitive vectors, 1/angstrom."""
        return np.linalg.inv(self.vectors)

    @cached_property
    def inverse(self) -> np.ndarray:
        """Inverse of the reduced cell, 1/angstrom."""
        return np.linalg.inv(self.cell)

    @cached_property
    def turns(self) -> np.ndarray:
        """Rotations for Cartesian rows, shape (h, 3, 3)."""
        return self.to_fractional @ self.group.rotations.transpose(0, 2, 1) @ self.vectors

    @cached_property
    def moves(self) -> np.ndarray:
        """Translations, angstrom, shape (h, 3)."""
        return self.group.shifts / GRID @ self.vectors

    @cached_property
    def symmetric_strain(self) -> np.ndarray:
        """Matrix that turns any 9 components of a strain into those that keep the symmetry, shape (9, 9)."""
        turns = self.turns.reshape(-1, 9)
        return (turns.T @ turns).reshape(3, 3, 3, 3).transpose(1, 3, 0, 2).reshape(9, 9) / len(turns)

    def images(self, points: np.ndarray) -> np.ndarray:
        """Return what the operations make of Cartesian points of shape (n, 3): shape (n, h, 3)."""
        flat = self.turns.transpose(1, 0, 2).reshape(3, -1)
        return (points @ flat).reshape(len(points), -1, 3) + self.moves

    def nearest(self, vectors: np.ndarray) -> np.ndarray:
        """Return differences of positions, shape (..., 3), less the vectors of the lattice that are in them."""
        return vectors - np.rint(vectors @ self.inverse) @ self.cell


def random_frame(
    recipe: Recipe, group: SpaceGroup, volume: float, shortest: float, rng: np.random.Generator
) -> Frame | None:
    """Return the group in a random primitive cell; None if all that are drawn have a vector below `shortest`.

    The conventional cell is drawn as without symmetry, then its metric is averaged over the rotations of the group:
    lengths and angles stay as drawn where the crystal system leaves them free.

    Args:
        recipe: whose lengths and angles are taken.
        group: the space group.
        volume: of the primitive cell, angstrom^3.
        shortest: length that all vectors of the lattice must have at least, angstrom.
        rng: source of random numbers.
    """
    rotations = group.conventional_rotations
    for _ in range(CELL_TRIES):
        shape = random_shape(recipe, rng)
        if shape is None:
            continue
        metric = (rotations.transpose(0, 2, 1) @ (shape[0] @ shape[0].T) @ rotations).mean(axis=0)
        vectors = group.basis @ np.linalg.cholesky(metric)
        vectors = vectors * (volume / np.linalg.det(vectors)) ** (1 / 3)
        cell = reduce_cell(vectors)
        if cell[0] @ cell[0] >= shortest**2:
            return Frame(group, vectors, cell if np.linalg.det(cell) > 0 else -cell)
    return None
