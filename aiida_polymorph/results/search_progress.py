"""How far searches are: counted from finished jobs, and from what running ones have streamed so far."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from aiida_polymorph.results.job_counts import JobCounts

if TYPE_CHECKING:
    from aiida import orm


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
        self._jobs = JobCounts()

    def _row(self, terminated: bool) -> dict[str, Any]:
        process, counts = self._process, self._jobs.look(self._batches())
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
            "jobs_finished": len(self._jobs.ended),
            **self._pace(terminated, done, self._asked),
        }

    def _seconds(self, terminated: bool) -> float:
        if terminated and "statistics" in self._process.outputs:
            return self._process.outputs.statistics["wall_seconds"]
        return super()._seconds(terminated)

    def _batches(self) -> list[int]:
        """Return the numbers of the WorkChains whose jobs relax the batches."""
        from aiida import orm

        query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"id": self._process.pk}, tag="search")
        query.append(orm.WorkChainNode, with_incoming="search", project="id")
        return [int(pk) for pk in query.all(flat=True)]


def progress_state(process: orm.ProcessNode) -> str:
    """Return `finished`, `failed`, `killed`, `under way`."""
    if process.is_finished_ok:
        return "finished"
    if process.is_terminated:
        return "killed" if process.is_killed else "failed"
    return "under way"
