"""Lines on which two phases coexist: one type, whatever the source of the Gibbs energies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SAME_TEMPERATURE = 1e-3
"""K by which a point of a line may be off a temperature that was asked for."""


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
