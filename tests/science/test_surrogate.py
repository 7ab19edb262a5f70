"""The surrogate: exact where it must be, calibrated, and silent where it knows nothing."""

import numpy as np
import pytest
from synthetic import landscape, unit

from aiida_polymorph.landscape.surrogate import METHODS, Surrogate, fit_surrogate


@pytest.mark.parametrize("method", ["kernel", "ridge"])
def test_a_linear_target_is_recovered(method: str):
    features, targets, labels = landscape(curve=0)
    surrogate = fit_surrogate(features, targets, method=method, groups=labels)
    new, truth, _ = landscape(seed=1, curve=0)
    assert surrogate.predict(new).mean == pytest.approx(truth, abs=1e-3)


def test_a_quadratic_target_is_recovered_by_the_squared_kernel():
    features, targets, labels = landscape()
    new, truth, _ = landscape(seed=1)
    assert fit_surrogate(features, targets, groups=labels).predict(new).mean == pytest.approx(truth, abs=1e-3)


def test_sparse_kernel_is_equation_7():
    features, targets, _ = landscape(copies=1)
    surrogate = fit_surrogate(features, targets, method="sparse-kernel", representatives=8, regularisation=0.1)
    chosen = surrogate.phases[surrogate.representatives]
    k, small = features @ chosen.T, chosen @ chosen.T
    weights = np.linalg.solve(small + k.T @ k / 0.1, k.T @ (targets - targets.mean()) / 0.1)
    assert surrogate.predict(features).mean == pytest.approx(k @ weights + targets.mean(), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_errors_cover_new_phases(method: str):
    features, targets, labels = landscape(phases=200, noise=0.1, copies=1)
    prediction = fit_surrogate(features, targets, method=method, groups=labels).predict(landscape(400, 1, 0, 5)[0])
    truth = landscape(400, 1, 0.1, 5)[1]
    pulls = np.abs(prediction.mean - truth) / prediction.error
    assert np.mean(pulls < 1) == pytest.approx(0.683, abs=0.08)
    assert np.mean(pulls < 1.96) == pytest.approx(0.95, abs=0.04)


def test_copies_neither_change_the_choice_of_lambda_nor_shrink_the_errors():
    features, targets, labels = landscape(noise=0.05, copies=1)
    once = fit_surrogate(features, targets, groups=labels)
    repeated = np.repeat(np.arange(len(targets)), 4)
    again = fit_surrogate(features[repeated], targets[repeated], groups=labels[repeated])
    new = landscape(seed=3)[0]
    assert again.regularisation == pytest.approx(once.regularisation)
    assert again.predict(new).error == pytest.approx(once.predict(new).error, rel=1e-6)


def test_noisy_targets_weigh_less():
    features, targets, labels = landscape(copies=1)
    noise = np.full(len(targets), 0.01)
    targets[0], noise[0] = targets[0] + 50, 100.0
    fit = fit_surrogate(features, targets, groups=labels, noise=noise)
    new, truth, _ = landscape(seed=1)
    assert np.abs(fit.predict(new).mean - truth).max() < 0.05
    assert np.abs(fit_surrogate(features, targets, groups=labels).predict(new).mean - truth).max() > 0.5


def test_extrapolation_is_flagged():
    features, targets, labels = landscape()
    surrogate = fit_surrogate(features, targets, groups=labels)
    far = unit(np.array([[1.0] + [0] * 11, [-1.0] * 12]))
    assert surrogate.predict(far).extrapolation.tolist() == [True, True]
    assert not surrogate.predict(features).extrapolation.any()
    assert surrogate.predict(landscape(seed=1)[0]).extrapolation.mean() < 0.1


def test_other_elements_and_other_features_are_refused():
    features, targets, labels = landscape()
    surrogate = fit_surrogate(features, targets, groups=labels, species=("O", "Ti"))
    assert len(surrogate.predict(features, species=["Ti", "O"]).mean) == len(features)
    with pytest.raises(ValueError, match="trained on O, Ti and can't predict O, Si"):
        surrogate.predict(features, species=("Si", "O"))
    with pytest.raises(ValueError, match="fingerprint settings"):
        surrogate.predict(features[:, :5])
    with pytest.raises(ValueError, match="structure 1 "):
        surrogate.predict(np.where(np.arange(len(features))[:, None] == 1, np.nan, features))


@pytest.mark.parametrize("method", METHODS)
def test_arrays_and_back(method: str, tmp_path):
    features, targets, labels = landscape()
    surrogate = fit_surrogate(features, targets, method=method, groups=labels, species=("O", "Ti"))
    np.savez(tmp_path / "surrogate.npz", **surrogate.to_arrays())
    again = Surrogate.from_arrays(dict(np.load(tmp_path / "surrogate.npz")))
    assert np.array_equal(again.predict(features).mean, surrogate.predict(features).mean)
    assert np.array_equal(again.predict(features).error, surrogate.predict(features).error)
    assert again.species == ("O", "Ti")
    assert type(again.method) is str


def test_the_seed_decides():
    features, targets, labels = landscape(noise=0.1)
    first, same, other = (fit_surrogate(features, targets, groups=labels, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.weights, same.weights)
    assert not np.array_equal(first.weights[1:], other.weights[1:])


def test_constant_features_and_constant_targets():
    features, targets, labels = landscape()
    features[:, 3] = 0.5
    assert np.all(np.isfinite(fit_surrogate(features, targets, method="ridge", groups=labels).predict(features).mean))
    constant = fit_surrogate(features, np.full(len(targets), 2.0), groups=labels).predict(features)
    assert constant.mean == pytest.approx(2.0)
    assert np.all(np.isfinite(constant.error))


@pytest.mark.parametrize("members", [2, 3, 4, 5])
def test_few_members(members: int):
    features, targets, labels = landscape(noise=0.05)
    error = fit_surrogate(features, targets, groups=labels, members=members).predict(features).error
    assert np.all(error > 0)


def test_bad_input_is_named():
    features, targets, labels = landscape()
    broken = targets.copy()
    broken[5] = np.nan
    with pytest.raises(ValueError, match="targets: structure 5"):
        fit_surrogate(features, broken, groups=labels)
    with pytest.raises(ValueError, match="features: structure 2"):
        fit_surrogate(np.where(np.arange(len(features))[:, None] == 2, np.inf, features), targets)
    with pytest.raises(ValueError, match="only 1 different"):
        fit_surrogate(features[:1], targets[:1])
    with pytest.raises(ValueError, match="only 1 different"):
        fit_surrogate(features[:9], targets[:9], groups=np.zeros(9, dtype=int))
    with pytest.raises(ValueError, match="method is 'magic'"):
        fit_surrogate(features, targets, method="magic")
    with pytest.raises(ValueError, match="members is 1"):
        fit_surrogate(features, targets, members=1)
    with pytest.raises(ValueError, match="shapes"):
        fit_surrogate(features, targets[:-1])
    with pytest.raises(ValueError, match="groups has shape"):
        fit_surrogate(features, targets, groups=labels[:-1])
    with pytest.raises(ValueError, match="noise must be above 0"):
        fit_surrogate(features, targets, noise=np.zeros(len(targets)))


def test_of_too_many_phases_a_part_is_trained_on(monkeypatch):
    features, targets, labels = landscape(phases=120, copies=3)
    monkeypatch.setattr("aiida_polymorph.landscape.surrogate.MOST_PHASES", 80)
    surrogate = fit_surrogate(features, targets, groups=labels)
    assert surrogate.phases.shape == (80, features.shape[1])
    new, truth, _ = landscape(seed=1)
    assert np.abs(surrogate.predict(new).mean - truth).mean() < 0.1 * np.std(truth)


def test_predictions_in_blocks_and_from_single_precision(monkeypatch):
    features, targets, labels = landscape()
    surrogate = fit_surrogate(features.astype(np.float32), targets, groups=labels)
    whole = surrogate.predict(features)
    monkeypatch.setattr("aiida_polymorph.landscape.surrogate.BLOCK", 7)
    parts = surrogate.predict(features)
    assert parts.mean == pytest.approx(whole.mean, abs=1e-10)
    assert parts.error == pytest.approx(whole.error, abs=1e-10)
    assert np.array_equal(parts.extrapolation, whole.extrapolation)
    assert surrogate.predict(np.zeros((0, features.shape[1]))).mean.shape == (0,)
