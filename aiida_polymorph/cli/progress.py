"""How far processes are: counted from finished jobs, and from what running ones have streamed so far."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.output import duration

if TYPE_CHECKING:
    from aiida import orm

SECONDS_BETWEEN_LINES = 15.0
JOB = "RelaxSetCalculation"


def search_progress(process: orm.WorkChainNode) -> dict[str, Any]:
    """Return how far a search is: a row with the fields of `status`."""
    jobs = [child for child in process.called_descendants if child.process_label == JOB]
    counts = [_job_counts(job) for job in jobs]
    relaxed = sum(each[0] for each in counts)
    failed = dict(sum((each[1] for each in counts), Counter()))
    asked = process.inputs.number.value
    done = min(relaxed + sum(failed.values()), asked)
    seconds = _seconds(process)
    rate = done / seconds if seconds > 0 and done else None
    return {
        "process": process.pk,
        "node": process.outputs.structures.pk if "structures" in process.outputs else None,
        "composition": process.inputs.recipe["composition"],
        "pressure_gpa": process.inputs.pressure_gpa.value,
        "state": state_of(process),
        "asked": asked,
        "relaxed": relaxed,
        "failed": failed,
        "jobs": len(jobs),
        "jobs_finished": sum(job.is_terminated for job in jobs),
        "rate_per_second": rate,
        "seconds": seconds,
        "seconds_left": 0.0 if process.is_terminated else (asked - done) / rate if rate else None,
    }


def state_of(process: orm.ProcessNode) -> str:
    """Return `finished`, `failed`, `killed`, `under way`."""
    if process.is_finished_ok:
        return "finished"
    if process.is_terminated:
        return "killed" if process.is_killed else "failed"
    return "under way"


def _seconds(process: orm.ProcessNode) -> float:
    from aiida.common import timezone

    if "statistics" in process.outputs:
        return process.outputs.statistics["wall_seconds"]
    end = process.mtime if process.is_terminated else timezone.now()
    return (end - process.ctime).total_seconds()


def _job_counts(job: orm.CalcJobNode) -> tuple[int, Counter[str]]:
    """Return how many structures a job has relaxed, and how many failed for which reason."""
    if "summary" in job.outputs:
        summary = job.outputs.summary.get_dict()
        return summary["relaxed"], Counter(summary["failed"])
    if job.is_terminated:
        return 0, Counter()
    records = [record for line in _streamed(job) if (record := _record(line)) is not None]
    reasons = Counter(record.get("reason") or "not converged" for record in records if not record.get("converged"))
    return len(records) - sum(reasons.values()), reasons


def _streamed(job: orm.CalcJobNode) -> Iterable[str]:
    """Return the lines that a running job has written, where its folder is on this machine."""
    from aiida_polymorph.relaxation import RESULTS_FILE

    workdir = job.get_remote_workdir()
    if workdir is None or job.computer.transport_type != "core.local":
        return []
    try:
        return (Path(workdir) / RESULTS_FILE).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _record(line: str) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "index" in record else None


class Line:
    """One line on standard error, rewritten in a terminal, written anew now and then elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._last, self._text = 0.0, ""

    def show(self, text: str) -> None:
        """Show a text, if it is new and the last one is not too recent."""
        now = time.monotonic()
        if text == self._text or (not self._live and now - self._last < SECONDS_BETWEEN_LINES):
            return
        click.echo(f"\r\x1b[2K{text}" if self._live else text, err=True, nl=not self._live)
        self._last, self._text = now, text

    def close(self) -> None:
        """End the line."""
        if self._live and self._text:
            click.echo(err=True)
        self._text = ""


class SearchWatch:
    """Shows how far several searches are, in one line; `asked` counts the structures of those to come as well."""

    def __init__(self, asked: int = 0) -> None:
        self._line, self._asked = Line(), asked

    def __call__(self, processes: Sequence[orm.ProcessNode]) -> None:
        """Look once."""
        rows = [search_progress(process) for process in processes]
        self._line.show(searches_text(rows, self._asked))
        if all(process.is_terminated for process in processes):
            self._line.close()


def searches_text(rows: Sequence[dict[str, Any]], asked: int = 0) -> str:
    """Return e.g. `0 GPa 240 of 600, 20 GPa 12 of 600; 5.1 a second, 1 min 2 s left`."""
    parts = [f"{row['pressure_gpa']:g} GPa {row['relaxed']} of {row['asked']}" for row in rows]
    failed = sum(sum(row["failed"].values()) for row in rows)
    under_way = [row for row in rows if row["state"] == "under way"]
    rate = sum(row["rate_per_second"] or 0.0 for row in under_way)
    to_come = max(asked - sum(row["asked"] for row in rows), 0)
    left = to_come + sum(row["asked"] - row["relaxed"] - sum(row["failed"].values()) for row in under_way)
    text = ", ".join(parts) + (f"; {failed} failed" if failed else "")
    return text + (f"; {rate:.1f} a second, {duration(left / rate)} left" if rate and left > 0 else "")


class StepWatch:
    """Shows which step a WorkChain is at, in one line."""

    def __init__(self, what: str) -> None:
        self._line, self._what = Line(), what

    def __call__(self, processes: Sequence[orm.ProcessNode]) -> None:
        """Look once."""
        called = [child for process in processes for child in process.called_descendants]
        now = ", ".join(dict.fromkeys(child.process_label for child in called if not child.is_terminated))
        finished = sum(child.is_terminated for child in called)
        self._line.show(f"{self._what}: {finished} steps done{f', now {now}' if now else ''}")
        if all(process.is_terminated for process in processes):
            self._line.close()
