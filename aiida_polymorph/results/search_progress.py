"""How far searches are: counted from finished jobs, and from what running ones have streamed so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_polymorph.relaxation.driver.streaming import parse_records

if TYPE_CHECKING:
    from aiida import orm

JOB = "RelaxSetCalculation"

TERMINATED = ("finished", "excepted", "killed")
"""States of processes that have ended."""

Counts = tuple[int, Counter[str]]
"""How many structures are relaxed, and how many failed for which reason."""


class Progress:
    """How far a process is; what does not change any more is remembered, so that looking often costs little."""

    def __init__(self, process: orm.ProcessNode) -> None:
        self._process = process
        self._last: dict[str, Any] | None = None

    def look(self) -> dict[str, Any]:
        """Return a row with the fields of `status`."""
        if self._last is None:
            terminated = self._process.is_terminated
            row = self._row(terminated)
            if not terminated:
                return row
            self._last = row
        return self._last

    def _row(self, terminated: bool) -> dict[str, Any]:
        raise NotImplementedError

    def _pace(self, terminated: bool, done: int, asked: int) -> dict[str, float | None]:
        """Return the fields on time, with `done` of `asked` behind it."""
        seconds = self._seconds(terminated)
        rate = done / seconds if seconds > 0 and done else None
        return {
            "rate_per_second": rate,
            "seconds": seconds,
            "seconds_left": 0.0 if terminated else (asked - done) / rate if rate else None,
        }

    def _seconds(self, terminated: bool) -> float:
        from aiida.common import timezone

        end = self._process.mtime if terminated else timezone.now()
        return (end - self._process.ctime).total_seconds()


class SearchProgress(Progress):
    """How far a search is."""

    def __init__(self, process: orm.ProcessNode) -> None:
        super().__init__(process)
        self._asked = process.inputs.number.value
        self._composition, self._pressure_gpa = process.inputs.recipe["composition"], process.inputs.pressure_gpa.value
        self._ended: dict[int, Counts] = {}
        self._streams: dict[int, Stream] = {}

    def _row(self, terminated: bool) -> dict[str, Any]:
        process, counts = self._process, self._counts()
        relaxed = sum(each[0] for each in counts)
        failed = dict(sum((each[1] for each in counts), Counter()))
        done = min(relaxed + sum(failed.values()), self._asked)
        return {
            "process": process.pk,
            "node": process.outputs.structures.pk if terminated and "structures" in process.outputs else None,
            "composition": self._composition,
            "pressure_gpa": self._pressure_gpa,
            "state": progress_state(process),
            "asked": self._asked,
            "relaxed": relaxed,
            "failed": failed,
            "jobs": len(counts),
            "jobs_finished": len(self._ended),
            **self._pace(terminated, done, self._asked),
        }

    def _seconds(self, terminated: bool) -> float:
        if terminated and "statistics" in self._process.outputs:
            return self._process.outputs.statistics["wall_seconds"]
        return super()._seconds(terminated)

    def _counts(self) -> list[Counts]:
        """Return the counts of each job so far."""
        jobs = self._jobs()
        ended = [pk for pk, state, _ in jobs if state in TERMINATED and pk not in self._ended]
        if ended:
            self._ended |= {**dict.fromkeys(ended, (0, Counter())), **_summaries(ended)}
        for pk, _, workdir in jobs:
            if pk not in self._ended and pk not in self._streams and workdir:
                self._streams[pk] = Stream(Path(workdir))
        return [self._ended[pk] if pk in self._ended else self._stream(pk) for pk, _, _ in jobs]

    def _stream(self, pk: int) -> Counts:
        return self._streams[pk].read() if pk in self._streams else (0, Counter())

    def _jobs(self) -> list[list[Any]]:
        """Return number, state and folder (None where it is not on this machine) of each job."""
        from aiida import orm

        query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": self._process.pk}, tag="search")
        query.append(orm.WorkChainNode, with_incoming="search", tag="batch")
        query.append(
            orm.CalcJobNode,
            with_incoming="batch",
            filters={"attributes.process_label": JOB},
            project=["id", "attributes.process_state", "attributes.remote_workdir"],
            tag="job",
        )
        query.append(orm.Computer, with_node="job", project="transport_type")
        return [
            [pk, state, workdir if transport == "core.local" else None]
            for pk, state, workdir, transport in query.order_by({"job": "id"}).all()
        ]


def _summaries(jobs: Sequence[int]) -> dict[int, Counts]:
    """Return the counts of jobs that have a summary."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.CalcJobNode, filters={"id": {"in": list(jobs)}}, project="id", tag="job")
    query.append(
        orm.Dict,
        with_incoming="job",
        edge_filters={"label": "summary"},
        project=["attributes.relaxed", "attributes.failed"],
    )
    return {pk: (relaxed, Counter(failed)) for pk, relaxed, failed in query.all()}


class Stream:
    """What a running job has written so far; only what is new is read."""

    def __init__(self, folder: Path) -> None:
        from aiida_polymorph.relaxation.driver.job import RESULTS_FILE

        self._path = folder / RESULTS_FILE
        self._offset, self._relaxed = 0, 0
        self._failed: Counter[str] = Counter()

    def read(self) -> Counts:
        """Return the counts of all complete lines."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                new = file.read()
        except OSError:
            new = b""
        complete = new[: new.rfind(b"\n") + 1]
        self._offset += len(complete)
        for record in parse_records(complete.decode(errors="replace")):
            if record.get("converged"):
                self._relaxed += 1
            else:
                self._failed[record.get("reason") or "not converged"] += 1
        return self._relaxed, self._failed


def progress_state(process: orm.ProcessNode) -> str:
    """Return `finished`, `failed`, `killed`, `under way`."""
    if process.is_finished_ok:
        return "finished"
    if process.is_terminated:
        return "killed" if process.is_killed else "failed"
    return "under way"
