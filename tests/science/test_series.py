"""Means of correlated samples: errors that tell the truth, controls, refusals."""

import numpy as np
import pytest
from scipy.signal import lfilter

from aiida_polymorph.thermodynamics.sampling.series import (
    controlled_mean,
    series_mean,
    statistical_inefficiency,
)

REPLICAS = 1000


def autoregressive(correlation, samples, replicas, seed=0):
    """Series of mean 0 and variance 1, whose inefficiency is (1 + c) / (1 - c), shape (replicas, samples)."""
    noise = np.random.default_rng(seed).normal(size=(replicas, samples))
    noise[:, 1:] *= np.sqrt(1 - correlation**2)
    return lfilter([1.0], [1.0, -correlation], noise, axis=1)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_known_inefficiency(correlation):
    series = autoregressive(correlation, 20_000, 8)
    found = np.mean([statistical_inefficiency(each) for each in series])
    assert found == pytest.approx((1 + correlation) / (1 - correlation), rel=0.06)


@pytest.mark.parametrize(("correlation", "samples"), [(0.0, 40), (0.0, 400), (0.5, 200), (0.9, 1000), (0.95, 2000)])
def test_errors_cover(correlation, samples):
    """Of Gaussian errors 68 % lie within one error bar and 95 % within two; here are 40 independent samples or more."""
    means = [series_mean(each) for each in autoregressive(correlation, samples, REPLICAS)]
    off = np.abs([each.value / each.error for each in means])
    assert 0.62 < np.mean(off < 1) < 0.75
    assert 0.90 < np.mean(off < 2) < 0.985
    true = np.std([each.value for each in means])
    assert np.sqrt(np.mean([each.error**2 for each in means])) == pytest.approx(true, rel=0.12)


@pytest.mark.parametrize(("correlation", "samples"), [(0.5, 15), (0.9, 100)])
def test_errors_of_five_independent_samples_are_too_small_by_less_than_a_third(correlation, samples):
    means = [series_mean(each) for each in autoregressive(correlation, samples, REPLICAS)]
    true = np.std([each.value for each in means])
    assert 0.67 < np.sqrt(np.mean([each.error**2 for each in means])) / true < 1.1


def test_anticorrelated_samples_are_not_trusted_to_be_better_than_independent_ones():
    series = autoregressive(-0.5, 2000, 1)[0]
    assert statistical_inefficiency(series) == 1.0


def test_a_drifting_series_has_a_large_error():
    found = series_mean(np.linspace(0.0, 1.0, 500))
    assert found.effective < 6
    assert found.error > 0.1
    assert series_mean(np.linspace(0.0, 1.0, 4)).error > 0.1


def test_controls_take_the_noise_away_that_they_explain():
    rng = np.random.default_rng(1)
    controls = rng.normal(size=(REPLICAS, 200, 2))
    rest = 0.1 * autoregressive(0.5, 200, REPLICAS, seed=2)
    series = 3.0 + 2.0 * controls[..., 0] - 1.5 * controls[..., 1] + rest
    plain = [series_mean(each) for each in series]
    found = [controlled_mean(*each) for each in zip(series, controls, strict=True)]
    assert np.mean([each.error for each in plain]) > 8 * np.mean([each.error for each in found])
    off = np.array([(each.value - 3.0) / each.error for each in found])
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(REPLICAS)
    assert 0.60 < np.mean(np.abs(off) < 1) < 0.76
    assert 0.90 < np.mean(np.abs(off) < 2) < 0.985


def test_controls_that_explain_nothing_do_no_harm():
    rng = np.random.default_rng(3)
    series, controls = rng.normal(size=(REPLICAS, 60)), rng.normal(size=(REPLICAS, 60, 3))
    found = [controlled_mean(*each) for each in zip(series, controls, strict=True)]
    off = np.abs([each.value / each.error for each in found])
    assert 0.60 < np.mean(off < 1) < 0.76


@pytest.mark.parametrize("series", [[], [1.0], [1.0, 2.0, 3.0], [1.0, 2.0, np.nan, 3.0], [1.0, np.inf, 2.0, 3.0], 5.0])
def test_refusals(series):
    with pytest.raises(ValueError, match="4 finite samples or more"):
        series_mean(np.array(series))
