"""The process that relaxes: rows of structures.npz come in on standard input, records go out on standard output."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

import numpy as np

from .cells import reduced
from .engines import Engine, make_engine
from .job import Start, read_job
from .optimiser import Relaxation
from .parameters import RelaxParameters
from .streaming import Record, to_line

PR_SET_PDEATHSIG = 1


def work() -> None:
    """Say that the engine is ready and what it is, then answer each row with its record until the input ends."""
    _die_with_parent()
    replies = _private_output()
    job = read_job(Path())
    engine = make_engine(job.potential)
    replies.write(json.dumps({"ready": {"name": engine.name, "version": engine.version}}) + "\n")
    for line in sys.stdin:
        replies.write(to_line(relaxed(engine, job[int(line)], job.parameters)))


def relaxed(engine: Engine, start: Start, parameters: RelaxParameters) -> Record:
    """Relax one structure and return its record; whatever the engine raises becomes the reason of failure."""
    began = time.process_time()
    positions = start.positions
    if parameters.rattle:
        positions = positions + np.random.default_rng(start.index).normal(0.0, parameters.rattle, positions.shape)
    relaxation = Relaxation(engine.evaluate, start.pressure_gpa, parameters)
    try:
        engine.load(start.numbers, positions, start.cell)
        reason = relaxation.run(positions, start.cell)
    except Exception as error:
        reason = f"engine error: {' '.join(str(error).split()) or type(error).__name__}"
    return record_of(start, relaxation, reason) | {"cpu_seconds": time.process_time() - began}


def record_of(start: Start, relaxation: Relaxation | None, reason: str) -> Record:
    """Return the record of a relaxation that ended, or with None of one that was lost."""
    state = relaxation.state if relaxation else None
    cell = state.cell if state else start.cell
    if np.all(np.isfinite(cell)):
        cell = reduced(cell) @ cell
    return {
        "index": start.index,
        "cell": cell.tolist(),
        "positions": (state.positions if state else start.positions).tolist(),
        "energy": state.energy if state else None,
        "enthalpy": state.enthalpy if state else None,
        "pressure_gpa": start.pressure_gpa,
        "max_force": state.max_force if state else None,
        "max_stress_error": state.max_stress_error if state else None,
        "converged": not reason,
        "reason": reason,
        "force_calls": relaxation.force_calls if relaxation else 0,
        "cpu_seconds": None,
    }


def _private_output() -> TextIO:
    """Return standard output for our replies alone; whatever else writes there goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return replies


def _die_with_parent() -> None:
    """Let Linux end this process when its parent ends, also in the middle of a calculation."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
