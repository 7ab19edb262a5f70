"""How much of a machine to use: all cores of this one, whatever a queue gives elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida import orm


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def runs_here(code: orm.AbstractCode) -> bool:
    """Return whether the jobs of a code run on this machine without a queue."""
    return (code.computer.transport_type, code.computer.scheduler_type) == ("core.local", "core.direct")


def share_of_cores(code: orm.AbstractCode, searches: int) -> dict[str, Any]:
    """Return the inputs by which each of several searches takes its share of this machine; none where there is a queue.

    One job with several processes rather than several jobs: no process has to wait for the slowest.
    """
    return {"jobs": 1, **on_all_cores(code, max(1, cores() // searches))} if runs_here(code) else {}


def searches_at_once(code: orm.AbstractCode) -> int | None:
    """Return how many searches run side by side: one a core of this machine, all of them where there is a queue."""
    return cores() if runs_here(code) else None


def on_all_cores(code: orm.AbstractCode, at_most: int | None = None) -> dict[str, Any]:
    """Return the inputs by which one relaxation job takes all cores of this machine; none where there is a queue."""
    if not runs_here(code):
        return {}
    workers = min(cores(), at_most or cores())
    return {"options": {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": workers}}}
