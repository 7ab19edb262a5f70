"""Entropy of a harmonic crystal from its force constants, by phonopy.

Convention: classical and configurational, with a thermal wavelength of 1 angstrom for every atom, as in
arXiv:1909.08934: a mode of curvature k (eV/angstrom^2, masses play no part) contributes 1/2 + ln(2 pi kB T / k) / 2 in
kB. Entropies of phases with the same composition differ by their curvatures only, at every temperature alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import (
    displaced_positions,
    mean_log_curvature,
    phonons_from_forces,
)
from aiida_polymorph.units import KB

NO_MESH = 1e-3
"""The supercell's own modes count, so that a mesh of one point will do, angstrom."""

Forces = Callable[[Atoms], np.ndarray]
"""Forces in eV/angstrom on the atoms of a periodic structure, shape (n, 3)."""


@dataclass(frozen=True)
class HarmonicEntropy:
    """Entropy of a crystal at the curvatures of its minimum.

    Attributes:
        entropy: kB per formula unit, see the module; nan where modes have no restoring force.
        soft_modes: share of the modes that have none: imaginary ones, 0 for a minimum.
        force_calls: evaluations that it took.
        atoms: in the supercell.
    """

    entropy: float
    soft_modes: float
    force_calls: int
    atoms: int


def harmonic_entropy(
    primitive: Atoms, forces: Forces, temperature: float, length: float = 12.0, displacement: float = 0.01
) -> HarmonicEntropy:
    """Return the classical harmonic entropy at this cell, from forces on displaced supercells.

    The modes are those of the supercell itself, for which its force constants are exact whatever the range of the
    forces; its three translations count as the mean of its other modes, which leaves an error of the order of 1 / N.

    Args:
        primitive: a relaxed primitive cell.
        forces: what computes forces.
        temperature: K.
        length: the supercell repeats each lattice vector until it is at least this long, angstrom.
        displacement: of one atom at a time, angstrom; phonopy leaves out those that symmetry gives.

    Raises:
        ValueError: if temperature, length or displacement is not positive.
    """
    for name, value in (("temperature", temperature), ("length", length), ("displacement", displacement)):
        if not value > 0:
            raise ValueError(f"{name} is {value}, must be positive")
    matrix = np.diag(multiples(primitive, length))
    supercell, displaced = displaced_positions(primitive, matrix, displacement)
    found = np.array([forces(_moved(supercell, positions)) for positions in displaced])
    phonons = phonons_from_forces(primitive, matrix, found, displacement=displacement, mesh_length=NO_MESH)
    modes = 3 * len(primitive) / formula_units_of(primitive.numbers)
    return HarmonicEntropy(
        entropy=modes / 2 * float(1 + np.log(2 * np.pi * KB * temperature) - mean_log_curvature(phonons)),
        soft_modes=phonons.soft_modes,
        force_calls=phonons.displacements,
        atoms=phonons.atoms,
    )


def multiples(cell: Atoms, length: float) -> tuple[int, int, int]:
    """Return how often each lattice vector is repeated to be at least this long (angstrom)."""
    a, b, c = (max(1, int(np.ceil(length / each - 1e-9))) for each in cell.cell.lengths())
    return a, b, c


def _moved(supercell: Atoms, positions: np.ndarray) -> Atoms:
    return Atoms(supercell.symbols, cell=supercell.cell, positions=positions, pbc=True)
