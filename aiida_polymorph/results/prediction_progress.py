"""How far predictions are: their stage, and what of it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.data.identity import pk_of
from aiida_polymorph.results.job_counts import JobCounts
from aiida_polymorph.results.prediction import stage_calls
from aiida_polymorph.results.search_progress import Progress, SearchProgress, progress_state

UNITS = {"search": "structures", "candidates": "structures", "harmonic": "cells", "dynamics": "state points"}
"""Stage -> what is counted in it."""

Calls = Mapping[str, Sequence[orm.ProcessNode]]
"""Stage -> what it has called so far."""


class PredictionProgress(Progress):
    """How far a prediction is."""

    def __init__(self, process: orm.ProcessNode) -> None:
        super().__init__(process)
        inputs = process.inputs
        self._composition = inputs.recipe["composition"]
        self._asked = inputs.number.value * len(inputs.pressures.get_list())
        self._searches: dict[int, SearchProgress] = {}
        self._sets = JobCounts()
        self._ended_jobs: dict[int, list[bool]] = {}

    def _row(self, terminated: bool) -> dict[str, Any]:
        process, calls = self._process, stage_calls(self._process)
        searches = [self._search(each) for each in calls["search"]]
        relaxed = sum(each["relaxed"] for each in searches)
        failed = sum((Counter(each["failed"]) for each in searches), Counter[str]())
        stage = ([stage for stage, children in calls.items() if children] or ["search"])[-1]
        searched = min(relaxed + failed.total(), self._asked)
        done, known = (searched, self._asked) if stage == "search" else self._of_stage(stage, calls)
        jobs = [ended for children in calls.values() for child in children for ended in self._jobs_of(child)]
        return {
            "process": process.pk,
            "node": process.outputs.diagram.pk if terminated and "diagram" in process.outputs else None,
            "composition": self._composition,
            "pressure_gpa": None,
            "state": progress_state(process),
            "asked": self._asked,
            "relaxed": relaxed,
            "failed": dict(failed),
            "jobs": len(jobs),
            "jobs_finished": sum(jobs),
            **self._time(terminated, searched, stage == "search"),
            "stage": stage,
            "stage_done": done,
            "stage_asked": known,
        }

    def _search(self, search: orm.ProcessNode) -> dict[str, Any]:
        return self._searches.setdefault(pk_of(search), SearchProgress(search)).look()

    def _time(self, terminated: bool, searched: int, is_searching: bool) -> dict[str, float | None]:
        """Return the fields on time; how long the stages after the searches take is not known beforehand."""
        found = self._pace(terminated, searched, self._asked)
        if not is_searching:
            found["rate_per_second"] = None
        if not terminated and (not is_searching or searched == self._asked):
            found["seconds_left"] = None
        return found

    def _of_stage(self, stage: str, calls: Calls) -> tuple[int, int]:
        """Return how much of a stage after the searches is done, and how much is known to come."""
        if stage == "dynamics":
            points = calls[stage]
            return sum(each.is_terminated for each in points), max(points_asked(self._process), len(points))
        sets = calls[stage] if stage == "candidates" else [each for one in calls[stage] for each in set_calls(one)]
        known = sum(len(each.inputs.structures) for each in sets)
        counts = self._sets.look([pk_of(each) for each in sets])
        return min(sum(done + failed.total() for done, failed in counts), known), known

    def _jobs_of(self, child: orm.ProcessNode) -> list[bool]:
        """Return for each job below a child whether it has ended."""
        pk = pk_of(child)
        if pk in self._ended_jobs:
            return self._ended_jobs[pk]
        found = [bool(each.is_terminated) for each in child.called_descendants if isinstance(each, orm.CalcJobNode)]
        if child.is_terminated:
            self._ended_jobs[pk] = found
        return found


def points_asked(process: orm.ProcessNode) -> int:
    """Return for how many state points a prediction has decided so far to run dynamics."""
    links = process.base.links.get_outgoing(link_type=LinkType.CALL_CALC, link_label_filter="choose_points_%").all()
    records = [link.node.outputs.result for link in links if link.node.is_finished_ok]
    return sum(len(record.value("points")) for record in records)


def set_calls(process: orm.ProcessNode) -> list[orm.ProcessNode]:
    """Return the WorkChains on sets of structures that a process has called."""
    return [each for each in process.called if "structures" in each.inputs]


def progress_text(row: Mapping[str, Any]) -> str:
    """Return e.g. `TiO2 prediction: dynamics, 3 of 8 state points`; of one that is finished only what it is."""
    text = f"{row['composition']} prediction"
    if row["state"] == "finished":
        return text
    return f"{text}: {row['stage']}, {row['stage_done']} of {row['stage_asked']} {UNITS[row['stage']]}"
