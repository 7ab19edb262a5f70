"""From harmonic Gibbs energies to a sharp diagram: odds, contests, which state points are next, a whole campaign."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from aiida_polymorph.thermodynamics.diagrams.contests import (
    line_contests,
    open_contests,
    rival_contests,
    stable_lines,
)
from aiida_polymorph.thermodynamics.diagrams.next_points import effort, next_points
from aiida_polymorph.thermodynamics.diagrams.point_options import Mesh, mesh_of
from aiida_polymorph.thermodynamics.diagrams.refinement import Candidate, Sharpness, corrected_points
from aiida_polymorph.thermodynamics.diagrams.sharpness_report import (
    line_errors,
    target_error,
    target_error_of,
    undecided_parts,
)
from aiida_polymorph.thermodynamics.diagrams.stability import stability
from aiida_polymorph.thermodynamics.surfaces.anharmonic import AnharmonicModel, PointErrors, lengths_of
from aiida_polymorph.thermodynamics.surfaces.anharmonic_scale import anharmonic_models
from aiida_polymorph.thermodynamics.surfaces.departures import Departures
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhasePoints, fit_surface
from aiida_polymorph.units import GPA, KB

ATOMS = 3
T, P = (each.ravel() for each in np.meshgrid(np.linspace(400, 1600, 7), np.linspace(0, 40, 9), indexing="ij"))
ERRORS = PointErrors(1e-3, 6e-4, 4e-3)


def harmonic(energy, volume, entropy=0.0, modulus=230.0):
    """A crystal of constant bulk modulus: G = E + V B (1 - exp(-P / B)) - T S - 9 kT ln T, S in kB."""
    g = energy + volume * modulus * GPA * (1 - np.exp(-P / modulus)) - KB * T * (entropy + 3 * ATOMS * np.log(T))
    return PhasePoints(
        T,
        P,
        g,
        np.full_like(T, 4e-5),
        g + KB * T * (entropy + 3 * ATOMS * (np.log(T) + 1)),
        volume * np.exp(-P / modulus),
    )


LIGHT, DENSE = harmonic(-38.0, 31.0), harmonic(-37.7, 28.0, 0.1)
BETWEEN, HIGH, SOFT = harmonic(-37.852, 29.5), harmonic(-37.5, 31.0), harmonic(-37.9, 29.5, 0.2)


def model(points, scale=2e-3):
    return AnharmonicModel(Departures.none(ATOMS), lengths_of(points), scale)


def candidates(scale=2e-3, **points):
    return [Candidate(name, each, model(each, scale)) for name, each in points.items()]


def crossing(one, other, t):
    """Pressure at which two Gibbs energies that are functions of T and P are the same."""
    return brentq(lambda p: one(t, p) - other(t, p), 0.0, 40.0)


def test_corrected_points_are_sums_with_both_errors_and_without_holes():
    holes = replace(LIGHT, gibbs_energy=np.where((T > 1500) & (P < 1), np.nan, LIGHT.gibbs_energy))
    places = np.array([1600.0]), np.array([20.0])
    seen = Departures(ATOMS, *places, *(np.array([value]) for value in (-0.01, 0.0, 0.01, 0.0, 0.02, 0.0)))
    found = corrected_points(holes, replace(model(LIGHT), observed=seen))
    assert len(found.temperatures) == len(T) - 1
    there = np.flatnonzero((found.temperatures == 1600) & (found.pressures_gpa == 20))[0]
    here = np.flatnonzero((T == 1600) & (P == 20))[0]
    assert found.gibbs_energy[there] - LIGHT.gibbs_energy[here] == pytest.approx(-0.01, abs=1e-6)
    assert found.enthalpy[there] - LIGHT.enthalpy[here] == pytest.approx(0.01, abs=1e-6)
    assert found.volume[there] - LIGHT.volume[here] == pytest.approx(0.02, abs=1e-5)
    assert found.error[there] == pytest.approx(4e-5, rel=1e-2)
    surface = fit_surface("light", found)
    assert surface.misfit.gibbs_energy < 5e-4
    with pytest.raises(ValueError, match="at any temperature"):
        corrected_points(replace(LIGHT, gibbs_energy=np.full_like(T, np.nan)), model(LIGHT))


def test_a_phase_far_above_is_dropped_and_one_that_may_be_stable_is_kept():
    odds = stability(candidates(light=LIGHT, dense=DENSE, between=BETWEEN, high=HIGH))
    assert odds.dropped == ("high",)
    assert set(odds.kept) == {"light", "dense", "between"}
    np.testing.assert_allclose(odds.at_places.sum(axis=0), 1.0)
    assert np.all(odds.anywhere >= odds.at_places.max(axis=1))
    assert 0.01 < odds.anywhere[2] < 0.9


def test_the_window_follows_from_the_scale():
    wide, narrow = (stability(candidates(scale, light=LIGHT, dense=DENSE, between=BETWEEN)) for scale in (4e-3, 2e-4))
    assert wide.anywhere[2] > narrow.anywhere[2]
    assert narrow.dropped == ("between",)


def test_odds_of_two_phases_are_those_of_a_gaussian_and_are_repeated():
    near = harmonic(-37.994, 31.0)
    two = candidates(light=LIGHT, near=near)
    odds = stability(two, draws=20000)
    hottest = np.flatnonzero((T == 1600) & (P == 0))[0]
    error = np.sqrt(2) * ATOMS * 2e-3
    from scipy.stats import norm

    assert odds.at_places[1, hottest] == pytest.approx(norm.sf(0.006 / error), abs=0.015)
    np.testing.assert_array_equal(odds.at_places, stability(two, draws=20000).at_places)
    assert not np.array_equal(odds.at_places, stability(two, draws=20000, seed=1).at_places)


def test_where_no_phase_exists_there_are_no_odds():
    holes = replace(LIGHT, gibbs_energy=np.where(T > 1500, np.nan, LIGHT.gibbs_energy))
    odds = stability([Candidate("light", holes, model(LIGHT))])
    assert np.isnan(odds.at_places[0, T > 1500]).all()
    assert np.all(odds.at_places[0, T < 1500] == 1)


def test_errors_of_lines_are_those_of_the_difference_by_the_volumes():
    two = candidates(light=LIGHT, dense=DENSE)
    contests = line_contests(two, stable_lines(two), Sharpness())
    hottest = max(line_errors(contests, two), key=lambda each: each.temperature)
    assert (hottest.first, hottest.second) == ("light", "dense")
    expected = np.sqrt(2) * ATOMS * 2e-3 / (3.0 * GPA)
    assert hottest.error_gpa == pytest.approx(expected, rel=0.1)
    assert hottest.error_gpa < 0.5
    assert hottest.is_sharp
    stricter = line_contests(two, stable_lines(two), Sharpness(pressure_gpa=0.2, temperature_k=0.0))
    flags = [each.is_sharp for each in line_errors(stricter, two)]
    assert any(flags)
    assert not all(flags)


def test_a_line_that_is_upright_is_sharp_by_its_temperature():
    turning = candidates(light=LIGHT, warm=harmonic(-38.0 + KB * 1000, 31.0, 1.0))
    lines = stable_lines(turning)
    asked = [Sharpness(temperature_k=kelvin) for kelvin in (200.0, 20.0)]
    sharp, vague = (line_errors(line_contests(turning, lines, each), turning) for each in asked)
    assert all(each.is_sharp for each in sharp)
    assert not any(each.is_sharp for each in vague)
    assert sharp[0].error_k == pytest.approx(np.sqrt(2) * ATOMS * 2e-3 * (1000 / 1600) ** 2 / KB, rel=0.1)


def test_only_open_contests_are_left_and_they_are_named():
    some = candidates(light=LIGHT, dense=DENSE, between=BETWEEN)
    sharpness = Sharpness(pressure_gpa=0.2)
    contests = open_contests(some, stable_lines(some), sharpness)
    assert np.all(contests.excess(contests.variances(some)) > 0)
    parts = undecided_parts(contests, some)
    assert {(each.first, each.second) for each in parts} >= {("light", "dense")}
    assert any("between may be the stable phase" in each.reason for each in parts)
    known = [replace(each, model=replace(each.model, scale=1e-6)) for each in some]
    assert undecided_parts(open_contests(known, stable_lines(known), sharpness), known) == []


def test_rivals_are_told_apart_by_the_chance():
    two = candidates(light=LIGHT, high=HIGH)
    contests = rival_contests(two, Sharpness(chance=0.02275))
    np.testing.assert_allclose(contests.tolerance, contests.gap / 2, rtol=1e-3)
    assert len(contests.still_open(two).gap) == 0


def test_the_error_that_points_may_have():
    assert target_error(3.0) == pytest.approx(0.00468, rel=1e-2)
    assert target_error(-3.0, 1.0, 1.0) == pytest.approx(3 * GPA / np.sqrt(2))
    two = candidates(light=LIGHT, dense=DENSE)
    contests = line_contests(two, stable_lines(two), Sharpness())
    smallest = float(np.abs(contests.volume_difference).min())
    assert target_error_of(contests, "dense") == pytest.approx(target_error(smallest))
    assert target_error_of(contests.where(np.zeros(0, int)), "dense") == np.inf
    with pytest.raises(ValueError, match="not among"):
        target_error_of(contests, "other")


def next_of(some, number=4, sharpness=None, mesh=None):
    contests = open_contests(some, stable_lines(some), sharpness or Sharpness(pressure_gpa=0.1))
    errors = {each.name: ERRORS for each in some}
    return next_points(some, contests, mesh or mesh_of(LIGHT), errors, number), contests


def test_points_are_hot_near_the_line_and_of_both_phases():
    some = candidates(light=LIGHT, dense=DENSE, high=HIGH)
    found, _ = next_of(some, 2)
    assert {each.phase for each in found} == {"light", "dense"}
    assert all(each.temperature == 1600 and abs(each.pressure_gpa - 16) <= 6 for each in found)
    assert found == next_of(some, 2)[0]
    assert all(each.gain > 0 for each in found)


def test_the_cheaper_phase_comes_first_and_lost_places_are_avoided():
    dear, cheap = candidates(light=LIGHT, dense=DENSE)
    dear, lost = replace(dear, cost=10.0), tuple((1000.0, float(p)) for p in np.unique(P))
    assert next_of([dear, cheap], 1)[0][0].phase == "dense"
    left = next_of([dear, replace(cheap, lost=lost)], 40)[0]
    assert all(each.phase == "light" for each in left)
    partly = tuple((1300.0, float(p)) for p in np.unique(P))
    assert all(
        each.temperature < 1300 for each in next_of([dear, replace(cheap, lost=partly)], 3)[0] if each.phase == "dense"
    )


def test_a_place_without_the_phase_or_with_a_value_is_not_proposed():
    light, dense = candidates(light=LIGHT, dense=DENSE)
    holes = replace(DENSE, gibbs_energy=np.where(T > 1300, np.nan, DENSE.gibbs_energy))
    found = next_of([light, replace(dense, harmonic=holes)], 30, mesh=Mesh((1000.0, 1600.0), (10.0, 15.0, 20.0)))[0]
    assert found
    assert all(each.temperature == 1000 for each in found if each.phase == "dense")
    assert len({(each.phase, each.temperature, each.pressure_gpa) for each in found}) == len(found)


def test_nothing_is_proposed_when_all_is_decided_and_effort_says_what_is_left():
    some = candidates(1e-5, light=LIGHT, dense=DENSE)
    found, contests = next_of(some)
    assert found == []
    assert effort(some, contests, mesh_of(LIGHT), dict.fromkeys(("light", "dense"), ERRORS)).is_enough
    vague = candidates(light=LIGHT, dense=DENSE)
    _, open_ones = next_of(vague)
    estimate = effort(vague, open_ones, mesh_of(LIGHT), dict.fromkeys(("light", "dense"), ERRORS))
    assert (estimate.points, estimate.is_enough, estimate.left) == (estimate.cost, True, 0)
    assert 2 <= estimate.points <= 8
    poor = effort(vague, open_ones, Mesh((1600.0,), (0.0,)), dict.fromkeys(("light", "dense"), PointErrors(0.02)))
    assert not poor.is_enough
    assert poor.left > 0


def test_what_does_not_fit_is_refused():
    light, dense = candidates(light=LIGHT, dense=DENSE)
    with pytest.raises(ValueError, match="names of their own"):
        stability([light, light])
    with pytest.raises(ValueError, match="names of their own"):
        stable_lines([])
    with pytest.raises(ValueError, match="one grid"):
        stability([light, replace(dense, harmonic=replace(DENSE, temperatures=T + 1))])
    other = AnharmonicModel(Departures.none(6), light.model.lengths, 2e-3)
    with pytest.raises(ValueError, match="different size"):
        stability([light, replace(dense, model=other)])
    with pytest.raises(ValueError, match="draws"):
        stability([light], draws=0)
    with pytest.raises(ValueError, match="cost"):
        replace(light, cost=0.0)
    with pytest.raises(ValueError, match="error of the pressure"):
        Sharpness(pressure_gpa=0.0)
    with pytest.raises(ValueError, match="chance"):
        Sharpness(chance=0.5)
    contests = open_contests([light, dense], stable_lines([light, dense]), Sharpness(pressure_gpa=0.1))
    with pytest.raises(ValueError, match="expected errors of dense"):
        next_points([light, dense], contests, mesh_of(LIGHT), {"light": ERRORS})
    assert stable_lines([light]) == []


PARTS = {"light": (-0.012, 0.004), "dense": (-0.004, -0.003), "soft": (0.006, 0.0), "high": (-0.01, 0.0)}
"""What dynamics add at 1600 K: eV per formula unit, and its change over 60 GPa."""


def added(name, t, p):
    size, change = PARTS[name]
    return (t / 1600.0) ** 2 * (size + 0.2 * size * (t / 1600.0 - 1) + change * np.tanh(p / 60.0))


def computed(name, t, p, rng):
    """What a Frenkel-Ladd calculation of the truth would give at a state point."""
    d = 1e-2
    value = added(name, t, p)
    enthalpy = value - t * (added(name, t + d, p) - added(name, t - d, p)) / (2 * d)
    volume = (added(name, t, p + d) - added(name, t, p - d)) / (2 * d * GPA)
    noisy = rng.normal((value, enthalpy, volume), ERRORS)
    return Departures(
        ATOMS,
        np.array([t]),
        np.array([p]),
        *(np.array([each]) for pair in zip(noisy, ERRORS, strict=True) for each in pair),
    )


HARMONIC = {"light": LIGHT, "dense": DENSE, "soft": SOFT, "high": HIGH}


def campaign(seed, sharpness):
    """Return the candidates that are left when nothing is open any more, and how many state points that took."""
    rng, lengths = np.random.default_rng(seed), {name: lengths_of(points) for name, points in HARMONIC.items()}
    seen = {name: Departures.none(ATOMS) for name in HARMONIC}
    for _ in range(12):
        models = anharmonic_models(seen, lengths)
        every = [Candidate(name, HARMONIC[name], models[name]) for name in HARMONIC]
        kept = stability(every, draws=1000).kept
        some = [each for each in every if each.name in kept]
        contests = open_contests(some, stable_lines(some), sharpness)
        points = next_points(some, contests, mesh_of(LIGHT), dict.fromkeys(kept, ERRORS), 2)
        if not points:
            break
        for each in points:
            more = computed(each.phase, each.temperature, each.pressure_gpa, rng)
            seen[each.phase] = seen[each.phase].and_also(more)
    return some, sum(len(each.temperatures) for each in seen.values()), seen


def true_gibbs(name):
    points = HARMONIC[name]
    surface = fit_surface(name, points)
    return lambda t, p: float(surface.polynomial(t, p).gibbs_energy) + added(name, t, p)


def test_a_campaign_finds_the_true_lines_within_the_stated_errors_from_few_points():
    """Soft is stable between light and dense; high, half an eV above, never costs a state point."""
    sharpness, squares = Sharpness(pressure_gpa=0.25, temperature_k=0.0), []
    for seed in range(3):
        some, number, seen = campaign(seed, sharpness)
        assert number <= 6
        assert len(seen["high"].temperatures) == 0
        assert {line.phases for line in stable_lines(some)} == {("light", "soft"), ("soft", "dense")}
        for each in line_errors(line_contests(some, stable_lines(some), sharpness), some):
            assert each.is_sharp
            true = crossing(true_gibbs(each.first), true_gibbs(each.second), each.temperature)
            squares.append(((each.pressure_gpa - true) / each.error_gpa) ** 2)
    assert len(squares) > 20
    assert 0.1 < np.mean(squares) < 2.0
