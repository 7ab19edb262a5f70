"""Phase diagrams: the stable phase over temperature and pressure, its probability, and where phases coexist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.chemical_potential import (
    ChemicalPotentials,
    Condition,
    difference_errors,
    square_root,
)
from aiida_polymorph.units import GPA, KB


@dataclass(frozen=True)
class CoexistencePoint:
    """Where two phases have the same chemical potential.

    Attributes:
        phases: their names; the first is the one stable at the lower pressure.
        temperature: K.
        pressure: GPa.
        temperature_error: standard deviation of the temperature at this pressure, K; nan if it doesn't depend on it.
        pressure_error: standard deviation of the pressure at this temperature, GPa; nan likewise.
        slope: dP/dT of the line there by Clausius and Clapeyron, GPa/K; infinite for equal volumes.
        stable: whether no third phase lies lower.
    """

    phases: tuple[str, str]
    temperature: float
    pressure: float
    temperature_error: float
    pressure_error: float
    slope: float
    stable: bool


@dataclass(frozen=True, eq=False)
class CoexistenceLine:
    """A stretch of the line on which two phases coexist and no third one is more stable; by rising pressure."""

    phases: tuple[str, str]
    points: tuple[CoexistencePoint, ...]

    @property
    def temperatures(self) -> np.ndarray:
        """K, shape (points,)."""
        return np.array([point.temperature for point in self.points])

    @property
    def pressures(self) -> np.ndarray:
        """GPa, shape (points,)."""
        return np.array([point.pressure for point in self.points])


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """The stable phase over a grid of t temperatures and p pressures.

    Attributes:
        names: of all phases.
        temperatures: K, shape (t,).
        pressures: GPa, shape (p,).
        stable: index of the stable phase, shape (t, p); -1 where no phase is known.
        probability: probability that this phase is the stable one, shape (t, p); nan where none is known.
        lines: coexistence lines between stable phases.
    """

    names: tuple[str, ...]
    temperatures: np.ndarray
    pressures: np.ndarray
    stable: np.ndarray
    probability: np.ndarray
    lines: tuple[CoexistenceLine, ...]


def phase_diagram(
    potentials: ChemicalPotentials,
    temperatures: np.ndarray,
    pressures: np.ndarray,
    samples: int = 1000,
    seed: int = 0,
) -> PhaseDiagram:
    """Return the phase diagram over a grid.

    Args:
        potentials: of all phases.
        temperatures: rising, K, at least two.
        pressures: rising, GPa, at least two.
        samples: draws of the probabilities, from the errors and their correlations.
        seed: of the draws.

    Raises:
        ValueError: for a grid with fewer than two values, falling values or negative temperatures.
    """
    temperatures, pressures = _grid("temperatures", temperatures), _grid("pressures", pressures)
    if temperatures[0] < 0:
        raise ValueError(f"temperatures begin at {temperatures[0]} K, must not be negative")
    conditions = [potentials.at_pressure(pressure) for pressure in pressures]
    mu = np.array([[at.chemical_potential(t) for at in conditions] for t in temperatures])
    known = np.isfinite(mu)
    stable = np.where(known.any(axis=2), np.where(known, mu, np.inf).argmin(axis=2), -1)
    columns = [
        _column_probability(at, temperatures, mu[:, j], stable[:, j], samples, seed) for j, at in enumerate(conditions)
    ]
    lines = [
        line
        for pair in neighbours(stable)
        for line in coexistence_lines(potentials, *(potentials.names[i] for i in pair), temperatures, pressures)
    ]
    return PhaseDiagram(tuple(potentials.names), temperatures, pressures, stable, np.array(columns).T, tuple(lines))


def _grid(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2 or np.any(np.diff(values) <= 0):
        raise ValueError(f"{name} must be at least two rising values, got {values.tolist()}")
    return values


def neighbours(stable: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of phases that touch on the grid, sorted; stable has shape (t, p), -1 counts for none."""
    sides = [(stable[1:], stable[:-1]), (stable[:, 1:], stable[:, :-1]), (stable[1:, 1:], stable[:-1, :-1])]
    pairs = {tuple(sorted(map(int, pair))) for a, b in sides for pair in zip(a.ravel(), b.ravel(), strict=True)}
    return sorted((a, b) for a, b in pairs if a != b and a >= 0)


