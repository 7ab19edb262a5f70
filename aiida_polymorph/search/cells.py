"""Random cells and their reduction."""

from __future__ import annotations

import numpy as np

from aiida_polymorph.search.recipe import Recipe

CELL_TRIES = 1000


def random_cell(recipe: Recipe, volume: float, shortest: float, rng: np.random.Generator) -> np.ndarray | None:
    """Return a random cell, reduced, right-handed, no lattice vector below `shortest`; None if none is found."""
    for _ in range(CELL_TRIES):
        shape = random_shape(recipe, rng)
        if shape is None:
            continue
        cell = reduce_cell(shape[0] * (volume / shape[1]) ** (1 / 3))
        if cell[0] @ cell[0] >= shortest**2:
            return cell if np.linalg.det(cell) > 0 else -cell
    return None


def random_shape(recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, float] | None:
    """Return a cell with random lengths and angles, and its volume; None if such angles make no cell."""
    lengths = rng.uniform(*recipe.cell_length_ratio, 3)
    alpha, beta, gamma = np.cos(np.radians(rng.uniform(*recipe.cell_angles, 3)))
    square = 1 + 2 * alpha * beta * gamma - alpha**2 - beta**2 - gamma**2
    if square < 1e-4:
        return None
    sin = np.sqrt(1 - gamma**2)
    rows = [[1, 0, 0], [gamma, sin, 0], [beta, (alpha - beta * gamma) / sin, np.sqrt(square) / sin]]
    return np.array(rows) * lengths[:, None], lengths.prod() * np.sqrt(square)


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
