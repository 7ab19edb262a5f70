"""The error model of the surrogate."""

import numpy as np
import pytest

from aiida_polymorph.landscape.calibration import calibrate, calibrated_error, train_ensemble
from aiida_polymorph.landscape.kernel_ridge import Rows


def test_error_grows_with_spread_and_distance_up_to_the_reach():
    model = np.array([0.1, 0.2, 2.0, 0.5])
    assert calibrated_error(model, np.array([3.0]), np.array([0.0])) == pytest.approx([0.1])
    far = calibrated_error(model, np.array([3.0, 3.0]), np.array([0.5, 9.0]))
    assert far == pytest.approx(np.sqrt([0.01 + 0.04 + 36] * 2))


def test_left_out_residuals_have_unit_variance():
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.1, 2, 500)
    left_out = 1.7 * spread * rng.normal(size=500)
    rows = Rows(np.eye(500), np.zeros(500), np.ones(500))
    model = calibrate(rows, np.zeros(500), left_out, spread, np.ones(500))
    error = calibrated_error(model, spread, np.ones(500))
    assert np.mean((left_out / error) ** 2) == pytest.approx(1, abs=1e-3)
    assert model[2] == pytest.approx(1.7, rel=0.1)


def test_pairs_of_members_share_out_the_phases():
    points = np.random.default_rng(0).normal(size=(20, 3))
    rows = Rows(points @ points.T, points @ np.ones(3), np.ones(20))
    weights, spread = train_ensemble(rows, 0.1, 4, seed=0)
    used = weights != 0
    assert used.sum(axis=1).tolist() == [10] * 4
    assert np.all(used[0] ^ used[1])
    assert np.all(used[2] ^ used[3])
    outputs = weights @ rows.kernel.T
    unseen = outputs[:, 5][~used[:, 5]]
    assert spread[5] == pytest.approx(np.std(unseen, ddof=1))
