"""Coexistence of phases, pair by pair, from Gibbs energies with both derivatives: lines, errors, triple points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.line_tracing import (
    HALVINGS,
    STEP,
    Pair,
    newton,
    trace,
    with_temperatures,
)
from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine, CoexistencePoint
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhaseSurface
from aiida_polymorph.units import GPA, KB

TIE = 1e-8
"""eV per formula unit by which a third phase may lie lower at a point where two coexist that counts as stable."""


@dataclass(frozen=True)
class PairLines:
    """What became of two phases.

    Attributes:
        first: name.
        second: name.
        lines: where they coexist, none if they don't cross.
        lower: the phase of lower Gibbs energy all over the range that both have; "" where they cross, or have no range.
        nearest: smallest difference of the Gibbs energies where they don't cross, eV per formula unit; nan otherwise.
    """

    first: str
    second: str
    lines: tuple[CoexistenceLine, ...]
    lower: str = ""
    nearest: float = np.nan

    @property
    def verdict(self) -> str:
        """What to tell of two phases without a line, "" if they have one."""
        if self.lines:
            return ""
        if not self.lower:
            return f"{self.first} and {self.second} have no temperature and pressure in common"
        other = self.second if self.lower == self.first else self.first
        return (
            f"{self.first} and {self.second} do not cross: {self.lower} is lower than {other} wherever both have "
            f"values, by {self.nearest:.4f} eV per formula unit or more"
        )


def all_lines(surfaces: Sequence[PhaseSurface], temperatures: Sequence[float] = ()) -> list[PairLines]:
    """Return the coexistence lines of all pairs of phases, each cut into segments that are stable and that are not.

    Args:
        surfaces: Two phases or more, of the same composition, convention and potential.
        temperatures: Where lines shall have points, K, besides the temperatures of the phases' grids.

    Raises:
        ValueError: If two phases have the same name, or there are fewer than two.
    """
    names = [each.name for each in surfaces]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"coexistence needs two phases or more, each with its own name; got {', '.join(names)}")
    return [
        coexistence(a, b, [other for other in surfaces if other not in (a, b)], temperatures)
        for a, b in combinations(surfaces, 2)
    ]


def coexistence(
    first: PhaseSurface,
    second: PhaseSurface,
    others: Sequence[PhaseSurface] = (),
    temperatures: Sequence[float] = (),
) -> PairLines:
    """Return all lines on which two phases coexist.

    Args:
        first: A phase.
        second: Another one of the same composition, convention and potential.
        others: Third phases that may be more stable.
        temperatures: Where lines shall have points, K, besides the temperatures of the phases' grids.
    """
    pair = Pair.of(first, second)
    if pair is None:
        return PairLines(first.name, second.name, ())
    found: list[np.ndarray] = []
    for start in pair.crossings():
        if all(np.linalg.norm(line - start, axis=1).min() > STEP for line in found):
            found.append(trace(pair, start))
    lines = tuple(
        part for line in found for part in _segments(pair, with_temperatures(pair, line, temperatures), others)
    )
    if lines:
        return PairLines(first.name, second.name, lines)
    values = pair.on_mesh()
    if not np.isfinite(values).any():
        return PairLines(first.name, second.name, ())
    lower = second.name if np.nanmean(values) < 0 else first.name
    return PairLines(first.name, second.name, (), lower, float(np.nanmin(np.abs(values))))


def _segments(pair: Pair, line: np.ndarray, others: Sequence[PhaseSurface]) -> list[CoexistenceLine]:
    """Cut a line where it becomes stable or unstable, at triple points, which belong to both sides."""
    flags = [_is_stable(pair, point, others) for point in line]
    parts = [[line[0]]]
    stable = [flags[0]]
    for number, (before, after) in enumerate(pairwise(line)):
        if flags[number] != flags[number + 1]:
            end = _where_it_changes(pair, before, after, others)
            parts[-1].append(end)
            parts.append([end])
            stable.append(flags[number + 1])
        parts[-1].append(after)
    first, second, sign = (
        (pair.first.name, pair.second.name, 1.0)
        if pair.difference(line[0])[1][1] <= 0
        else (pair.second.name, pair.first.name, -1.0)
    )
    return [
        CoexistenceLine(first, second, is_stable, tuple(_described(pair, point, sign) for point in part))
        for part, is_stable in zip(parts, stable, strict=True)
    ]


def _is_stable(pair: Pair, point: np.ndarray, others: Sequence[PhaseSurface]) -> bool:
    t, p = pair.real(point)
    own = pair.first.polynomial(t, p).gibbs_energy
    return not any(float(other.evaluate(t, p).gibbs_energy) < own - TIE for other in others)


def _where_it_changes(pair: Pair, before: np.ndarray, after: np.ndarray, others: Sequence[PhaseSurface]) -> np.ndarray:
    """Return where a line becomes stable, or stops being so, between two of its points, by halving."""
    wanted = _is_stable(pair, before, others)
    found, low, high = before, 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        point = newton(pair, before + middle * (after - before))
        if point is not None and _is_stable(pair, point, others) == wanted:
            found, low = point, middle
        else:
            high = middle
    return found


def _described(pair: Pair, point: np.ndarray, sign: float) -> CoexistencePoint:
    """Describe a point; sign -1 exchanges the phases."""
    t, p = np.clip(pair.real(point), pair.low, pair.low + pair.size)
    one, other = pair.first.polynomial(t, p), pair.second.polynomial(t, p)
    entropy, volume = (sign * float(b - a) for a, b in ((one.entropy, other.entropy), (one.volume, other.volume)))
    error = float(np.hypot(pair.first.error(t, p), pair.second.error(t, p)))
    return CoexistencePoint(
        temperature=float(t),
        pressure_gpa=float(p),
        error_gpa=error / (abs(volume) * GPA) if volume else np.inf,
        slope=entropy / (volume * GPA) if volume else np.inf,
        entropy_difference=entropy / KB,
        volume_difference=volume,
    )
