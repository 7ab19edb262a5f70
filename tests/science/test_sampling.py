"""Farthest-point sampling."""

import numpy as np
import pytest

from aiida_polymorph.landscape.sampling import farthest_points, nearest_distance


def test_each_is_the_farthest_from_those_before():
    points = np.random.default_rng(0).normal(size=(60, 4))
    chosen = farthest_points(points, 12)
    for k in range(1, 12):
        distances = nearest_distance(points, points[chosen[:k]])
        assert distances[chosen[k]] == pytest.approx(distances.max())


def test_order_on_a_line_and_the_first_point():
    points = np.array([[0.0], [1.0], [10.0], [4.0]])
    assert farthest_points(points, 3).tolist() == [0, 2, 3]
    assert farthest_points(points, 2, first=3).tolist() == [3, 2]


def test_copies_are_chosen_once():
    points = np.repeat(np.eye(3), 5, axis=0)
    assert len(farthest_points(points, 10)) == 3


def test_covers_better_than_chance():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(500, 3))
    far = nearest_distance(points, points[farthest_points(points, 30)]).max()
    assert far < nearest_distance(points, points[rng.permutation(500)[:30]]).max()


def test_nearest_distance():
    points = np.array([[0.0, 0], [3, 4], [3, 5]])
    assert nearest_distance(points, points[:1]) == pytest.approx([0, 5, np.sqrt(34)])
    assert nearest_distance(points, points, exclude_self=True) == pytest.approx([5, 1, 1])


@pytest.mark.parametrize(("points", "number"), [(np.zeros((0, 3)), 2), (np.zeros((4, 3)), 0), (np.zeros(4), 2)])
def test_nothing_to_choose_from_is_refused(points, number):
    with pytest.raises(ValueError, match="farthest points"):
        farthest_points(points, number)
