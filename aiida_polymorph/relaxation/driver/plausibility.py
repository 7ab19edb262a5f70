"""What a crystal can't look like, whatever the potential says."""

from __future__ import annotations

import numpy as np

from .cells import reduced

SMALLEST_DISTANCE = 0.5
"""Angstrom; below the shortest bond there is (0.74, hydrogen)."""
VOLUMES_PER_ATOM = (1.0, 1000.0)
"""Angstrom^3."""

_IMAGES = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)], dtype=float)


def shortest_distance(positions: np.ndarray, cell: np.ndarray) -> float:
    """Return the shortest distance between atoms or to their images, angstrom."""
    return _shortest_over(_IMAGES, positions, reduced(cell) @ cell)


def _shortest_over(images: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> float:
    """Return the shortest distance over these images, shape (m, 3), of the image nearest in fractions of the cell."""
    fractional = positions @ np.linalg.inv(cell)
    difference = fractional[:, None] - fractional[None]
    difference -= np.rint(difference)
    vectors = (difference[:, :, None] + images) @ cell
    squares = np.einsum("ijkl,ijkl->ijk", vectors, vectors)
    same = np.arange(len(positions))
    squares[same, same, len(images) // 2] = np.inf
    return float(np.sqrt(squares.min()))


def implausible(positions: np.ndarray, cell: np.ndarray) -> str:
    """Return why a structure can't be a crystal: "atoms collapsed", "exploded", or "" if it can."""
    volume = abs(float(np.linalg.det(cell))) / len(positions)
    if volume > VOLUMES_PER_ATOM[1]:
        return "exploded"
    if volume < VOLUMES_PER_ATOM[0] or _collapsed(positions, cell):
        return "atoms collapsed"
    return ""


def _collapsed(positions: np.ndarray, cell: np.ndarray) -> bool:
    """Return whether two atoms are closer than allowed.

    In a cell whose planes are at least twice that distance apart, only the image nearest in fractions of the cell can
    be so close, which saves looking at the other 26.
    """
    cell = reduced(cell) @ cell
    spacings = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    images = _IMAGES[13:14] if spacings.min() > 2 * SMALLEST_DISTANCE else _IMAGES
    return _shortest_over(images, positions, cell) < SMALLEST_DISTANCE
