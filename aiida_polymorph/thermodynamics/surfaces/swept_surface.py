"""Gibbs energies of one phase over a grid of temperatures and pressures, along isobars by sweeps of the temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import (
    Gibbs,
    State,
    StatePoint,
    anchor_for,
    curve_of,
    gibbs_surface,
    loop_gap,
    without,
)
from aiida_polymorph.thermodynamics.surfaces.sweep import Sweep, SweptPoint, isobar_from_sweeps

Swept = Mapping[StatePoint, SweptPoint]


def lower_reach(temperatures: Sequence[float], broken_at: float) -> float | None:
    """Return up to which temperature (K) to sweep after a crystal was lost at one; None if there is nothing to gain."""
    return max((t for t in temperatures if min(temperatures) < t < broken_at), default=None)


def swept_surface(
    states: Mapping[StatePoint, State],
    anchors: Mapping[StatePoint, Estimate],
    sweeps: Mapping[StatePoint, tuple[Sweep, Sweep]],
    losses: Mapping[StatePoint, str],
    temperatures: Sequence[float],
    pressures_gpa: Sequence[float],
    kinetic_atoms: int = 0,
) -> list[Gibbs]:
    """Return the Gibbs energies at all temperatures and pressures asked for.

    Along the isotherm of the anchors' temperature to each pressure, and from there by the sweeps.

    Args:
        states: by temperature and pressure, all at the lowest temperature.
        anchors: Gibbs energies by temperature and pressure, all at the lowest temperature.
        sweeps: up and down of crystals that are metastable, by the highest temperature and the pressure.
        losses: why other sweeps told nothing, likewise.
        temperatures: asked for, K.
        pressures_gpa: asked for, GPa.
        kinetic_atoms: see `gibbs_surface`.
    """
    known = gibbs_surface(states, anchors, temperatures, pressures_gpa, kinetic_atoms)
    starts = {each.pressure_gpa: each.value for each in known if each.temperature == min(temperatures)}
    swept: dict[StatePoint, SweptPoint] = {}
    for (reach, pressure_gpa), ways in sweeps.items():
        start, reached = starts.get(pressure_gpa), [t for t in temperatures if t <= reach]
        points = isobar_from_sweeps(*ways, start, reached, kinetic_atoms) if start else []
        swept |= {(point.temperature, pressure_gpa): point for point in points}
    return [_swept(each, states, anchors, swept, losses) for each in known]


def _swept(
    known: Gibbs,
    states: Mapping[StatePoint, State],
    anchors: Mapping[StatePoint, Estimate],
    swept: Swept,
    losses: Mapping[StatePoint, str],
) -> Gibbs:
    """Return a point with what the sweeps tell of it."""
    point = known.temperature, known.pressure_gpa
    if point in swept:
        found = swept[point]
        gap = _gap(states, anchors, swept, point)
        return Gibbs(*point, found.gibbs_energy, found.enthalpy, found.volume, gap)
    if point in states:
        return known
    lost = [
        (reach, why) for (reach, pressure_gpa), why in losses.items() if pressure_gpa == point[1] and reach >= point[0]
    ]
    return replace(known, reason=min(lost)[1]) if lost else known


def _gap(
    states: Mapping[StatePoint, State], anchors: Mapping[StatePoint, Estimate], swept: Swept, point: StatePoint
) -> Estimate | None:
    """Return how the other way round compares: along the isobar of the anchor first."""
    reached, (temperature, pressure_gpa) = anchor_for(states, anchors, point[1]), point
    if reached is None:
        return None
    (start_temperature, start_pressure), start = reached
    corner = temperature, start_pressure
    if temperature == start_temperature or pressure_gpa == start_pressure or corner not in swept:
        return None
    warm = curve_of([(p, point.volume) for (t, p), point in swept.items() if t == temperature])
    cold = curve_of(
        [(p, state.volume) for (t, p), state in states.items() if t == start_temperature and not state.reason]
    )
    heated = without(swept[corner].gibbs_energy, start.error * temperature / start_temperature)
    return loop_gap(swept[point].gibbs_energy, heated, start, (cold, warm), reached[0], point)
