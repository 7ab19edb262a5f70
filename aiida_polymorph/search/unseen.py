"""How many phases a search has probably not found yet, from how often it found the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


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


def estimate_unseen(counts: Iterable[int]) -> Unseen:
    """Estimate what a search has missed from the number of times each phase was found.

    The coverage is that of Good and Turing (I. J. Good, Biometrika 40, 237 (1953)), the number of missing phases the
    bias-corrected Chao1 lower bound with its variance (A. Chao, Scand. J. Stat. 11, 265 (1984); Biometrics 43, 783
    (1987)). Both hold for structures drawn alike: from one recipe and one number of formula units, or one mixture.

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
    share = (total - 1) / total
    missing = share * once * (once - 1) / (2 * (twice + 1))
    variance = (
        share * once * (once - 1) / (2 * (twice + 1))
        + share**2 * once * (2 * once - 1) ** 2 / (4 * (twice + 1) ** 2)
        + share**2 * once**2 * twice * (once - 1) ** 2 / (4 * (twice + 1) ** 4)
    )
    return Unseen(found, once, twice, 1 - once / total, missing, float(np.sqrt(variance)))
