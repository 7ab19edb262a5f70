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
after FEW_ITERATIONS as if these were geom_max_iter; no_output: nothing is written, exit status 0; error: SEED.0001.err
is written, exit status 1.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aiida_polymorph.driver.elements import SYMBOLS
from aiida_polymorph.driver.lammps_engine import LammpsEngine
from aiida_polymorph.driver.optimiser import ALLOWED_RISE, Relaxation
from aiida_polymorph.driver.parameters import RelaxParameters
from aiida_polymorph.driver.units import GPA
from aiida_polymorph.potential import load_potential

STAND_IN = "STAND-IN for CASTEP: Matsui-Akaogi pair potential, not density-functional theory"
WELCOME = f" | Welcome to a STAND-IN for CASTEP version 17.2   |\n {STAND_IN}\n"
FAILURES = "CASTEP_STAND_IN_FAILURES"
FEW_ITERATIONS = 2
TASKS = ("geometryoptimization", "geometryoptimisation")
FUNCTIONALS = {
    "LDA": "Local Density Approximation",
    "PBE": "Perdew Burke Ernzerhof",
    "PBESOL": "PBE for solids (2008)",
    "WC": "PBE with Wu-Cohen exchange",
    "RPBE": "revised Perdew Burke Ernzerhof",
}
NOT_DONE = {"fix_all_cell", "fix_all_ions", "cell_constraints", "ionic_constraints", "continuation", "reuse"}
TOLERANCES = {"geom_energy_tol": "2e-5", "geom_force_tol": "0.05", "geom_disp_tol": "1e-3", "geom_stress_tol": "0.1"}
ELECTRONS = {"Ti": 12, "O": 6}
EXTRA_BANDS = 4
HARTREE, BOHR = 27.21138505, 0.52917721092
"""eV and angstrom, CODATA 2010, which CASTEP 17 uses."""


class RefusedError(Exception):
    """Why CASTEP gives up: it becomes SEED.0001.err."""


class EnoughError(Exception):
    """The relaxation has converged by CASTEP's criteria, or is out of iterations."""


@dataclass(frozen=True)
class Job:
    """What is asked for: atoms sorted by atomic number, angstrom (cell as rows), GPa."""

    param: dict[str, str]
    numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pressure: float
    pseudopotentials: dict[str, str]
    grid: str
    max_iter: int

    @property
    def labels(self) -> list[tuple[str, int]]:
        """Symbol of each atom and its number among those of its element."""
        return [(SYMBOLS[n], int(np.sum(self.numbers[: i + 1] == n))) for i, n in enumerate(self.numbers)]

    def wants(self, name: str, default: str = "true") -> bool:
        """Return the value of a switch."""
        return self.param.get(name, default).lower() in ("true", "t", ".true.")


@dataclass(frozen=True)
class Frame:
    """One iteration: angstrom, eV, eV/angstrom, GPa; `change` (eV/atom) and `moved` (angstrom) since the last one."""

    positions: np.ndarray
    cell: np.ndarray
    energy: float
    enthalpy: float
    forces: np.ndarray
    stress: np.ndarray
    change: float
    moved: float

    @property
    def fractions(self) -> np.ndarray:
        """Fractional coordinates."""
        return self.positions @ np.linalg.inv(self.cell)

    def criteria(self, job: Job) -> list[tuple[str, float, float, str, bool]]:
        """Return CASTEP's four: name, value, tolerance, unit, whether reached."""
        force = np.linalg.norm(self.forces, axis=1).max()
        stress = np.abs(self.stress + job.pressure * np.eye(3)).max()
        values = zip(("dE/ion", "|F|max", "|dR|max", "Smax"), (self.change, force, self.moved, stress), strict=True)
        limits = [float(job.param.get(name, default).split()[0]) for name, default in TOLERANCES.items()]
        units = ("eV", "eV/A", "A", "GPa")
        rows = [(*value, limit, unit) for value, limit, unit in zip(values, limits, units, strict=True)]
        return [(*row, bool(row[1] < row[2] and (row[0] != "dE/ion" or row[1] > 0))) for row in rows]

    def converged(self, job: Job) -> bool:
        """Return whether the criteria that count are reached."""
        return all(row[4] for row in self.criteria(job) if row[0] != "|dR|max")


