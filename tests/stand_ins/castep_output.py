"""What the stand-in for CASTEP writes: texts in the form of CASTEP 17.2's files."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np
from castep_input import ELECTRONS, FUNCTIONALS, Frame, Job

from aiida_polymorph.relaxation.driver.units import GPA

STAND_IN = "STAND-IN for CASTEP: Matsui-Akaogi pair potential, not density-functional theory"
WELCOME = f" | Welcome to a STAND-IN for CASTEP version 17.2   |\n {STAND_IN}\n"
EXTRA_BANDS = 4
HARTREE, BOHR = 27.21138505, 0.52917721092
"""eV and angstrom, CODATA 2010, which CASTEP 17 uses."""


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
