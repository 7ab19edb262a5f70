"""How many structures the driver's jobs have done: from finished jobs, and from what running ones have streamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida_polymorph.relaxation.driver.streaming import parse_records

JOBS = ("RelaxSetCalculation", "EvaluateSetCalculation")
"""Labels of the driver's jobs."""

RESULTS = ("summary", "evaluations")
"""Labels of the outputs of jobs whose attributes count structures."""

LEFT = "not evaluated"
"""Reason of a structure that a job of evaluations has left to the next one."""

TERMINATED = ("finished", "excepted", "killed")
"""States of processes that have ended."""

Counts = tuple[int, Counter[str]]
"""How many structures are done, and how many failed for which reason."""


class JobCounts:
    """Counts of the jobs of WorkChains; what does not change any more is remembered, so that looking costs little."""

    def __init__(self) -> None:
        self.ended: dict[int, Counts] = {}
        self._streams: dict[int, Stream] = {}

    def look(self, workchains: Sequence[int]) -> list[Counts]:
        """Return the counts of each job so far, the oldest first.

        Args:
            workchains: numbers of those that have called the jobs.
        """
        jobs = _jobs_of(workchains) if workchains else []
        ended = [pk for pk, state, _ in jobs if state in TERMINATED and pk not in self.ended]
        if ended:
            self.ended |= {**dict.fromkeys(ended, (0, Counter())), **_summaries(ended)}
        for pk, _, workdir in jobs:
            if pk not in self.ended and pk not in self._streams and workdir:
                self._streams[pk] = Stream(Path(workdir))
        return [self.ended[pk] if pk in self.ended else self._stream(pk) for pk, _, _ in jobs]

    def _stream(self, pk: int) -> Counts:
        return self._streams[pk].read() if pk in self._streams else (0, Counter())


class Stream:
    """What a running job has written so far; only what is new is read."""

    def __init__(self, folder: Path) -> None:
        from aiida_polymorph.relaxation.driver.job import RESULTS_FILE

        self._path = folder / RESULTS_FILE
        self._offset, self._done = 0, 0
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
                self._done += 1
            else:
                self._failed[record.get("reason") or "not converged"] += 1
        return self._done, self._failed


def _jobs_of(workchains: Sequence[int]) -> list[list[Any]]:
    """Return number, state and folder (None where it is not on this machine) of each job."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": {"in": list(workchains)}}, tag="batch")
    query.append(
        orm.CalcJobNode,
        with_incoming="batch",
        filters={"attributes.process_label": {"in": list(JOBS)}},
        project=["id", "attributes.process_state", "attributes.remote_workdir"],
        tag="job",
    )
    query.append(orm.Computer, with_node="job", project="transport_type")
    return [
        [pk, state, workdir if transport == "core.local" else None]
        for pk, state, workdir, transport in query.order_by({"job": "id"}).all()
    ]


def _summaries(jobs: Sequence[int]) -> dict[int, Counts]:
    """Return the counts of jobs that have brought some."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.CalcJobNode, filters={"id": {"in": list(jobs)}}, project="id", tag="job")
    query.append(
        orm.Data,
        with_incoming="job",
        edge_filters={"label": {"in": list(RESULTS)}},
        project=["attributes.relaxed", "attributes.evaluated", "attributes.failed"],
    )
    return {pk: (relaxed or evaluated or 0, _failures(failed)) for pk, relaxed, evaluated, failed in query.all()}


def _failures(failed: Mapping[str, int] | None) -> Counter[str]:
    return Counter({reason: times for reason, times in (failed or {}).items() if reason != LEFT})
