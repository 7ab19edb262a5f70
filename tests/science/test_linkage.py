import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from aiida_polymorph.landscape import linkage as module
from aiida_polymorph.landscape.linkage import by_first_member, link


def prim(points: np.ndarray) -> np.ndarray:
    """Distances of single linkage by Prim's algorithm on all points at once, as plainly as can be."""
    left, distances, heights = list(range(1, len(points))), np.full(len(points), np.inf), []
    last = 0
    while left:
        distances[left] = np.minimum(distances[left], np.linalg.norm(points[left] - points[last], axis=1))
        last = left.pop(int(np.argmin(distances[left])))
        heights.append(distances[last])
    return np.sort(heights)


def clustered(seed: int) -> np.ndarray:
    """Copies, exact and with noise, of minima that lie close together in part, and points that no other is near."""
    rng = np.random.default_rng(seed)
    centres = rng.random((40, 5)) * rng.choice([0.02, 1.0], 40)[:, None]
    times = rng.permutation(np.concatenate([np.ones(20, int), rng.integers(2, 40, 20)]))
    noise = rng.choice([0.0, 1e-9, 1e-5, 1e-3], 40).repeat(times)[:, None]
    return np.repeat(centres, times, axis=0) + noise * rng.standard_normal((times.sum(), 5))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("points", [clustered, lambda seed: np.random.default_rng(seed).random((300, 3))])
@pytest.mark.parametrize("limit", [1e-7, 1e-4, 0.01, 0.1, np.inf])
def test_heights_up_to_the_limit_are_those_of_single_linkage(points, seed, limit):
    points = points(seed)
    expected = prim(points)
    assert np.allclose(expected, linkage(points, "single")[:, 2], rtol=1e-12, atol=1e-14)
    found = link(points, limit)
    known = expected <= found.limit
    assert found.limit >= limit
    assert np.allclose(found.heights[known], expected[known], rtol=1e-12, atol=1e-15)
    assert np.all(np.isinf(found.heights[~known]))


@pytest.mark.parametrize("eps", [1e-8, 3e-5, 4e-3, 0.1])
def test_components_are_those_of_single_linkage(eps):
    points = clustered(7)
    expected = by_first_member(fcluster(linkage(points, "single"), eps, "distance"))
    for limit in (eps, 10 * eps, np.inf):
        assert np.array_equal(link(points, limit).components(eps), expected)


def test_a_limit_parts_the_points_and_is_kept():
    points = np.array([[0.0], [0.1], [5.0], [5.2], [9.0]])
    found = link(points, 1.0)
    assert found.limit == 1.0
    assert np.allclose(found.heights, [0.1, 0.2, np.inf, np.inf])
    with pytest.raises(ValueError, match=r"above the limit 1\.0"):
        found.components(1.5)


def test_too_many_pairs_make_one_part(monkeypatch):
    monkeypatch.setattr(module, "MOST_PAIRS", 10)
    points = clustered(1)
    found = link(points, 0.01)
    assert found.limit == np.inf
    assert np.allclose(found.heights, prim(points), rtol=1e-12, atol=1e-15)


def test_one_point_and_equal_points():
    assert link(np.zeros((1, 3)), 0.1).components(0.1).tolist() == [0]
    assert link(np.ones((4, 3)), 0.1).heights.tolist() == [0.0, 0.0, 0.0]


def test_numbered_by_first_member():
    assert by_first_member(np.array([5, 2, 5, 9, 2])).tolist() == [0, 1, 0, 2, 1]