def read_input(path: Path) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """Return keywords, and the words of the lines of each block; names in lower case."""
    keywords, blocks, block = {}, {}, None
    for raw in path.read_text().splitlines():
        line = raw.strip() if raw.lower().startswith("comment") else re.split("[#!;]", raw)[0].strip()
        name, _, value = re.sub(r"[\s:=]+", " ", line, count=1).partition(" ")
        if name.lower() == "%block":
            block = blocks.setdefault(value.lower(), [])
        elif name.lower() == "%endblock":
            block = None
        elif block is not None and line:
            block.append(line.split())
        elif line:
            keywords[name.lower()] = value or "true"
    return keywords, blocks


def read_job(seed: str) -> Job:
    """Read SEED.cell and SEED.param.

    Raises:
        RefusedError: if CASTEP would refuse them, or the stand-in can't do what they ask for.
    """
    try:
        return job_from(*read_input(Path(f"{seed}.cell")), read_input(Path(f"{seed}.param"))[0])
    except (KeyError, ValueError) as error:
        raise RefusedError(f"can't read the input: {error!r}") from error


def job_from(keywords: dict[str, str], blocks: dict[str, list[list[str]]], param: dict[str, str]) -> Job:
    """Return what is asked for.

    Raises:
        RefusedError: if it can't be done.
        KeyError, ValueError: if a block is missing or a number isn't one.
    """
    if asked := sorted(NOT_DONE & (keywords.keys() | blocks.keys() | param.keys())):
        raise RefusedError(f"the stand-in can't do {', '.join(asked)}")
    if param.get("task", "singlepoint").lower() not in TASKS:
        raise RefusedError(f"the stand-in can't do task {param.get('task', 'singlepoint')}")
    if param.get("xc_functional", "LDA").upper() not in FUNCTIONALS:
        raise RefusedError(f"unknown xc_functional {param['xc_functional']}")
    cell = np.array([words for words in blocks["lattice_cart"] if words[0].lower() != "ang"], dtype=float)
    atoms = blocks["positions_abs"] if "positions_abs" in blocks else blocks["positions_frac"]
    places = np.array([words[1:4] for words in atoms], dtype=float) @ (np.eye(3) if "positions_abs" in blocks else cell)
    symbols = [words[0].split(":")[0].capitalize() for words in atoms]
    potentials = {words[0].split(":")[0].capitalize(): words[-1] for words in blocks.get("species_pot", ())}
    if missing := [s for s in dict.fromkeys(symbols) if s not in potentials or s not in ELECTRONS]:
        raise RefusedError(f"no pseudopotential for {', '.join(missing)} (and the stand-in knows only Ti and O)")
    numbers = np.array([SYMBOLS.index(symbol) for symbol in symbols])
    order = np.argsort(numbers, kind="stable")
    grid = keywords.get("kpoints_mp_grid", keywords.get("kpoint_mp_grid", "1 1 1"))
    pressure, iterations = hydrostatic(blocks.get("external_pressure", [])), int(param.get("geom_max_iter", 30))
    return Job(param, numbers[order], places[order], cell, pressure, potentials, grid, iterations)


def hydrostatic(rows: list[list[str]]) -> float:
    """Return the pressure of an upper triangle.

    Raises:
        RefusedError: if it isn't hydrostatic.
        ValueError: if it isn't six numbers.
    """
    xx, xy, xz, yy, yz, zz = [float(word) for words in rows for word in words] or [0.0] * 6
    if (xx, xx, 0, 0, 0) != (yy, zz, xy, xz, yz):
        raise RefusedError("the stand-in can't do an external pressure that isn't hydrostatic")
    return xx


def relax(job: Job) -> list[Frame]:
    """Return the iterations, the start as the first."""
    engine = LammpsEngine(load_potential("matsui-akaogi").to_dict())
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


def exponential(number: float, digits: int) -> str:
    """Write a number as Fortran does, with three digits of the exponent."""
    mantissa, exponent = f"{number:.{digits}E}".split("E")
    return f"{mantissa}E{int(exponent):+04d}"


def row(numbers: Iterable[float], form: str) -> str:
    """Write numbers beside each other."""
    return "".join(f"{number:{form}}" for number in numbers)


def boxed(title: str, unit: str, axes: str, lines: list[str], width: int) -> str:
    """Return one of CASTEP's boxes of stars."""
    inside = ["", f"{f'Cartesian components ({unit})':^{width - 2}}", " " + "-" * (width - 4), axes, "", *lines, ""]
    framed = [f" {title} ".center(width, "*"), *(f"*{line:<{width - 2}}*" for line in inside), "*" * width]
    return "".join(f" {line}\n" for line in framed)


