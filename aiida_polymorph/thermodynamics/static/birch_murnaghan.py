"""The third-order Birch-Murnaghan equation of state (F. Birch, Phys. Rev. 71, 809 (1947)).

E(V) is a cubic polynomial in u = V^(-2/3), so that P(V) = -dE/dV is linear in its three coefficients. Fits are linear.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aiida_polymorph.units import GPA


class FiniteStrain(NamedTuple):
    """Coefficients of E = constant + c1 w + c2 w^2 + c3 w^3, w = (V / scale)^(-2/3).

    Attributes:
        scale: angstrom^3 per formula unit.
        coefficients: c1, c2, c3, eV per formula unit, shape (3,).
    """

    scale: float
    coefficients: np.ndarray

    def energy(self, volumes: np.ndarray) -> np.ndarray:
        """Return E less its constant, eV per formula unit.

        Args:
            volumes: angstrom^3 per formula unit, any shape.
        """
        w = (np.asarray(volumes, dtype=float) / self.scale) ** (-2 / 3)
        c1, c2, c3 = self.coefficients
        return w * (c1 + w * (c2 + w * c3))

    def pressure_gpa(self, volumes: np.ndarray) -> np.ndarray:
        """Return P in GPa.

        Args:
            volumes: angstrom^3 per formula unit, any shape.
        """
        return _pressure_terms(np.asarray(volumes, dtype=float), self.scale, 3) @ self.coefficients


def fit_pressures(pressures_gpa: np.ndarray, volumes: np.ndarray) -> FiniteStrain:
    """Fit P(V) by least squares of the pressures; through two points with B0' = 4, where c3 vanishes.

    Args:
        pressures_gpa: GPa, shape (k,), k of 2 or more.
        volumes: different ones, angstrom^3 per formula unit, shape (k,).

    Raises:
        ValueError: for fewer than two points.
    """
    if len(volumes) < 2:
        raise ValueError(f"an equation of state needs two points or more, got {len(volumes)}")
    scale = float(np.mean(volumes))
    terms = _pressure_terms(np.asarray(volumes, dtype=float), scale, min(len(volumes), 3))
    found, *_ = np.linalg.lstsq(terms, np.asarray(pressures_gpa, dtype=float), rcond=None)
    return FiniteStrain(scale, np.append(found, np.zeros(3 - len(found))))


def _pressure_terms(volumes: np.ndarray, scale: float, number: int) -> np.ndarray:
    """Return -d/dV of w, w^2, w^3 in GPa, shape (..., number)."""
    w = (volumes / scale) ** (-2 / 3)
    return np.stack([n * w**n * 2 / 3 / volumes / GPA for n in range(1, number + 1)], axis=-1)


def equilibrium(strain: FiniteStrain) -> tuple[float, float, float] | None:
    """Return V0 (angstrom^3 per formula unit), B0 (GPa) and B0' where P vanishes and E has a minimum; None for none.

    With y = (V0 / V)^(2/3): E = E0 + 9/16 V0 B0 ((y - 1)^3 B0' + (y - 1)^2 (6 - 4 y)).
    """
    c1, c2, c3 = strain.coefficients
    roots = np.roots(np.trim_zeros([3 * c3, 2 * c2, c1], "f"))
    real = [float(root.real) for root in np.atleast_1d(roots) if abs(root.imag) < 1e-9 and root.real > 0]
    minima = [w for w in real if 2 * c2 + 6 * c3 * w > 0]
    if not minima:
        return None
    w = minima[0]
    volume = strain.scale * w**-1.5
    modulus = 4 / 9 * w**2 * (2 * c2 + 6 * c3 * w) / volume
    return volume, modulus / GPA, 4 + 16 * c3 * w**3 / (9 * volume * modulus)
