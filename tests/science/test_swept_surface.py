"""Gibbs energies over a grid by sweeps of a crystal whose Gibbs energy is known; what is left where one breaks off."""

import numpy as np
import pytest
from test_integration import enthalpy, gibbs, volume

from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import State
from aiida_polymorph.thermodynamics.surfaces.sweep import Sweep
from aiida_polymorph.thermodynamics.surfaces.swept_surface import lower_reach, swept_surface

TEMPERATURES, PRESSURES = [1600.0, 700.0, 1000.0], [0.0, 20.0, 40.0]
START = {(700.0, 0.0): Estimate(gibbs(700.0, 0.0), 1e-4)}
STATES = {
    (700.0, p): State(Estimate(enthalpy(700.0, p), 1e-5), Estimate(volume(700.0, p), 1e-5))
    for p in np.linspace(0.0, 40.0, 5)
}


def sweeps_to(reach, pressure, seed=0):
    """Return sweeps up and down with a little noise."""
    rng, rising = np.random.default_rng(seed), np.linspace(700.0, reach, 2000)
    ways = []
    for t in (rising, rising[::-1]):
        noise = rng.standard_normal((2, len(t)))
        ways.append(Sweep(t, enthalpy(t, pressure) + 1e-3 * noise[0], volume(t, pressure) + 1e-2 * noise[1]))
    return tuple(ways)


def surface(sweeps, losses=None, states=STATES):
    found = swept_surface(states, START, sweeps, losses or {}, TEMPERATURES, PRESSURES)
    return {(each.temperature, each.pressure_gpa): each for each in found}


def test_the_whole_grid():
    found = surface({(1600.0, p): sweeps_to(1600.0, p, seed) for seed, p in enumerate(PRESSURES)})
    assert set(found) == {(t, p) for t in TEMPERATURES for p in PRESSURES}
    for place, each in found.items():
        assert each.value.value == pytest.approx(gibbs(*place), abs=3 * each.value.error)
        assert each.enthalpy.value == pytest.approx(enthalpy(*place), abs=1e-3)
        assert each.volume.value == pytest.approx(volume(*place), abs=1e-2)
        assert (each.gap is None) == (place[0] == 700.0 or place[1] == 0.0)
    assert abs(found[1600.0, 40.0].gap.value) < 3 * found[1600.0, 40.0].gap.error
    assert found[700.0, 0.0].value == START[700.0, 0.0]


def test_a_crystal_that_melts_has_values_up_to_where_it_was_swept():
    sweeps = {(1600.0, 0.0): sweeps_to(1600.0, 0.0), (1000.0, 20.0): sweeps_to(1000.0, 20.0)}
    losses = {(1600.0, 20.0): "at 1300 K molten", (1600.0, 40.0): "its sweep failed: boiling"}
    found = surface(sweeps, losses)
    assert found[1000.0, 20.0].value.value == pytest.approx(gibbs(1000.0, 20.0), abs=1e-2)
    assert found[1000.0, 20.0].gap is not None
    assert (found[1600.0, 20.0].value, found[1600.0, 20.0].reason) == (None, "at 1300 K molten")
    assert found[700.0, 40.0].value.value == pytest.approx(gibbs(700.0, 40.0), abs=1e-2)
    assert {found[t, 40.0].reason for t in (1000.0, 1600.0)} == {"its sweep failed: boiling"}


def test_each_place_has_the_reason_of_the_shortest_sweep_over_it():
    found = surface({}, {(1600.0, 20.0): "at 1300 K molten", (1000.0, 20.0): "at 900 K molten"})
    reasons = [found[t, 20.0].reason for t in (700.0, 1000.0, 1600.0)]
    assert reasons == ["", "at 900 K molten", "at 1300 K molten"]
    assert "not reached" in found[1000.0, 40.0].reason


def test_no_loop_without_the_sweep_of_the_reference():
    found = surface({(1600.0, 20.0): sweeps_to(1600.0, 20.0)})
    assert found[1600.0, 20.0].value is not None
    assert found[1600.0, 20.0].gap is None


def test_a_pressure_without_a_reference():
    states = {**STATES, (700.0, 30.0): State(UNKNOWN, UNKNOWN, "molten")}
    found = surface({(1600.0, 40.0): sweeps_to(1600.0, 40.0)}, states=states)
    assert found[1600.0, 40.0].value is None
    assert "not reached" in found[1600.0, 40.0].reason


@pytest.mark.parametrize(("broken_at", "reach"), [(1300.0, 1000.0), (1000.0, None), (710.0, None), (1601.0, 1600.0)])
def test_where_to_sweep_next(broken_at, reach):
    assert lower_reach(TEMPERATURES, broken_at) == reach
