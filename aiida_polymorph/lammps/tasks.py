"""Tasks: a folder that `lmp -in lammps.in` runs in, and what comes back from it.

| task | settings | question |
|---|---|---|
| `minimise` | `MinimiseSettings` | where are the atoms at 0 K, and what is their energy? |
| `equilibrate` | `EquilibrateSettings` | what are mean cell and energy at a temperature and pressure? |
| `sweep` | `SweepSettings` | what are cell and energy all along an isobar? |
| `springs` | `SpringsSettings` | how do springs of several strengths stretch? |
| `switching` | `SwitchingSettings` | what work turns the crystal into springs, and back? |
| `evaluate` | `EvaluateSettings` | what are energies and forces at these positions? |
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps import scripts
from aiida_polymorph.lammps.output import is_complete, last_error, write_snapshots
from aiida_polymorph.lammps.settings import (
    EquilibrateSettings,
    EvaluateSettings,
    MinimiseSettings,
    Settings,
    SpringsSettings,
    SweepSettings,
    SwitchingSettings,
)
from aiida_polymorph.lammps.system import DATA_FILE, SCRIPT_FILE, data_file, lammps_frame
from aiida_polymorph.potential import Potential

LOG_FILE = "log.lammps"
OUTPUT_FILE = "lammps.out"
ERROR_FILE = "lammps.err"

TASKS: Mapping[str, tuple[type[Settings], Callable[..., str]]] = {
    "minimise": (MinimiseSettings, scripts.minimise_script),
    "equilibrate": (EquilibrateSettings, scripts.equilibrate_script),
    "sweep": (SweepSettings, scripts.sweep_script),
    "springs": (SpringsSettings, scripts.springs_script),
    "switching": (SwitchingSettings, scripts.switching_script),
    "evaluate": (EvaluateSettings, scripts.evaluate_script),
}

OUTPUT_PATTERNS = ("*.dat", "*.dump")


def make_settings(task: str, entries: Mapping[str, Any]) -> Settings:
    """Return the settings of a task from plain values.

    Raises:
        ValueError: if there is no such task, or a setting is not allowed.
    """
    if task not in TASKS:
        raise ValueError(f"task is {task!r}, must be one of {', '.join(TASKS)}")
    return TASKS[task][0].from_dict(entries)


def task_files(
    task: str, atoms: Atoms, potential: Potential, settings: Settings, positions: np.ndarray | None = None
) -> dict[str, str]:
    """Return name -> text of the files of a task.

    Args:
        task: one of `TASKS`.
        atoms: the crystal; turned into LAMMPS's frame, as all that comes back is.
        potential: of LAMMPS.
        settings: of the task.
        positions: for `evaluate`, in the frame of `lammps_frame(atoms)`, angstrom, shape (frames, N, 3).

    Raises:
        ValueError: if the potential is not one of LAMMPS or doesn't know an element.
    """
    if potential.backend != "lammps":
        raise ValueError(f"potential {potential.name!r} runs with {potential.backend}; molecular dynamics needs LAMMPS")
    atoms = lammps_frame(atoms)
    files = {
        DATA_FILE: data_file(atoms, potential),
        SCRIPT_FILE: TASKS[task][1](atoms, potential, settings),
        **potential.files,
    }
    return files if positions is None else {**files, scripts.SNAPSHOTS_FILE: write_snapshots(atoms, positions)}


class LammpsFailedError(RuntimeError):
    """LAMMPS did not come to the end of a script."""


def run_task(
    folder: Path,
    task: str,
    atoms: Atoms,
    potential: Potential,
    settings: Settings,
    positions: np.ndarray | None = None,
    executable: str | None = None,
) -> dict[str, str]:
    """Run a task here, without AiiDA, and return name -> text of its output, the log among it.

    Args:
        folder: where to run, made if need be.
        task: one of `TASKS`.
        atoms: the crystal.
        potential: of LAMMPS.
        settings: of the task.
        positions: see `task_files`.
        executable: of LAMMPS; without it `lmp` beside this Python, or on PATH.

    Raises:
        LammpsFailedError: with LAMMPS's own words, or if there is no such program.
        ValueError: see `task_files`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in task_files(task, atoms, potential, settings, positions).items():
        (folder / name).write_text(text)
    beside = Path(sys.executable).parent / "lmp"
    program = executable or (str(beside) if beside.exists() else shutil.which("lmp") or "lmp")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [program, "-in", SCRIPT_FILE, "-log", LOG_FILE, "-screen", "none"]
    try:
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LammpsFailedError(f"LAMMPS does not start: {error}") from error
    log = (folder / LOG_FILE).read_text() if (folder / LOG_FILE).exists() else ""
    if not is_complete(log):
        raise LammpsFailedError(last_error(log) or ended.stderr.strip()[-300:] or "LAMMPS was stopped")
    found = [path for pattern in OUTPUT_PATTERNS for path in folder.glob(pattern)]
    return {LOG_FILE: log, **{path.name: path.read_text() for path in found if path.name != scripts.SNAPSHOTS_FILE}}
