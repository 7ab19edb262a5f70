"""Chemical potentials: interpolation, extrapolation, errors, probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from aiida_polymorph.thermodynamics.diagrams.chemical_potential import (
    ChemicalPotentials,
    difference_errors,
    probability_stable,
)
from aiida_polymorph.units import GPA, KB

BULK = 200.0
"""-dP/dlnV of the model solid, GPa."""


def model(volumes, enthalpies, entropies, pressures=(0.0, 20.0, 40.0), covariance=0.0, **changes):
    """Phases whose volume is V0 exp(-P / BULK), found at every pressure."""
    pressures = np.asarray(pressures, dtype=float)
    shape = (len(volumes), len(pressures))
    volume = np.asarray(volumes, dtype=float)[:, None] * np.exp(-pressures / BULK)
    work = np.asarray(volumes, dtype=float)[:, None] * BULK * GPA * (1 - np.exp(-pressures / BULK))
    arrays = {
        "names": tuple("abcdefgh"[: len(volumes)]),
        "pressures_gpa": pressures,
        "enthalpy": np.asarray(enthalpies, dtype=float)[:, None] + work,
        "enthalpy_error": np.zeros(shape),
        "entropy": np.repeat(np.asarray(entropies, dtype=float)[:, None], shape[1], axis=1),
        "entropy_covariance": np.repeat((covariance * np.eye(shape[0]))[None], shape[1], axis=0),
        "volume": volume,
        "method": np.full(shape, "basin"),
    }
    return ChemicalPotentials(**{**arrays, **changes})


def exact(volume, enthalpy, entropy, temperature, pressure):
    return enthalpy + volume * BULK * GPA * (1 - np.exp(-pressure / BULK)) - KB * temperature * entropy


def test_searched_pressure_gives_back_its_own_numbers():
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, -0.1])
    found = potentials.evaluate(1000, 20.0)
    assert found.mu == pytest.approx(potentials.enthalpy[:, 1] - KB * 1000 * potentials.entropy[:, 1], abs=1e-14)
    assert found.method.tolist() == ["basin", "basin"]


def test_interpolation_follows_the_volume():
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, -0.1])
    without = replace(potentials, volume=np.full((2, 3), np.nan))
    true = exact(30.0, 0.0, 0.1, 1000, 13.0)
    assert potentials.evaluate(1000, 13.0).mu[0] == pytest.approx(true, abs=2e-5)
    assert abs(without.evaluate(1000, 13.0).mu[0] - true) > 0.02


def test_one_pressure_extrapolates_by_v_dp():
    potentials = model([30.0], [1.0], [0.5], pressures=[20.0])
    at, beyond = potentials.evaluate(700, 20.0), potentials.evaluate(700, 23.0)
    assert beyond.mu[0] - at.mu[0] == pytest.approx(potentials.volume[0, 0] * 3.0 * GPA, rel=1e-12)
    assert beyond.method[0] == "extrapolated"


def test_extrapolation_uses_the_compressibility_that_is_known():
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, -0.1])
    assert potentials.evaluate(500, 55.0).mu[1] == pytest.approx(exact(28.0, 0.2, -0.1, 500, 55.0), abs=1e-10)


def test_phase_lost_at_one_pressure_is_carried_from_the_other():
    potentials = model([30.0, 28.0, 26.0], [0.0, 0.2, 0.5], [0.1, -0.1, 0.3])
    method, enthalpy = potentials.method.copy().astype("<U12"), potentials.enthalpy.copy()
    method[0, 1], enthalpy[0, 1] = "absent", np.nan
    entropy = potentials.entropy + np.array([0.0, 7.0, 0.0])  # another zero at 20 GPa
    entropy[0, 1] = np.nan
    lost = replace(potentials, method=method, enthalpy=enthalpy, entropy=entropy)
    found = lost.evaluate(900, 10.0)
    assert found.method.tolist() == ["extrapolated", "basin", "basin"]
    true = exact(30.0, 0.0, 0.1, 900, 10.0) - exact(28.0, 0.2, -0.1, 900, 10.0)
    assert found.mu[0] - found.mu[1] == pytest.approx(true, abs=2e-5)
    there = lost.evaluate(900, 20.0)
    assert np.isnan(there.mu[0])
    assert there.reason[0] == "not known at this pressure"


def test_undetermined_entropy_is_unknown_with_its_reason_but_not_at_zero_temperature():
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, np.nan])
    assert np.isnan(potentials.evaluate(300, 20.0).mu[1])
    assert "undetermined" in potentials.evaluate(300, 20.0).reason[1]
    assert potentials.evaluate(0, 20.0).mu[1] == pytest.approx(potentials.enthalpy[1, 1])


def test_stored_reason_is_kept():
    reason = np.array([["", "", ""], ["extrapolation", "", ""]])
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, 0.0], reason=reason)
    assert potentials.evaluate(300, 10.0).reason.tolist() == ["", "extrapolation"]


def test_surrogate_at_one_end_marks_the_whole_stretch():
    method = np.array([["basin", "surrogate", "basin"]])
    potentials = model([30.0], [0.0], [0.1], method=method)
    assert potentials.evaluate(300, 10.0).method[0] == "surrogate"


def test_perfectly_correlated_entropies_leave_no_error_in_the_difference():
    covariance = np.repeat(np.full((1, 2, 2), 0.3**2), 3, axis=0)
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, -0.1], entropy_covariance=covariance)
    found = potentials.evaluate(1500, 20.0)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(KB * 1500 * 0.3)
    assert found.error_relative_to(0) == pytest.approx([0, 0], abs=1e-10)


def test_independent_errors_add_in_squares_between_phases_and_between_searches():
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, -0.1], covariance=0.2**2)
    at, between = potentials.evaluate(1000, 20.0), potentials.evaluate(1000, 10.0)
    assert at.error_relative_to(0)[1] == pytest.approx(KB * 1000 * 0.2 * np.sqrt(2))
    assert between.error_relative_to(0)[1] == pytest.approx(KB * 1000 * 0.2)


def test_enthalpy_errors_of_a_phase_are_carried_along_its_pressures():
    potentials = model([30.0, 28.0], [0, 0], [0, 0], enthalpy_error=np.array([[0.0, 0, 0], [0.01, 0.03, 0.03]]))
    assert potentials.evaluate(0, 10.0).error_relative_to(0)[1] == pytest.approx(0.02)


def test_a_constant_added_to_all_entropies_of_a_pressure_changes_no_difference():
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, -0.1])
    shifted = replace(potentials, entropy=potentials.entropy + np.array([3.0, -1.0, 0.0]))
    for pressure in (0.0, 7.0, 20.0, 50.0):
        a, b = potentials.evaluate(1200, pressure).mu, shifted.evaluate(1200, pressure).mu
        assert np.diff(a) == pytest.approx(np.diff(b), abs=1e-12)


def test_probability_of_two_phases_is_the_normal_distribution():
    covariance = np.array([[0.01, 0.004], [0.004, 0.02]])
    sigma = np.sqrt(0.01 + 0.02 - 0.008)
    found = probability_stable(np.array([0.0, 0.1]), covariance)
    assert found[0] == pytest.approx(norm.cdf(0.1 / sigma), abs=1e-12)
    assert found.sum() == pytest.approx(1)


def test_probability_of_equal_phases_is_shared():
    found = probability_stable(np.zeros(4), 0.1 * np.eye(4), samples=40000)
    assert found == pytest.approx([0.25] * 4, abs=0.01)
    assert found.tolist() == probability_stable(np.zeros(4), 0.1 * np.eye(4), samples=40000).tolist()


def test_probability_of_three_phases_agrees_with_quadrature():
    mu, sigma = np.array([0.0, 0.05, 0.1]), np.array([0.05, 0.08, 0.1])
    x = np.linspace(-0.8, 0.8, 4001)
    density = norm.pdf(x, mu[0], sigma[0]) * norm.sf(x, mu[1], sigma[1]) * norm.sf(x, mu[2], sigma[2])
    true = density.sum() * (x[1] - x[0])
    assert probability_stable(mu, np.diag(sigma**2), samples=100000)[0] == pytest.approx(true, abs=0.006)


def test_without_errors_the_lowest_is_certain_and_the_unknown_stays_unknown():
    found = probability_stable(np.array([0.1, np.nan, 0.0]), np.zeros((3, 3)))
    assert found[[0, 2]].tolist() == [0.0, 1.0]
    assert np.isnan(found[1])


def test_above_hull_and_stable_phase():
    found = model([30.0, 28.0], [0.0, 0.2], [0.0, 0.0]).evaluate(0, 0.0)
    assert found.stable == 0
    assert found.above_hull == pytest.approx([0.0, 0.2])
    assert found.probability_stable.tolist() == [1.0, 0.0]


def test_nothing_known_has_no_stable_phase():
    found = model([30.0], [np.nan], [0.0], method=np.full((1, 3), "absent")).evaluate(300, 5.0)
    assert found.stable is None
    assert np.isnan(found.above_hull).all()
    assert np.isnan(found.probability_stable).all()


def test_difference_errors_of_a_gauge_fixed_covariance():
    covariance = np.array([[0.5, -0.5], [-0.5, 0.5]])
    assert difference_errors(covariance, 0) == pytest.approx([0, np.sqrt(2)])


def test_arrays_there_and_back():
    potentials = model([30.0, 28.0], [0.0, 0.2], [0.1, -0.1], covariance=0.01)
    again = ChemicalPotentials.from_arrays(potentials.names, potentials.to_arrays())
    assert again.evaluate(800, 33.0).mu.tolist() == potentials.evaluate(800, 33.0).mu.tolist()
    assert again.reason.shape == (2, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pressures": np.array([0.0, 0.0, 1.0])}, "pressures must rise"),
        ({"enthalpy": np.zeros((2, 3))}, "enthalpy has shape"),
        ({"entropy_covariance": np.zeros((1, 1))}, "entropy_covariance has shape"),
        ({"method": np.full((1, 3), "guess")}, "guess"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        model([30.0], [0.0], [0.0], **change)


def test_negative_temperature_is_refused():
    with pytest.raises(ValueError, match="temperature is -1"):
        model([30.0], [0.0], [0.0]).evaluate(-1, 0)
