"""The correction s_b - a H."""

import numpy as np
import pytest

from aiida_polymorph.landscape.entropy_correction import enthalpy_correction, fit_a

A = -0.9


def synthetic(seed: int, phases: int, scatter: float) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    enthalpy, true = rng.uniform(0, 0.5, phases), rng.normal(scale=0.2, size=phases)
    mixing = rng.normal(scale=0.05, size=(phases, phases))
    covariance = mixing @ mixing.T / phases * 2
    noise = rng.multivariate_normal(np.zeros(phases), covariance)
    return true + A * enthalpy + 3 + noise + rng.normal(scale=scatter, size=phases), covariance, enthalpy, true


def test_correction():
    assert enthalpy_correction(np.array([1.0, 2.0]), np.array([0.1, 0.3]), -2.0).tolist() == [1.2, 2.6]


@pytest.mark.parametrize("scatter", [0.0, 0.15])
def test_a_within_its_error(scatter: float):
    fits = [fit_a(*synthetic(seed, 20, scatter)) for seed in range(200)]
    pulls = np.array([(fit.a - A) / fit.error for fit in fits])
    assert np.mean(np.abs(pulls) < 1) == pytest.approx(0.683, abs=0.1)
    assert np.mean(np.abs(pulls) < 1.96) == pytest.approx(0.95, abs=0.05)
    assert np.mean([fit.scatter for fit in fits]) == pytest.approx(scatter, abs=0.03)


def test_a_common_shift_and_the_gauge_change_nothing():
    entropy, covariance, enthalpy, true = synthetic(3, 12, 0.1)
    shifted = fit_a(entropy + 7, covariance + 5, enthalpy - 40, true)
    fit = fit_a(entropy, covariance, enthalpy, true)
    assert shifted.a == pytest.approx(fit.a, rel=1e-3)
    assert shifted.error == pytest.approx(fit.error, rel=1e-3)


def test_exact_data_and_better_correlation():
    enthalpy, true = np.linspace(0, 1, 8), np.sin(np.arange(8.0))
    fit = fit_a(true + A * enthalpy, np.zeros((8, 8)), enthalpy, true)
    assert fit.a == pytest.approx(A, abs=1e-6)
    assert fit.corrected_correlation == pytest.approx(1)
    assert fit.correlation < 0.95


def test_undetermined_phases_are_left_out():
    entropy, covariance, enthalpy, true = synthetic(0, 10, 0.1)
    entropy[4] = np.nan
    covariance[4] = covariance[:, 4] = np.nan
    assert fit_a(entropy, covariance, enthalpy, true).phases == 9


def test_too_few_phases_or_one_enthalpy_are_refused():
    with pytest.raises(ValueError, match="only 2 phases"):
        fit_a(np.array([1, 2.0]), np.eye(2), np.array([1, 2.0]), np.array([1, 2.0]))
    with pytest.raises(ValueError, match="enthalpy"):
        fit_a(np.array([1, 2.0, 4]), np.eye(3), np.ones(3), np.array([1, 2.0, 3]))
