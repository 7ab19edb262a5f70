"""Estimates of missing phases against known populations."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_polymorph.search.unseen import estimate_unseen


def test_hand_computed_case():
    unseen = estimate_unseen([1, 1, 1, 2, 5, 0])
    assert (unseen.found, unseen.found_once, unseen.found_twice) == (5, 3, 1)
    assert unseen.coverage == pytest.approx(0.7)
    assert unseen.missing == pytest.approx(0.9 * 3 * 2 / (2 * 2))


def test_everything_found_often_leaves_nothing_missing():
    unseen = estimate_unseen([40, 12, 7])
    assert (unseen.coverage, unseen.missing, unseen.missing_error) == (1.0, 0.0, 0.0)


def test_no_counts_say_nothing():
    assert estimate_unseen([]).found == 0
    assert np.isnan(estimate_unseen([0]).coverage)


def test_bad_counts_are_refused():
    for counts in ([-1], [1.5], [np.nan]):
        with pytest.raises(ValueError, match="whole numbers"):
            estimate_unseen(counts)


def test_coverage_is_unbiased_and_missing_is_a_lower_bound():
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, 201)
    shares /= shares.sum()
    errors, missing, truth = [], [], []
    for _ in range(200):
        counts = rng.multinomial(300, shares)
        unseen = estimate_unseen(counts)
        errors.append(unseen.coverage - shares[counts > 0].sum())
        missing.append(unseen.missing)
        truth.append(np.sum(counts == 0))
    assert abs(np.mean(errors)) < 0.005
    assert 0.5 * np.mean(truth) < np.mean(missing) < np.mean(truth) + 2


def test_error_covers_the_spread_of_equal_shares():
    rng = np.random.default_rng(1)
    estimates = [estimate_unseen(rng.multinomial(150, np.full(100, 0.01))) for _ in range(300)]
    deviations = np.array([each.found + each.missing - 100 for each in estimates])
    assert abs(deviations.mean()) < 3
    assert np.mean([each.missing_error for each in estimates]) == pytest.approx(deviations.std(), rel=0.4)
