"""Gibbs energies of one phase over a grid of temperatures and pressures, from molecular dynamics at its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile

import numpy as np

from aiida_polymorph.thermodynamics.free_energy.kinetic import kinetic_energy
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.integration import (
    SampledCurve,
    along_isobar,
    along_isotherm,
    closure,
    fitted,
)

StatePoint = tuple[float, float]
"""Temperature (K) and pressure (GPa)."""

MOST_POINTS = 9
"""A path gets no more points than this, however large its error: longer runs are what helps then."""


@dataclass(frozen=True)
class State:
    """What dynamics told at one point, per formula unit.

    Attributes:
        enthalpy: without kinetic energy, eV.
        volume: angstrom^3.
        reason: why the phase is not metastable there, "" if it is.
    """

    enthalpy: Estimate
    volume: Estimate
    reason: str = ""


@dataclass(frozen=True)
class Gibbs:
    """Gibbs energy at one point, eV per formula unit.

    Attributes:
        temperature: K.
        pressure_gpa: GPa.
        value: with error; None where the phase is not metastable or can't be reached.
        enthalpy: without kinetic energy, from the fit along the isobar; None like the value.
        volume: angstrom^3, from the fit along the isobar; None like the value.
        gap: by how much the loop from the anchor over this point fails to close, with error; None where there is
            no loop.
        reason: why there is no value, "" if there is one.
    """

    temperature: float
    pressure_gpa: float
    value: Estimate | None
    enthalpy: Estimate | None = None
    volume: Estimate | None = None
    gap: Estimate | None = None
    reason: str = ""


def grid(asked: Sequence[float], step: float) -> list[float]:
    """Return the values asked for, rising, with others between them so that none is farther than `step` from the next.

    Raises:
        ValueError: if nothing is asked for, or the step is not positive.
    """
    if not asked or not step > 0:
        raise ValueError(f"a grid needs values and a positive step, got {list(asked)} and {step}")
    values = sorted(set(asked))
    found = [values[0]]
    for low, high in pairwise(values):
        pieces = max(1, int(np.ceil((high - low) / step - 1e-9)))
        found += [float(each) for each in np.linspace(low, high, pieces + 1)[1:]]
    return found


def metastable_intervals(
    pressures_gpa: Sequence[float], is_metastable: Sequence[bool], asked: Sequence[float]
) -> list[list[float]]:
    """Return the intervals of neighbouring pressures at which a phase is metastable that hold one asked for."""
    intervals: list[list[float]] = [[]]
    for pressure_gpa, there in zip(pressures_gpa, is_metastable, strict=True):
        if there:
            intervals[-1].append(pressure_gpa)
        elif intervals[-1]:
            intervals.append([])
    return [interval for interval in intervals if set(interval) & set(asked)]


def missing_pressures(states: Mapping[StatePoint, State], asked: Sequence[float], tolerance: float) -> list[float]:
    """Return where else dynamics is needed on the isotherm of the lowest temperature, GPa; nothing where it suffices.

    The widest gap between points is halved while the integral of the volume, from the first pressure asked for of an
    interval to any other one, has an error above the tolerance.

    Args:
        states: so far, all pressures asked for among them.
        asked: pressures, GPa.
        tolerance: eV per formula unit.
    """
    temperature = min(point[0] for point in states)
    metastable = {p: not state.reason for (t, p), state in states.items() if t == temperature}
    pressures_gpa = sorted(metastable)
    if not any(metastable.values()):
        return []
    curve, more = _isotherm(states, temperature), []
    for interval in metastable_intervals(pressures_gpa, [metastable[p] for p in pressures_gpa], asked):
        wanted = [p for p in asked if p in interval]
        nothing = Estimate(0.0, 0.0)
        error = max(along_isotherm(nothing, curve, wanted[0], p).error for p in wanted)
        if error > tolerance and 1 < len(interval) < MOST_POINTS:
            more.append(_widest_middle(interval))
    return more


def missing_temperatures(
    states: Mapping[StatePoint, State], temperatures: Sequence[float], pressures_gpa: Sequence[float], tolerance: float
) -> list[StatePoint]:
    """Return where else dynamics is needed on the isobars; nothing where it suffices.

    Where the phase is not metastable up to the highest temperature, at those asked for below; then in the middle of the
    widest gap while the integral of the enthalpy has an error above the tolerance.

    Args:
        states: so far, of every isobar at least the lowest and the highest temperature asked for.
        temperatures: asked for, K.
        pressures_gpa: asked for, GPa.
        tolerance: eV per formula unit.
    """
    lowest, more = min(temperatures), []
    for pressure_gpa in pressures_gpa:
        known = {t: state.reason for (t, p), state in states.items() if p == pressure_gpa}
        if known.get(lowest) != "":
            continue
        curve = _isobar(states, pressure_gpa, 0)
        top, last = float(curve.points.max()), min((t for t, reason in known.items() if reason), default=np.inf)
        lost = [t for t in temperatures if top < t < last]
        reached = max(t for t in temperatures if t <= top)
        error = along_isobar(Estimate(0.0, 0.0), curve, lowest, reached).error if reached > lowest else 0.0
        if lost:
            more.append((max(lost), pressure_gpa))
        elif error > tolerance and len(curve.points) < MOST_POINTS:
            more.append((_widest_middle(curve.points), pressure_gpa))
    return more


def _widest_middle(points: Sequence[float] | np.ndarray) -> float:
    """Return the middle of the widest gap between points, the first of several."""
    rising = np.sort(points)
    number = int(np.argmax(np.round(np.diff(rising), 9)))
    return float((rising[number] + rising[number + 1]) / 2)


def gibbs_surface(
    states: Mapping[StatePoint, State],
    anchors: Mapping[StatePoint, Estimate],
    temperatures: Sequence[float],
    pressures_gpa: Sequence[float],
    kinetic_atoms: int = 0,
) -> list[Gibbs]:
    """Return the Gibbs energies at all temperatures and pressures asked for.

    Along the isotherm of the anchors' temperature to each pressure, and from there along isobars.

    Args:
        states: by temperature and pressure.
        anchors: Gibbs energies by temperature and pressure, all at the lowest temperature.
        temperatures: asked for, K.
        pressures_gpa: asked for, GPa.
        kinetic_atoms: atoms in a formula unit whose kinetic energy counts to the enthalpy of Gibbs-Helmholtz: 0 in
            the convention of one wavelength at all temperatures, all of them where wavelengths are the elements' own.
    """
    return [
        _gibbs(states, anchors, (temperature, pressure_gpa), kinetic_atoms)
        for pressure_gpa in pressures_gpa
        for temperature in sorted(temperatures)
    ]


def _gibbs(
    states: Mapping[StatePoint, State], anchors: Mapping[StatePoint, Estimate], point: StatePoint, kinetic_atoms: int
) -> Gibbs:
    temperature, pressure_gpa = point
    reached = anchor_for(states, anchors, pressure_gpa)
    if reached is None:
        reason = _reason(states, (next(iter(anchors))[0] if anchors else temperature, pressure_gpa))
        return Gibbs(temperature, pressure_gpa, None, reason=reason)
    (start_temperature, start_pressure), start = reached
    isotherm = _isotherm(states, start_temperature)
    compressed = along_isotherm(start, isotherm, start_pressure, pressure_gpa)
    isobar = _isobar(states, pressure_gpa, kinetic_atoms)
    if temperature > isobar.points.max() + 1e-9:
        return Gibbs(temperature, pressure_gpa, None, reason=_reason(states, point))
    value = along_isobar(compressed, isobar, start_temperature, temperature)
    gap = _gap(states, reached, point, value, kinetic_atoms)
    enthalpy = fitted(_isobar(states, pressure_gpa, 0), temperature)
    volume = fitted(_isobar_volumes(states, pressure_gpa), temperature)
    return Gibbs(temperature, pressure_gpa, value, enthalpy, volume, gap)


def _gap(
    states: Mapping[StatePoint, State],
    reached: tuple[StatePoint, Estimate],
    point: StatePoint,
    value: Estimate,
    kinetic_atoms: int,
) -> Estimate | None:
    """Return how the other way round compares: along the isobar of the anchor first."""
    (start_temperature, start_pressure), start = reached
    temperature, pressure_gpa = point
    if temperature == start_temperature or pressure_gpa == start_pressure:
        return None
    isobar = _isobar(states, start_pressure, kinetic_atoms)
    cold, warm = _isotherm(states, start_temperature), _isotherm(states, temperature)
    if temperature > isobar.points.max() + 1e-9 or not {pressure_gpa, start_pressure} <= set(warm.points.tolist()):
        return None
    heated = along_isobar(Estimate(start.value, 0.0), isobar, start_temperature, temperature)
    return loop_gap(value, heated, start, (cold, warm), reached[0], point)


def loop_gap(
    value: Estimate,
    heated: Estimate,
    start: Estimate,
    isotherms: tuple[SampledCurve, SampledCurve],
    first: StatePoint,
    last: StatePoint,
) -> Estimate:
    """Return the Gibbs energy on the way along the isotherm first less that on the way along the isobar first, eV.

    The cold isotherm counts on both ways, since it has the more points: the warm one adds the thermal expansion.

    Args:
        value: at the far corner, along the cold isotherm and then the isobar; its error holds all of that way.
        heated: at the end of the isobar from the anchor; its error is that of the isobar alone.
        start: Gibbs energy of the anchor.
        isotherms: volumes (angstrom^3) at the anchor's temperature, and at that of the far corner.
        first: temperature and pressure of the anchor.
        last: those of the far corner.
    """
    nothing, heating = Estimate(0.0, 0.0), last[0] / first[0]
    cold, warm = isotherms
    shared = sorted(set(cold.points.tolist()) & set(warm.points.tolist()))
    compressed = along_isotherm(nothing, cold, first[1], last[1])
    expanded = along_isotherm(nothing, _difference(warm, cold, shared), first[1], last[1])
    errors = heated.error, expanded.error, compressed.error * (heating - 1)
    other = Estimate(heated.value + compressed.value + expanded.value, float(np.sqrt(np.sum(np.square(errors)))))
    return closure((without(value, heating * float(np.hypot(start.error, compressed.error))), other))


def _difference(one: SampledCurve, other: SampledCurve, points: Sequence[float]) -> SampledCurve:
    """Return one curve less the other at points that both have."""
    rows = [(int(np.flatnonzero(one.points == p)[0]), int(np.flatnonzero(other.points == p)[0])) for p in points]
    values = [one.values[i] - other.values[j] for i, j in rows]
    errors = [np.hypot(one.errors[i], other.errors[j]) for i, j in rows]
    return SampledCurve(np.array(points), np.array(values), np.array(errors))


def without(value: Estimate, error: float) -> Estimate:
    """Return a value whose error is what is left without one part of it."""
    return Estimate(value.value, float(np.sqrt(max(value.error**2 - error**2, 0.0))))


def anchor_for(
    states: Mapping[StatePoint, State], anchors: Mapping[StatePoint, Estimate], pressure_gpa: float
) -> tuple[StatePoint, Estimate] | None:
    """Return the anchor from which a pressure is reached over points where the phase is metastable."""
    for point, value in anchors.items():
        low, high = sorted((point[1], pressure_gpa))
        between = [state for (t, p), state in states.items() if t == point[0] and low <= p <= high]
        if (point[0], pressure_gpa) in states and all(not state.reason for state in between):
            return point, value
    return None


def _isotherm(states: Mapping[StatePoint, State], temperature: float) -> SampledCurve:
    """Return the volume at each pressure where the phase is metastable up to here, from the fits along isobars."""
    isobars = {p: _isobar_volumes(states, p) for p in {point[1] for point in states}}
    reach = {p: curve for p, curve in isobars.items() if len(curve.points) and curve.points.max() > temperature - 1e-9}
    return curve_of([(p, fitted(curve, temperature)) for p, curve in reach.items()])


def _isobar(states: Mapping[StatePoint, State], pressure_gpa: float, kinetic_atoms: int) -> SampledCurve:
    """Return the enthalpy up to the first temperature at which the phase is not metastable."""
    return curve_of(
        [
            (
                temperature,
                Estimate(state.enthalpy.value + kinetic_energy(temperature, kinetic_atoms), state.enthalpy.error),
            )
            for temperature, state in _metastable(states, pressure_gpa)
        ]
    )


def _isobar_volumes(states: Mapping[StatePoint, State], pressure_gpa: float) -> SampledCurve:
    return curve_of([(temperature, state.volume) for temperature, state in _metastable(states, pressure_gpa)])


def _metastable(states: Mapping[StatePoint, State], pressure_gpa: float) -> list[tuple[float, State]]:
    rising = sorted(((t, state) for (t, p), state in states.items() if p == pressure_gpa), key=lambda each: each[0])
    return list(takewhile(lambda each: not each[1].reason, rising))


def curve_of(values_at: Sequence[tuple[float, Estimate]]) -> SampledCurve:
    """Return the curve through values at points of one variable."""
    points = sorted(values_at)
    values, errors = np.array([each[1] for each in points]).reshape(-1, 2).T
    return SampledCurve(np.array([each[0] for each in points]), values, errors)


def _reason(states: Mapping[StatePoint, State], point: StatePoint) -> str:
    """Return why a point has no value: what happened there, or on the way to it."""
    temperature, pressure_gpa = point
    on_the_way = sorted((t, state.reason) for (t, p), state in states.items() if p == pressure_gpa and t <= temperature)
    found = [(t, reason) for t, reason in on_the_way if reason]
    if not found:
        return "not reached from any pressure where the free energy is known"
    return found[0][1] if found[0][0] == temperature else f"at {found[0][0]:g} K already: {found[0][1]}"
