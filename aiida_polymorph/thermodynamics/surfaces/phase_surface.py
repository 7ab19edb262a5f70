"""A smooth Gibbs energy of one phase over temperature and pressure, from its values and both derivatives at points.

The surface is a polynomial in T and P with a term T ln T (what a classical harmonic crystal has), fitted by least
squares to three quantities at every point at once: G itself, its slope along the isotherm, dG/dP = V, and along the
isobar G - T dG/dT = H (Gibbs-Helmholtz). All per formula unit.

Nothing is extrapolated: a place counts as known where the corners of the cell of the grid around it all have values,
and everything is nan elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.legendre import legder, legvander

from aiida_polymorph.thermodynamics.free_energy.kinetic import gibbs_helmholtz_enthalpy
from aiida_polymorph.thermodynamics.surfaces.integration import next_step
from aiida_polymorph.units import GPA

MOST_ORDERS = (4, 6)
"""Highest orders in temperature and pressure."""

UNDETERMINED = 1e-8
"""Singular value, of the largest, below which the points say nothing about a combination of functions."""

SHARED_ORDER = 1.25
"""Products T^i P^j are taken up to i / (order in T) + j / (order in P) of this, or where one of i and j is 0 or 1."""

EDGE = 1e-6
"""K and GPa by which a place may be off a line of the grid and still lie on it."""


@dataclass(frozen=True, eq=False)
class PhasePoints:
    """What is known of a phase at n places, per formula unit; all arrays of shape (n,).

    Attributes:
        temperatures: K.
        pressures_gpa: GPa.
        gibbs_energy: eV.
        error: of the Gibbs energy, eV.
        enthalpy: that of Gibbs-Helmholtz, H = G - T dG/dT, eV; see `free_energy.kinetic`.
        volume: angstrom^3.
    """

    temperatures: np.ndarray
    pressures_gpa: np.ndarray
    gibbs_energy: np.ndarray
    error: np.ndarray
    enthalpy: np.ndarray
    volume: np.ndarray


class Energies(NamedTuple):
    """At places, of any shape; nan where nothing is known.

    Attributes:
        gibbs_energy: eV per formula unit.
        entropy: eV/K per formula unit.
        volume: angstrom^3 per formula unit.
    """

    gibbs_energy: np.ndarray
    entropy: np.ndarray
    volume: np.ndarray


class Misfit(NamedTuple):
    """Root mean square differences of a surface from its points: whether G, H and V agree with one another.

    Attributes:
        gibbs_energy: eV per formula unit.
        enthalpy: eV per formula unit.
        volume: angstrom^3 per formula unit.
    """

    gibbs_energy: float
    enthalpy: float
    volume: float


class Terms(NamedTuple):
    """Which functions a surface is made of.

    Attributes:
        orders: highest in temperature and pressure.
        middle: K and GPa.
        reach: half of the range, K and GPa.
        logarithm: whether there is a term T ln T.
    """

    orders: tuple[int, int]
    middle: tuple[float, float]
    reach: tuple[float, float]
    logarithm: bool

    def design(self, temperatures: np.ndarray, pressures_gpa: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return all functions and their slopes along T and P at n places, shape (n, functions) each."""
        (t, dt), (p, dp) = (
            _legendre((values - middle) / reach, order, reach)
            for values, middle, reach, order in zip(
                (temperatures, pressures_gpa), self.middle, self.reach, self.orders, strict=True
            )
        )
        i, j = _products(self.orders)
        parts = t[:, i] * p[:, j], dt[:, i] * p[:, j], t[:, i] * dp[:, j]
        if not self.logarithm:
            return parts
        ratio = np.log(temperatures / self.middle[0])
        extra = temperatures * ratio / self.reach[0], (ratio + 1) / self.reach[0], np.zeros_like(ratio)
        value, along_t, along_p = (np.column_stack(each) for each in zip(parts, extra, strict=True))
        return value, along_t, along_p


