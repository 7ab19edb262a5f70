"""Gibbs energies over a grid, and where dynamics is still missing for them, with a crystal whose Gibbs energy is known.

Dynamics is stood in for by the crystal's exact enthalpy and volume.
"""

import numpy as np
import pytest
from test_integration import enthalpy, gibbs, volume

from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import (
    MOST_POINTS,
    State,
    gibbs_surface,
    missing_pressures,
    missing_temperatures,
)

TEMPERATURES, PRESSURES = [700.0, 1000.0, 1600.0], [0.0, 20.0, 40.0]
MELTED = State(UNKNOWN, UNKNOWN, "molten")


def state(temperature, pressure, error=1e-5):
    return State(Estimate(enthalpy(temperature, pressure), error), Estimate(volume(temperature, pressure), error))


def bent(temperature, pressure):
    """As `state`, with a step in the enthalpy at 1200 K that three points don't show well."""
    plain = state(temperature, pressure)
    step = 0.02 / (1 + np.exp(-(temperature - 1200.0) / 60.0))
    return plain.__class__(plain.enthalpy._replace(value=plain.enthalpy.value + step), plain.volume)


def states_at(temperatures, pressures, make=state):
    return {(t, p): make(t, p) for t in temperatures for p in pressures}


def complete(states, make, tolerance, melting=np.inf):
    """Add what is missing until nothing is, and return how often."""
    rounds = 0
    while places := missing_temperatures(states, TEMPERATURES, PRESSURES, tolerance):
        assert not set(places) & set(states)
        states |= {place: make(*place) if place[0] < melting else MELTED for place in places}
        rounds += 1
    return rounds


def test_a_smooth_isobar_needs_no_more_than_three_points():
    states = states_at([700.0, 1150.0, 1600.0], PRESSURES)
    assert complete(states, state, 2e-3) == 0
    found = gibbs_surface(states, {(700.0, 0.0): Estimate(gibbs(700.0, 0.0), 1e-4)}, TEMPERATURES, PRESSURES)
    for each in found:
        place = each.temperature, each.pressure_gpa
        assert each.value.value == pytest.approx(gibbs(*place), abs=3 * each.value.error)
        assert each.enthalpy.value == pytest.approx(enthalpy(*place), abs=1e-3)
        assert each.volume.value == pytest.approx(volume(*place), abs=1e-3)


def test_points_are_added_where_the_curve_is_not_smooth():
    states = states_at([700.0, 1150.0, 1600.0], PRESSURES, bent)
    assert complete(states, bent, 1e-3) > 0
    at_zero = sorted(t for t, p in states if p == 0)
    assert 3 < len(at_zero) <= MOST_POINTS


def test_no_more_points_than_help():
    states = states_at([700.0, 1150.0, 1600.0], PRESSURES)
    complete(states, state, 1e-12)
    assert sum(p == 0 for _, p in states) == MOST_POINTS


def test_below_melting_what_was_asked_for_is_computed():
    states = states_at([700.0, 1150.0], PRESSURES) | dict.fromkeys([(1600.0, p) for p in PRESSURES], MELTED)
    states = {place: each if place[0] < 1100 else MELTED for place, each in states.items()}
    complete(states, state, 2e-3, melting=1100.0)
    found = gibbs_surface(states, {(700.0, 0.0): Estimate(gibbs(700.0, 0.0), 1e-4)}, TEMPERATURES, PRESSURES)
    values = {(each.temperature, each.pressure_gpa): each for each in found}
    assert values[1000.0, 20.0].value.value == pytest.approx(gibbs(1000.0, 20.0), abs=1e-2)
    assert values[1600.0, 20.0].value is None
    assert "at 1150 K already: molten" in values[1600.0, 20.0].reason


def test_isotherm_is_refined_until_it_is_known():
    states = states_at([700.0], PRESSURES)
    rounds = 0
    while pressures := missing_pressures(states, PRESSURES, 1e-3):
        states |= states_at([700.0], pressures)
        rounds += 1
    assert rounds > 0
    assert missing_pressures(states, PRESSURES, 1.0) == []
    assert missing_pressures({(700.0, 0.0): MELTED}, [0.0], 1e-3) == []
