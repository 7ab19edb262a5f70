"""Phases of known Gibbs energy and entropy, side by side from several sources."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from invented_comparison import (
    ENTROPY,
    ERROR,
    PRESSURES,
    SEARCHED,
    TEMPERATURES,
    enthalpy,
    gibbs,
    invented_comparison,
    volume,
)

from aiida_polymorph.landscape.comparison_record import comparison_entries, comparison_summary
from aiida_polymorph.landscape.entropy_comparison import EntropyPairs, compare_entropies
from aiida_polymorph.report.canvas import new_figure
from aiida_polymorph.report.entropy_panels import entropy_figure
from aiida_polymorph.report.free_energy_curves import FreeEnergyView, free_energy_curve, free_energy_figure
from aiida_polymorph.report.potential_panels import potential_curves, potential_figure
from aiida_polymorph.thermodynamics.diagrams.comparison import (
    agreement,
    between,
    entropy,
    lowest,
    most_often_lowest,
    relative_to,
)
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import quadrature
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import GPA, KB

HOT, COLD = (1600.0, 0.0), (700.0, 0.0)


def test_relative_to_one_phase():
    surfaces = {"a": {HOT: Estimate(1.0, 0.3), COLD: Estimate(2.0, 0.1)}, "b": {HOT: Estimate(3.0, 0.4)}}
    found = relative_to(surfaces, "b", surfaces["b"])
    assert found["a"] == {HOT: pytest.approx((-2.0, 0.5))}
    assert found["b"] == {HOT: (0.0, 0.0)}
    assert relative_to(surfaces, "c", {}) == {"a": {}, "b": {}}


def test_lowest_where_two_or_more_are_known():
    surfaces = {
        "a": {HOT: Estimate(1.0, 0.1), COLD: Estimate(1.0, 0.1)},
        "b": {HOT: Estimate(0.5, 0.1), COLD: Estimate(2.0, 0.1), (1.0, 1.0): Estimate(0.0, 0.1)},
        "c": {(2.0, 2.0): Estimate(0.0, 0.1), (2.0, 3.0): Estimate(0.0, 0.1), (2.0, 4.0): Estimate(0.0, 0.1)},
    }
    assert lowest(surfaces) == {HOT: "b", COLD: "a"}
    assert most_often_lowest(surfaces) == "b"
    assert most_often_lowest({}) is None


def test_entropy_is_the_slope_of_the_gibbs_energy():
    found = entropy(Estimate(gibbs("a", 900.0, 7.0), 1e-3), Estimate(enthalpy("a", 7.0), np.nan), 900.0)
    slope = (gibbs("a", 901.0, 7.0) - gibbs("a", 899.0, 7.0)) / 2
    assert found.value == pytest.approx(-slope / KB)
    assert found.error == pytest.approx(1e-3 / (KB * 900.0))
    with pytest.raises(ValueError, match="temperature is 0"):
        entropy(Estimate(0.0, 0.0), Estimate(0.0, 0.0), 0.0)


def test_between_pressures_a_cubic_is_exact():
    at, fine = np.array([0.0, 10.0, 40.0]), np.linspace(-5, 45, 51)

    def energy(p):
        return (30 * p - 0.05 * p**2 + 1e-4 * p**3) * GPA

    slope = 30 - 0.1 * at + 3e-4 * at**2
    found, error = between(at, energy(at), np.array([0.1, 0.2, 0.3]), slope, fine)
    inside = (fine >= 0) & (fine <= 40)
    assert found[inside] == pytest.approx(energy(fine[inside]))
    assert np.isnan(found[~inside]).all()
    assert error[np.isin(fine, at)] == pytest.approx([0.1, 0.2, 0.3])
    assert error[fine == 5.0] == pytest.approx(0.15, abs=1e-4)


def test_the_error_between_pressures_covers_what_the_cubic_misses():
    at, fine = np.array([0.0, 20.0, 40.0]), np.linspace(0, 40, 41)
    energy, slope = -30 * 50 * np.exp(-fine / 50) * GPA, 30 * np.exp(-at / 50)
    found, error = between(at, -30 * 50 * np.exp(-at / 50) * GPA, np.zeros(3), slope, fine)
    between_them = ~np.isin(fine, at)
    assert (np.abs(found - energy)[between_them] < error[between_them]).all()
    assert error.max() < 0.05


def test_between_leaves_gaps_where_a_phase_does_not_last():
    values, slopes = np.array([1.0, np.nan, 3.0, 4.0]), np.full(4, 1 / GPA)
    at = np.array([0.0, 0.5, 1.5, 2.0, 2.5])
    found, error = between(np.arange(4.0), values, np.full(4, 0.1), slopes, at)
    assert np.isnan(found).tolist() == [False, True, True, False, False]
    assert found[[0, 3, 4]] == pytest.approx([1.0, 3.0, 3.5])
    assert error[[0, 3, 4]] == pytest.approx([0.1] * 3)
    single = between(np.array([5.0]), np.array([2.0]), np.array([0.1]), np.array([1.0]), np.array([4.0, 5.0]))
    assert single[0][1] == 2.0
    assert np.isnan(between(np.arange(4.0), values, np.zeros(4), np.full(4, np.nan), np.array([2.5]))[0]).all()


def test_agreement_ignores_a_constant_of_each_group():
    rng = np.random.default_rng(1)
    groups = np.repeat([0.0, 20.0, 40.0], 5)
    true, shift = rng.normal(size=15), np.repeat([3.0, -7.0, 0.5], 5)
    same = agreement(true + shift, true, groups)
    assert (same.count, same.r, same.rmse) == (15, pytest.approx(1.0), pytest.approx(0.0, abs=1e-12))
    noisy = agreement(
        np.append(true + shift + rng.normal(0, 0.3, 15), 99.0), np.append(true, 0.0), np.append(groups, 9)
    )
    assert noisy.count == 15
    assert noisy.r < 1
    assert noisy.rmse == pytest.approx(0.3, rel=0.4)


def test_agreement_of_too_few_is_unknown():
    two = agreement(np.array([1.0, 2.0]), np.array([1.0, 3.0]), np.zeros(2))
    assert (two.count, two.rmse) == (2, pytest.approx(0.5))
    assert np.isnan(two.r)
    assert np.isnan(agreement(np.zeros(0), np.zeros(0), np.zeros(0)).rmse)
    assert np.isnan(agreement(np.ones(4), np.arange(4.0), np.zeros(4)).r)


TRIPLE = [4.0, 6.0, 9.0]


def test_two_phases_at_a_pressure_have_no_correlation():
    """Pairs at many pressures: relative to their means they are as good as perfectly (anti)correlated by chance."""
    groups = np.repeat(np.arange(4.0), 2)
    estimate, reference = np.tile([1.0, 2.0], 4), np.tile([3.0, 2.5], 4)
    found = agreement(estimate, reference, groups)
    assert (found.count, found.rmse) == (8, pytest.approx(0.75))
    assert np.isnan(found.r)
    more = (np.append(values, added) for values, added in ((estimate, TRIPLE), (reference, TRIPLE), (groups, [9] * 3)))
    third = agreement(*more)
    assert third.r == pytest.approx(1.0)
    assert third.count == 11


def pairs(number: int) -> EntropyPairs:
    """s_b = S - 2 H + a constant of each pressure."""
    rng = np.random.default_rng(2)
    pressures = np.resize([0.0, 20.0], number)
    true, heights = rng.normal(size=number), rng.uniform(0, 1, number)
    basin = true - 2.0 * heights + pressures
    names = tuple(f"phase-{i}" for i in range(number))
    return EntropyPairs(names, pressures, basin, 1e-6 * np.eye(number), true, np.full(number, 1e-3), heights)


def test_the_correction_finds_the_slope_with_the_enthalpy():
    found = compare_entropies(pairs(12))
    assert found.fit.a == pytest.approx(-2.0, abs=0.01)
    assert (found.after.r, found.after.rmse) == (pytest.approx(1.0), pytest.approx(0.0, abs=0.01))
    assert found.before.rmse > 10 * found.after.rmse
    assert found.true[found.pressures_gpa == 20.0].mean() == pytest.approx(0.0, abs=1e-12)


def test_too_few_phases_for_the_correction():
    found = compare_entropies(pairs(4))
    assert (found.corrected, found.after, found.fit) == (None, None, None)
    assert found.before.count == 4
    assert np.isnan(found.before.r)
    assert compare_entropies(replace(pairs(4), pressures_gpa=np.arange(4.0))).before.count == 0
    in_pairs = compare_entropies(replace(pairs(12), pressures_gpa=np.repeat(np.arange(6.0), 2)))
    assert (in_pairs.before.count, in_pairs.fit) == (12, None)
    assert compare_entropies(replace(pairs(4), pressures_gpa=np.zeros(4))).fit is not None


def test_rows_hold_what_was_put_in():
    comparison = invented_comparison()
    rows = {(row["name"], row["temperature_k"], row["pressure_gpa"]): row for row in comparison_entries(comparison)}
    assert len(rows) == 5 * len(TEMPERATURES) * len(PRESSURES)
    row = rows["b", 1600.0, 20.0]
    difference = gibbs("b", 1600.0, 20.0) - gibbs("a", 1600.0, 20.0)
    assert row["relative_integration_ev_per_formula_unit"] == pytest.approx(difference)
    assert row["relative_integration_error_ev_per_formula_unit"] == pytest.approx(ERROR * 2**0.5)
    assert row["relative_harmonic_ev_per_formula_unit"] == pytest.approx(difference + 0.01)
    assert row["relative_basin_ev_per_formula_unit"] == pytest.approx(difference)
    assert row["relative_basin_error_ev_per_formula_unit"] == pytest.approx(KB * 1600.0 * 0.1 * 2**0.5)
    assert row["entropy_kb"] == pytest.approx(ENTROPY["b"])
    assert row["basin_entropy_kb"] == pytest.approx(ENTROPY["b"] + 7.0)
    lost = rows["c", 1600.0, 40.0]
    assert (lost["gibbs_energy_ev_per_formula_unit"], lost["entropy_kb"], lost["reason"]) == (None, None, "it melts")
    assert lost["relative_basin_ev_per_formula_unit"] is None


def test_between_searched_pressures_there_is_no_entropy_but_a_potential():
    row = next(
        row for row in comparison_entries(invented_comparison()) if (row["name"], row["pressure_gpa"]) == ("b", 10)
    )
    assert 10.0 not in SEARCHED
    assert row["basin_entropy_kb"] is None
    assert row["relative_basin_ev_per_formula_unit"] is not None


def test_the_reference_is_interpolated_where_it_has_no_node():
    whole = invented_comparison()
    sparse = {
        source: {
            phase: {place: each for place, each in values.items() if phase != "a" or place[1] != 10.0}
            for phase, values in phases.items()
        }
        for source, phases in whole.measured.items()
    }
    found = replace(whole, measured=sparse)
    value = found.relative["integration"]["b"][700.0, 10.0]
    assert value.value == pytest.approx(whole.relative["integration"]["b"][700.0, 10.0].value, abs=1e-6)
    assert value.error == pytest.approx(ERROR * 2**0.5, abs=1e-6)
    assert [row["name"] for row in comparison_entries(found) if row["pressure_gpa"] == 10.0].count("a") == 0
    stable = [row for row in comparison_summary(found)["stable"] if row["pressure_gpa"] == 10.0]
    assert [row["integration"] for row in stable] == ["a", "b"]


def test_summary():
    summary = comparison_summary(invented_comparison())
    assert [row["temperature_k"] for row in summary["entropies"]] == list(TEMPERATURES)
    assert summary["entropies"][0]["r"] == pytest.approx(1.0)
    assert summary["entropies"][0]["rmse_kb"] == pytest.approx(0.0, abs=1e-9)
    assert summary["harmonic"][0]["r"] > 0.99
    assert summary["harmonic"][0]["mean_difference_ev_per_formula_unit"] == pytest.approx(0.01 * 2.0, abs=0.005)
    stable = {(row["temperature_k"], row["pressure_gpa"]): row for row in summary["stable"]}
    for (temperature, pressure), row in stable.items():
        names = [name for name in ENTROPY if not (name == "c" and pressure == 40.0)]
        assert row["integration"] == min(names, key=lambda name: gibbs(name, temperature, pressure))
    assert stable[700.0, 0.0]["integration"] != stable[700.0, 40.0]["integration"]
    assert all(row["basin"] == row["integration"] for row in stable.values())


def test_curves_go_through_their_marks():
    comparison = invented_comparison()
    pressures = np.linspace(0, 40, 41)
    for source in comparison.sources:
        curve = potential_curves(comparison, source, 700.0, pressures)["b"]
        for pressure, mark in curve.marks.items():
            here = np.isclose(pressures, pressure)
            assert curve.values[here] == pytest.approx(mark.value)
            assert curve.errors[here] == pytest.approx(mark.error)
    curve = potential_curves(comparison, "integration", 700.0, pressures)["b"]
    truth = [gibbs("b", 700.0, p) - gibbs("a", 700.0, p) for p in pressures]
    assert curve.values == pytest.approx(truth, abs=1e-6)


def test_panels_share_their_limits_and_name_each_phase_once():
    figure = potential_figure(invented_comparison(), 700.0)
    assert len(figure.axes) == 3
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    legend = figure.axes[-1].get_legend()
    assert sorted(text.get_text() for text in legend.get_texts()) == sorted(ENTROPY)
    figure.canvas.draw()
    assert not any(legend.get_window_extent().overlaps(ax.get_window_extent()) for ax in figure.axes)


def test_entropy_panels():
    figure = entropy_figure(invented_comparison(), 700.0)
    assert len(figure.axes) == 2
    assert "r = 1.00" in figure.axes[0].get_title(loc="left")


def a_view(method, arrays, checks):
    return FreeEnergyView("rutile", "TiO2", 700.0, 0.0, method, arrays, checks, node=1)


def test_area_of_the_integrand_is_the_integral():
    rule = quadrature(8, 0.02)
    values = 0.3 / (rule.points + 0.02)
    arrays = {
        "points": rule.points,
        "integrand": values,
        "integrand_error": 0.01 * values,
        "steps": np.full(8, 400),
    }
    _, (ax,) = new_figure()
    free_energy_curve(a_view("equilibrium", arrays, {"offset": 0.02}), ax)
    assert any(f"area {0.3 * np.log(51):.5f}" in text.get_text() for text in ax.texts)
    assert sum(text.get_text() == "400" for text in ax.texts) == 8


def test_switching_there_and_back():
    fine = np.linspace(0, 1, 50)
    arrays = {
        "lambda_forward": fine,
        "force_forward": np.cos(fine),
        "lambda_backward": fine[::-1],
        "force_backward": np.cos(fine[::-1]),
        "forward": np.ones(3),
    }
    _, (ax,) = new_figure()
    free_energy_curve(a_view("switching", arrays, {"dissipation": 1e-3, "dissipation_error": 2e-4}), ax)
    assert [line.get_label() for line in ax.lines] == ["there", "back"]
    assert "3 pairs" in ax.get_legend().get_title().get_text()


def test_a_harmonic_free_energy_has_nothing_to_draw():
    harmonic = a_view("harmonic", {}, {})
    assert not harmonic.has_curve
    with pytest.raises(ValueError, match="nothing to draw"):
        free_energy_figure([harmonic])


def test_volume_is_the_slope():
    assert volume("b", 10.0) * GPA == pytest.approx((gibbs("b", 700.0, 10.1) - gibbs("b", 700.0, 9.9)) / 0.2, rel=1e-6)
