"""Choices of lattice vectors: compact ones, and the lower triangular orientation that LAMMPS wants."""

from __future__ import annotations

import numpy as np

LARGEST_TILT = 0.75
"""In units of the length that the tilt is along; a compact cell has at most 0.5."""


def reduced(cell: np.ndarray) -> np.ndarray:
    """Return the integer matrix M for which the rows of M @ cell are short vectors of the same lattice, det M = 1.

    Each vector is shortened by the others until nothing helps (Semaev, LNCS 2146, 181 (2001), without the last step).
    """
    matrix = np.eye(3)
    for _ in range(1000):
        changed = False
        for i in range(3):
            for j in range(3):
                vectors = matrix @ cell
                shift = np.round(vectors[i] @ vectors[j] / (vectors[j] @ vectors[j]) * (1 - 1e-9)) if i != j else 0.0
                if shift:
                    matrix[i] -= shift * matrix[j]
                    changed = True
        if not changed:
            break
    return matrix


def triangular(cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (L, Q) with cell = L @ Q, L lower triangular with a positive diagonal and Q orthogonal."""
    q, r = np.linalg.qr(cell.T)
    signs = np.sign(np.diag(r))
    return (r * signs[:, None]).T, (q * signs).T


def tilted(lower: np.ndarray) -> bool:
    """Return whether a lower triangular cell is tilted so far that another choice of vectors is due."""
    x, y = lower[0, 0], lower[1, 1]
    return (
        abs(lower[1, 0]) > LARGEST_TILT * x
        or abs(lower[2, 0]) > LARGEST_TILT * x
        or (abs(lower[2, 1]) > LARGEST_TILT * y)
    )
