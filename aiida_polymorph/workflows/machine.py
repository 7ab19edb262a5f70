"""How many jobs and processes run on the computer of a code; what follows from that is in `aiida_polymorph.machine`."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_polymorph.machine import Machine, resources


def machine_of(computer: orm.Computer | None) -> Machine:
    """Return what is known of the computer of a code.

    Raises:
        ValueError: if the code has none.
    """
    if computer is None:
        raise ValueError("the code belongs to no computer; set up an InstalledCode on the computer that runs it")
    return Machine(
        local=computer.transport_type == "core.local",
        queue=computer.scheduler_type != "core.direct",
        processes=computer.get_default_mpiprocs_per_machine() or 1,
    )


def on_cores(code: orm.AbstractCode, parts: int = 1, at_most: int | None = None) -> dict[str, Any]:
    """Return the inputs by which one relaxation job takes its share of this machine; none where there is a queue.

    Args:
        code: what the job runs.
        parts: how many such jobs run side by side; one job with several processes is better than several jobs, since
            no process has to wait for the slowest.
        at_most: more processes than this have nothing to do.
    """
    processes = machine_of(code.computer).share(parts, at_most)
    return {} if processes is None else {"options": {"resources": resources(processes)}}


def search_share(code: orm.AbstractCode, searches: int) -> dict[str, Any]:
    """Return the inputs by which each of several searches takes its share of this machine; none for a queue."""
    share = on_cores(code, searches)
    return {"jobs": 1, **share} if share else {}
