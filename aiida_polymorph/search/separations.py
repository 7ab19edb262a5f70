"""Minimum separations of the atoms in a cell: overlapping pairs are pushed apart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase.data import atomic_numbers

from aiida_polymorph.search.recipe import Recipe

PUSHES = 300
SKIN = 1.0
"""Angstrom: pairs this much farther apart than they need are followed as well."""
OVERSHOOT = 1.03
"""Pairs are pushed to this multiple of their separation, so that the pushing ends."""


@dataclass(frozen=True)
class Box:
    """What one number of formula units of a recipe is filled with; n atoms.

    Attributes:
        numbers: atomic numbers, shape (n,).
        separations: minimum separations of all pairs of atoms, angstrom, shape (n, n).
        between_species: the same of all pairs of species, in the order of the formula, shape (species, species).
    """

    numbers: np.ndarray
    separations: np.ndarray
    between_species: np.ndarray

    @classmethod
    def of(cls, recipe: Recipe, formula_units: int) -> Box:
        """Return the box for this number of formula units."""
        symbols = list(recipe.counts)
        kinds = np.repeat(np.arange(len(symbols)), [recipe.counts[symbol] * formula_units for symbol in symbols])
        table = np.zeros((len(symbols), len(symbols)))
        for pair, value in recipe.minimum_separations.items():
            a, b = (symbols.index(symbol) for symbol in pair.split("-"))
            table[a, b] = table[b, a] = value
        return cls(np.array([atomic_numbers[symbol] for symbol in symbols])[kinds], table[np.ix_(kinds, kinds)], table)

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """First and second atom of each pair, each of shape (n (n - 1) / 2,)."""
        return np.triu_indices(len(self.numbers), 1)

    @cached_property
    def own(self) -> float:
        """Largest separation of an atom from its own images, angstrom."""
        return float(self.separations.diagonal().max())


def push_apart(
    positions: np.ndarray, cell: np.ndarray, box: Box, symmetriser: np.ndarray | None = None
) -> np.ndarray | None:
    """Move overlapping atoms apart until all minimum separations are kept; None if that isn't reached.

    Pairs within reach are listed once and followed until an atom has moved by half the skin. Each overlapping pair
    moves apart by what it lacks, all pairs at once. The matrix `symmetriser`, shape (3n, 3n), if any makes each move
    symmetric. An atom's distances from its own images don't change: the cell has to allow for them.
    """
    images = images_within(cell, box.separations.max() + SKIN)
    pushes = 0
    while pushes < PUSHES:
        incidence, shifts, separations = _pairs_in_reach(positions, cell, images, box)
        start, squares, targets = positions, separations**2, separations * OVERSHOOT
        while pushes < PUSHES and np.all(np.square(positions - start).sum(axis=1) < (SKIN / 2) ** 2):
            vectors = incidence @ positions + shifts
            distances = np.einsum("ij,ij->i", vectors, vectors)
            lacking = np.flatnonzero(distances < squares)
            if not len(lacking):
                return positions
            length = np.sqrt(distances[lacking]) + 1e-9
            strength = 0.5 * (targets[lacking] - length) / length
            moves = incidence[lacking].T @ (vectors[lacking] * strength[:, None])
            positions = positions + (moves if symmetriser is None else (symmetriser @ moves.ravel()).reshape(-1, 3))
            pushes += 1
    return None


def images_within(cell: np.ndarray, reach: float) -> np.ndarray:
    """Return all images that can lie within reach of a pair already at its nearest fractional image, shape (k, 3)."""
    # The planes of the lattice are 1/|column of the inverse| apart; the nearest image is at most half a cell away.
    most = np.floor(reach * np.sqrt(np.square(np.linalg.inv(cell)).sum(axis=0)) + 0.5).astype(int)
    return np.indices(2 * most + 1).reshape(3, -1).T - most


def _pairs_in_reach(
    positions: np.ndarray, cell: np.ndarray, images: np.ndarray, box: Box
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the m pairs (images included) no farther apart than their separation and the skin.

    Returns:
        incidence: shape (m, n), -1 at the first and +1 at the second atom; shifts: lattice vector that is added to
        the second, shape (m, 3); separations: what the pair needs, shape (m,).
    """
    first, second = box.pairs
    fractional = positions @ np.linalg.inv(cell)
    nearest = np.rint(fractional[first] - fractional[second])
    shifts = (nearest @ cell)[:, None] + images @ cell
    vectors = (positions[second] - positions[first])[:, None] + shifts
    separations = box.separations[first, second]
    near, image = np.nonzero(np.einsum("ijk,ijk->ij", vectors, vectors) < (separations[:, None] + SKIN) ** 2)
    incidence, rows = np.zeros((len(near), len(positions))), np.arange(len(near))
    incidence[rows, first[near]], incidence[rows, second[near]] = -1, 1
    return incidence, shifts[near, image], separations[near]
