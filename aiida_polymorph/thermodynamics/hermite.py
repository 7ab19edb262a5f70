"""Cubic Hermite interpolation of an energy between two pressures, with the volumes at both ends as slopes.

Between two neighbouring points, at x from 0 to 1 of the way, the energy rises by `rise`. Slopes are given for the whole
way: dG/dP = V times the difference of the pressures. By how much the slopes at both ends depart from the straight line,

    left = slope at the first end - rise,    right = rise - slope at the last end,

decides how the cubic bends. Its doubt is half the difference of the parabolas that leave out the slope at one end each:
of third order, where the error is of fourth, so that it also tells of volumes that don't fit the energies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Departures(NamedTuple):
    """By how much slopes depart from the straight line, at the first and at the last end, same unit as the energy."""

    left: np.ndarray
    right: np.ndarray

    def bend(self, x: ArrayLike) -> np.ndarray:
        """Return what the cubic is above the straight line, at x of the way."""
        x = np.asarray(x)
        return x * (1 - x) * ((1 - x) * self.left + x * self.right)

    def doubt(self, x: ArrayLike) -> np.ndarray:
        """Return what the curve may be off by, with its sign, at x of the way."""
        x = np.asarray(x)
        return x * (1 - x) * (self.right - self.left) / 2

    def coefficients(self, start: np.ndarray, rise: np.ndarray) -> np.ndarray:
        """Return the cubics' coefficients of x^3, x^2, x and 1, shape (4, ...).

        Args:
            start: energies at the first ends.
            rise: of the energies to the last ends.
        """
        return np.array([self.left - self.right, self.right - 2 * self.left, rise + self.left, start])


def departures(rise: ArrayLike, first_slope: ArrayLike, last_slope: ArrayLike) -> Departures:
    """Return by how much slopes depart from the straight line.

    Args:
        rise: of the energy from one end to the other.
        first_slope: of the energy at the first end, times the way.
        last_slope: at the last end, times the way.
    """
    rise = np.asarray(rise)
    return Departures(np.asarray(first_slope) - rise, rise - np.asarray(last_slope))
