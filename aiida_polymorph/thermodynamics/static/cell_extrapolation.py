"""The cell of a crystal at a pressure, guessed from its cells at two others."""

from __future__ import annotations

import numpy as np

BULK_MODULUS_DERIVATIVE = 4.0
"""Of most crystals within one: then V^-4 is linear in P (Murnaghan, PNAS 30, 244 (1944))."""

LARGEST_STRAIN = 0.15
"""Between the two known cells, and from the nearer one to the guess: more is no longer the same crystal squeezed."""


def extrapolate_cell(
    nearest: np.ndarray, before: np.ndarray, nearest_gpa: float, before_gpa: float, wanted_gpa: float
) -> np.ndarray:
    """Return a cell to start a relaxation from at a pressure beyond, or between, two others.

    The volume follows Murnaghan's equation of state through both volumes with B' = 4; the shape goes on to change as
    it did from one cell to the other.

    Args:
        nearest: lattice vectors as rows at the nearer pressure, angstrom, shape (3, 3).
        before: those at the other one, in the same orientation.
        nearest_gpa, before_gpa: their pressures, which must differ.
        wanted_gpa: where the cell is wanted.

    Returns:
        The guess, shape (3, 3); the nearer cell itself where the two don't look like one crystal squeezed.
    """
    nearest, before = np.asarray(nearest, dtype=float), np.asarray(before, dtype=float)
    change = np.linalg.inv(before) @ nearest - np.eye(3)
    near, far = np.linalg.det(nearest), np.linalg.det(before)
    if np.abs(change).max() > LARGEST_STRAIN or (near - far) * (nearest_gpa - before_gpa) * far >= 0:
        return nearest
    step = (wanted_gpa - nearest_gpa) / (nearest_gpa - before_gpa)
    ratio = 1 + step * (1 - (far / near) ** -BULK_MODULUS_DERIVATIVE)
    if ratio <= 0:
        return nearest
    volume = near * ratio ** (-1 / BULK_MODULUS_DERIVATIVE)
    guess = nearest @ (np.eye(3) + change * np.log(volume / near) / np.log(near / far))
    guess *= (volume / np.linalg.det(guess)) ** (1 / 3)
    too_far = np.abs(np.linalg.inv(nearest) @ guess - np.eye(3)).max() > LARGEST_STRAIN
    return nearest if too_far else guess
