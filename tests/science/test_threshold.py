import numpy as np
import pytest
from sklearn.cluster import DBSCAN

from aiida_polymorph.landscape.threshold import FALLBACK_EPS, choose_eps, leading_coordinates, raw_dbscan


def copies_of_minima(minima: int = 60, noise: float = 2e-5, seed: int = 0) -> np.ndarray:
    """Points about 0.03 apart, some with copies at the distance that a relaxation leaves."""
    rng = np.random.default_rng(seed)
    centres = 0.02 * rng.standard_normal((minima, 6))
    times = rng.permutation(np.concatenate([np.ones(minima // 2, int), rng.integers(2, 30, minima - minima // 2)]))
    return np.repeat(centres, times, axis=0) + noise * rng.standard_normal((times.sum(), 6))


@pytest.mark.parametrize("noise", [1e-9, 3e-6, 2e-5, 1e-4])
def test_eps_lies_in_the_gap(noise):
    choice = choose_eps(copies_of_minima(noise=noise))
    low, high = choice.gap
    assert low < choice.eps < high
    assert low < 10 * noise
    assert high > 2e-3
    assert choice.merges_in_gap == 0
    assert choice.scan[choice.eps] == (choice.scan[choice.eps][0], 60)


def test_a_few_strays_in_the_gap_do_not_move_eps_out_of_it():
    points = copies_of_minima(400, seed=2)
    strays = points[:3] + np.eye(6)[0] * 4e-4
    choice = choose_eps(np.vstack([points, strays]))
    assert 1e-4 < choice.eps < 1.5e-3


def test_scan_counts_the_clusters_around_eps():
    points = copies_of_minima()
    choice = choose_eps(points, min_samples=3)
    for eps, (clusters, distinct) in choice.scan.items():
        assert clusters == raw_dbscan(points, eps, 3).max() + 1
        assert distinct == raw_dbscan(points, eps, 1).max() + 1
    assert min(choice.scan) < 0.2 * choice.eps < 5 * choice.eps < max(choice.scan)


def test_eps_by_hand_is_kept():
    choice = choose_eps(copies_of_minima(), eps=0.002)
    assert (choice.eps, choice.reason) == (0.002, "set by hand")
    assert choice.gap[0] < 0.002 < choice.gap[1]


def test_without_copies_there_is_no_gap_but_a_default():
    rng = np.random.default_rng(0)
    choice = choose_eps(rng.random((40, 6)))
    assert choice.eps == FALLBACK_EPS
    assert "no minimum was found twice" in choice.reason
    assert choice.scan[FALLBACK_EPS] == (0, 40)


def test_without_a_gap_the_default_is_taken():
    line = np.cumsum(np.geomspace(1e-6, 0.1, 4000))[:, None]
    choice = choose_eps(line)
    assert choice.eps == FALLBACK_EPS
    assert "no gap" in choice.reason


def test_one_structure():
    choice = choose_eps(np.ones((1, 6)))
    assert choice.eps == FALLBACK_EPS
    assert np.isnan(choice.gap).all()
    assert choice.scan[FALLBACK_EPS] == (0, 1)


def test_identical_structures_are_one_minimum():
    choice = choose_eps(np.ones((5, 6)))
    assert choice.scan[choice.eps] == (1, 1)


def test_many_columns_are_reduced_without_changing_the_clusters():
    wide = copies_of_minima() @ np.linalg.qr(np.random.default_rng(5).standard_normal((200, 6)))[0].T
    assert leading_coordinates(wide).shape[1] == 32
    assert choose_eps(wide).eps == choose_eps(copies_of_minima()).eps
    assert np.array_equal(raw_dbscan(wide, 1e-3, 3), raw_dbscan(copies_of_minima(), 1e-3, 3))


def test_empty_sets_and_bad_thresholds_are_refused():
    for function in (choose_eps, lambda points: raw_dbscan(points, 1e-3, 3)):
        with pytest.raises(ValueError, match="no structures to cluster"):
            function(np.zeros((0, 6)))
    with pytest.raises(ValueError, match="eps is 0"):
        choose_eps(np.ones((3, 6)), eps=0)
    with pytest.raises(ValueError, match="min_samples 0"):
        raw_dbscan(np.ones((3, 6)), 1e-3, 0)


def test_many_points_give_the_same_choice_as_few(monkeypatch):
    """Beyond `FEW_POINTS` joins are followed up to a limit only."""
    points = copies_of_minima(200, seed=3)
    for eps in (None, 1e-4, 0.02):
        monkeypatch.setattr("aiida_polymorph.landscape.threshold.FEW_POINTS", 10**6)
        expected = choose_eps(points, eps=eps)
        monkeypatch.setattr("aiida_polymorph.landscape.threshold.FEW_POINTS", 0)
        assert choose_eps(points, eps=eps) == expected


def test_a_merge_far_above_eps_is_found_beyond_the_limit(monkeypatch):
    monkeypatch.setattr("aiida_polymorph.landscape.threshold.FEW_POINTS", 0)
    points = np.repeat(np.eye(2), 5, axis=0) * 3
    choice = choose_eps(points)
    assert np.isclose(choice.gap[1], 3 * np.sqrt(2))
    assert choice.scan[choice.eps] == (2, 2)


@pytest.mark.parametrize("min_samples", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("eps", [1e-5, 6e-5, 2e-4, 0.03])
def test_dbscan_is_that_of_scikit_learn(min_samples, eps):
    points = copies_of_minima(80, seed=4)
    model = DBSCAN(eps=eps, min_samples=min_samples).fit(points)
    found, expected = raw_dbscan(points, eps, min_samples), model.labels_
    assert np.array_equal(found >= 0, expected >= 0)
    compared = np.flatnonzero(found >= 0) if min_samples <= 3 else model.core_sample_indices_
    found, expected = found[compared], expected[compared]
    assert np.array_equal(found[:, None] == found, expected[:, None] == expected)


def test_a_point_at_the_border_of_two_clusters_goes_to_the_nearer_core_point():
    points = np.array([-0.5, -0.5, -0.5, 0.0, 2.0, 2.5, 2.5, 2.5, 1.1, 9.0])[:, None]
    assert raw_dbscan(points, 1.2, 4).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1, -1]
