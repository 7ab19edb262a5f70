"""The Poisson-lognormal likelihood against direct integration."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, poisson

from aiida_polymorph.landscape.poisson_lognormal import log_likelihood


@pytest.mark.parametrize("scatter", [0.1, 0.6, 1.5])
@pytest.mark.parametrize(("count", "log_mean"), [(0, 1.0), (3, 0.5), (40, 4.5), (900, 6.5)])
def test_equals_the_integral(count: int, log_mean: float, scatter: float):
    def integrand(x: float) -> float:
        return poisson.pmf(count, np.exp(log_mean + scatter * x)) * norm.pdf(x)

    peak = max(-8.0, min(8.0, (np.log(count + 0.5) - log_mean) / scatter))
    direct = quad(integrand, -10, 10, points=[peak], limit=500)[0]
    value = log_likelihood(np.array([float(count)]), np.array([log_mean]), scatter)[0]
    assert value[0] == pytest.approx(np.log(direct), abs=2e-4)


@pytest.mark.parametrize("scatter", [0.0, 0.6])
def test_derivatives(scatter: float):
    counts, at, step = np.array([0.0, 2.0, 70.0]), np.array([0.3, 1.5, 4.0]), 1e-4
    value, first, second = log_likelihood(counts, at, scatter)
    up, down = log_likelihood(counts, at + step, scatter), log_likelihood(counts, at - step, scatter)
    assert first == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-3, rel=1e-3)
    assert second == pytest.approx((up[1] - down[1]) / (2 * step), abs=1e-3, rel=1e-2)
    assert np.all(second < 0)
    assert value.shape == (3,)
