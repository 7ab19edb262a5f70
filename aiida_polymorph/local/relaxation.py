"""Relaxations and evaluations of a whole set on this machine, through the same files as a job."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from aiida_polymorph.potential import Potential
from aiida_polymorph.relaxation.driver.job import EVALUATE, RESULTS_FILE
from aiida_polymorph.relaxation.evaluations import Evaluations, read_evaluations
from aiida_polymorph.relaxation.jobs import DRIVER_FOLDER, read_results, read_summary, write_job
from aiida_polymorph.structures import StructureSet


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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_job(folder, structures, potential, pressure_gpa, parameters, processes)
        _run_driver(folder, progress)
        relaxed, summary = read_results(folder, structures), read_summary(folder)
    one = {"pressure_gpa": float(pressure_gpa)} if np.ndim(pressure_gpa) == 0 else {}
    return relaxed.with_metadata(minimiser=summary["minimiser"], potential=potential.name, **one)


def evaluate(
    structures: StructureSet,
    potential: Potential,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluations:
    """Compute energy, forces and stress of each structure as it is, in worker processes on this machine.

    Args:
        structures: to evaluate.
        potential: how to compute energies.
        processes: workers side by side.
        progress: called now and then with (done, asked).

    Raises:
        ValueError: as `write_job`.
        RuntimeError: if the driver itself could not run (e.g. `import lammps` fails), with its message.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_job(folder, structures, potential, 0.0, processes=processes, task=EVALUATE)
        _run_driver(folder, progress)
        return read_evaluations((folder / RESULTS_FILE).read_text(), structures)


def _run_driver(folder: Path, progress: Callable[[int, int], None] | None) -> None:
    with (
        (folder / "stderr").open("w+") as messages,
        subprocess.Popen(
            [sys.executable, "-m", DRIVER_FOLDER], cwd=folder, stdout=subprocess.PIPE, stderr=messages, text=True
        ) as process,
    ):
        try:
            for line in cast(IO[str], process.stdout):
                done, _, asked = line.partition(" of ")
                if progress and asked:
                    progress(int(done), int(asked))
        except BaseException:
            process.terminate()
            raise
        if process.wait():
            messages.seek(0)
            raise RuntimeError(f"the relaxation driver failed: {messages.read().strip()[-2000:]}")
