"""Relaxations and evaluations of whole sets: job folders for the driver, and what comes back of relaxations.

A job folder holds
    `job.json`         task (relax or evaluate), potential, parameters and number of processes
    `structures.npz`   positions, cells, numbers, offsets, index, pressure_gpa (one of each a structure)
    `driver/`          the sources of `aiida_polymorph.relaxation.driver`
and `python -m driver` run in it adds
    `results.jsonl`    one JSON record a line for each structure as it finishes (kept and continued when run again)
    `summary.json`     written last: counts, times, minimiser, engine version, `complete` (bool)
    and END_MARKER as the last line on standard output when every structure has a record.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from aiida_polymorph.potential import Potential
from aiida_polymorph.relaxation import driver
from aiida_polymorph.relaxation.driver import optimiser
from aiida_polymorph.relaxation.driver.job import JOB_FILE, RELAX, RESULTS_FILE, STRUCTURES_FILE, SUMMARY_FILE, TASKS
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.relaxation.driver.streaming import Record, parse_records
from aiida_polymorph.structures import StructureSet

DRIVER_FOLDER = "driver"

ERROR_FILE = "driver.err"
"""What the driver writes to standard error."""

COLUMNS = {
    "index": int,
    "enthalpy": float,
    "pressure_gpa": float,
    "max_force": float,
    "max_stress_error": float,
    "converged": bool,
    "reason": str,
    "force_calls": int,
    "cpu_seconds": float,
}
"""Columns that a record gives, and their types."""


def write_job(
    folder: Path,
    structures: StructureSet,
    potential: Potential,
    pressure_gpa: float | np.ndarray,
    parameters: Mapping[str, Any] | None = None,
    processes: int = 1,
    max_wall_seconds: float | None = None,
    task: str = RELAX,
) -> None:
    """Write job.json, structures.npz and driver/ into `folder` (which exists); see the module's text.

    Args:
        folder: where to write.
        structures: starting points; their column `index` (0, 1, 2, ... if they have none) is their identity.
        potential: how to compute energies.
        pressure_gpa: target pressure in GPa, one for all or one for each structure.
        parameters: of `RelaxParameters`, defaults where left out.
        processes: how many workers run side by side.
        max_wall_seconds: after so long the driver stops, and keeps what it has; None for no limit.
        task: `RELAX`, or `EVALUATE` to compute energy, forces and stress of each structure as it is.

    Raises:
        ValueError: if the set is empty, an index comes twice, an element is unknown to the potential, a parameter is
            unknown or not allowed, a pressure is not finite, a cell has no volume, or there is no such task.
    """
    if task not in TASKS:
        raise ValueError(f"task is {task!r}, must be {' or '.join(TASKS)}")
    entries = {
        "potential": potential.to_dict(),
        "parameters": RelaxParameters.from_dict(parameters).to_dict(),
        "processes": _checked_processes(processes),
        "max_wall_seconds": max_wall_seconds,
        "task": task,
    }
    _check_structures(structures)
    potential.check_species(structures.species)
    arrays = {name: getattr(structures, name) for name in ("positions", "cells", "numbers", "offsets")}
    np.savez(
        folder / STRUCTURES_FILE, **arrays, index=_index(structures), pressure_gpa=_pressures(structures, pressure_gpa)
    )
    (folder / JOB_FILE).write_text(json.dumps(entries, indent=1))
    sources = Path(driver.__file__).parent
    shutil.copytree(sources, folder / DRIVER_FOLDER, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)


def _index(structures: StructureSet) -> np.ndarray:
    return structures.columns["index"] if "index" in structures.columns else np.arange(len(structures))


def _pressures(structures: StructureSet, pressure_gpa: float | np.ndarray) -> np.ndarray:
    pressures = np.asarray(pressure_gpa, dtype=float)
    if pressures.shape not in ((), (len(structures),)):
        raise ValueError(f"pressure_gpa has shape {pressures.shape}, must be one number or one for each structure")
    if not np.all(np.isfinite(pressures)):
        raise ValueError(f"pressure_gpa is {pressure_gpa}, must be finite")
    return np.broadcast_to(pressures, len(structures))


def _checked_processes(processes: int) -> int:
    if processes < 1:
        raise ValueError(f"processes is {processes}, must be at least 1")
    return int(processes)


def _check_structures(structures: StructureSet) -> None:
    if len(structures) == 0:
        raise ValueError("structures: the set is empty, there is nothing to compute")
    if len(np.unique(_index(structures))) < len(structures):
        raise ValueError("structures: an index occurs more than once, each structure must have one of its own")
    unfit = ~(structures.volumes > 0) | (structures.lengths == 0)
    if np.any(unfit) or not np.all(np.isfinite(structures.positions)):
        rows = ", ".join(map(str, np.flatnonzero(unfit)[:5])) or "some"
        raise ValueError(f"structures: {rows} have no volume, no atoms or positions that are not finite")


def read_results(results: Path | str, structures: StructureSet) -> StructureSet:
    """Read the records of a job, also of one that was killed; a torn last line is left out.

    Args:
        results: a job folder (Path), or the text of results.jsonl (str).
        structures: the starting points that the job was made from.

    Returns:
        Those of `structures` that have a record, in the order of `structures`, with the geometry of the records, all
        columns of `structures` and those of the record: index, enthalpy (eV, whole cell; nan where failed without
        one), pressure_gpa, max_force (eV/angstrom), max_stress_error (GPa), converged, reason, force_calls,
        cpu_seconds. Metadata: that of `structures`. The first record of an index counts.
    """
    text = (results / RESULTS_FILE).read_text() if isinstance(results, Path) else results
    records: dict[int, Record] = {}
    for record in parse_records(text):
        records.setdefault(record["index"], record)
    index = _index(structures)
    rows = [row for row in range(len(structures)) if int(index[row]) in records]
    return _with_records(structures.select(rows), [records[int(index[row])] for row in rows])


def _with_records(structures: StructureSet, records: list[Record]) -> StructureSet:
    columns: dict[str, np.ndarray] = {
        name: np.array([_value(record[name], kind) for record in records], dtype=kind) for name, kind in COLUMNS.items()
    }
    if not records:
        return structures.with_columns(**columns)
    positions = np.concatenate([_numbers(record["positions"]) for record in records])
    cells = np.array([_numbers(record["cell"]) for record in records])
    return replace(structures, positions=positions, cells=cells).with_columns(**columns)


def _value(value: Any, kind: type) -> Any:
    return np.nan if value is None else kind(value)


def _numbers(rows: list[list[float | None]]) -> np.ndarray:
    return np.array(rows, dtype=float).reshape(-1, 3)


def read_summary(folder: Path) -> dict[str, Any]:
    """Return summary.json of a job folder.

    Keys: asked, done, converged, failures (reason -> times), cpu_seconds, wall_seconds, force_calls_mean,
    minimiser {name, version, settings}, engine {name, version}, complete.
    """
    return json.loads((folder / SUMMARY_FILE).read_text())


def minimiser_description(parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return {name, version, settings} of the minimiser: sets with different ones must not be merged silently."""
    return optimiser.description(RelaxParameters.from_dict(parameters))
