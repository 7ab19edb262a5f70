"""The process that relaxes: rows of structures.npz come in on standard input, records go out on standard output."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

import numpy as np

from .calculators import Calculator, make_calculator
from .cells import reduced
from .job import EVALUATE, Job, Start, read_job
from .optimiser import Relaxation
from .parameters import RelaxParameters
from .streaming import Record, to_line
from .units import GPA

PR_SET_PDEATHSIG = 1
MEANINGLESS = ("atoms collapsed", "exploded", "nan")
"""Reasons of failure with which the numbers of the last state mean nothing."""


def work() -> None:
    """Say that the engine is ready and what it is, then answer each row with its record until the input ends."""
    _die_with_parent()
    replies = _private_output()
    job = read_job(Path())
    calculator = make_calculator(job.potential)
    replies.write(json.dumps({"ready": {"name": calculator.name, "version": calculator.version}}) + "\n")
    for line in sys.stdin:
        replies.write(to_line(answer(calculator, job, int(line))))


def answer(calculator: Calculator, job: Job, row: int) -> Record:
    """Return the record of a row of the structures."""
    if job.task == EVALUATE:
        return evaluated(calculator, job[row])
    return relaxed(calculator, job[row], job.parameters)


def lost(job: Job, row: int, reason: str) -> Record:
    """Return the record of a row whose worker was lost."""
    return unevaluated(job[row], reason) if job.task == EVALUATE else record_of(job[row], None, reason)


def evaluated(calculator: Calculator, start: Start) -> Record:
    """Evaluate a structure as it is and return its record; whatever the engine raises becomes the reason of failure."""
    began = time.process_time()
    try:
        calculator.load(start.numbers, start.positions, start.cell)
        energy, forces, stress = calculator.evaluate(start.positions, start.cell)
    except Exception as error:
        return unevaluated(start, f"engine error: {_short(error)}") | {"cpu_seconds": time.process_time() - began}
    if not (np.isfinite(energy) and np.all(np.isfinite(forces)) and np.all(np.isfinite(stress))):
        return unevaluated(start, "nan") | {"cpu_seconds": time.process_time() - began}
    numbers = {"energy": float(energy), "forces": forces.tolist(), "stress": (stress / GPA).tolist()}
    return {**unevaluated(start, ""), **numbers, "cpu_seconds": time.process_time() - began}


def unevaluated(start: Start, reason: str) -> Record:
    """Return the record of a structure without numbers."""
    return {
        "index": start.index,
        "energy": None,
        "forces": None,
        "stress": None,
        "converged": not reason,
        "reason": reason,
        "force_calls": 1,
        "cpu_seconds": None,
    }


def relaxed(calculator: Calculator, start: Start, parameters: RelaxParameters) -> Record:
    """Relax one structure and return its record; whatever the engine raises becomes the reason of failure."""
    began = time.process_time()
    positions = start.positions
    if parameters.rattle:
        positions = positions + np.random.default_rng(start.index).normal(0.0, parameters.rattle, positions.shape)
    relaxation = Relaxation(calculator.evaluate, start.pressure_gpa, parameters)
    try:
        calculator.load(start.numbers, positions, start.cell)
        reason = relaxation.run(positions, start.cell)
    except Exception as error:
        reason = f"engine error: {_short(error)}"
    return record_of(start, relaxation, reason) | {"cpu_seconds": time.process_time() - began}


def _short(error: Exception) -> str:
    """Return an exception's message on one line, without places in source code, or else its name."""
    text = re.sub(r"\(\S+:\d+\)|Last input line:.*", "", " ".join(str(error).split()))
    return text.strip()[:200] or type(error).__name__


def record_of(start: Start, relaxation: Relaxation | None, reason: str) -> Record:
    """Return the record of a relaxation that ended, or with None of one that was lost."""
    state = relaxation.state if relaxation else None
    meant = state if reason not in MEANINGLESS else None
    cell = state.cell if state else start.cell
    if np.all(np.isfinite(cell)):
        cell = reduced(cell) @ cell
    return {
        "index": start.index,
        "cell": cell.tolist(),
        "positions": (state.positions if state else start.positions).tolist(),
        "energy": meant.energy if meant else None,
        "enthalpy": meant.enthalpy if meant else None,
        "pressure_gpa": start.pressure_gpa,
        "max_force": meant.max_force if meant else None,
        "max_stress_error": meant.max_stress_error if meant else None,
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
