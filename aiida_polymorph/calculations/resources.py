"""Resources of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm


def count_processes(computer: orm.Computer, resources: Mapping[str, Any]) -> int:
    """Return how many processes a job's resources have room for, as the computer's scheduler reads them."""
    scheduler, asked = computer.get_scheduler(), dict(resources)
    scheduler.preprocess_resources(asked, computer.get_default_mpiprocs_per_machine())
    return int(scheduler.create_job_resource(**asked).get_tot_num_mpiprocs())
