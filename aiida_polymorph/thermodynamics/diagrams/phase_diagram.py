"""The phase diagram from chemical potentials by basin entropy, and the lines on which two phases coexist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.chemical_potential import (
    ChemicalPotentials,
    Condition,
    difference_errors,
    square_root,
)
from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram, check_grid, energies_to_grid, neighbours
from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine, CoexistencePoint
from aiida_polymorph.units import GPA, KB

TIE = 1e-9
"""eV per formula unit by which a third phase may lie lower at a point where two coexist that counts as stable."""

HALVINGS = 24
"""Steps in which the end of a stable segment is looked for."""

CELLS = 60
"""Cells of the grid of a diagram along each axis."""

TEMPERATURES = (0.0, 2000.0)
"""K between which a diagram by basin entropy is drawn where nothing else is asked for."""

AROUND = 10.0
"""GPa that a diagram reaches to both sides of the only pressure that was searched."""


def phase_diagram(
    potentials: ChemicalPotentials,
    temperatures: np.ndarray,
    pressures_gpa: np.ndarray,
    samples: int = 1000,
    seed: int = 0,
) -> PhaseDiagram:
    """Return the phase diagram over a grid.

    Args:
        potentials: of all phases.
        temperatures: rising, K, at least two.
        pressures_gpa: rising, GPa, at least two.
        samples: draws of the probabilities, from the errors and their correlations.
        seed: of the draws.

    Raises:
        ValueError: without a phase; for a grid with fewer than two values, falling values or negative temperatures.
    """
    if not len(potentials.names):
        raise ValueError("a phase diagram needs a phase, the chemical potentials are of none")
    temperatures, pressures_gpa = check_grid("temperatures", temperatures), check_grid("pressures", pressures_gpa)
    if temperatures[0] < 0:
        raise ValueError(f"temperatures begin at {temperatures[0]} K, must not be negative")
    conditions = [potentials.at_pressure(pressure_gpa) for pressure_gpa in pressures_gpa]
    mu = np.array([[at.chemical_potential(t) for at in conditions] for t in temperatures])
    stable, above, known = energies_to_grid(np.moveaxis(mu, 2, 0))
    columns = [
        _column_probability(at, temperatures, mu[:, j], stable[:, j], samples, seed) for j, at in enumerate(conditions)
    ]
    lines = [
        line
        for i, j in neighbours(stable)
        for line in coexistence_lines(potentials, potentials.names[i], potentials.names[j], temperatures, pressures_gpa)
    ]
    probability = np.array(columns).T
    return PhaseDiagram(
        tuple(potentials.names), temperatures, pressures_gpa, stable, probability, above, known, tuple(lines)
    )


def usual_grid(potentials: ChemicalPotentials) -> tuple[np.ndarray, np.ndarray]:
    """Return the temperatures (K) and pressures (GPa) of a diagram over all pressures that were searched."""
    low, high = potentials.pressures_gpa[[0, -1]]
    if low == high:
        low, high = low - AROUND, high + AROUND
    return np.linspace(*TEMPERATURES, CELLS + 1), np.linspace(low, high, CELLS + 1)


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
    potentials: ChemicalPotentials, a: str, b: str, temperature: float, pressures_gpa: np.ndarray
) -> list[CoexistencePoint]:
    """Return all points at which phases a and b coexist at a temperature, with differences of b less a.

    Args:
        potentials: Chemical potentials of all phases.
        a: Name of a phase.
        b: Name of another one.
        temperature: K.
        pressures_gpa: Grid to look for changes of sign on, rising, GPa; each crossing is then refined.

    Raises:
        ValueError: For an unknown name.
    """
    from scipy.optimize import brentq

    i, j = _indices(potentials, a, b)

    def difference(pressure_gpa: float) -> float:
        at = potentials.at_pressure(pressure_gpa)
        thermal = KB * temperature * (at.entropy[i] - at.entropy[j]) if temperature > 0 else 0.0
        return float(at.enthalpy[i] - at.enthalpy[j] - thermal)

    searched = potentials.pressures_gpa[
        (potentials.pressures_gpa > pressures_gpa[0]) & (potentials.pressures_gpa < pressures_gpa[-1])
    ]
    grid = np.union1d(pressures_gpa, searched)
    values = np.array([difference(pressure_gpa) for pressure_gpa in grid])
    crossings = [float(grid[k]) for k in np.flatnonzero(values == 0)]
    crossings += [
        float(brentq(difference, grid[k], grid[k + 1], xtol=1e-9)) for k in np.flatnonzero(values[:-1] * values[1:] < 0)
    ]
    return [_point(potentials, i, j, temperature, pressure_gpa) for pressure_gpa in sorted(crossings)]


def coexistence_at_pressure(
    potentials: ChemicalPotentials, a: str, b: str, pressure_gpa: float
) -> CoexistencePoint | None:
    """Return where phases a and b coexist at a pressure (GPa): T = dh / ds_b, None if at no positive temperature.

    Raises:
        ValueError: For an unknown name.
    """
    i, j = _indices(potentials, a, b)
    at = potentials.at_pressure(pressure_gpa)
    enthalpy, entropy = at.enthalpy[i] - at.enthalpy[j], KB * (at.entropy[i] - at.entropy[j])
    if not np.isfinite(enthalpy * entropy) or entropy == 0 or enthalpy / entropy < 0:
        return None
    return _point(potentials, i, j, float(enthalpy / entropy), pressure_gpa)


def is_stable(potentials: ChemicalPotentials, a: str, b: str, point: CoexistencePoint) -> bool:
    """Return whether no third phase has a lower chemical potential where phases a and b coexist."""
    mu = potentials.at_pressure(point.pressure_gpa).chemical_potential(point.temperature)
    lowest = np.min(np.where(np.isfinite(mu), mu, np.inf))
    return bool(min(mu[_indices(potentials, a, b)]) <= lowest + TIE)


def coexistence_lines(
    potentials: ChemicalPotentials, a: str, b: str, temperatures: np.ndarray, pressures_gpa: np.ndarray
) -> list[CoexistenceLine]:
    """Return the segments of the line between phases a and b where both are stable, within the grid.

    At a fixed pressure there is at most one coexistence temperature; so the points found along all grid lines of
    both kinds, sorted by pressure, follow the line, and a step longer than a cell of the grid is a gap.

    Raises:
        ValueError: For an unknown name.
    """
    along = [point for t in temperatures for point in coexistence_at_temperature(potentials, a, b, t, pressures_gpa)]
    across = [coexistence_at_pressure(potentials, a, b, pressure_gpa) for pressure_gpa in pressures_gpa]
    along += [p for p in across if p is not None and temperatures[0] <= p.temperature <= temperatures[-1]]
    points = sorted(along, key=lambda point: (point.pressure_gpa, point.temperature))
    cell = np.diff(pressures_gpa).max() * 1.001, np.diff(temperatures).max() * 1.001
    return [_line(a, b, part) for part in _segments(potentials, (a, b), points, cell)]


def _line(a: str, b: str, points: Sequence[CoexistencePoint]) -> CoexistenceLine:
    """Return a line from its colder end, named so that its first phase has the larger volume there."""
    ordered = tuple(points if points[0].temperature <= points[-1].temperature else reversed(points))
    if ordered[0].volume_difference <= 0:
        return CoexistenceLine(a, b, True, ordered)
    exchanged = (
        replace(each, entropy_difference=-each.entropy_difference, volume_difference=-each.volume_difference)
        for each in ordered
    )
    return CoexistenceLine(b, a, True, tuple(exchanged))


def _segments(
    potentials: ChemicalPotentials,
    names: tuple[str, str],
    points: Sequence[CoexistencePoint],
    cell: tuple[float, float],
) -> list[list[CoexistencePoint]]:
    """Cut a line into its stable segments, each drawn out to the triple points at its ends."""
    segments: list[list[CoexistencePoint]] = []
    previous: CoexistencePoint | None = None
    was_stable = False
    for point in points:
        stable, joined = is_stable(potentials, *names, point), previous is not None and _close(previous, point, cell)
        if stable and not (joined and was_stable):
            segments.append([_end_of_segment(potentials, names, point, previous)] if joined and previous else [])
        elif joined and previous and was_stable and not stable:
            segments[-1].append(_end_of_segment(potentials, names, previous, point))
        if stable:
            segments[-1].append(point)
        previous, was_stable = point, stable
    return segments


def _close(one: CoexistencePoint, other: CoexistencePoint, cell: tuple[float, float]) -> bool:
    """Whether two points are within a cell (GPa and K) of each other."""
    step = other.pressure_gpa - one.pressure_gpa
    return bool(step <= cell[0] and abs(other.temperature - one.temperature) <= cell[1])


def _end_of_segment(
    potentials: ChemicalPotentials, names: tuple[str, str], stable: CoexistencePoint, other: CoexistencePoint
) -> CoexistencePoint:
    """Return the last stable point on the way from a stable to an unstable one, by halving: a triple point."""
    pressure_gpa = other.pressure_gpa
    for _ in range(HALVINGS):
        middle = (stable.pressure_gpa + pressure_gpa) / 2
        point = coexistence_at_pressure(potentials, *names, middle)
        if point is not None and is_stable(potentials, *names, point):
            stable = point
        else:
            pressure_gpa = middle
    return stable


def _indices(potentials: ChemicalPotentials, *names: str) -> list[int]:
    known: Sequence[str] = list(potentials.names)
    for name in names:
        if name not in known:
            raise ValueError(f"phase {name!r} is not among {', '.join(known)}")
    return [known.index(name) for name in names]


def volumes(potentials: ChemicalPotentials, temperature: float, pressure_gpa: float, step: float = 1e-3) -> np.ndarray:
    """Return dmu/dP of all phases (angstrom^3 per formula unit) by central difference, as consistent with mu."""
    above, below = (potentials.at_pressure(pressure_gpa + d).chemical_potential(temperature) for d in (step, -step))
    return (above - below) / (2 * step * GPA)


def _point(potentials: ChemicalPotentials, i: int, j: int, temperature: float, pressure_gpa: float) -> CoexistencePoint:
    """Describe a crossing: Clausius and Clapeyron's slope, and the error from that of the difference of the two mu."""
    at = potentials.at_pressure(pressure_gpa)
    error = difference_errors(at.covariance(temperature), j)[i]
    volume = volumes(potentials, temperature, pressure_gpa)
    dv, ds = float(volume[j] - volume[i]), float(at.entropy[j] - at.entropy[i])
    return CoexistencePoint(
        temperature=float(temperature),
        pressure_gpa=float(pressure_gpa),
        error_gpa=float(error / abs(dv * GPA)) if dv else np.inf,
        slope=float(ds * KB / (dv * GPA)) if dv else np.inf,
        entropy_difference=ds,
        volume_difference=dv,
    )
