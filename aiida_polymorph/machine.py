"""How many jobs and processes run: from what is known of a computer, and what there is to do, to numbers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from math import ceil

ONE_PROCESS = {"num_machines": 1, "num_mpiprocs_per_machine": 1}
"""Resources of a job that asks for nothing else."""

JOBS_IN_A_QUEUE = 20
"""Jobs side by side where a queue shares out the machine."""

LARGEST_BATCH = 2000
"""Structures for each process of a job. Between two jobs some seconds pass: little beside the minutes of so many."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Machine:
    """What is known of a computer on which jobs run.

    Attributes:
        local: whether it is the one that this process runs on.
        queue: whether a scheduler shares it out; otherwise jobs start as soon as they are submitted.
        processes: processes on a machine that its set-up states.
        cores: cores of this machine that may be used; they mean something for a local one only.
    """

    local: bool
    queue: bool
    processes: int = 1
    cores: int = field(default_factory=cores)

    @property
    def is_ours_to_share(self) -> bool:
        """Whether nothing but ourselves shares out its cores."""
        return self.local and not self.queue

    def jobs_side_by_side(self) -> int:
        """Return how many jobs of one process run at a time where nothing else is said."""
        if self.queue:
            return JOBS_IN_A_QUEUE
        return max(self.processes, self.cores) if self.local else self.processes

    def share(self, parts: int = 1, at_most: int | None = None) -> int | None:
        """Return the cores for each of some parts that run side by side, at least 1.

        Args:
            parts: among how many the cores are divided.
            at_most: more than so many are of no use to a part.

        Returns None where something else shares out the machine.
        """
        if not self.is_ours_to_share:
            return None
        whole = max(1, self.cores // max(1, parts))
        return whole if at_most is None else max(1, min(whole, at_most))

    def at_once(self) -> int | None:
        """Return how many WorkChains of jobs run side by side; None for all of them, where a queue takes them."""
        return self.cores if self.is_ours_to_share else None


def resources(processes: int) -> dict[str, int]:
    """Return the resources of a job with so many processes on one machine."""
    return {**ONE_PROCESS, "num_mpiprocs_per_machine": processes}


def plan_batches(number: int, jobs: int, batch_size: int | None = None, processes: int = 1) -> list[tuple[int, int]]:
    """Return the batches of a search as (first index, how many).

    Without a size: as many batches as jobs, or a multiple of it, so that all jobs end at about the same time, with at
    most `LARGEST_BATCH` structures for each of a job's processes.
    """
    rounds = ceil(number / (jobs * processes * LARGEST_BATCH))
    size = batch_size or ceil(number / (jobs * rounds))
    return [(first, min(size, number - first)) for first in range(0, number, size)]
