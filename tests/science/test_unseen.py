"""Estimates of missing phases against known populations."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_polymorph.search.unseen import estimate_unseen, estimate_unseen_within


def test_hand_computed_case():
    unseen = estimate_unseen([1, 1, 1, 2, 5, 0])
    assert (unseen.found, unseen.found_once, unseen.found_twice) == (5, 3, 1)
    assert unseen.coverage == pytest.approx(0.7)
    assert unseen.missing == pytest.approx(0.9 * 3 * 2 / (2 * 2))


def test_everything_found_often_leaves_nothing_missing():
    unseen = estimate_unseen([40, 12, 7])
    assert (unseen.coverage, unseen.missing) == (1.0, 0.0)
    assert 0.0 < unseen.missing_error < 0.05


def test_a_short_search_without_single_finds_is_not_sure():
    """Three phases found twice each: exp(-2) of the repetitions miss each of them."""
    unseen = estimate_unseen([2, 2, 2])
    miss = np.exp(-2.0)
    assert (unseen.coverage, unseen.missing) == (1.0, 0.0)
    assert unseen.missing_error == pytest.approx(np.sqrt(3 * (miss - miss**2) - (6 * miss) ** 2 / 6))


def test_no_counts_say_nothing():
    assert estimate_unseen([]).found == 0
    assert np.isnan(estimate_unseen([0]).coverage)


def test_one_structure_says_nothing_about_what_is_missing():
    unseen = estimate_unseen([1])
    assert (unseen.found, unseen.found_once, unseen.coverage) == (1, 1, 0.0)
    assert np.isnan(unseen.missing)
    assert np.isnan(unseen.missing_error)


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


def test_windows_count_minima_by_their_lowest_member():
    distinct = np.array([0, 0, 0, 1, 2, 2, 3, 4])
    enthalpies = np.array([-5.0, -4.8, -4.8, -4.95, -4.5, -4.71, np.nan, -3.0])
    low, middle, whole = estimate_unseen_within(distinct, enthalpies, (0.3, 0.1))
    assert [each.window for each in (low, middle, whole)] == [0.1, 0.3, np.inf]
    assert {each.lowest for each in (low, middle, whole)} == {-5.0}
    assert [each.structures for each in (low, middle, whole)] == [4, 6, 8]
    assert [each.unseen for each in (low, middle, whole)] == [
        estimate_unseen([3, 1]),
        estimate_unseen([3, 1, 2]),
        estimate_unseen([3, 1, 2, 1, 1]),
    ]


def test_windows_of_nothing_and_of_unknown_enthalpies():
    empty = np.zeros(0)
    assert [each.structures for each in estimate_unseen_within(empty, empty)] == [0, 0, 0]
    unknown = estimate_unseen_within(np.array([0, 1]), np.full(2, np.nan), (0.1,))
    assert [each.structures for each in unknown] == [0, 2]


def test_wrong_windows_are_refused():
    with pytest.raises(ValueError, match="must be positive"):
        estimate_unseen_within(np.zeros(2, dtype=int), np.zeros(2), (0.1, -0.1))
    with pytest.raises(ValueError, match="3 enthalpies for 2 structures"):
        estimate_unseen_within(np.zeros(2, dtype=int), np.zeros(3))


def test_windows_agree_with_a_landscape_that_is_known():
    """200 minima, rarer the lower they lie: what is missing within 0.3 eV is known in each of 200 searches."""
    rng = np.random.default_rng(2)
    above = np.sort(rng.uniform(0.0, 1.0, 200))
    above[0] = 0.0
    shares = (0.2 + above) * rng.lognormal(0.0, 0.5, 200)
    shares /= shares.sum()
    inside = above <= 0.3
    coverage, missing, deviations, errors = [], [], [], []
    for _ in range(200):
        drawn = np.concatenate([[0], rng.choice(200, size=600, p=shares)])
        counts = np.bincount(drawn, minlength=200)
        window, _ = estimate_unseen_within(drawn, above[drawn], (0.3,))
        assert window.unseen.found == np.sum(counts[inside] > 0)
        found = counts > 0
        coverage.append(window.unseen.coverage - shares[inside & found].sum() / shares[inside].sum())
        missing.append((window.unseen.missing, np.sum(inside & ~found)))
        deviations.append(window.unseen.missing - np.sum(inside & ~found))
        errors.append(window.unseen.missing_error)
    estimated, true = np.mean(missing, axis=0)
    assert abs(np.mean(coverage)) < 0.01
    assert true > 5
    assert 0.5 * true < estimated < true + 1
    assert np.mean(np.array(deviations) > 2 * np.array(errors)) < 0.05