@dataclass(frozen=True, eq=False)
class PhaseSurface:
    """Gibbs energy of one phase; make it with `fit_surface`.

    Attributes:
        name: of the phase.
        temperatures: of the grid, rising, K, shape (t,).
        pressures_gpa: of the grid, rising, GPa, shape (p,).
        errors: of the Gibbs energies on the grid, eV per formula unit, shape (t, p); nan where there is no value.
        terms: functions of the surface.
        coefficients: of these functions.
        misfit: what the surface is off by at the points.
        interpolation: error of the Gibbs energy between the points, by the steps from order to order, eV.
    """

    name: str
    temperatures: np.ndarray
    pressures_gpa: np.ndarray
    errors: np.ndarray
    terms: Terms
    coefficients: np.ndarray
    misfit: Misfit
    interpolation: float

    def evaluate(self, temperatures: np.ndarray | float, pressures_gpa: np.ndarray | float) -> Energies:
        """Return Gibbs energy, entropy and volume at temperatures (K) and pressures (GPa), nan where unknown."""
        known = np.isfinite(self._grid_error(temperatures, pressures_gpa))
        return Energies(*(np.where(known, each, np.nan) for each in self.polynomial(temperatures, pressures_gpa)))

    def polynomial(self, temperatures: np.ndarray | float, pressures_gpa: np.ndarray | float) -> Energies:
        """Return the same without looking whether the places are among those known."""
        t, p = np.broadcast_arrays(np.asarray(temperatures, float), np.asarray(pressures_gpa, float))
        value, along_t, along_p = (each @ self.coefficients for each in self.terms.design(t.ravel(), p.ravel()))
        return Energies(value.reshape(t.shape), -along_t.reshape(t.shape), along_p.reshape(t.shape) / GPA)

    def error(self, temperatures: np.ndarray | float, pressures_gpa: np.ndarray | float) -> np.ndarray:
        """Return the standard error of the Gibbs energy, eV per formula unit, nan where unknown."""
        grid = self._grid_error(temperatures, pressures_gpa)
        return np.sqrt(grid**2 + self.misfit.gibbs_energy**2 + self.interpolation**2)

    def _grid_error(self, temperatures: np.ndarray | float, pressures_gpa: np.ndarray | float) -> np.ndarray:
        """Return the errors of the grid, linear between its points, nan where unknown."""
        t, p = np.broadcast_arrays(np.asarray(temperatures, float), np.asarray(pressures_gpa, float))
        (i, i_next, x), (j, j_next, y) = _cell(self.temperatures, t), _cell(self.pressures_gpa, p)
        e = self.errors
        lower, upper = (1 - y) * e[i, j] + y * e[i, j_next], (1 - y) * e[i_next, j] + y * e[i_next, j_next]
        return (1 - x) * lower + x * upper


def phase_points(points: Sequence[Mapping[str, Any]], convention: str, atoms: int) -> PhasePoints:
    """Return the state points that have values.

    Args:
        points: with `temperature_k`, `pressure_gpa`, `gibbs_energy`, `error`, `configurational_enthalpy`, `volume`.
        convention: of the thermal wavelengths.
        atoms: in a formula unit.

    Raises:
        ValueError: if no point has values.
    """
    names = ("temperature_k", "pressure_gpa", "gibbs_energy", "error", "configurational_enthalpy", "volume")
    known = [[each[name] for name in names] for each in points if all(each[name] is not None for name in names)]
    if not known:
        raise ValueError("there is no Gibbs energy at any temperature and pressure")
    temperatures, pressures_gpa, gibbs, error, enthalpy, volume = np.array(known, dtype=float).T
    slope = gibbs_helmholtz_enthalpy(enthalpy, temperatures, convention, atoms)
    return PhasePoints(temperatures, pressures_gpa, gibbs, error, slope, volume)


def fit_surface(name: str, points: PhasePoints) -> PhaseSurface:
    """Return the surface through the points of a phase.

    The three quantities count by what they are off by as an energy at half the distance of the points: V times half
    the step in pressure, H over T times half the step in temperature. Orders that the points do not determine, as on a
    grid with holes where a phase is not metastable, are left out.

    Raises:
        ValueError: if a place is there twice.
    """
    temperatures, i = np.unique(points.temperatures, return_inverse=True)
    pressures_gpa, j = np.unique(points.pressures_gpa, return_inverse=True)
    if len(set(zip(i, j, strict=True))) < len(i):
        raise ValueError(f"{name} has two values at the same temperature and pressure")
    errors = np.full((len(temperatures), len(pressures_gpa)), np.nan)
    errors[i, j] = points.error
    fits = [_fit(points, terms) for terms in _determined(points, temperatures, pressures_gpa)]
    terms, coefficients, misfit = fits[0]
    steps = [_distance(points, a, b) for a, b in pairwise(reversed(fits))]
    doubt = next_step(steps) if steps else 0.0
    return PhaseSurface(name, temperatures, pressures_gpa, errors, terms, coefficients, misfit, doubt)


Fit = tuple[Terms, np.ndarray, Misfit]


def _determined(points: PhasePoints, temperatures: np.ndarray, pressures_gpa: np.ndarray) -> list[Terms]:
    """Return the functions to fit, falling: the highest orders that the points determine, and up to two below them.

    G and its slope at n values determine 2 n functions of T or P, one of which is T ln T.
    """
    most_t, most_p = MOST_ORDERS
    n, m = len(temperatures), len(pressures_gpa)
    highest = min(n + 1, max(2 * n - 2, 1), most_t), min(m + 1, 2 * m - 1, most_p)
    falling = [(max(highest[0] - less, 1), max(highest[1] - less, 1)) for less in range(max(highest))]
    candidates = [_terms(temperatures, pressures_gpa, orders) for orders in falling]
    return list(islice((terms for terms in candidates if _are_determined(points, terms)), 3)) or candidates[-1:]


