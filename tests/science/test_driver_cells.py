"""Compact lattice vectors, triangular cells and what no crystal looks like."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_polymorph.relaxation.driver.cells import reduced, tilted, triangular
from aiida_polymorph.relaxation.driver.plausibility import implausible, shortest_distance


@pytest.mark.parametrize("seed", range(20))
def test_reduced_cell_is_compact_and_of_the_same_lattice(seed):
    rng = np.random.default_rng(seed)
    sheared = np.array([[1, 0, 0], [seed, 1, 0], [-3, 2 * seed, 1]]) @ rng.normal(size=(3, 3)) * 5
    matrix = reduced(sheared)
    assert np.array_equal(matrix, np.round(matrix))
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    lower, _ = triangular(matrix @ sheared)
    assert abs(lower[1, 0]) <= 0.5001 * lower[0, 0]
    assert abs(lower[2, 0]) <= 0.5001 * lower[0, 0]
    assert not tilted(lower)


@pytest.mark.parametrize("handed", [1, -1])
def test_triangular_turns_the_cell(handed):
    cell = np.random.default_rng(3).normal(size=(3, 3))
    cell[2] *= handed
    lower, turn = triangular(cell)
    assert lower @ turn == pytest.approx(cell)
    assert turn @ turn.T == pytest.approx(np.eye(3))
    assert np.all(np.diag(lower) > 0)
    assert np.all(np.triu(lower, 1) == 0)


def test_tilted():
    assert tilted(np.array([[1.0, 0, 0], [0.8, 1, 0], [0, 0, 1]]))
    assert not tilted(np.array([[1.0, 0, 0], [0.7, 1, 0], [0.7, -0.7, 1]]))


def test_shortest_distance_sees_images_of_the_same_atom_and_of_others():
    cell = np.diag([2.0, 5.0, 5.0])
    assert shortest_distance(np.zeros((1, 3)), cell) == pytest.approx(2.0)
    assert shortest_distance(np.array([[0.0, 0.1, 0.0], [0.0, 4.9, 0.0]]), cell) == pytest.approx(0.2)


def test_shortest_distance_in_a_skewed_cell():
    skewed = np.array([[2.0, 0, 0], [6.9, 1.5, 0], [0, 0, 5.0]])
    assert shortest_distance(np.zeros((1, 3)), skewed) == pytest.approx(np.hypot(0.9, 1.5))


def test_implausible():
    atoms = np.array([[0.0, 0, 0], [1.5, 1.5, 1.5]])
    assert implausible(atoms, np.eye(3) * 3.0) == ""
    assert implausible(atoms, np.eye(3) * 15.0) == "exploded"
    assert implausible(atoms, np.eye(3) * 1.2) == "atoms collapsed"
    assert implausible(np.array([[0.0, 0, 0], [0.3, 0, 0]]), np.eye(3) * 3.0) == "atoms collapsed"


@pytest.mark.parametrize("thickness", [0.8, 3.0])
def test_atoms_that_touch_across_a_boundary_have_collapsed(thickness):
    cell = np.diag([4.0, 4.0, thickness])
    apart = np.array([[0.0, 0.0, 0.0], [2.0, 2.0, 0.1]])
    touching = np.array([[0.1, 0.1, 0.05], [3.9, 3.9, thickness - 0.05]])
    assert implausible(apart, cell) == ""
    assert implausible(touching, cell) == "atoms collapsed"
