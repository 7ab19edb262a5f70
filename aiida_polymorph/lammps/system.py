"""What all scripts share: the atoms, the potential, the end.

Crystals are in LAMMPS's frame, a lower triangular cell, so that what comes back needs no turning.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.calculators.lammps import convert
from ase.cell import Cell
from ase.io.lammpsdata import write_lammps_data

from aiida_polymorph.potential import Potential
from aiida_polymorph.units import GPA

DATA_FILE = "crystal.data"
SCRIPT_FILE = "lammps.in"
END_MARKER = "aiida-polymorph: all stages done"
LARGEST_SEED = 900_000_000
"""LAMMPS's generator takes seeds up to this."""


def energy_unit(potential: Potential) -> float:
    """Return LAMMPS's unit of energy in eV."""
    return float(convert(1.0, "energy", potential.units, "ASE"))


def pressure_text(potential: Potential, pressure_gpa: float) -> str:
    """Return a pressure in LAMMPS's unit."""
    return repr(float(convert(pressure_gpa * GPA, "pressure", "ASE", potential.units)))


def time_text(potential: Potential, femtoseconds: float) -> str:
    """Return a time in LAMMPS's unit, femtoseconds or picoseconds."""
    return repr(femtoseconds if potential.units == "real" else femtoseconds / 1000)


def lammps_frame(atoms: Atoms) -> Atoms:
    """Return the crystal turned so that its cell is lower triangular, with the same fractional coordinates.

    The diagonal of the cell is positive, as LAMMPS wants it: a crystal with left-handed vectors becomes its mirror
    image, which has the same energy.
    """
    cell, _ = turn_to_frame(np.asarray(atoms.cell))
    return Atoms(atoms.numbers, scaled_positions=atoms.get_scaled_positions(wrap=False), cell=cell, pbc=True)


def turn_to_frame(cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how a cell gets into LAMMPS's frame.

    Args:
        cell: vectors as rows, angstrom, shape (3, 3).

    Returns:
        The lower triangular cell with a positive diagonal, and the orthogonal matrix Q with cell = lower @ Q, which is
        improper for left-handed vectors. Positions and forces get into the frame by multiplication with Q.T from the
        right, and back by that with Q.
    """
    lower, turn = Cell(cell).standard_form()
    side = np.copysign(1.0, np.linalg.det(cell))
    return side * np.asarray(lower), side * np.asarray(turn)


def data_file(atoms: Atoms, potential: Potential) -> str:
    """Return a crystal in LAMMPS's frame as a data file; atoms keep their order.

    Raises:
        ValueError: if the potential doesn't know an element.
    """
    potential.check_species(atoms.symbols)
    atoms = Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)
    if potential.charges:
        atoms.set_initial_charges([potential.charges[symbol] for symbol in atoms.symbols])
    text = io.StringIO()
    style = "charge" if potential.charges else "atomic"
    options = {"units": potential.units, "atom_style": style, "force_skew": True}
    write_lammps_data(text, atoms, specorder=list(potential.species), **options)
    return text.getvalue()


def species_of(atoms: Atoms, potential: Potential) -> list[tuple[int, str]]:
    """Return LAMMPS's type and the symbol of each element that occurs, in the potential's order."""
    return [(i, symbol) for i, symbol in enumerate(potential.species, 1) if symbol in atoms.symbols]


def sampling_mass(atoms: Atoms) -> float:
    """Return the mass given to every atom: the mean of the elements' masses, atomic mass units.

    A classical free energy of configurations doesn't depend on masses. With equal ones the centre of mass is the
    centroid, and the fastest vibration is slower than with a light element's own.
    """
    return float(atoms.get_masses().mean())


def opening(atoms: Atoms, potential: Potential, commands: Sequence[str]) -> list[str]:
    """Return the commands that set up a crystal with interactions given by `commands`."""
    return [
        f"units {potential.units}",
        f"atom_style {'charge' if potential.charges else 'atomic'}",
        "atom_modify map array sort 0 0",
        "boundary p p p",
        "box tilt large",
        f"read_data {DATA_FILE}",
        f"mass * {sampling_mass(atoms)!r}",
        *commands,
        "thermo_modify lost error norm no",
    ]


def spring_commands(atoms: Atoms, potential: Potential, springs: dict[str, float], style: str) -> list[str]:
    """Return a fix of springs for each element; they hold atoms to where they are when the command is read.

    Args:
        atoms: the crystal.
        potential: gives types and units.
        springs: constant k by element, eV/angstrom^2; the energy of a spring is k u^2 / 2.
        style: of the fix, with `{k}` in the place of the constant.
    """
    lines = []
    for kind, symbol in species_of(atoms, potential):
        k = springs[symbol] / energy_unit(potential)
        lines += [f"group kind{kind} type {kind}", f"fix spring{kind} kind{kind} {style.format(k=repr(k))}"]
    return lines


def gronbech_jensen(potential: Potential, temperature: float, damping_fs: float, seed: int) -> list[str]:
    """Return Langevin dynamics at fixed cell and centroid.

    The integrator of Grønbech-Jensen (2020) samples the positions of a harmonic crystal exactly at any time step;
    `fix recenter` projects the motion of the centroid out.
    """
    t = f"{temperature!r}"
    return [
        f"fix dynamics all gjf {t} {t} {time_text(potential, damping_fs)} {seed}",
        "fix centre all recenter INIT INIT INIT",
    ]


def closing(lines: Sequence[str]) -> str:
    """Return a script that ends with the marker of success."""
    return "\n".join([*lines, f'print "{END_MARKER}"', ""])


def seeds(seed: int, number: int) -> list[int]:
    """Return seeds for LAMMPS that differ between stages and runs."""
    drawn = np.random.SeedSequence(seed).generate_state(number)
    return [int(each % LARGEST_SEED) + 1 for each in drawn]
