"""The anharmonic part of a phase from few state points: limits, slopes, and errors that are as large as they say."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

from aiida_polymorph.thermodynamics.surfaces.anharmonic import AnharmonicModel, PointErrors, lengths_of
from aiida_polymorph.thermodynamics.surfaces.anharmonic_checks import leave_one_out, surprise
from aiida_polymorph.thermodynamics.surfaces.anharmonic_scale import ScalePrior, adjusted, anharmonic_models
from aiida_polymorph.thermodynamics.surfaces.departures import Departures, MeasuredPoints, departures
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhasePoints
from aiida_polymorph.thermodynamics.surfaces.smooth_kernel import Lengths
from aiida_polymorph.units import GPA, KB

LENGTHS = Lengths(1600.0, 60.0)
SCALE = 2e-3
ATOMS = 3


def prior(scale=SCALE, atoms=ATOMS, lengths=LENGTHS):
    return AnharmonicModel(Departures.none(atoms), lengths, scale)


def a(*values):
    return np.array(values, dtype=float)


def observed(function, places, errors=(0.0, 0.0, 0.0), seed=None, atoms=ATOMS):
    """State points of D(T, P); slopes by differences; values off by their errors where there is a seed."""
    t, p = np.array(places, dtype=float).T
    d = 1e-3
    value = function(t, p)
    enthalpy = value - t * (function(t + d, p) - function(t - d, p)) / (2 * d)
    volume = (function(t, p + d) - function(t, p - d)) / (2 * d * GPA)
    noise = np.random.default_rng(seed).normal(size=(3, len(t))) * (seed is not None)
    columns = zip((value, enthalpy, volume), errors, noise, strict=True)
    return Departures(atoms, t, p, *(each for y, e, z in columns for each in (y + z * e, np.full_like(t, e))))


def smooth(t, p):
    """A part like those of TiO2, eV per formula unit, with a cubic term."""
    return (t / 1600.0) ** 2 * (-0.012 - 0.003 * (t / 1600.0) + 0.005 * np.tanh(p / 60.0))


def test_without_points_the_mean_is_zero_and_the_error_the_scale():
    found = prior().evaluate(a(1600, 800, 1e-6), a(0, 30, 0))
    assert np.all(found.gibbs_energy == 0)
    np.testing.assert_allclose(found.gibbs_error, [ATOMS * SCALE, ATOMS * SCALE / 4, 0.0], atol=1e-12)


def test_exact_points_give_back_values_and_slopes():
    places = [(1600, 0), (1600, 40), (900, 20)]
    model = AnharmonicModel(observed(smooth, places), LENGTHS, SCALE)
    found, wanted = model.evaluate(*np.array(places, float).T), model.observed
    np.testing.assert_allclose(found.gibbs_energy, wanted.gibbs_energy, atol=1e-7)
    np.testing.assert_allclose(found.enthalpy, wanted.enthalpy, atol=1e-7)
    np.testing.assert_allclose(found.volume, wanted.volume, atol=1e-6)
    assert found.gibbs_error.max() < 1e-6


def test_slopes_are_those_of_the_mean():
    model = AnharmonicModel(observed(smooth, [(1600, 0), (1200, 40)], (1e-3, 1e-3, 5e-3), seed=1), LENGTHS, SCALE)
    t, p, d = 1100.0, 25.0, 1e-2
    at = model.evaluate(a(t, t + d, t - d, t, t), a(p, p, p, p + d, p - d))
    g = at.gibbs_energy
    assert at.enthalpy[0] == pytest.approx(g[0] - t * (g[1] - g[2]) / (2 * d), rel=1e-5)
    assert at.volume[0] == pytest.approx((g[3] - g[4]) / (2 * d * GPA), rel=1e-5)


def test_errors_of_slopes_are_those_of_draws():
    model, d = prior(), 1.0
    draws = model.draws(a(1200, 1201, 1199, 1200, 1200), a(10, 10, 10, 11, 9), 20000, np.random.default_rng(3))
    enthalpy = draws[:, 0] - 1200 * (draws[:, 1] - draws[:, 2]) / (2 * d)
    volume = (draws[:, 3] - draws[:, 4]) / (2 * d * GPA)
    at = model.evaluate(a(1200), a(10))
    assert enthalpy.std() == pytest.approx(at.enthalpy_error[0], rel=0.02)
    assert volume.std() == pytest.approx(at.volume_error[0], rel=0.02)


def test_enthalpy_alone_tells_the_gibbs_energy():
    """D vanishes as T^2, so that D - T dD/dT of dynamics says half of D and more, without any Frenkel-Ladd path."""
    full = observed(smooth, [(1600, 0), (1600, 60), (1000, 30)], (1e-3, 6e-4, 4e-3))
    nothing = np.full(3, np.nan)
    less = Departures(
        ATOMS,
        full.temperatures,
        full.pressures_gpa,
        nothing,
        nothing,
        *(full.enthalpy, full.enthalpy_error),
        *(full.volume, full.volume_error),
    )
    found = AnharmonicModel(less, LENGTHS, SCALE).evaluate(a(1600, 1000), a(30, 10))
    assert np.all(found.gibbs_error < 0.55 * prior().evaluate(a(1600, 1000), a(30, 10)).gibbs_error)
    assert np.all(np.abs(found.gibbs_energy - smooth(a(1600, 1000), a(30, 10))) < 2 * found.gibbs_error)


def test_expected_points_leave_the_mean_and_the_errors_that_real_ones_leave():
    errors = PointErrors(1e-3, 6e-4, 4e-3)
    before = AnharmonicModel(observed(smooth, [(1600, 0)], errors), LENGTHS, SCALE)
    real = AnharmonicModel(observed(smooth, [(1600, 0), (1300, 50)], errors, seed=4), LENGTHS, SCALE)
    expected = before.expecting(a(1300), a(50), errors)
    t, p = a(700, 1600, 1600), a(20, 50, 10)
    np.testing.assert_allclose(expected.evaluate(t, p).gibbs_energy, before.evaluate(t, p).gibbs_energy, atol=1e-12)
    np.testing.assert_allclose(expected.evaluate(t, p).gibbs_error, real.evaluate(t, p).gibbs_error, rtol=1e-9)


def test_draws_are_repeated_by_their_seed_and_have_the_covariance():
    model = AnharmonicModel(observed(smooth, [(1600, 0)], (1e-3, 1e-3, 5e-3)), LENGTHS, SCALE)
    t, p = a(700, 1600, 1600), a(0, 0, 60)
    one, other = (model.draws(t, p, 20000, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(np.cov(one.T), model.covariance(t, p), atol=0.03 * model.variance(t, p).max())


def test_errors_are_as_large_as_they_say():
    """Random quadratic shapes of about the size of the prior, three state points with errors, chi^2 of the rest."""
    rng = np.random.default_rng(6)
    places, errors = np.array([(1600, 0), (1600, 60), (1000, 30)], float), (1e-3, 6e-4, 5e-3)
    grid = np.array([(t, p) for t in (700, 1100, 1600) for p in (10, 30, 50)], float)
    squares = []
    for seed in range(60):
        shapes = rng.normal(size=(3, 4)) * [[1.0], [0.5], [0.5]]

        def truth(t, p, shapes=shapes):
            x, y = t / 1600.0, p / 60.0
            f = shapes[0, 0] + shapes[1, 0] * (x - 0.7) + shapes[2, 0] * (y - 0.5) + 0.3 * shapes[0, 1] * y * y
            return ATOMS * SCALE * x**2 * f

        model = AnharmonicModel(observed(truth, places, errors, seed), LENGTHS, SCALE)
        at = model.evaluate(*grid.T)
        squares.append(np.mean(((at.gibbs_energy - truth(*grid.T)) / at.gibbs_error) ** 2))
    assert 0.5 < np.mean(squares) < 1.5


def test_leaving_out_a_point_of_a_smooth_part_is_no_surprise_and_an_instability_is():
    errors = (5e-4, 6e-4, 4e-3)
    places = [(1600, 0), (1600, 30), (1600, 60), (1000, 15), (1000, 45)]
    model = AnharmonicModel(observed(smooth, places, errors, seed=7), LENGTHS, SCALE)
    left_out = leave_one_out(model)
    assert [each.number for each in left_out] == [3] * 5
    assert 0.2 < np.mean([each.chi_squared for each in left_out]) / 3 < 1.6

    def soft(t, p):
        return smooth(t, p) - 0.03 * (t / 1600.0) ** 3 * np.exp(-p / 4.0)

    assert (
        surprise(
            AnharmonicModel(observed(soft, places[1:], errors), LENGTHS, SCALE), observed(soft, places[:1], errors)
        ).chi_squared
        > 30
    )


def seen_from(models, error=1e-4, seed=8):
    """Values of D at two state points, drawn from each model."""
    rng, t, p, off = np.random.default_rng(seed), a(1600, 1600), a(0, 40), np.full(2, np.nan)
    drawn = {name: each.draws(t, p, 1, rng)[0] for name, each in models.items()}
    return {name: Departures(ATOMS, t, p, d, np.full(2, error), off, off, off, off) for name, d in drawn.items()}


@pytest.mark.parametrize("true", [5e-4, 2e-3, 6e-3])
def test_the_scales_are_about_that_of_all_phases_together(true):
    names = [f"phase-{number}" for number in range(8)]
    seen = seen_from(dict.fromkeys(names, prior(true))) | {"new": Departures.none(ATOMS)}
    found = anharmonic_models(seen, dict.fromkeys(seen, LENGTHS))
    assert true / 2 < found["new"].scale < 2 * true
    assert true / 2 < np.mean([found[name].scale for name in names]) < 2 * true


def test_a_phase_near_an_instability_hardly_changes_what_is_expected_of_others():
    names = [f"phase-{number}" for number in range(4)]
    usual = seen_from(dict.fromkeys(names, prior())) | {"new": Departures.none(ATOMS)}
    odd = usual | seen_from({"odd": prior(0.1)})
    before, after = (anharmonic_models(each, dict.fromkeys(each, LENGTHS)) for each in (usual, odd))
    assert after["odd"].scale > 0.02
    assert after["new"].scale == pytest.approx(before["new"].scale, rel=0.4)


def test_without_points_the_scale_is_that_of_the_prior_and_goes_with_the_square_of_the_temperature():
    known = ScalePrior(2e-3, 1600.0, 1e-3, 1e-3, 0.0)
    none = {"one": Departures.none(5)}
    assert anharmonic_models(none, {"one": LENGTHS}, known)["one"].scale == pytest.approx(2e-3)
    assert anharmonic_models(none, {"one": Lengths(800.0, 60.0)}, known)["one"].scale == pytest.approx(5e-4)
    wide = ScalePrior(spread=0.4, between=0.3, outliers=0.0)
    assert adjusted([prior()], wide)[0].scale == pytest.approx(SCALE * np.exp(0.4**2 + 0.3**2), rel=1e-2)
    with pytest.raises(ValueError, match="spreads"):
        ScalePrior(between=0.0)


def test_lengths_are_the_highest_temperature_and_a_quarter_of_the_bulk_modulus():
    t, p = (each.ravel() for each in np.meshgrid([300.0, 1200.0], [0.0, 10.0, 20.0], indexing="ij"))
    v = (30 + t / 1000) * np.exp(-p / 200.0)
    v[-1] = np.nan
    found = lengths_of(PhasePoints(t, p, v, v, v, v))
    assert found.temperature == 1200.0
    assert found.pressure_gpa == pytest.approx(50.0)
    with pytest.raises(ValueError, match="bulk modulus"):
        lengths_of(PhasePoints(t[:1], p[:1], v[:1], v[:1], v[:1], v[:1]))


def test_what_does_not_fit_is_refused():
    ones = np.ones(2)
    with pytest.raises(ValueError, match="one length"):
        Departures(3, ones, np.ones(3), *([ones] * 6))
    with pytest.raises(ValueError, match="errors of enthalpy"):
        Departures(3, ones, ones, ones, ones, ones, -ones, ones, ones)
    with pytest.raises(ValueError, match="positive"):
        Departures(3, 0 * ones, *([ones] * 7))
    with pytest.raises(ValueError, match="not of one phase"):
        Departures.none(3).and_also(Departures.none(6))
    with pytest.raises(ValueError, match="scale"):
        prior(scale=0.0)
    with pytest.raises(ValueError, match="same temperatures"):
        departures(MeasuredPoints(*([ones] * 8)), PhasePoints(2 * ones, *([ones] * 5)), 3)
    with pytest.raises(ValueError, match="lengths of"):
        anharmonic_models({"a": Departures.none(3)}, {})
    with pytest.raises(ValueError, match="one highest temperature"):
        anharmonic_models({name: Departures.none(3) for name in "ab"}, {"a": LENGTHS, "b": Lengths(1200.0, 60.0)})


# TiO2 with the Matsui-Akaogi potential: quasi-harmonic numbers (of 12 to 24 cells a phase) computed for this test, and
# those by dynamics of docs/tio2_free_energies.md.
DYNAMICS = Path(__file__).parents[2] / "examples" / "tio2_free_energies" / "gibbs-energies.csv"
HARMONIC = Path(__file__).parent / "golden" / "tio2_quasi_harmonic.csv"
ENTHALPY_ERROR, VOLUME_ERROR, PATH_ERROR = 6e-4, 4e-3, 3e-4
"""Of 6 ps with some 270 atoms, and of the paths between the points of a phase: eV, angstrom^3, eV."""


def rows(path):
    with path.open() as file:
        return {
            (row["name"], float(row["temperature_k"]), float(row["pressure_gpa"])): row for row in csv.DictReader(file)
        }


def tio2(dynamics, harmonic, name):
    """Departures of a phase; its Gibbs energies share the error of one Frenkel-Ladd point, which goes as T."""
    keys = sorted(key for key in harmonic if key[0] == name and dynamics[key]["gibbs_energy_ev_per_formula_unit"])
    t, p = np.array([key[1:] for key in keys]).T
    columns = (
        "gibbs_energy_ev_per_formula_unit",
        "error_ev_per_formula_unit",
        "enthalpy_ev_per_formula_unit",
        "volume_a3_per_formula_unit",
    )
    g, e, h, v = np.array([[float(dynamics[key][column]) for column in columns] for key in keys]).T
    g0, e0, h0, v0 = np.array([[float(harmonic[key][column]) for column in columns] for key in keys]).T
    measured = MeasuredPoints(
        t, p, g, e, h - 1.5 * ATOMS * KB * t, np.full_like(t, ENTHALPY_ERROR), v, np.full_like(t, VOLUME_ERROR)
    )
    reference = PhasePoints(t, p, g0, e0, h0, v0)
    return departures(measured, reference, ATOMS), lengths_of(reference)


def chosen(found, rule):
    """Indices of the state points to learn from: hottest ones, in the middle or at both ends of the pressures."""
    pressures = np.unique(found.pressures_gpa)
    wanted = [pressures[len(pressures) // 2]] if rule == 1 else pressures[[0, -1]]
    hottest = [np.flatnonzero(found.pressures_gpa == p)[-1] for p in wanted]
    return np.array(sorted(hottest))


UNUSUAL = {("OIanalogue", 0.0), ("cotunnite", 20.0), ("brookite", 20.0)}
"""Ends of the pressures that a phase endures where what dynamics add can't be told from a point elsewhere.

