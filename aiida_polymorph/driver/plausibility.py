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
    cell = reduced(cell) @ cell
    fractional = positions @ np.linalg.inv(cell)
    difference = fractional[:, None] - fractional[None]
    difference -= np.round(difference)
    vectors = (difference[:, :, None] + _IMAGES) @ cell
    squares = np.einsum("ijkl,ijkl->ijk", vectors, vectors)
    squares[np.arange(len(positions)), np.arange(len(positions)), 13] = np.inf
    return float(np.sqrt(squares.min()))


def implausible(positions: np.ndarray, cell: np.ndarray) -> str:
    """Return why a structure can't be a crystal: "atoms collapsed", "exploded", or "" if it can."""
    volume = abs(float(np.linalg.det(cell))) / len(positions)
    if volume > VOLUMES_PER_ATOM[1]:
        return "exploded"
    if volume < VOLUMES_PER_ATOM[0] or shortest_distance(positions, cell) < SMALLEST_DISTANCE:
        return "atoms collapsed"
    return ""
