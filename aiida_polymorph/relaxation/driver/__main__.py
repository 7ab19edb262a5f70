"""Relax the structures of the job folder that is the working directory: `python -m driver`."""

from __future__ import annotations

import json
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from .job import END_MARKER, SUMMARY_FILE, Job, read_job
from .optimiser import description
from .streaming import parse_records
from .supervisor import EngineFailedToStart, Supervisor
from .worker import work

STOPPED = 128 + signal.SIGTERM
"""Exit status after a signal or at the wall time; what is done is kept."""


def main() -> int:
    """Run the job, write the summary and return the exit status: 0 done, 1 engine failed to start, 143 stopped."""
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _stop)
    began = time.monotonic()
    folder = Path()
    job = read_job(folder)
    signal.setitimer(signal.ITIMER_REAL, job.max_wall_seconds or 0)
    supervisor = Supervisor(folder, job, _show)
    status = 0
    try:
        supervisor.run()
    except EngineFailedToStart as error:
        print(error, file=sys.stderr)  # noqa: T201
        status = 1
    except (SystemExit, KeyboardInterrupt):
        status = STOPPED
    summary = _summary(job, supervisor) | {"wall_seconds": time.monotonic() - began}
    (folder / SUMMARY_FILE).write_text(json.dumps(summary, indent=1))
    if summary["complete"]:
        print(END_MARKER, flush=True)  # noqa: T201
    return status


def _stop(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise SystemExit(STOPPED)


def _show(done: int, asked: int) -> None:
    print(f"{done} of {asked}", flush=True)  # noqa: T201


def _summary(job: Job, supervisor: Supervisor) -> dict[str, Any]:
    text = supervisor.results.read_text() if supervisor.results.exists() else ""
    records = list({record["index"]: record for record in reversed(parse_records(text))}.values())
    calls = [record["force_calls"] for record in records if record["converged"]]
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "asked": len(job),
        "done": len(records),
        "converged": len(calls),
        "failures": dict(Counter(record["reason"] for record in records if record["reason"])),
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "force_calls_mean": sum(calls) / len(calls) if calls else None,
        "minimiser": description(job.parameters),
        "engine": supervisor.engine,
        "complete": len(records) == len(job),
    }


if __name__ == "__main__":
    if "--worker" not in sys.argv:
        sys.exit(main())
    work()