Three of eleven phases: their errors from one state point in the middle are too small there, by factors of 3 to 12.
OIanalogue and cotunnite are why there are shorter lengths at all; anatase, brookite and fluorite came after."""

AT_ODDS = {"brookite"}
"""Not judged without its unusual end, where chi^2 is 4 to 6 times the number: from 0 to 10 GPa its Gibbs energies rise
by 2.5 meV more than the harmonic ones at 1600 K, of which its volumes at both ends account for -0.3 meV."""


@pytest.mark.parametrize(("rule", "unusual"), [(1, False), (2, False), (2, True)])
def test_one_or_two_state_points_of_a_tio2_phase_say_what_the_others_are(rule, unusual):
    dynamics = rows(DYNAMICS)
    harmonic = {key: row for key, row in rows(HARMONIC).items() if unusual or (key[0], key[2]) not in UNUSUAL}
    cases = {name: tio2(dynamics, harmonic, name) for name in sorted({key[0] for key in harmonic})}
    known = {name: picked(case[0], chosen(case[0], rule)) for name, case in cases.items()}
    models = anharmonic_models(known, {name: case[1] for name, case in cases.items()})
    for name in set(cases) - (set() if unusual else AT_ODDS):
        found = cases[name][0]
        ratio, number, rms = held_out(found, models[name].lengths, models[name].scale, chosen(found, rule))
        is_unusual = unusual and name in dict(UNUSUAL)
        assert chi2.sf(ratio, number) > 0.01, name
        assert rms < (10e-3 if is_unusual else 2e-3), name
        assert not is_unusual or models[name].lengths.pressure_gpa < cases[name][1].pressure_gpa / 2, name


@pytest.mark.parametrize(("name", "pressure_gpa"), sorted(UNUSUAL))
def test_the_first_state_point_near_an_instability_is_a_surprise(name, pressure_gpa):
    found, lengths = tio2(rows(DYNAMICS), rows(HARMONIC), name)
    there = np.flatnonzero(found.pressures_gpa == pressure_gpa)[-1:]
    others = picked(found, np.flatnonzero((found.pressures_gpa != pressure_gpa) & (found.temperatures == 1600)))
    model = anharmonic_models({name: others}, {name: lengths})[name]
    assert surprise(model, picked(found, there)).chi_squared > 30


def picked(found, indices):
    names = (
        "temperatures",
        "pressures_gpa",
        "gibbs_energy",
        "gibbs_error",
        "enthalpy",
        "enthalpy_error",
        "volume",
        "volume_error",
    )
    return Departures(found.atoms, *(getattr(found, name)[indices] for name in names))


def held_out(found, lengths, scale, indices):
    """Return chi^2, number and root mean square (eV) of the errors of all Gibbs energies that were not used."""
    signal, noise, values = AnharmonicModel(found, lengths, scale).observations()
    gibbs = np.arange(0, len(values), 3)
    noise[gibbs] = PATH_ERROR**2
    anchor = np.zeros(len(values))
    anchor[gibbs] = found.temperatures * np.median(found.gibbs_error / found.temperatures)
    total = signal + np.diag(noise) + np.outer(anchor, anchor)
    used = (3 * indices[:, None] + np.arange(3)).ravel()
    rest = np.setdiff1d(gibbs, used)
    weights = np.linalg.solve(total[np.ix_(used, used)], total[np.ix_(used, rest)])
    off = values[rest] - weights.T @ values[used]
    left = total[np.ix_(rest, rest)] - total[np.ix_(rest, used)] @ weights
    return off @ np.linalg.solve(left, off), len(off), np.sqrt(np.mean(off**2))
