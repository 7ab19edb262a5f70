"""Covariance of a smooth function of temperature and pressure and of its slopes.

The kernel is the rational quadratic k = (1 + q / a)^-a with q half the squared distance in units of two lengths
(Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equation 4.19): a mixture of Gaussian kernels
of lengths around the stated one, for functions whose length is known to a factor only. Its slopes are those of
section 9.4 of the same book.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MIXTURE = 2.0
"""The exponent a: lengths of the mixture spread by a factor of about 1.5 to both sides."""


class Lengths(NamedTuple):
    """Distances over which a function changes by about as much as its size.

    Attributes:
        temperature: K.
        pressure_gpa: GPa.
    """

    temperature: float
    pressure_gpa: float

    def reduced(self, temperatures: np.ndarray, pressures_gpa: np.ndarray) -> np.ndarray:
        """Return n places in units of the lengths, shape (n, 2)."""
        return np.column_stack([temperatures / self.temperature, pressures_gpa / self.pressure_gpa])


def slope_covariance(places: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the covariance of f, df/dt and df/dp at places with the same at other places, for variance 1 of f.

    Args:
        places: In units of the lengths, shape (n, 2).
        others: In units of the lengths, shape (m, 2).

    Returns:
        Shape (n, m, 3, 3); slopes are those by places in units of the lengths.
    """
    apart = places[:, None] - others[None]
    base = 1 + (apart**2).sum(axis=-1) / (2 * MIXTURE)
    first, second = -(base ** (-MIXTURE - 1)), (1 + 1 / MIXTURE) * base ** (-MIXTURE - 2)
    found = np.empty((*base.shape, 3, 3))
    found[..., 0, 0] = base**-MIXTURE
    found[..., 1:, 0] = first[..., None] * apart
    found[..., 0, 1:] = -first[..., None] * apart
    found[..., 1:, 1:] = -second[..., None, None] * apart[..., :, None] * apart[..., None, :]
    found[..., 1:, 1:] -= first[..., None, None] * np.eye(2)
    return found
