"""How far DFT scans are: points that have ended of those asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiida_polymorph.results.search_progress import Progress, progress_state
from aiida_polymorph.text_tables import duration

if TYPE_CHECKING:
    from aiida import orm


class ScanProgress(Progress):
    """How far a scan is."""

    def __init__(self, process: orm.ProcessNode) -> None:
        super().__init__(process)
        inputs = process.inputs
        self._functionals = inputs.functionals.get_list()
        self._asked = len(inputs.phases) * len(self._functionals) * len(inputs.pressures.get_list())

    def _row(self, terminated: bool) -> dict[str, Any]:
        from aiida_polymorph.workflows.pressure_chain import attempts_of
        from aiida_polymorph.workflows.reasons import why_not

        process, chains = self._process, chains_of(self._process)
        tries = [attempts for chain in chains for attempts in attempts_of(chain).values()]
        ended = [attempts[-1] for attempts in tries if attempts[-1].is_terminated]
        failed = [point for point in ended if not point.is_finished_ok]
        return {
            "process": process.pk,
            "node": process.outputs.points.pk if terminated and "points" in process.outputs else None,
            "composition": process.inputs.phases.base.attributes.get("composition"),
            "engine": process.inputs.engine.value,
            "functionals": self._functionals,
            "pressure_gpa": None,
            "state": progress_state(process),
            "asked": self._asked,
            "relaxed": len(ended) - len(failed),
            "failed": dict(Counter(why_not(point) for point in failed)),
            "jobs": sum(map(len, tries)),
            "jobs_finished": sum(point.is_terminated for attempts in tries for point in attempts),
            **self._pace(terminated, len(ended), self._asked),
            "now": [chain.label for chain in chains if not chain.is_terminated],
        }


MOST_NAMED = 3
"""Phases that are named as those under way."""


def progress_text(row: Mapping[str, Any]) -> str:
    """Return e.g. `castep: 12 of 144 points, 1 failed, now rutile PBE, anatase PBE, about 3 h 20 min left`."""
    failed, now = sum(row["failed"].values()), row["now"]
    parts = [f"{row['engine']}: {row['relaxed'] + failed} of {row['asked']} points"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"now {', '.join(now[:MOST_NAMED])}"] if now else []
    parts += [f"{len(now) - MOST_NAMED} more"] if len(now) > MOST_NAMED else []
    parts += [f"about {duration(row['seconds_left'])} left"] if row["seconds_left"] else []
    return ", ".join(parts)


def chains_of(scan: orm.ProcessNode) -> list[orm.ProcessNode]:
    """Return the processes of a scan, one for each phase and functional."""
    return [child for child in scan.called if child.process_label == "PressureChainWorkChain"]
