"""Random structures: a random cell, random points, and overlapping pairs pushed apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase.data import atomic_numbers

from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet

CELL_TRIES = 1000
STRUCTURE_TRIES = 50
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
    """

    numbers: np.ndarray
    separations: np.ndarray

    @classmethod
    def of(cls, recipe: Recipe, formula_units: int) -> Box:
        """Return the box for this number of formula units."""
        symbols = list(recipe.counts)
        kinds = np.repeat(np.arange(len(symbols)), [recipe.counts[symbol] * formula_units for symbol in symbols])
        table = np.zeros((len(symbols), len(symbols)))
        for pair, value in recipe.minimum_separations.items():
            a, b = (symbols.index(symbol) for symbol in pair.split("-"))
            table[a, b] = table[b, a] = value
        return cls(np.array([atomic_numbers[symbol] for symbol in symbols])[kinds], table[np.ix_(kinds, kinds)])

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """First and second atom of each pair, each of shape (n (n - 1) / 2,)."""
        return np.triu_indices(len(self.numbers), 1)

    @cached_property
    def own(self) -> float:
        """Largest separation of an atom from its own images, angstrom."""
        return float(self.separations.diagonal().max())


def generate(recipe: Recipe, indices: Iterable[int]) -> StructureSet:
    """Make the structures with these indices.

    Structure i depends on the recipe (its seed included) and on i only, so a search may be split into any batches.
    Every structure keeps the minimum separations, periodic images included. Without symmetry: lengths and angles of
    the cell are uniform, it is scaled to a volume drawn uniformly, the atoms are put at random and overlapping pairs
    pushed apart; a structure that this doesn't mend is drawn again from a sub-seed of its own.

    Returns:
        The set with the column `index` and the recipe in its metadata.

    Raises:
        ValueError: if an index is negative or no structure that keeps the separations is found.
    """
    indices = np.fromiter(indices, dtype=int)
    if np.any(indices < 0):
        raise ValueError(f"indices of structures start at 0, got {indices.min()}")
    boxes = {count: Box.of(recipe, count) for count in set(recipe.formula_units)}
    made = [_make(recipe, boxes, int(index)) for index in indices]
    return StructureSet(
        positions=np.concatenate([np.zeros((0, 3)), *(positions for positions, _, _ in made)]),
        cells=np.array([cell for _, cell, _ in made]).reshape(-1, 3, 3),
        numbers=np.concatenate([np.zeros(0, dtype=int), *(numbers for _, _, numbers in made)]),
        offsets=np.concatenate([[0], np.cumsum([len(numbers) for _, _, numbers in made], dtype=int)]),
        columns={"index": indices},
        metadata={"recipe": recipe.to_dict()},
    )


def _make(recipe: Recipe, boxes: dict[int, Box], index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = recipe.formula_units[index % len(recipe.formula_units)]
    attempt = _random_structure if recipe.symmetry is None else _symmetric_structure
    for k in range(STRUCTURE_TRIES):
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([recipe.seed, index, k])))
        found = attempt(recipe, boxes[count], count, rng)
        if found is not None:
            return *found, boxes[count].numbers
    raise ValueError(
        f"recipe: no structure of {count} formula units keeps the minimum separations in {STRUCTURE_TRIES} attempts "
        f"(index {index}, seed {recipe.seed}); lower minimum_separations or raise volume_per_formula_unit"
        + ("" if recipe.symmetry is None else ", or choose other space groups or formula_units")
    )


def _random_structure(
    recipe: Recipe, box: Box, formula_units: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    spread = recipe.volume_spread * rng.uniform(-1, 1)
    cell = random_cell(recipe, formula_units * recipe.volume_per_formula_unit * (1 + spread), box.own, rng)
    if cell is None:
        return None
    positions = push_apart(rng.random((len(box.numbers), 3)) @ cell, cell, box)
    return None if positions is None else (positions, cell)


def _symmetric_structure(
    recipe: Recipe, box: Box, formula_units: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray] | None:
    from aiida_polymorph.search.symmetric import symmetric_structure

    found = symmetric_structure(recipe, formula_units, rng)
    if found is None:
        return None
    positions, cell, symmetriser = found
    shortest = reduce_cell(cell)[0]
    pushed = push_apart(positions, cell, box, symmetriser) if shortest @ shortest >= box.own**2 else None
    return None if pushed is None else (pushed, cell)


def random_cell(recipe: Recipe, volume: float, shortest: float, rng: np.random.Generator) -> np.ndarray | None:
    """Return a random cell, reduced, right-handed, no lattice vector below `shortest`; None if none is found."""
    for _ in range(CELL_TRIES):
        lengths = rng.uniform(*recipe.cell_length_ratio, 3)
        alpha, beta, gamma = np.cos(np.radians(rng.uniform(*recipe.cell_angles, 3)))
        square = 1 + 2 * alpha * beta * gamma - alpha**2 - beta**2 - gamma**2
        if square < 1e-4:
            continue
        sin = np.sqrt(1 - gamma**2)
        rows = [[1, 0, 0], [gamma, sin, 0], [beta, (alpha - beta * gamma) / sin, np.sqrt(square) / sin]]
        cell = np.array(rows) * lengths[:, None]
        cell = reduce_cell(cell * (volume / (lengths.prod() * np.sqrt(square))) ** (1 / 3))
        if cell[0] @ cell[0] >= shortest**2:
            return cell if np.linalg.det(cell) > 0 else -cell
    return None


def reduce_cell(cell: np.ndarray) -> np.ndarray:
    """Return the same lattice, rows sorted by length, none of which another or the sum of two others can shorten.

    That is Minkowski's reduction, so that the first row is the shortest vector of the lattice.
    """
    while True:
        cell = cell[np.argsort((cell * cell).sum(axis=1))]
        _reduce_plane(cell)
        a, b, c = cell
        gram = np.array([[a @ a, a @ b], [a @ b, b @ b]])
        x, y = np.floor(np.linalg.solve(gram, [a @ c, b @ c]))
        options = [c - i * a - j * b for i in (x, x + 1) for j in (y, y + 1)]
        shorter = min(options, key=lambda vector: vector @ vector)
        cell[2] = shorter if shorter @ shorter < c @ c * (1 - 1e-12) else c
        if cell[2] @ cell[2] >= cell[1] @ cell[1] * (1 - 1e-12):
            return cell


def _reduce_plane(cell: np.ndarray) -> None:
    """Reduce the first two rows in place (Gauss)."""
    while True:
        cell[1] -= np.rint((cell[0] @ cell[1]) / (cell[0] @ cell[0])) * cell[0]
        if cell[1] @ cell[1] >= cell[0] @ cell[0] * (1 - 1e-12):
            return
        cell[[0, 1]] = cell[[1, 0]]


def push_apart(
    positions: np.ndarray, cell: np.ndarray, box: Box, symmetriser: np.ndarray | None = None
) -> np.ndarray | None:
    """Move overlapping atoms apart until all minimum separations are kept; None if that isn't reached.

    Pairs within reach are listed once and followed until an atom has moved by half the skin. Each overlapping pair
    moves apart by what it lacks, all pairs at once. The matrix `symmetriser`, shape (3n, 3n), if any makes each move
    symmetric. An atom's distances from its own images don't change: the cell has to allow for them.
    """
    images = _images(cell, box.separations.max() + SKIN)
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


def _images(cell: np.ndarray, reach: float) -> np.ndarray:
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
