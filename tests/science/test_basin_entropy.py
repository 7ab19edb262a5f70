"""Basin entropies: recovered from synthetic counts within their errors; what can't be determined is not."""

import numpy as np
import pytest

from aiida_polymorph.landscape.basin_entropy import BasinEntropy, fit_basin_entropy

SIZES = np.array([2, 3, 4, 6, 8, 9, 12])
PHASES = 10


def drawn(seed: int, scatter: float, total: int = 1000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true entropies, primitive counts and counts of one synthetic search."""
    rng = np.random.default_rng(seed)
    entropy = rng.normal(scale=0.2, size=PHASES)
    primitive = np.tile([1, 1, 2, 1, 3], PHASES // 5)
    log_mean = np.where(SIZES % primitive[:, None] == 0, SIZES * entropy[:, None], -np.inf)
    log_mean += np.log(total / np.exp(log_mean).sum(axis=0))
    rates = np.exp(log_mean + scatter * rng.normal(size=log_mean.shape))
    return entropy, primitive, rng.poisson(rates)


def fitted(seed: int, scatter: float) -> tuple[np.ndarray, BasinEntropy]:
    entropy, primitive, counts = drawn(seed, scatter)
    seen = counts.sum(axis=1) > 0
    fit = fit_basin_entropy(counts[seen], SIZES, primitive[seen])
    return entropy[seen], fit


@pytest.mark.parametrize("scatter", [0.0, 0.6])
def test_intervals_cover_the_truth(scatter: float):
    single, pairs, scatters = [], [], []
    for seed in range(200):
        truth, fit = fitted(seed, scatter)
        assert fit.components == 1
        single.append((fit.entropy - truth + truth.mean()) / fit.error)
        difference, error = fit.difference(0, 3)
        pairs.append((difference - truth[0] + truth[3]) / error)
        scatters.append(fit.overdispersion)
    single = np.concatenate(single)
    assert np.mean(np.abs(single) < 1) == pytest.approx(0.683, abs=0.05)
    assert np.mean(np.abs(single) < 1.96) == pytest.approx(0.95, abs=0.025)
    assert np.mean(np.abs(pairs) < 1) == pytest.approx(0.683, abs=0.1)
    assert np.mean(np.abs(pairs) < 1.96) == pytest.approx(0.95, abs=0.05)
    assert np.mean(scatters) == pytest.approx(scatter, abs=0.05)


def test_poisson_errors_alone_would_not_cover_scattered_counts():
    outside = []
    for seed in range(20):
        truth, primitive, counts = drawn(seed, 0.6)
        seen = counts.sum(axis=1) > 0
        fit = fit_basin_entropy(counts[seen], SIZES, primitive[seen], overdispersion=0.0)
        outside.append(np.abs(fit.entropy - truth[seen] + truth[seen].mean()) > 1.96 * fit.error)
        assert fit.overdispersion == 0
        assert fit.overdispersion_error == 0
    assert np.mean(np.concatenate(outside)) > 0.4


def test_chi_squared_tells_scatter_from_poisson_noise():
    poisson = np.mean([fitted(seed, 0.0)[1].chi2_per_dof for seed in range(10)])
    scattered = np.mean([fitted(seed, 0.6)[1].chi2_per_dof for seed in range(10)])
    assert poisson == pytest.approx(1.0, abs=0.3)
    assert scattered > 5


def test_two_phases_at_one_size_differ_by_the_logarithm_of_their_counts():
    fit = fit_basin_entropy(np.array([[400], [100]]), np.array([4]), np.array([1, 1]), overdispersion=0.0)
    difference, error = fit.difference(0, 1)
    assert difference == pytest.approx(np.log(4) / 4)
    assert error == pytest.approx(np.sqrt(1 / 400 + 1 / 100) / 4)
    assert np.isnan(fit.chi2_per_dof)


def test_constants_reproduce_the_totals():
    _, primitive, counts = drawn(1, 0.0)
    fit = fit_basin_entropy(counts, SIZES, primitive, overdispersion=0.0)
    rates = np.exp(SIZES * fit.entropy[:, None] + fit.constants) * (SIZES % primitive[:, None] == 0)
    assert rates.sum(axis=0) == pytest.approx(counts.sum(axis=0))


def test_gauge_is_the_mean_and_the_covariance_agrees():
    fit = fitted(0, 0.6)[1]
    assert fit.entropy.mean() == pytest.approx(0, abs=1e-12)
    assert np.allclose(fit.covariance.sum(axis=0), 0, atol=1e-10)
    assert np.allclose(fit.covariance, fit.covariance.T)
    assert np.linalg.eigvalsh(fit.covariance).min() > -1e-10
    assert fit.error == pytest.approx(np.sqrt(np.diagonal(fit.covariance)))


def test_zeros_count_where_the_phase_could_have_appeared():
    counts = np.array([[50, 50], [50, 50], [50, 0]])
    possible = fit_basin_entropy(counts, np.array([3, 4]), np.array([1, 1, 1]), overdispersion=0.0)
    impossible = fit_basin_entropy(counts, np.array([3, 4]), np.array([1, 1, 3]), overdispersion=0.0)
    assert impossible.difference(2, 0)[0] == pytest.approx(0, abs=1e-6)
    assert possible.difference(2, 0)[0] < -0.1


def test_a_phase_at_one_size_is_linked_by_the_others():
    counts = np.array([[200, 400], [100, 100], [0, 50]])
    fit = fit_basin_entropy(counts, np.array([2, 4]), np.array([1, 1, 4]), overdispersion=0.0)
    assert np.all(np.isfinite(fit.entropy))
    assert fit.error[2] > 0


def test_a_find_where_the_primitive_count_forbids_it_is_used():
    counts = np.array([[100, 100], [100, 100]])
    fit = fit_basin_entropy(counts, np.array([2, 3]), np.array([1, 2]), overdispersion=0.0)
    assert fit.difference(0, 1)[0] == pytest.approx(0, abs=1e-6)


def test_unlinked_phases_are_undetermined_with_the_reason():
    counts = np.array([[9, 0, 0], [20, 12, 0], [5, 4, 0], [0, 0, 40], [0, 0, 60]])
    fit = fit_basin_entropy(counts, np.array([2, 4, 9]), np.array([2, 2, 2, 9, 3]))
    assert fit.component.tolist() == [0, 0, 0, 1, 1]
    assert fit.components == 2
    assert np.isfinite(fit.entropy).tolist() == [True, True, True, False, False]
    assert np.isnan(fit.covariance[0, 3])
    assert np.isnan(fit.covariance[3, 4])
    assert np.isnan(fit.constants).tolist() == [False, False, True]
    assert fit.reason[0] == ""
    assert "9 formula units" in fit.reason[3]


def test_scatter_stays_uncertain_without_degrees_of_freedom():
    fit = fit_basin_entropy(np.array([[400], [100]]), np.array([4]), np.array([1, 1]))
    assert fit.overdispersion_error > 0.3
    assert fit.error[0] > 0.1


def test_one_phase_has_entropy_zero_by_the_gauge():
    fit = fit_basin_entropy(np.array([[5, 9]]), np.array([2, 4]), np.array([1]))
    assert fit.entropy.tolist() == [0]
    assert fit.error[0] == pytest.approx(0, abs=1e-9)


def test_counts_over_many_orders_of_magnitude():
    counts = np.array([[100000, 3], [1, 50000], [10, 10]])
    fit = fit_basin_entropy(counts, np.array([2, 12]), np.array([1, 1, 1]))
    assert np.all(np.isfinite(fit.entropy))
    assert np.all(np.isfinite(fit.covariance))


@pytest.mark.parametrize(
    ("counts", "sizes", "primitive", "message"),
    [
        (np.zeros((0, 2)), [2, 4], [], "at least one"),
        (np.zeros((0, 0)), [], [], "at least one"),
        ([[1, 2]], [2], [1], "sizes has shape"),
        ([[1, 2]], [2, 4], [1, 1], "primitive"),
        ([[1, -2]], [2, 4], [1], "whole numbers"),
        ([[1, 2.5]], [2, 4], [1], "whole numbers"),
        ([[1, np.nan]], [2, 4], [1], "whole numbers"),
        ([[1, 2], [0, 0]], [2, 4], [1, 1], "phase 1 was never found"),
        ([[1, 2]], [2, 2], [1], "different"),
        ([[1, 2]], [2, 4], [0], "primitive"),
    ],
)
def test_bad_tables_are_refused(counts, sizes, primitive, message):
    with pytest.raises(ValueError, match=message):
        fit_basin_entropy(np.array(counts), np.array(sizes), np.array(primitive))


@pytest.mark.parametrize("scatter", [-0.1, np.nan])
def test_bad_overdispersion_is_refused(scatter):
    with pytest.raises(ValueError, match="overdispersion"):
        fit_basin_entropy(np.array([[1, 2]]), np.array([2, 4]), np.array([1]), overdispersion=scatter)
