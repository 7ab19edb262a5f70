#!/usr/bin/env python3
"""STAND-IN for CASTEP: `castep.py SEED` reads SEED.cell and SEED.param and writes what CASTEP 17.2 would.

The energies are those of the Matsui-Akaogi pair potential (Ti and O only), NOT of density-functional theory: every
functional, cutoff and k-point grid gives the same, and the bands are made up. What is real is the form of SEED.castep,
SEED.geom, SEED-out.cell and SEED.bands: atoms sorted by atomic number, stresses (GPa) positive under tension and
without the external pressure. Positions and cell are relaxed together at that pressure with CASTEP's criteria
(geom_energy_tol, geom_force_tol, geom_stress_tol; not geom_disp_tol) in at most geom_max_iter iterations. Symmetry is
kept by the forces, not enforced. What it can't do (other tasks, constraints, restarts, units, stress that isn't
hydrostatic) it refuses with SEED.0001.err, as it does unknown functionals and elements without a pseudopotential.

Failures on demand: the environment variable CASTEP_STAND_IN_FAILURES names a JSON file with a list of
`{"comment": "rutile PBE 30 GPa", "failure": "killed", "times": 1}`. A run with that `comment` in SEED.param fails,
until `times` (default 1) of them have; marker files beside the JSON file count, so that several may run at once.
killed: half of SEED.castep and of SEED.geom is written, then the process gets SIGKILL; unconverged: the run stops
after FEW_ITERATIONS as if these were geom_max_iter; stuck: so too, and is not content with what it has reached; scf:
all is well but for CASTEP's warning that a ground state was not reached; no_output: nothing is written, exit status 0;
error: SEED.0001.err is written, exit status 1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from castep_input import Frame, Job, RefusedError, read_input, read_job
from castep_output import (
    STAND_IN,
    WELCOME,
    ending,
    geom_block,
    header,
    iteration,
    made_up_bands,
    out_cell,
)

from aiida_polymorph.potential import load_potential
from aiida_polymorph.relaxation.driver.lammps_calculator import LammpsCalculator
from aiida_polymorph.relaxation.driver.optimiser import ALLOWED_RISE, Relaxation
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.relaxation.driver.units import GPA

FAILURES = "CASTEP_STAND_IN_FAILURES"
FEW_ITERATIONS = 2
SCF_WARNING = "\n *Warning* max. SCF cycles performed but system has not reached the groundstate.\n"


class EnoughError(Exception):
    """The relaxation has converged by CASTEP's criteria, or is out of iterations."""


def relax(job: Job) -> list[Frame]:
    """Return the iterations, the start as the first."""
    engine = LammpsCalculator(load_potential("matsui-akaogi").to_dict())
    engine.load(job.numbers, job.positions, job.cell)
    frames: list[Frame] = []

    def evaluate(positions: np.ndarray, cell: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        energy, forces, stress = engine.evaluate(positions, cell)
        frame = Frame(positions, cell, energy, energy, forces, stress / GPA, 0.0, 0.0)
        frame = replace(frame, enthalpy=energy + job.pressure * GPA * abs(np.linalg.det(cell)))
        if not frames or frame.enthalpy <= frames[-1].enthalpy + ALLOWED_RISE * len(positions):
            frames.append(changed(frame, frames[-1]) if frames else frame)
            if frames[-1].converged(job) or len(frames) > job.max_iter:
                raise EnoughError
        return energy, forces, stress

    tight = RelaxParameters(force_tolerance=1e-8, stress_tolerance=1e-7, max_force_calls=10 * (job.max_iter + 1))
    with suppress(EnoughError):
        Relaxation(evaluate, job.pressure, tight).run(job.positions, job.cell)
    if not np.isfinite(frames[0].enthalpy):
        raise RefusedError("the energy is not a number")
    return frames


def changed(frame: Frame, last: Frame) -> Frame:
    """Return the frame with what changed since the last one."""
    moved = np.linalg.norm((frame.fractions - last.fractions) @ frame.cell, axis=1).max()
    return replace(frame, change=abs(frame.enthalpy - last.enthalpy) / len(frame.positions), moved=float(moved))


def failure_asked_for(comment: str) -> str:
    """Return the failure that this run shall suffer, "" for none; a file that only one run can make counts each."""
    name = os.environ.get(FAILURES)
    for index, entry in enumerate(json.loads(Path(name).read_text()) if name else []):
        for occasion in range(entry.get("times", 1) if entry["comment"] == comment else 0):
            with suppress(FileExistsError):
                Path(f"{name}.{index}.{occasion}").touch(exist_ok=False)
                return entry["failure"]
    return ""


def run(seed: str, job: Job, failure: str) -> None:
    """Relax and write, as far as the failure lets."""
    if failure in ("unconverged", "stuck"):
        job = replace(job, max_iter=min(job.max_iter, FEW_ITERATIONS))
    if failure == "stuck":
        job = replace(job, param={**job.param, "geom_force_tol": "0"})
    frames = relax(job)
    report = "".join(iteration(job, frame, i) for i, frame in enumerate(frames))
    warning = SCF_WARNING if failure == "scf" else ""
    files = {".castep": header(job, frames[0]) + report + warning + ending(job, frames)}
    if job.wants("write_geom"):
        blocks = "".join(geom_block(job, frame, i) for i, frame in enumerate(frames))
        files[".geom"] = f" BEGIN header\n {STAND_IN}\n END header\n\n{blocks}"
    if failure == "killed":
        files = {suffix: text[: len(text) // 2] for suffix, text in files.items()}
    elif job.wants("write_bands"):
        files[".bands"] = made_up_bands(job, frames[-1])
    if job.wants("write_cell_structure", "false") and failure != "killed":
        files["-out.cell"] = out_cell(job, frames[-1])
    for suffix, text in files.items():
        Path(seed + suffix).write_text(text)
    if failure == "killed":
        os.kill(os.getpid(), signal.SIGKILL)


def main(seed: str) -> int:
    """Run SEED and return the exit status."""
    failure = failure_asked_for(read_input(Path(f"{seed}.param"))[0].get("comment", ""))
    if failure == "no_output":
        return 0
    try:
        if failure == "error":
            raise RefusedError("asked for by the test")
        run(seed, read_job(seed), failure)
    except RefusedError as error:
        Path(f"{seed}.0001.err").write_text(f"Error: {error}\n Current trace stack:\n castep\n")
        Path(f"{seed}.castep").write_text(WELCOME)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
