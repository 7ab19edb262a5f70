"""The three tests of a surrogate."""

import numpy as np
import pytest
from synthetic import landscape

from aiida_polymorph.landscape.validation import evaluate


def test_three_ways():
    features, targets, labels = landscape(phases=120, copies=4, noise=0.02)
    scores = evaluate(features, targets, labels, seed=1)
    assert set(scores) == {"random", "novel", "cluster"}
    assert len(scores["random"].actual) == 96
    assert len(scores["novel"].actual) < 20
    assert len(scores["cluster"].actual) == len(targets)
    assert scores["random"].mae < scores["cluster"].mae
    assert scores["cluster"].r2 > 0.9
    assert 0.5 < scores["cluster"].deviation < 1.5


def test_single_minima_are_novel_but_no_clusters():
    features, targets, _ = landscape(phases=100, copies=1)
    scores = evaluate(features, targets, np.full(100, -1))
    assert len(scores["novel"].actual) == len(scores["random"].actual)
    assert len(scores["cluster"].actual) == 0
    assert np.isnan(scores["cluster"].mae)
    assert scores["cluster"].to_dict()["mae"] is None


def test_scores_are_those_of_the_predictions():
    features, targets, labels = landscape(noise=0.1)
    score = evaluate(features, targets, labels)["random"]
    residual = score.predicted - score.actual
    assert score.mae == pytest.approx(np.abs(residual).mean())
    assert score.rmse == pytest.approx(np.sqrt((residual**2).mean()))
    assert score.coverage_68 == pytest.approx(np.mean(np.abs(residual) < score.error))
    assert set(score.to_dict()) >= {"mae", "rmse", "r2", "train_mae", "coverage_68", "coverage_95", "tested"}


def test_targets_are_not_seen_before_the_test():
    features, _, labels = landscape()
    noise = np.random.default_rng(0).normal(size=labels.max() + 1)[labels]
    scores = evaluate(features, noise, labels)
    assert scores["novel"].r2 < 0.3


def test_an_empty_split_is_refused():
    features, targets, labels = landscape()
    with pytest.raises(ValueError, match="test_fraction"):
        evaluate(features, targets, labels, test_fraction=0.0)
