"""Choices of lattice vectors: compact ones, and the lower triangular orientation that LAMMPS wants."""

from __future__ import annotations

from math import copysign, sqrt

import numpy as np

LARGEST_TILT = 0.75
"""In units of the length that the tilt is along; a compact cell has at most 0.5 along x, a flat one more along y."""


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
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = cell.tolist()
    x = sqrt(ax * ax + ay * ay + az * az)
    ux, uy, uz = ax / x, ay / x, az / x
    xy = bx * ux + by * uy + bz * uz
    vx, vy, vz = bx - xy * ux, by - xy * uy, bz - xy * uz
    y = sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx / y, vy / y, vz / y
    wx, wy, wz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    xz, yz, z = cx * ux + cy * uy + cz * uz, cx * vx + cy * vy + cz * vz, cx * wx + cy * wy + cz * wz
    side = copysign(1.0, z)
    lower = np.array([[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, abs(z)]])
    return lower, np.array([[ux, uy, uz], [vx, vy, vz], [side * wx, side * wy, side * wz]])


def tilted(lower: np.ndarray) -> bool:
    """Return whether a lower triangular cell is tilted so far that another choice of vectors is due."""
    (x, _, _), (xy, y, _), (xz, yz, _) = lower.tolist()
    return max(abs(xy), abs(xz)) > LARGEST_TILT * x or abs(yz) > LARGEST_TILT * y
