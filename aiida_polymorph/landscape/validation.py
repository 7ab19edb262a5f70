"""How good a surrogate is, for three kinds of structures that it had not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_polymorph.landscape.surrogate import Prediction, fit_surrogate, group_labels

SPLITS = ("random", "novel", "cluster")
CLUSTER_FOLDS = 5
MOST_TRAINING_SCORES = 1000


@dataclass(frozen=True, eq=False)
class SplitScores:
    """Errors of predictions, in the unit of the targets; nan where there was nothing to test on.

    Attributes:
        mae, rmse, r2: mean absolute and root-mean-square error, and the coefficient of determination, on the test set.
        train_mae, train_rmse, train_r2: the same on the training set (at most 1000 of it, by chance).
        coverage_68, coverage_95: part of the test set within 1 and 1.96 standard errors.
        deviation: root-mean-square residual in units of the error; 1 where these are right.
        extrapolations: how many test predictions were flagged; they are in all the numbers.
        actual, predicted, error: test set, shape (t,).
    """

    mae: float
    rmse: float
    r2: float
    train_mae: float
    train_rmse: float
    train_r2: float
    coverage_68: float
    coverage_95: float
    deviation: float
    extrapolations: int
    actual: np.ndarray
    predicted: np.ndarray
    error: np.ndarray

    def to_dict(self) -> dict[str, float | int | None]:
        """Return the numbers without the test set; nan as None."""
        numbers = {name: value for name, value in vars(self).items() if not isinstance(value, np.ndarray)}
        return {"tested": len(self.actual)} | {k: None if np.isnan(v) else v for k, v in numbers.items()}


def evaluate(
    features: np.ndarray,
    targets: np.ndarray,
    groups: np.ndarray | None = None,
    *,
    test_fraction: float = 0.2,
    min_samples: int = 3,
    noise: np.ndarray | None = None,
    seed: int = 0,
    **settings: Any,
) -> dict[str, SplitScores]:
    """Test a surrogate in three ways.

    Returns `random`: a random part of the structures, most of which have a copy in the training set; `novel`: those
    of them whose phase has no copy there; `cluster`: phases found at least `min_samples` times, held out whole, a
    fifth of them at a time, until each was held out once.

    Args:
        features, targets, groups, noise: as for `fit_surrogate`. Give minima found twice one label too, else they
            pass for novel with a copy in the training set.
        test_fraction: of the random split.
        min_samples: how many copies make a cluster.
        seed: of the splits and of the ensemble.
        settings: handed to `fit_surrogate`.

    Raises:
        ValueError: as `fit_surrogate`, and if the test set would be empty or everything.
    """
    features, targets = np.asarray(features), np.asarray(targets, dtype=float)
    labels = group_labels(groups, len(targets))
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(targets), dtype=bool)
    held_out[rng.permutation(len(targets))[: round(test_fraction * len(targets))]] = True
    if not 0 < held_out.sum() < len(targets):
        raise ValueError(f"test_fraction {test_fraction} of {len(targets)} structures leaves one set empty")
    data = _Data(features, targets, labels, noise, {"seed": seed, **settings})
    tested, trained = data.predict_without(held_out)
    novel = ~np.isin(labels[held_out], labels[~held_out])
    return {
        "random": _scores(targets[held_out], tested, trained),
        "novel": _scores(targets[held_out][novel], _part(tested, novel), trained),
        "cluster": _hold_out_clusters(data, min_samples, rng),
    }


@dataclass(frozen=True, eq=False)
class _Data:
    features: np.ndarray
    targets: np.ndarray
    labels: np.ndarray
    noise: np.ndarray | None
    settings: dict[str, Any]

    def predict_without(self, held_out: np.ndarray) -> tuple[Prediction, tuple[np.ndarray, np.ndarray]]:
        """Train on the others; return predictions for the held-out ones, and (actual, predicted) of some others."""
        kept = ~held_out
        noise = None if self.noise is None else np.asarray(self.noise)[kept]
        surrogate = fit_surrogate(
            self.features[kept], self.targets[kept], groups=self.labels[kept], noise=noise, **self.settings
        )
        some = np.random.default_rng(0).permutation(np.flatnonzero(kept))[:MOST_TRAINING_SCORES]
        known = (self.targets[some], surrogate.predict(self.features[some]).mean)
        return surrogate.predict(self.features[held_out]), known


def _hold_out_clusters(data: _Data, min_samples: int, rng: np.random.Generator) -> SplitScores:
    clusters = rng.permutation(np.flatnonzero(np.bincount(data.labels) >= min_samples))
    folds = np.array_split(clusters, min(CLUSTER_FOLDS, len(clusters))) if len(clusters) >= 2 else []
    actual, tested, trained = [], [], []
    for fold in folds:
        held_out = np.isin(data.labels, fold)
        test, known = data.predict_without(held_out)
        actual.append(data.targets[held_out])
        tested.append(test)
        trained.append(known)
    if not folds:
        nothing = np.zeros(0)
        return _scores(nothing, Prediction(nothing, nothing, nothing.astype(bool)), (nothing, nothing))
    joined = Prediction(*(np.concatenate([getattr(p, n) for p in tested]) for n in ("mean", "error", "extrapolation")))
    return _scores(np.concatenate(actual), joined, tuple(np.concatenate(each) for each in zip(*trained, strict=True)))


def _part(prediction: Prediction, which: np.ndarray) -> Prediction:
    return Prediction(prediction.mean[which], prediction.error[which], prediction.extrapolation[which])


def _scores(actual: np.ndarray, test: Prediction, train: tuple[np.ndarray, ...]) -> SplitScores:
    mae, rmse, r2 = _errors(actual, test.mean)
    train_mae, train_rmse, train_r2 = _errors(*train)
    standardised = (actual - test.mean) / np.maximum(test.error, 1e-300)
    some = len(actual) > 0
    return SplitScores(
        mae=mae,
        rmse=rmse,
        r2=r2,
        train_mae=train_mae,
        train_rmse=train_rmse,
        train_r2=train_r2,
        coverage_68=float(np.mean(np.abs(standardised) < 1)) if some else np.nan,
        coverage_95=float(np.mean(np.abs(standardised) < 1.96)) if some else np.nan,
        deviation=float(np.sqrt(np.mean(standardised**2))) if some else np.nan,
        extrapolations=int(test.extrapolation.sum()),
        actual=actual,
        predicted=test.mean,
        error=test.error,
    )


def _errors(actual: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float]:
    if len(actual) == 0:
        return np.nan, np.nan, np.nan
    residual = predicted - actual
    total = np.sum((actual - actual.mean()) ** 2)
    r2 = float(1 - residual @ residual / total) if total > 0 else np.nan
    return float(np.abs(residual).mean()), float(np.sqrt(np.mean(residual**2))), r2
