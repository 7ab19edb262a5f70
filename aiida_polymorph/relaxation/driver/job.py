"""The job folder as the driver reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .parameters import RelaxParameters

JOB_FILE = "job.json"
STRUCTURES_FILE = "structures.npz"
RESULTS_FILE = "results.jsonl"
SUMMARY_FILE = "summary.json"
END_MARKER = "aiida-polymorph driver: all structures done"

RELAX, EVALUATE = "relax", "evaluate"
"""What a job does with each structure: relax it, or compute energy, forces and stress as it is."""

TASKS = (RELAX, EVALUATE)


@dataclass(frozen=True)
class Start:
    """One structure to relax or to evaluate: its identity, atoms and target pressure."""

    index: int
    numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pressure_gpa: float


@dataclass(frozen=True)
class Job:
    """What a job folder asks for; `arrays` are those of structures.npz, None for `max_wall_seconds` is no limit.

    `task` is `RELAX` or `EVALUATE`.
    """

    potential: Mapping[str, Any]
    parameters: RelaxParameters
    processes: int
    arrays: Mapping[str, np.ndarray]
    max_wall_seconds: float | None = None
    task: str = RELAX

    def __len__(self) -> int:
        return len(self.arrays["index"])

    def __getitem__(self, row: int) -> Start:
        arrays = self.arrays
        atoms = slice(arrays["offsets"][row], arrays["offsets"][row + 1])
        return Start(
            index=int(arrays["index"][row]),
            numbers=arrays["numbers"][atoms],
            positions=arrays["positions"][atoms],
            cell=arrays["cells"][row],
            pressure_gpa=float(arrays["pressure_gpa"][row]),
        )


def read_job(folder: Path) -> Job:
    """Read job.json and structures.npz."""
    entries = json.loads((folder / JOB_FILE).read_text())
    with np.load(folder / STRUCTURES_FILE) as file:
        arrays = dict(file)
    parameters = RelaxParameters.from_dict(entries["parameters"])
    return Job(
        potential=entries["potential"],
        parameters=parameters,
        processes=entries["processes"],
        arrays=arrays,
        max_wall_seconds=entries.get("max_wall_seconds"),
        task=entries.get("task", RELAX),
    )
