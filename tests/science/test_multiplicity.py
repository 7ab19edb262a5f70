"""How many ways there are to be a phase: counted by brute force, and used in the fit."""

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from aiida_polymorph.landscape.basin_entropy import fit_basin_entropy

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "tio2_paper"))

from multiplicity import log_multiplicity, sublattices


def hermite_normal_forms(index):
    """All lower triangular matrices with this determinant and rows reduced."""
    for a, b, c in product(range(1, index + 1), repeat=3):
        if a * b * c == index:
            yield from ((a, b, c, d, e, f) for d in range(b) for e, f in product(range(c), repeat=2))


@pytest.mark.parametrize("index", range(1, 13))
def test_sublattices_are_the_hermite_normal_forms(index):
    assert sublattices(index) == len(set(hermite_normal_forms(index)))


def test_known_values():
    got = log_multiplicity(np.array([2, 4, 3]), np.array([1, 2]), np.array([48, 1]))
    expected = np.log([[7 / 2 / 48, 35 / 4 / 48, 13 / 3 / 48], [1, 7 / 2, 1]])
    np.testing.assert_allclose(got, expected)


@pytest.mark.parametrize(
    ("sizes", "primitive", "order", "message"),
    [([0], [1], [1], "1 or more"), ([2], [1, 1], [1], "shape"), ([2], [1], [0], "1 or more")],
)
def test_bad_input(sizes, primitive, order, message):
    with pytest.raises(ValueError, match=message):
        log_multiplicity(np.array(sizes), np.array(primitive), np.array(order))


def test_an_index_below_one():
    with pytest.raises(ValueError, match="index is 0"):
        sublattices(0)


def test_the_fit_recovers_entropies_that_symmetry_hides():
    rng = np.random.default_rng(5)
    sizes, primitive = np.array([2, 4, 6]), np.array([1, 2, 1, 2, 1, 2])
    order = np.array([48, 1, 4, 16, 2, 8])
    entropy, constants = rng.normal(0, 0.3, 6), np.array([7.5, 7.0, 6.5])
    offset = log_multiplicity(sizes, primitive, order)
    counts = rng.poisson(np.exp(sizes * entropy[:, None] + constants + offset))
    plain = fit_basin_entropy(counts, sizes, primitive)
    fit = fit_basin_entropy(counts, sizes, primitive, log_multiplicity=offset)
    truth = entropy - entropy.mean()
    assert np.all(np.abs(fit.entropy - truth) < 4 * fit.error + 1e-3)
    assert np.abs(plain.entropy - truth).max() > 5 * np.abs(fit.entropy - truth).max()
    assert fit.chi2_per_dof < 3 < plain.chi2_per_dof


def test_the_fit_refuses_a_multiplicity_of_another_shape():
    with pytest.raises(ValueError, match="log_multiplicity"):
        fit_basin_entropy(np.ones((2, 1)), np.array([2]), np.array([1, 1]), log_multiplicity=np.zeros((1, 1)))
