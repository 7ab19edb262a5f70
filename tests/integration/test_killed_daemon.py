"""A daemon killed with SIGKILL in the middle of a search: started again, the search ends, each structure once."""

from __future__ import annotations

import os
import signal
import time

import psutil
import pytest
from aiida import orm
from aiida.engine import submit

from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.workflows.search import SearchWorkChain

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        os.environ.get("POLYMORPH_CRASH_TESTS") != "1",
        reason="set POLYMORPH_CRASH_TESTS=1: a restarted AiiDA worker may wait on the sockets of the killed broker",
    ),
]

PATIENCE = 200


def await_that(condition, what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"after {PATIENCE} s still not: {what}"
        time.sleep(0.05)


def kill_daemon(client) -> None:
    """Kill the daemon of this test's profile and all that it started for itself, but not the jobs."""
    supervisor = psutil.Process(client.get_daemon_pid())
    jobs = {"bash", "sh"}
    for process in [supervisor, *supervisor.children(recursive=True)]:
        if process.name() not in jobs and "driver" not in process.cmdline():
            os.kill(process.pid, signal.SIGKILL)
    await_that(lambda: not supervisor.is_running() or supervisor.status() == psutil.STATUS_ZOMBIE, "daemon killed")


def start_again(client) -> None:
    """Start the daemon, and restart it once more.

    After SIGKILL the file that says where the dead broker listened is still there (aiida-core 2.9): a worker that
    starts faster than the new broker listens in vain. An orderly restart removes the file.
    """
    client.start_daemon()
    client.restart_daemon(wait=True)


def test_search_survives(started_daemon_client, relax_code, lennard_jones):
    recipe = Recipe.propose("Ar", formula_units=[2, 3], volume_per_formula_unit=45.0)
    builder = SearchWorkChain.get_builder_from_protocol(
        relax_code,
        lennard_jones,
        recipe,
        1.0,
        12,
        overrides={"jobs": 3, "batch_size": 3},
    )
    search = submit(builder)

    def batches() -> list[orm.ProcessNode]:
        return [child for child in search.called if child.process_label == "RelaxSetWorkChain"]

    def jobs() -> list[orm.ProcessNode]:
        return [job for batch in batches() for job in batch.called if job.process_label == "RelaxSetCalculation"]

    for moment in (lambda: len(batches()) >= 1, lambda: len(batches()) >= 3, lambda: len(jobs()) >= 2):
        await_that(lambda: moment() or search.is_terminated, "batches submitted")  # noqa: B023
        kill_daemon(started_daemon_client)
        start_again(started_daemon_client)
    await_that(lambda: search.is_terminated, "search ended")

    assert search.exit_status == 0, search.exit_message
    assert search.outputs.structures.to_set().column("index").tolist() == list(range(12))
    statistics = search.outputs.statistics.get_dict()
    assert "lost with their job" not in statistics["failed"]
    assert statistics["relaxed"] + sum(statistics["failed"].values()) == 12
    assert len([job for job in jobs() if job.is_terminated]) <= 4 + 3, "at most one batch a crash was repeated"
