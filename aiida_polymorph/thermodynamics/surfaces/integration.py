"""Gibbs energies along isobars and isotherms from one known point, by thermodynamic integration.

Along an isobar d(G/T)/dT = -H/T^2 (Gibbs-Helmholtz), along an isotherm dG/dP = V. In the convention of a thermal
wavelength of 1 angstrom at every temperature H is the configurational enthalpy, without kinetic energy; with the
elements' own wavelengths it holds 3/2 kB T for every atom more, and the same integral gives G with them.

Between points H(T) and V(P) are polynomials, fitted by least squares, of the order for which the error is smallest.
Errors are those of the points, carried through the fit, and what the next order would change, from how fast the changes
from order to order fall off: what the curve may do between the points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from aiida_polymorph.thermodynamics.sampling.series import Estimate, difference
from aiida_polymorph.units import GPA

MOST_ORDERS = 6
"""Highest order of the polynomials that are integrated; that with the smallest error is taken."""

FITTED_ORDERS = 3
"""Highest order of those that give a value at one point."""

NODES = 40
"""Of the numerical quadrature of fitted polynomials."""

Weight = Callable[[np.ndarray], np.ndarray]


class SampledCurve(NamedTuple):
    """A quantity at points of one variable, shape (n,) each."""

    points: np.ndarray
    values: np.ndarray
    errors: np.ndarray


class Integral(NamedTuple):
    """An integral from one point to another.

    Attributes:
        value: the integral.
        statistical: its error from those of the points.
        interpolation: its error from what the curve may do between them.
    """

    value: float
    statistical: float
    interpolation: float

    @property
    def error(self) -> float:
        """Both errors together."""
        return float(np.hypot(self.statistical, self.interpolation))


def along_isobar(start: Estimate, enthalpy: SampledCurve, first: float, last: float) -> Estimate:
    """Return the Gibbs energy at the temperature `last` from the one at `first`.

    Args:
        start: Gibbs energy at `first`, any unit.
        enthalpy: at temperatures (K) of the isobar, same unit.
        first: K.
        last: K.

    Raises:
        ValueError: if a temperature is not positive, or lies outside of the points.
    """
    check_range(enthalpy.points, first, last, "temperature")
    if not min(first, last) > 0:
        raise ValueError(f"temperatures are {first} and {last} K, must be positive")
    found = integrate(enthalpy, first, last, _inverse_square)
    return Estimate(
        last * (start.value / first - found.value), float(last * np.hypot(start.error / first, found.error))
    )


def along_isotherm(start: Estimate, volume: SampledCurve, first: float, last: float) -> Estimate:
    """Return the Gibbs energy at the pressure `last` from the one at `first`, eV.

    Args:
        start: Gibbs energy at `first`, eV.
        volume: at pressures (GPa) of the isotherm, angstrom^3.
        first: GPa.
        last: GPa.

    Raises:
        ValueError: if a pressure lies outside of the points.
    """
    check_range(volume.points, first, last, "pressure")
    found = integrate(volume, first, last, _one)
    return Estimate(start.value + found.value * GPA, float(np.hypot(start.error, found.error * GPA)))


def integrate(curve: SampledCurve, first: float, last: float, weight: Weight) -> Integral:
    """Return the integral of a fitted polynomial times a weight.

    Args:
        curve: what to integrate.
        first: lower bound.
        last: upper bound.
        weight: function of the variable.
    """
    roots, shares = np.polynomial.legendre.leggauss(NODES)
    nodes = first + (last - first) * (roots + 1) / 2
    shares = shares * (last - first) / 2 * weight(nodes)
    highest = min(MOST_ORDERS, len(curve.points) - 1)
    fits = [shares[:, None] * _fit_matrix(curve, order, nodes) for order in range(highest + 1)]
    found = [_integral(fits[: order + 1], curve) for order in range(min(1, highest), highest + 1)]
    return min(found, key=lambda each: each.error)


def _integral(fits: Sequence[np.ndarray], curve: SampledCurve) -> Integral:
    """Return the integral by the last of several fits, whose orders rise by one."""
    best = fits[-1].sum(axis=0)
    value, statistical = float(best @ curve.values), float(np.sqrt(best**2 @ curve.errors**2))
    if len(fits) == 1:
        return Integral(value, statistical, abs(value))
    steps = [float(np.abs((b - a) @ curve.values).sum()) for a, b in pairwise(fits)]
    return Integral(value, statistical, next_step(steps))


def next_step(steps: Sequence[float]) -> float:
    """Return by how much the next order would change a fit: each changes it less, by a ratio that two steps show.

    Args:
        steps: changes from order to order, the highest last; one or more.
    """
    ratio = min(1.0, steps[-1] / steps[-2]) if len(steps) > 1 and steps[-2] > 0 else 1.0
    return steps[-1] * ratio


def fitted(curve: SampledCurve, point: float) -> Estimate:
    """Return the fitted polynomial at a point and its statistical error.

    Args:
        curve: what to fit.
        point: within its range.
    """
    row = _fit_matrix(curve, min(FITTED_ORDERS, len(curve.points) - 1), np.array([point]))[0]
    return Estimate(float(row @ curve.values), float(np.sqrt(row**2 @ curve.errors**2)))


def check_range(points: np.ndarray, first: float, last: float, name: str) -> None:
    """Refuse to extrapolate.

    Raises:
        ValueError: naming the bounds.
    """
    low, high = points.min(), points.max()
    if min(first, last) < low - 1e-9 or max(first, last) > high + 1e-9:
        raise ValueError(f"{name} from {first:g} to {last:g} is outside of the points, {low:g} to {high:g}")


def closure(corners: tuple[Estimate, Estimate]) -> Estimate:
    """Return by how much a loop fails to close: the Gibbs energy at its far corner on the one way less on the other.

    Args:
        corners: along the isobar first, and along the isotherm first; the error counts both ways as independent.
    """
    return difference(*corners)


def _fit_matrix(curve: SampledCurve, order: int, nodes: np.ndarray) -> np.ndarray:
    """Return M so that M . values is the fitted polynomial at the nodes, shape (nodes, n)."""
    middle, reach = curve.points.mean(), max(float(np.ptp(curve.points)) / 2, 1e-9)
    inverse = 1 / np.maximum(curve.errors, 1e-12)
    design = np.polynomial.legendre.legvander((curve.points - middle) / reach, order) * inverse[:, None]
    return np.polynomial.legendre.legvander((nodes - middle) / reach, order) @ np.linalg.pinv(design) * inverse


def _one(x: np.ndarray) -> np.ndarray:
    return np.ones_like(x)


def _inverse_square(x: np.ndarray) -> np.ndarray:
    return x**-2.0
