"""How many phases a search has probably not found yet, from how often it found the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

WINDOWS = (0.1, 0.3)
"""Enthalpies above the lowest, eV per formula unit, up to which minima are counted apart from those above."""


@dataclass(frozen=True)
class Unseen:
    """What the counts say about phases that were not found; nan where they say nothing.

    Attributes:
        found: phases found.
        found_once: those found once.
        found_twice: those found twice.
        coverage: estimated probability that the next structure falls into a phase already found.
        missing: lower bound of the number of phases that were not found.
        missing_error: standard error of `missing`.
    """

    found: int
    found_once: int
    found_twice: int
    coverage: float
    missing: float
    missing_error: float


@dataclass(frozen=True)
class UnseenWithin:
    """The estimate for the minima up to some enthalpy above the lowest one that was found.

    Attributes:
        window: that enthalpy, eV per formula unit; infinite for all minima.
        lowest: enthalpy of the lowest minimum, eV per formula unit; infinite if no enthalpy is known.
        structures: that fell into minima within the window.
        unseen: what their counts say.
    """

    window: float
    lowest: float
    structures: int
    unseen: Unseen


def estimate_unseen_within(
    distinct: np.ndarray, enthalpies: np.ndarray, windows: Sequence[float] = WINDOWS
) -> list[UnseenWithin]:
    """Estimate how many minima of low enthalpy a search has missed, and how many in all.

    The structures within a window are themselves a sample in which all are drawn alike, so that the estimates hold
    for each window by itself. A minimum has the enthalpy of its lowest member. The window starts at the lowest minimum
    that was found: where the search missed the true one, it reaches higher than it says.

    Args:
        distinct: number of the minimum of each structure, from 0, shape (n,).
        enthalpies: eV per formula unit, shape (n,); a minimum of unknown enthalpy counts among all only.
        windows: eV per formula unit above the lowest.

    Returns:
        An entry for each window, by rising enthalpy, and a last one for all minima.

    Raises:
        ValueError: if a window is not positive, or there is not one enthalpy for each structure.
    """
    distinct, enthalpies = np.asarray(distinct, dtype=int), np.asarray(enthalpies, dtype=float)
    if distinct.shape != enthalpies.shape:
        raise ValueError(f"{len(enthalpies)} enthalpies for {len(distinct)} structures")
    if not all(window > 0 for window in windows):
        raise ValueError(f"windows are {list(windows)}, must be positive enthalpies in eV per formula unit")
    counts = np.bincount(distinct)
    lowest = np.full(len(counts), np.inf)
    np.fmin.at(lowest, distinct, enthalpies)
    start = float(lowest.min(initial=np.inf))
    inside = [np.isfinite(lowest) & (lowest <= start + window) for window in sorted(windows)]
    inside.append(np.ones(len(counts), dtype=bool))
    return [
        UnseenWithin(float(window), start, int(counts[chosen].sum()), estimate_unseen(counts[chosen]))
        for window, chosen in zip([*sorted(windows), np.inf], inside, strict=True)
    ]


def estimate_unseen(counts: Iterable[int]) -> Unseen:
    """Estimate what a search has missed from the number of times each phase was found.

    The coverage is that of Good and Turing (I. J. Good, Biometrika 40, 237 (1953)), the number of missing phases the
    bias-corrected Chao1 lower bound with its variance (A. Chao, Scand. J. Stat. 11, 265 (1984); Biometrics 43, 783
    (1987)). Both hold for structures drawn alike: from one recipe and one number of formula units, or one mixture.

    A single structure says nothing about what is missing.

    Args:
        counts: times each phase was found; zeros are ignored.

    Raises:
        ValueError: if a count is negative or no whole number.
    """
    given = np.asarray(list(counts), dtype=float)
    if not np.all(np.isfinite(given)) or np.any(given < 0) or np.any(given != np.rint(given)):
        raise ValueError("counts must be whole numbers from 0 up")
    total, once, twice = int(given.sum()), int((given == 1).sum()), int((given == 2).sum())
    found = int((given > 0).sum())
    if total == 0:
        return Unseen(0, 0, 0, np.nan, np.nan, np.nan)
    if total == 1:
        return Unseen(1, 1, 0, 0.0, np.nan, np.nan)
    missing, variance = _chao1(total, once, twice) if once else (0.0, _variance_of_found(given[given > 0]))
    return Unseen(found, once, twice, 1 - once / total, missing, float(np.sqrt(variance)))


def _chao1(total: int, once: int, twice: int) -> tuple[float, float]:
    """Return the bias-corrected Chao1 lower bound of what is missing, and its variance."""
    share = (total - 1) / total
    missing = share * once * (once - 1) / (2 * (twice + 1))
    variance = (
        missing
        + share**2 * once * (2 * once - 1) ** 2 / (4 * (twice + 1) ** 2)
        + share**2 * once**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 4)
    )
    return missing, variance


def _variance_of_found(counts: np.ndarray) -> float:
    """Return the variance of the number found when the search is repeated, each phase as often as it was found.

    It stands for the error where no phase was found once, which leaves Chao1's without a term (R. K. Colwell,
    EstimateS, appendix B).
    """
    rare = np.exp(-counts)
    return max(float(np.sum(rare - rare**2) - np.sum(counts * rare) ** 2 / counts.sum()), 0.0)
