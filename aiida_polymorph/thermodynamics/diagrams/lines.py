"""Lines on which two phases coexist: one type, whatever the source of the Gibbs energies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np

SAME_TEMPERATURE = 1e-3
"""K by which a point of a line may be off a temperature that was asked for."""


TRIPLE_K, TRIPLE_GPA = 1.0, 0.02
"""How far apart, in temperature and pressure, the ends of three lines may be that meet at a triple point."""


@dataclass(frozen=True)
class CoexistencePoint:
    """Where two phases coexist; differences are those of the second phase of the line less the first.

    Attributes:
        temperature: K.
        pressure_gpa: GPa.
        error_gpa: Standard error of the pressure at this temperature, GPa: the error of the difference of the Gibbs
            energies divided by the difference of the volumes; infinite for equal volumes.
        slope: dP/dT = dS/dV by Clausius and Clapeyron, GPa/K; infinite for equal volumes.
        entropy_difference: kB per formula unit.
        volume_difference: angstrom^3 per formula unit.
    """

    temperature: float
    pressure_gpa: float
    error_gpa: float
    slope: float
    entropy_difference: float
    volume_difference: float

    @property
    def error_k(self) -> float:
        """Standard error of the temperature at this pressure, K; nan where it does not follow from the others."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.divide(self.error_gpa, abs(self.slope)))


@dataclass(frozen=True)
class CoexistenceLine:
    """A segment of the line on which two phases coexist, from its end at lower temperature to the other one.

    Attributes:
        first: The phase of the larger volume at the beginning, which is the stable one at lower pressure.
        second: The other phase.
        stable: Whether no third phase has a lower Gibbs energy on this segment, as far as values are known.
        points: One point or more.
    """

    first: str
    second: str
    stable: bool
    points: tuple[CoexistencePoint, ...]

    @property
    def phases(self) -> tuple[str, str]:
        """Names of both phases."""
        return self.first, self.second

    @property
    def temperatures(self) -> np.ndarray:
        """K, shape (points,)."""
        return np.array([point.temperature for point in self.points])

    @property
    def pressures_gpa(self) -> np.ndarray:
        """GPa, shape (points,)."""
        return np.array([point.pressure_gpa for point in self.points])

    @property
    def errors_gpa(self) -> np.ndarray:
        """Standard errors of the pressures, GPa, shape (points,)."""
        return np.array([point.error_gpa for point in self.points])

    def at_temperatures(self, temperatures: Sequence[float]) -> list[CoexistencePoint]:
        """Return those points of the line that lie at one of these temperatures (K)."""
        return [
            point
            for point in self.points
            if any(abs(point.temperature - each) <= SAME_TEMPERATURE for each in temperatures)
        ]


@dataclass(frozen=True)
class TriplePoint:
    """Where three phases coexist.

    Attributes:
        phases: Their names, sorted.
        temperature: K.
        pressure_gpa: GPa.
        error_gpa: The smallest standard error of the pressure that one of the three lines has there, GPa.
    """

    phases: tuple[str, str, str]
    temperature: float
    pressure_gpa: float
    error_gpa: float


def triple_points(lines: Sequence[CoexistenceLine]) -> list[TriplePoint]:
    """Return the points at which stable lines of three phases, a line for each pair, end together.

    Args:
        lines: Of all pairs; those that are not stable are left out.

    Returns:
        By rising temperature.
    """
    ends: dict[frozenset[str], list[CoexistencePoint]] = {}
    for line in lines:
        if line.stable:
            ends.setdefault(frozenset(line.phases), []).extend((line.points[0], line.points[-1]))
    names = sorted({name for pair in ends for name in pair})
    found = [point for trio in combinations(names, 3) for point in _triple_points(trio, ends)]
    return sorted(found, key=lambda point: (point.temperature, point.pressure_gpa))


def _triple_points(trio: tuple[str, str, str], ends: dict[frozenset[str], list[CoexistencePoint]]) -> list[TriplePoint]:
    """Return the triple points of three phases from the ends of the lines between them."""
    sides = [ends.get(frozenset(pair), []) for pair in combinations(trio, 2)]
    return [
        TriplePoint(
            trio,
            float(np.mean([point.temperature for point in points])),
            float(np.mean([point.pressure_gpa for point in points])),
            min(point.error_gpa for point in points),
        )
        for points in product(*sides)
        if np.ptp([point.temperature for point in points]) <= TRIPLE_K
        and np.ptp([point.pressure_gpa for point in points]) <= TRIPLE_GPA
    ]