def _column_probability(
    at: Condition, temperatures: np.ndarray, mu: np.ndarray, stable: np.ndarray, samples: int, seed: int
) -> np.ndarray:
    """Return the probability of the stable phases at one pressure, shape (t,); the same draws for all temperatures."""
    rivals = _rivals(at, temperatures, mu, stable)
    generator = np.random.default_rng(seed)
    enthalpy = at.enthalpy + at.enthalpy_error * generator.standard_normal((samples, len(at.enthalpy)))
    factor = square_root(at.entropy_covariance[np.ix_(rivals, rivals)])
    entropy = at.entropy[rivals] + generator.standard_normal((samples, len(rivals))) @ factor.T
    probability = np.full(len(temperatures), np.nan)
    for i in np.flatnonzero(stable >= 0):
        draws = enthalpy[:, rivals] - (KB * temperatures[i] * entropy if temperatures[i] > 0 else 0.0)
        lowest = rivals[np.where(np.isfinite(draws), draws, np.inf).argmin(axis=1)]
        probability[i] = np.mean(lowest == stable[i])
    return probability


def _rivals(at: Condition, temperatures: np.ndarray, mu: np.ndarray, stable: np.ndarray) -> np.ndarray:
    """Return the phases within 6 standard deviations of the stable one at any of the temperatures."""
    within = np.zeros(len(at.enthalpy), dtype=bool)
    for i in np.flatnonzero(stable >= 0):
        errors = difference_errors(at.covariance(temperatures[i]), stable[i])
        within |= mu[i] - mu[i, stable[i]] <= 6 * errors
    return np.flatnonzero(within)


def coexistence_at_temperature(
    potentials: ChemicalPotentials, a: str, b: str, temperature: float, pressures: np.ndarray
) -> list[CoexistencePoint]:
    """Return all points at which phases a and b coexist at a temperature (K) between the first and last pressure.

    Args:
        potentials: of all phases.
        a: name of a phase.
        b: name of the other.
        temperature: K.
        pressures: grid to look for changes of sign on, rising, GPa; each crossing is then refined.

    Raises:
        ValueError: for an unknown name.
    """
    from scipy.optimize import brentq

    i, j = _indices(potentials, a, b)

    def difference(pressure: float) -> float:
        at = potentials.at_pressure(pressure)
        thermal = KB * temperature * (at.entropy[i] - at.entropy[j]) if temperature > 0 else 0.0
        return float(at.enthalpy[i] - at.enthalpy[j] - thermal)

    searched = potentials.pressures[(potentials.pressures > pressures[0]) & (potentials.pressures < pressures[-1])]
    grid = np.union1d(pressures, searched)
    values = np.array([difference(pressure) for pressure in grid])
    crossings = [float(grid[k]) for k in np.flatnonzero(values == 0)]
    crossings += [
        float(brentq(difference, grid[k], grid[k + 1], xtol=1e-9)) for k in np.flatnonzero(values[:-1] * values[1:] < 0)
    ]
    return [_point(potentials, i, j, temperature, pressure) for pressure in sorted(crossings)]


def coexistence_at_pressure(potentials: ChemicalPotentials, a: str, b: str, pressure: float) -> CoexistencePoint | None:
    """Return where phases a and b coexist at a pressure (GPa): T = dh / ds_b, None if at no positive temperature.

    Raises:
        ValueError: for an unknown name.
    """
    i, j = _indices(potentials, a, b)
    at = potentials.at_pressure(pressure)
    enthalpy, entropy = at.enthalpy[i] - at.enthalpy[j], KB * (at.entropy[i] - at.entropy[j])
    if not np.isfinite(enthalpy * entropy) or entropy == 0 or enthalpy / entropy < 0:
        return None
    return _point(potentials, i, j, float(enthalpy / entropy), pressure)


