"""What results have cost: the CPU seconds of the jobs behind them, by stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.lammps.output import cpu_seconds
from aiida_polymorph.lammps.tasks import LOG_FILE

STAGES = {"HarmonicWorkChain": "phonons"}
"""Process label -> stage of its jobs; those of all others are molecular dynamics."""


def costs_of_analysis(analysis: orm.ProcessNode) -> dict[str, float | None]:
    """Return the CPU seconds of the searches that an analysis rests on, and of the relaxations that it made itself.

    Returns:
        `search` and, where there were any, `relaxation`; None where a set does not tell.
    """
    outputs = analysis.outputs
    searched = [outputs.landscapes[key].creator.inputs.structures for key in outputs.landscapes]
    found = {"search": known_sum(_of_set(node) for node in searched)}
    return found | ({"relaxation": _of_set(outputs.candidates)} if "candidates" in outputs else {})


def costs_of_processes(processes: Sequence[orm.ProcessNode]) -> dict[str, float | None]:
    """Return the CPU seconds of the jobs of free energies, `dynamics` and `phonons`; None where logs don't tell.

    A job counts once, however many of the processes have called it.
    """
    jobs: dict[str, dict[str, orm.CalcJobNode]] = {}
    for process in processes:
        stage = STAGES.get(str(process.process_label), "dynamics")
        own = {job.uuid: job for job in process.called_descendants if isinstance(job, orm.CalcJobNode)}
        jobs.setdefault(stage, {}).update(own)
    return {stage: known_sum(_of_job(job) for job in found.values()) for stage, found in jobs.items()}


def cpu_seconds_of_sets(process: Any) -> float | None:
    """Return the CPU seconds of all jobs below a process node; None where none of them tells."""
    jobs = [each for each in process.called_descendants if isinstance(each, orm.CalcJobNode)]
    return known_sum(_of_any_job(job) for job in jobs)


def known_sum(values: Iterable[float | None]) -> float | None:
    """Return the sum of what is known, None where nothing is."""
    known = [value for value in values if value is not None]
    return float(sum(known)) if known else None


def _of_set(node: Any) -> float | None:
    seconds = node.to_set().column("cpu_seconds")
    return float(np.nansum(seconds)) if np.isfinite(seconds).any() else None


def _of_any_job(job: orm.CalcJobNode) -> float | None:
    """Return the CPU seconds of a job of the driver or of LAMMPS."""
    if "summary" in job.outputs:
        return job.outputs.summary.get("cpu_seconds")
    if "evaluations" in job.outputs:
        return job.outputs.evaluations.value("cpu_seconds")
    return _of_job(job)


def _of_job(job: orm.CalcJobNode) -> float | None:
    if "retrieved" not in job.outputs:
        return None
    files = job.outputs.retrieved.base.repository
    if LOG_FILE not in files.list_object_names():
        return None
    return cpu_seconds(files.get_object_content(LOG_FILE, mode="rb").decode(errors="replace"))