def forces_box(job: Job, frame: Frame, title: str, width: int, step: int) -> str:
    """Return forces in eV/angstrom."""
    axes = f"{'x':>26}{'y':>{step}}{'z':>{step}}"
    atoms = zip(job.labels, frame.forces, strict=True)
    lines = [f" {s:<2}{i:>15d}{force[0]:13.5f}" + row(force[1:], f"{step}.5f") for (s, i), force in atoms]
    return boxed(title, "eV/A", axes, lines, width)


def forces_and_stress(job: Job, frame: Frame) -> str:
    """Return the boxes of an iteration."""
    lines = [f"  {axis}" + row(stress, "14.6f") for axis, stress in zip("xyz", frame.stress, strict=True)]
    lines += ["", f"  Pressure: {-np.trace(frame.stress) / 3:9.4f}"]
    stress = boxed("Symmetrised Stress Tensor", "GPa", row("xyz", ">14"), lines, 49)
    return forces_box(job, frame, "Constrained Symmetrised Forces", 84, 21) + "\n" + stress


def geometry(job: Job, frame: Frame) -> str:
    """Return the cell and the atoms in it."""
    vectors = zip(frame.cell, 2 * np.pi * np.linalg.inv(frame.cell).T, strict=True)
    cell = "".join(f"{row(real, '12.7f')}     {row(reciprocal, '12.7f')}\n" for real, reciprocal in vectors)
    places = zip(job.labels, frame.fractions, strict=True)
    atoms = "".join(f"            x  {s:<3}{i:>10d}     {row(place, '11.6f')}   x\n" for (s, i), place in places)
    rule, edge = f"{'-' * 31:>58}", " " * 12 + "x" * 60
    counts = {"ions": len(job.numbers), "species": len(set(job.numbers))}
    totals = "".join(f"{f'Total number of {name} in cell':>52} = {n:>4d}\n" for name, n in counts.items())
    return f"""
{rule}
                                      Unit Cell
{rule}
        Real Lattice(A)                      Reciprocal Lattice(1/A)
{cell}
                Current cell volume = {abs(np.linalg.det(frame.cell)):12.6f} A**3

{rule}
                                     Cell Contents
{rule}
{totals}
{edge}
            x  Element    Atom        Fractional coordinates of atoms  x
            x            Number           u          v          w      x
            x{"-" * 58}x
{atoms}{edge}

"""


def header(job: Job, start: Frame) -> str:
    """Return .castep up to the first energy."""
    files = "".join(f"{symbol:>38} {text}\n" for symbol, text in job.pseudopotentials.items())
    p = f"{job.pressure:10.5f}"
    return f"""\
 +-------------------------------------------------+
{WELCOME}
 ************************************ Title ************************************
 {job.param.get("comment", "")}

 type of calculation                            : geometry optimization
 stress calculation                             : on
 output         length unit                     : A
 output         energy unit                     : eV
 output          force unit                     : eV/A
 output       pressure unit                     : GPa
 using functional                               : {FUNCTIONALS[job.param.get("xc_functional", "LDA").upper()]}
 optimization method                            : LBFGS
 max. number of steps                           : {job.max_iter:>10d}

 {"*" * 79}
{geometry(job, start)}
                          Files used for pseudopotentials:
{files}
                       MP grid size for SCF calculation is  {job.grid}
                       Number of kpoints used = {np.prod([int(n) for n in job.grid.split()]):>13d}

                         Cell constraints are:  1 2 3 4 5 6

                         External pressure/stress (GPa)
                         {p}   0.00000   0.00000
                                   {p}   0.00000
                                             {p}

+---------------- MEMORY AND SCRATCH DISK ESTIMATES PER PROCESS --------------+
"""


def iteration(job: Job, frame: Frame, number: int) -> str:
    """Return what .castep tells of an iteration, of which 0 is the start."""
    energy, rule = f"= {frame.energy:16.10f}     eV", "=" * 80
    begin = f"""
{rule}
 Starting LBFGS iteration {number:>10d} ...
{rule}

{"-" * 80}
 LBFGS: starting iteration {number:>9d} with trial guess (lambda=  1.000000)
{"-" * 80}
{geometry(job, frame)}"""
    edge = f" +{'-' * 11}+{'-' * 17}+{'-' * 17}+{'-' * 12}+-----+ <-- LBFGS\n"
    table = "".join(
        f" | {name:^9} | {exponential(value, 6):>15} | {exponential(tolerance, 6):>15} | {unit:>10} |"
        f" {'Yes' if reached else 'No ':3} | <-- LBFGS\n"
        for name, value, tolerance, unit, reached in frame.criteria(job)
    )
    return f"""{begin if number else ""}
Final energy, E             {energy}
Final free energy (E-TS)    {energy}
(energies not corrected for finite basis set)

NB est. 0K energy (E-0.5TS)      {energy}

{forces_and_stress(job, frame)}
 LBFGS: finished iteration {number:>5d} with enthalpy= {exponential(frame.enthalpy, 8)} eV

{edge} | Parameter |      value      |    tolerance    |    units   | OK? | <-- LBFGS
{edge}{table}{edge}"""