def coexistence_lines(
    potentials: ChemicalPotentials, a: str, b: str, temperatures: np.ndarray, pressures: np.ndarray
) -> list[CoexistenceLine]:
    """Return the stretches of the line between phases a and b where both are stable, within the grid.

    At a fixed pressure there is at most one coexistence temperature; so the points found along all grid lines of
    both kinds, sorted by pressure, follow the line, and a step longer than a cell of the grid is a gap.

    Raises:
        ValueError: for an unknown name.
    """
    along = [point for t in temperatures for point in coexistence_at_temperature(potentials, a, b, t, pressures)]
    across = [coexistence_at_pressure(potentials, a, b, pressure) for pressure in pressures]
    along += [p for p in across if p is not None and temperatures[0] <= p.temperature <= temperatures[-1]]
    points = sorted(along, key=lambda point: (point.pressure, point.temperature))
    cell = np.diff(pressures).max() * 1.001, np.diff(temperatures).max() * 1.001
    return [CoexistenceLine(part[0].phases, tuple(part)) for part in _stretches(potentials, points, cell)]


def _stretches(
    potentials: ChemicalPotentials, points: Sequence[CoexistencePoint], cell: tuple[float, float]
) -> list[list[CoexistencePoint]]:
    """Cut a line into its stable stretches, each drawn out to the triple points at its ends."""
    stretches: list[list[CoexistencePoint]] = []
    previous: CoexistencePoint | None = None
    for point in points:
        joined = previous is not None and (
            point.pressure - previous.pressure <= cell[0] and abs(point.temperature - previous.temperature) <= cell[1]
        )
        if point.stable and not (joined and previous.stable):
            stretches.append([_end_of_stretch(potentials, point, previous)] if joined else [])
        elif joined and previous.stable and not point.stable:
            stretches[-1].append(_end_of_stretch(potentials, previous, point))
        if point.stable:
            stretches[-1].append(point)
        previous = point
    return stretches


def _end_of_stretch(
    potentials: ChemicalPotentials, stable: CoexistencePoint, other: CoexistencePoint
) -> CoexistencePoint:
    """Return the last stable point on the way from a stable to an unstable one, by halving: a triple point."""
    pressure = other.pressure
    for _ in range(24):
        middle = (stable.pressure + pressure) / 2
        point = coexistence_at_pressure(potentials, *stable.phases, middle)
        if point is not None and point.stable:
            stable = point
        else:
            pressure = middle
    return stable


def _indices(potentials: ChemicalPotentials, *names: str) -> list[int]:
    known: Sequence[str] = list(potentials.names)
    for name in names:
        if name not in known:
            raise ValueError(f"phase {name!r} is not among {', '.join(known)}")
    return [known.index(name) for name in names]


def volumes(potentials: ChemicalPotentials, temperature: float, pressure: float, step: float = 1e-3) -> np.ndarray:
    """Return dmu/dP of all phases (angstrom^3 per formula unit) by central difference, as consistent with mu."""
    above, below = (potentials.at_pressure(pressure + d).chemical_potential(temperature) for d in (step, -step))
    return (above - below) / (2 * step * GPA)


def _point(potentials: ChemicalPotentials, i: int, j: int, temperature: float, pressure: float) -> CoexistencePoint:
    """Describe a crossing: Clausius and Clapeyron's slope, and errors from that of the difference of the two mu."""
    at = potentials.at_pressure(pressure)
    mu = at.chemical_potential(temperature)
    error = difference_errors(at.covariance(temperature), j)[i]
    volume = volumes(potentials, temperature, pressure)
    dv = (volume[i] - volume[j]) * GPA
    ds = (at.entropy[i] - at.entropy[j]) * KB
    first, second = (i, j) if dv > 0 else (j, i)
    hull = np.min(np.where(np.isfinite(mu), mu, np.inf))
    with np.errstate(divide="ignore", invalid="ignore"):
        return CoexistencePoint(
            phases=(potentials.names[first], potentials.names[second]),
            temperature=float(temperature),
            pressure=float(pressure),
            temperature_error=float(np.divide(error, abs(ds))) if ds else float("nan"),
            pressure_error=float(np.divide(error, abs(dv))) if dv else float("nan"),
            slope=float(np.divide(ds, dv)) if dv else float("inf"),
            stable=bool(min(mu[i], mu[j]) <= hull + 1e-9),
        )
