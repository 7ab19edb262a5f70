"""Which phase has the lowest enthalpy at which pressure, and where one becomes lower than another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import factorial
from typing import NamedTuple

import numpy as np

from aiida_polymorph.thermodynamics.static.enthalpy_curves import SAME_PRESSURE, EnthalpyCurve, Interpolant, by_method
from aiida_polymorph.units import GPA

TIE = 1e-4
"""eV per formula unit that geometry optimisations leave: phases within it count as equal."""

SAME_VOLUME = 1e-3
"""Relative difference of volumes that two relaxations of the same structure leave."""

SAMPLES = 16
"""Points in a range between two crossings at which the difference of two phases is looked at."""


@dataclass(frozen=True)
class Crossing:
    """Where a second phase becomes lower in enthalpy than a first one as the pressure rises.

    Attributes:
        method: of both curves.
        first: the phase that is lower below.
        second: the one that is lower above.
        pressure_gpa: GPa.
        error_gpa: the doubt of the interpolation, that of the second curve less the first's (see
            `EnthalpyCurve.interpolant`), and the tie, over the difference of the slopes, GPa; nan if unknown.
        interpolation: `hermite` (cubics with the volumes as slopes, for both phases), `linear` (straight lines), or
            `mixed` (a cubic and a line, whose errors don't cancel).
        between: the pressures that it was interpolated between, GPa.
        across_missing: whether a point between these is missing for one of the phases.
        volume_change: of the second phase less the first, from the slopes of the curves there, angstrom^3 per formula
            unit; negative but for rounding.
    """

    method: str
    first: str
    second: str
    pressure_gpa: float
    error_gpa: float
    interpolation: str
    between: tuple[float, float]
    across_missing: bool
    volume_change: float

    @property
    def text(self) -> str:
        """What to tell of it, in one line."""
        error = f" ± {self.error_gpa:.2g}" if np.isfinite(self.error_gpa) else ""
        gap = ", across missing points" if self.across_missing else ""
        return (
            f"{self.method}: {self.first} to {self.second} at {self.pressure_gpa:.3f}{error} GPa, volume change "
            f"{self.volume_change:+.2f} angstrom^3 per formula unit ({self.interpolation} interpolation between "
            f"{self.between[0]:g} and {self.between[1]:g} GPa{gap})"
        )


@dataclass(frozen=True)
class StableRange:
    """Pressures (GPa) over which a phase has the lowest enthalpy; both are the same where only one is known."""

    phase: str
    low_gpa: float
    high_gpa: float


@dataclass(frozen=True)
class StableSequence:
    """The phases of lowest enthalpy by one method.

    Attributes:
        method: its name.
        ranges: by pressure.
        transitions: between them; fewer than the ranges less one where the values of a phase end.
        remarks: what the reader should know.
    """

    method: str
    ranges: tuple[StableRange, ...]
    transitions: tuple[Crossing, ...]
    remarks: tuple[str, ...] = ()


def transitions(curves: Sequence[EnthalpyCurve], tie: float = TIE) -> dict[str, StableSequence]:
    """Return for each method which phase has the lowest enthalpy at which pressure, and the transitions between them.

    Phases are compared over the pressures between their own first and last known point, nothing is extrapolated. Of
    phases that are within `tie` of the lowest one, the one that stays so for longest counts as stable.

    Args:
        curves: of all phases and methods.
        tie: eV per formula unit.

    Raises:
        ValueError: if a phase has two curves by one method.
    """
    return {method: _sequence(method, list(phases.values()), tie) for method, phases in by_method(curves).items()}


def crossings(a: EnthalpyCurve, b: EnthalpyCurve, tie: float = TIE) -> list[Crossing]:
    """Return where two phases change their order, by pressure; none where they only touch, or differ by `tie` at most.

    Enthalpies are interpolated by `EnthalpyCurve.interpolant`. Where the phases are closer than `tie` over a range,
    with more than one crossing in it, the middle one of these is taken.

    Args:
        a: a phase.
        b: another one by the same method.
        tie: eV per formula unit.

    Raises:
        ValueError: if the curves are of different methods.
    """
    if a.method != b.method:
        raise ValueError(f"enthalpies are compared within a method only, not {a.label} with {b.label}")
    low, high = _common_range(a, b)
    if not high > low:
        return []
    bounds = np.array([low, *_roots(a, b, low, high), high])
    samples = bounds[:-1] + np.linspace(0, 1, SAMPLES + 1)[:, None] * np.diff(bounds)
    difference = b.interpolate(samples) - a.interpolate(samples)
    extreme = np.take_along_axis(difference, np.abs(difference).argmax(axis=0)[None], axis=0)[0]
    found = []
    for before, after in pairwise(np.flatnonzero(np.abs(extreme) > tie)):
        if extreme[before] * extreme[after] < 0:
            first, second = (a, b) if extreme[before] > 0 else (b, a)
            found.append(_crossing(first, second, bounds[(before + after + 1) // 2], tie))
    return found


def _common_range(a: EnthalpyCurve, b: EnthalpyCurve) -> tuple[float, float]:
    if a.interpolant is None or b.interpolant is None:
        return (np.nan, np.nan)
    return max(a.range_gpa[0], b.range_gpa[0]), min(a.range_gpa[1], b.range_gpa[1])


def _known_interpolant(curve: EnthalpyCurve) -> Interpolant:
    if curve.interpolant is None:
        raise ValueError(f"{curve.name} has values at fewer than two pressures: nothing lies between them")
    return curve.interpolant


def _roots(a: EnthalpyCurve, b: EnthalpyCurve, low: float, high: float) -> np.ndarray:
    """Return where the difference of both vanishes between two pressures, each root once, rising."""
    from scipy.interpolate import PPoly

    places = np.union1d(a.pressures_gpa[a.known], b.pressures_gpa[b.known])
    places = np.array([low, *places[(places > low) & (places < high)], high])
    orders = (3, 2, 1, 0)
    one, other = (
        np.array([_known_interpolant(each).enthalpy(places[:-1], order) / factorial(order) for order in orders])
        for each in (a, b)
    )
    roots = PPoly(other - one, places).roots(extrapolate=False)
    roots = np.sort(roots[np.isfinite(roots) & (roots > low) & (roots < high)])
    return roots[np.diff(roots, prepend=-np.inf) > SAME_PRESSURE]


def _crossing(first: EnthalpyCurve, second: EnthalpyCurve, pressure_gpa: float, tie: float) -> Crossing:
    """Describe a crossing at which the second phase becomes the lower one."""
    both = one, other = (_known_interpolant(first), _known_interpolant(second))
    pieces = [each.piece(pressure_gpa) for each in both]
    low = min(each.enthalpy.x[piece] for each, piece in zip(both, pieces, strict=True))
    high = max(each.enthalpy.x[piece + 1] for each, piece in zip(both, pieces, strict=True))
    listed = np.union1d(first.pressures_gpa, second.pressures_gpa)
    kinds = {"hermite" if each.hermite[piece] else "linear" for each, piece in zip(both, pieces, strict=True)}
    slope = float(other.enthalpy(pressure_gpa, 1) - one.enthalpy(pressure_gpa, 1))
    doubt = float(np.hypot(other.doubt(pressure_gpa) - one.doubt(pressure_gpa), tie))
    return Crossing(
        first.method,
        first.name,
        second.name,
        float(pressure_gpa),
        doubt / abs(slope) if slope else np.inf,
        kinds.pop() if len(kinds) == 1 else "mixed",
        (float(low), float(high)),
        bool(np.any((listed > low + SAME_PRESSURE) & (listed < high - SAME_PRESSURE))),
        slope / GPA,
    )


class _Run(NamedTuple):
    """A phase that is within the tie of the lowest one from one pressure to another; None where none is known."""

    curve: EnthalpyCurve | None
    low: float
    high: float


def _sequence(method: str, curves: Sequence[EnthalpyCurve], tie: float) -> StableSequence:
    ranged = [curve for curve in curves if curve.interpolant is not None]
    if not ranged:
        return _sequence_of_points(method, curves)
    found = [crossing for a, b in combinations(ranged, 2) for crossing in crossings(a, b, tie)]
    runs = _runs(ranged, found, tie)
    changes = [_change(found, before, after) for before, after in pairwise(runs)]
    ends = [
        runs[0].low,
        *(c.pressure_gpa if c else run.high for c, run in zip(changes, runs, strict=False)),
        runs[-1].high,
    ]
    ranges = tuple(
        StableRange(run.curve.name, float(low), float(high))
        for run, (low, high) in zip(runs, pairwise(ends), strict=True)
        if run.curve
    )
    remarks = [
        _without_crossing(before, after)
        for change, (before, after) in zip(changes, pairwise(runs), strict=True)
        if change is None
    ]
    remarks += _coincidences(ranges, ranged, tie) + _single_points(curves)
    return StableSequence(method, ranges, tuple(change for change in changes if change), tuple(remarks))


def _runs(curves: Sequence[EnthalpyCurve], found: Sequence[Crossing], tie: float) -> list[_Run]:
    """Return the phases that stay lowest for longest, one after the other, by pressure."""
    nodes = [curve.pressures_gpa[curve.known] for curve in curves]
    bounds = np.unique(np.concatenate([*nodes, [crossing.pressure_gpa for crossing in found]]))
    bounds = bounds[np.diff(bounds, prepend=-np.inf) > SAME_PRESSURE]
    values = np.array([curve.interpolate((bounds[:-1] + bounds[1:]) / 2) for curve in curves])
    values = np.where(np.isfinite(values), values, np.inf)
    lowest = np.isfinite(values) & (values <= values.min(axis=0) + tie)
    runs, start = [], 0
    while start < len(bounds) - 1:
        lasting = np.logical_and.accumulate(lowest[:, start:], axis=1).sum(axis=1)
        best = int(np.lexsort((values[:, start], -lasting))[0])
        known = lasting[best] > 0
        stop = start + max(int(lasting[best]), 1)
        runs.append(_Run(curves[best] if known else None, float(bounds[start]), float(bounds[stop])))
        start = stop
    return runs


def _change(found: Sequence[Crossing], before: _Run, after: _Run) -> Crossing | None:
    """Return the crossing between two runs; None where the values of one of the phases end or begin instead."""
    if before.curve is None or after.curve is None:
        return None
    if _is(before.curve.range_gpa[1], before.high) or _is(after.curve.range_gpa[0], before.high):
        return None
    between = [each for each in found if (each.first, each.second) == (before.curve.name, after.curve.name)]
    return min(between, key=lambda each: abs(each.pressure_gpa - before.high), default=None)


def _is(one: float, other: float) -> bool:
    return abs(one - other) <= SAME_PRESSURE


def _without_crossing(before: _Run, after: _Run) -> str:
    at = f"{before.high:g} GPa"
    if before.curve is None or after.curve is None:
        side = "no phase has values above" if after.curve is None else "there are values again only from"
        return f"{side} {at}"
    if _is(before.curve.range_gpa[1], before.high):
        return f"{before.curve.name} is lowest up to {at}, where its values end: what comes next is not known"
    if _is(after.curve.range_gpa[0], before.high):
        return f"{after.curve.name} is lowest from {at} on, where its values begin: it may be so below"
    return f"{before.curve.name} and {after.curve.name} change order about {at}, by no more than enthalpies are exact"


def _coincidences(ranges: Sequence[StableRange], curves: Sequence[EnthalpyCurve], tie: float) -> list[str]:
    """Return which phases look like the same structure as a stable one, at two or more points in its range."""
    named = {curve.name: curve for curve in curves}
    remarks = []
    for stable_range in ranges:
        stable = named[stable_range.phase]
        inside = (stable.pressures_gpa >= stable_range.low_gpa) & (stable.pressures_gpa <= stable_range.high_gpa)
        pressures_gpa = stable.pressures_gpa[inside & stable.known]
        for other in curves:
            same = pressures_gpa[_coincide(stable, other, pressures_gpa, tie)]
            if other is not stable and len(same) > 1:
                where = ", ".join(f"{pressure_gpa:g}" for pressure_gpa in same)
                remarks.append(
                    f"{other.name} has the enthalpy and the volume of {stable.name} at {where} GPa: it may have become "
                    "the same structure"
                )
    return remarks


def _coincide(one: EnthalpyCurve, other: EnthalpyCurve, pressures_gpa: np.ndarray, tie: float) -> np.ndarray:
    near = np.abs(one.at(pressures_gpa) - other.at(pressures_gpa)) <= tie
    ratio = other.at(pressures_gpa, "volumes") / one.at(pressures_gpa, "volumes")
    return near & (np.abs(ratio - 1) <= SAME_VOLUME)


def _single_points(curves: Sequence[EnthalpyCurve]) -> list[str]:
    """Return which phases are known at one pressure only, and so take no part."""
    return [
        f"{curve.name} has a value at {curve.range_gpa[0]:g} GPa only and is left out"
        for curve in curves
        if curve.known.sum() == 1
    ]


def _sequence_of_points(method: str, curves: Sequence[EnthalpyCurve]) -> StableSequence:
    """Return the lowest phase at each pressure, where no phase has more than one point."""
    points = sorted((c.range_gpa[0], float(c.enthalpies[c.known][0]), c.name) for c in curves if c.known.any())
    lowest = {pressure_gpa: name for pressure_gpa, _, name in reversed(points)}
    ranges = tuple(StableRange(name, pressure_gpa, pressure_gpa) for pressure_gpa, name in sorted(lowest.items()))
    remarks = ("no phase has values at two pressures",) if ranges else ("no phase has values",)
    return StableSequence(method, ranges, (), remarks)
