"""Operations of the 230 space groups in primitive cells, from spglib's tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import spglib

NUMBERS = range(1, 231)
HALL_NUMBERS = range(1, 531)
GRID = 24
"""The translations of all operations, and all sites without a free coordinate, are multiples of 1/24 (ITA, vol. A)."""
SHORT_VECTORS = 14
"""So many of the shortest vectors of a centred lattice hold a basis of it."""


@dataclass(frozen=True, eq=False)
class SpaceGroup:
    """A space group in the first setting of spglib's tables; h is the order of its point group.

    Coordinates are columns in the primitive cell: operation i takes x to `rotations[i] @ x + shifts[i] / GRID`.

    Attributes:
        number: of the International Tables, 1 to 230.
        basis: vectors of the primitive cell as rows, in the basis of the conventional cell, shape (3, 3).
        conventional_rotations: rotations in the basis of the conventional cell, integers, shape (h, 3, 3).
        rotations: rotations in the basis of the primitive cell, integers, shape (h, 3, 3).
        shifts: translations in the basis of the primitive cell, integers, shape (h, 3), from 0 to GRID - 1.
    """

    number: int
    basis: np.ndarray
    conventional_rotations: np.ndarray
    rotations: np.ndarray
    shifts: np.ndarray

    @property
    def order(self) -> int:
        """Operations of the primitive cell: the order of the point group."""
        return len(self.rotations)

    @cached_property
    def identity(self) -> int:
        """Index of the identity."""
        return int(np.flatnonzero(np.all(self.rotations == np.eye(3), axis=(1, 2)))[0])

    @cached_property
    def products(self) -> np.ndarray:
        """Index of the operation that i after j is, up to a translation of the lattice, shape (h, h)."""
        codes = (self.rotations.reshape(-1, 9) + 2) @ 5 ** np.arange(9)
        products = np.einsum("iab,jbc->ijac", self.rotations, self.rotations).reshape(-1, 9)
        order = np.argsort(codes)
        found = order[np.searchsorted(codes[order], (products + 2) @ 5 ** np.arange(9))]
        return found.reshape(self.order, self.order)


@lru_cache(maxsize=len(NUMBERS))
def space_group(number: int) -> SpaceGroup:
    """Return the space group of this number.

    Raises:
        ValueError: if there is no such space group.
    """
    if number not in NUMBERS:
        raise ValueError(f"space group is {number}, numbers go from {NUMBERS[0]} to {NUMBERS[-1]}")
    table: Any = spglib.get_symmetry_from_database(_first_hall_numbers()[number])
    conventional, first = np.unique(table["rotations"], axis=0, return_index=True)
    centrings = table["translations"][np.all(table["rotations"] == np.eye(3), axis=(1, 2))]
    basis = _primitive_basis(tuple(sorted(map(tuple, np.rint(centrings * GRID).astype(int).tolist()))))
    inverse = np.linalg.inv(basis)
    rotations = np.rint(inverse.T @ conventional @ basis.T).astype(int)
    shifts = np.rint(table["translations"][first] @ inverse * GRID).astype(int) % GRID
    return SpaceGroup(number, basis, conventional, rotations, shifts)


@lru_cache(maxsize=1)
def _first_hall_numbers() -> dict[int, int]:
    """Return the number of the first setting of each space group in the tables by S. R. Hall."""
    types: list[Any] = [spglib.get_spacegroup_type(hall) for hall in HALL_NUMBERS]
    return {kind.number: hall for kind, hall in zip(reversed(types), reversed(HALL_NUMBERS), strict=True)}


@lru_cache(maxsize=16)
def _primitive_basis(centrings: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """Return short vectors, as rows, that span the lattice of a centred cell; centrings are in units of 1/GRID."""
    images = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    vectors = (np.array(centrings)[:, None] / GRID + images).reshape(-1, 3)
    vectors = vectors[np.argsort(np.square(vectors).sum(axis=1), kind="stable")][1 : 1 + SHORT_VECTORS]
    bases = np.array(list(combinations(vectors, 3)))
    volumes = np.linalg.det(bases)
    basis = bases[np.isclose(np.abs(volumes), 1 / len(centrings))][0]
    return basis * np.sign(np.linalg.det(basis))