def _are_determined(points: PhasePoints, terms: Terms) -> bool:
    """Return whether values and slopes at the points fix the coefficients of all functions."""
    rows, weights = _equations(points, terms)
    sizes = np.linalg.svd(rows * weights[:, None], compute_uv=False)
    return len(rows) >= rows.shape[1] and bool(sizes[-1] > UNDETERMINED * sizes[0])


def _terms(temperatures: np.ndarray, pressures_gpa: np.ndarray, orders: tuple[int, int]) -> Terms:
    middle = float(np.mean(temperatures[[0, -1]])), float(np.mean(pressures_gpa[[0, -1]]))
    reach = float(np.ptp(temperatures)) / 2 or middle[0] / 10, float(np.ptp(pressures_gpa)) / 2 or 1.0
    return Terms(orders, middle, reach, len(temperatures) > 1)


def _equations(points: PhasePoints, terms: Terms) -> tuple[np.ndarray, np.ndarray]:
    """Return G, H and V at all n points by each function, shape (3 n, functions), and how much each counts."""
    t = points.temperatures
    value, along_t, along_p = terms.design(t, points.pressures_gpa)
    half_t, half_p = (_half_step(each) for each in (t, points.pressures_gpa))
    weights = np.concatenate([np.ones_like(t), half_t / t, np.full_like(t, half_p)])
    return np.concatenate([value, value - t[:, None] * along_t, along_p]), weights


def _fit(points: PhasePoints, terms: Terms) -> Fit:
    rows, weights = _equations(points, terms)
    wanted = np.concatenate([points.gibbs_energy, points.enthalpy, points.volume * GPA])
    coefficients, *_ = np.linalg.lstsq(rows * weights[:, None], wanted * weights, rcond=1e-10)
    gibbs, enthalpy, volume = np.sqrt(np.mean((rows @ coefficients - wanted).reshape(3, -1) ** 2, axis=1))
    return terms, coefficients, Misfit(float(gibbs), float(enthalpy), float(volume / GPA))


def _half_step(values: np.ndarray) -> float:
    """Return half the mean distance of neighbours; 1 where there is one value only, whose slope is then as given."""
    grid = np.unique(values)
    return float(np.mean(np.diff(grid))) / 2 if len(grid) > 1 else 1.0


def _distance(points: PhasePoints, one: Fit, other: Fit) -> float:
    """Return the root mean square difference of two fits half way between each point and its neighbours, eV."""
    middles = [np.unique(each) for each in (points.temperatures, points.pressures_gpa)]
    middles = [(each[1:] + each[:-1]) / 2 if len(each) > 1 else each for each in middles]
    t, p = (each.ravel() for each in np.meshgrid(*middles))
    difference = one[0].design(t, p)[0] @ one[1] - other[0].design(t, p)[0] @ other[1]
    return float(np.sqrt(np.mean(difference**2)))


@lru_cache
def _products(orders: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the orders in temperature and in pressure of all products."""
    (most_t, most_p), (i, j) = orders, np.indices([order + 1 for order in orders])
    kept = i / most_t + j / most_p <= SHARED_ORDER
    kept |= ((i <= 1) & (j <= most_p - 2)) | ((j <= 1) & (i <= most_t - 2))
    return i[kept], j[kept]


@lru_cache
def _slopes(order: int) -> np.ndarray:
    """Return the matrix that turns Legendre polynomials of one order less into the slopes of all."""
    return legder(np.eye(order + 1))


def _legendre(x: np.ndarray, order: int, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Legendre polynomials up to an order and their slopes, shape (n, order + 1) each."""
    values = legvander(x, order)
    return values, values[:, :-1] @ _slopes(order) / reach


def _cell(grid: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lines of a grid below and above each value, the same one twice on a line, and the share of the upper.

    The share is nan outside of the grid.
    """
    upper = np.clip(np.searchsorted(grid, values - EDGE), 0, len(grid) - 1)
    on_line = np.abs(grid[upper] - values) <= EDGE
    lower = np.where(on_line, upper, np.maximum(upper - 1, 0))
    width = np.where(upper > lower, grid[upper] - grid[lower], 1.0)
    share = np.where(on_line, 0.0, (values - grid[lower]) / width)
    inside = (values >= grid[0] - EDGE) & (values <= grid[-1] + EDGE)
    return lower, upper, np.where(inside, share, np.nan)
