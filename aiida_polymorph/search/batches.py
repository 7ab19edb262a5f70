"""How a search is cut into batches, one for each job."""

from __future__ import annotations

from math import ceil

LARGEST_BATCH = 2000
"""Structures for each process of a job. Between two jobs some seconds pass: little beside the minutes of so many."""


def plan(number: int, jobs: int, batch_size: int | None = None, processes: int = 1) -> list[tuple[int, int]]:
    """Return the batches of a search as (first index, how many).

    Without a size: as many batches as jobs, or a multiple of it, so that all jobs end at about the same time, with at
    most `LARGEST_BATCH` structures for each of a job's processes.
    """
    rounds = ceil(number / (jobs * processes * LARGEST_BATCH))
    size = batch_size or ceil(number / (jobs * rounds))
    return [(first, min(size, number - first)) for first in range(0, number, size)]
