"""Kernel ridge regression against its formulas."""

import numpy as np
import pytest

from aiida_polymorph.landscape import kernel_ridge
from aiida_polymorph.landscape.kernel_ridge import (
    Rows,
    cholesky_factor,
    choose_regularisation,
    solve,
    solve_and_leave_out,
)


def problem(sparse: bool, noise: float = 0.01) -> tuple[Rows, np.ndarray]:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 6))
    kernel = points @ points.T + 0.3 * np.eye(40)
    targets = points @ rng.normal(size=6) + noise * rng.normal(size=40)
    weights = rng.uniform(0.5, 1.5, 40)
    weights /= weights.mean()
    if not sparse:
        return Rows(kernel, targets, weights), kernel
    return Rows(kernel[:, :10], targets, weights, cholesky_factor(kernel[:10, :10])), kernel[:10, :10]


@pytest.mark.parametrize("sparse", [False, True])
def test_equals_equation_7(sparse: bool):
    rows, small = problem(sparse)
    inverse = np.diag(rows.weights / 0.2)
    k = rows.kernel
    direct = np.linalg.solve(small + k.T @ inverse @ k, k.T @ inverse @ rows.targets)
    assert solve(rows, 0.2) == pytest.approx(direct, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("sparse", [False, True])
def test_leave_one_out_equals_fitting_without_each(sparse: bool):
    rows, _ = problem(sparse)
    model, left_out = solve_and_leave_out(rows, 0.2)
    assert model == pytest.approx(solve(rows, 0.2))
    for i in (0, 7, 39):
        others = np.delete(np.arange(40), i)
        model = solve(rows.select(others), 0.2)
        row = rows.kernel[i] if sparse else rows.kernel[i, others]
        assert left_out[i] == pytest.approx(rows.targets[i] - row @ model, rel=1e-5)


def test_regularisation_grows_with_the_noise():
    quiet, loud = (choose_regularisation(problem(True, noise)[0], 0) for noise in (1e-4, 3.0))
    assert quiet < loud / 10


def test_large_sets_choose_on_a_part(monkeypatch):
    monkeypatch.setattr(kernel_ridge, "LARGEST_SEARCH", 100)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(130, 3))
    rows = Rows(points @ points.T + 1, points @ np.ones(3), np.ones(130))
    chosen = choose_regularisation(rows, 0)
    assert chosen == choose_regularisation(rows, 0)
    assert np.abs(solve_and_leave_out(rows, chosen)[1]).max() < 1e-4