def ending(job: Job, frames: list[Frame]) -> str:
    """Return .castep from the verdict on."""
    verdict, last, rule = "Geometry optimization completed successfully.", frames[-1], "=" * 80
    if not last.converged(job):
        verdict = f"WARNING - Geometry optimization failed to converge after {len(frames) - 1:>10d} steps"
    return f"""
 LBFGS: {verdict}

{rule}
 LBFGS: Final Configuration:
{rule}
{geometry(job, last)}
 LBFGS: Final Enthalpy     = {exponential(last.enthalpy, 8)} eV

{forces_box(job, last, "Unconstrained Forces", 60, 13)}
{forces_and_stress(job, last)}
Initialisation time = {0:9.2f} s
Calculation time    = {time.process_time():9.2f} s
Finalisation time   = {0:9.2f} s
Total time          = {time.process_time():9.2f} s
"""


def geom_block(job: Job, frame: Frame, number: int) -> str:
    """Return one block of .geom, in Hartree and Bohr; the line E holds energy and enthalpy."""
    atoms = [f" {symbol:<8}{index:>9d}" for symbol, index in job.labels]
    tables = (
        ("E", [""], [[frame.energy / HARTREE, frame.enthalpy / HARTREE]]),
        ("h", [""] * 3, frame.cell / BOHR),
        ("S", [""] * 3, frame.stress * (GPA * BOHR**3 / HARTREE)),
        ("R", atoms, frame.positions / BOHR),
        ("F", atoms, frame.forces * (BOHR / HARTREE)),
    )
    lines = [f"{number:>39d}{'   '.join('FT'[c[4]] for c in frame.criteria(job)):>50}            <-- c"]
    for tag, starts, values in tables:
        texts = [row((exponential(x, 16) for x in numbers), ">27") for numbers in values]
        lines += [f"{start:<18}{text:<81}  <-- {tag}" for start, text in zip(starts, texts, strict=True)]
    return "\n".join(lines) + "\n\n"


def out_cell(job: Job, frame: Frame) -> str:
    """Return -out.cell."""
    lattice = "".join(row(vector, "24.15f") + "\n" for vector in frame.cell)
    atoms = zip(job.labels, frame.fractions, strict=True)
    places = "".join(f"{symbol:>5}{row(place, '24.15f')}\n" for (symbol, _), place in atoms)
    blocks = {"LATTICE_CART": f"   ANG\n{lattice}", "POSITIONS_FRAC": places}
    return f"! {STAND_IN}\n" + "".join(f"%BLOCK {k}\n{text}%ENDBLOCK {k}\n\n" for k, text in blocks.items())


def made_up_bands(job: Job, frame: Frame) -> str:
    """Return .bands with one k-point and levels 0.1 Hartree apart, those below 0 occupied."""
    electrons = sum(ELECTRONS[symbol] for symbol, _ in job.labels)
    levels = 0.1 * np.arange(electrons // 2 + EXTRA_BANDS) + 0.05 - 0.1 * (electrons // 2)
    cell = "".join(row(vector, "12.6f") + "\n" for vector in frame.cell / BOHR)
    return (
        f"Number of k-points{1:6d}\nNumber of spin components 1\nNumber of electrons{electrons:7.3f}\n"
        f"Number of eigenvalues{len(levels):7d}\nFermi energy (in atomic units){0:13.6f}\nUnit cell vectors\n{cell}"
        f"K-point{1:6d}{row((0, 0, 0, 1), '12.8f')}\nSpin component 1\n"
        + "".join(f"{level:14.8f}\n" for level in levels)
    )


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
    if failure == "unconverged":
        job = replace(job, max_iter=min(job.max_iter, FEW_ITERATIONS))
    frames = relax(job)
    report = "".join(iteration(job, frame, i) for i, frame in enumerate(frames))
    files = {".castep": header(job, frames[0]) + report + ending(job, frames)}
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
