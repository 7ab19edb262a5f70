"""Entropy of a harmonic crystal from its force constants, by phonopy.

Convention: classical and configurational, with a thermal wavelength of 1 angstrom for every atom, as in
arXiv:1909.08934: a mode of curvature k (eV/angstrom^2, masses play no part) contributes 1/2 + ln(2 pi kB T / k) / 2 in
kB. Entropies of phases with the same composition differ by their curvatures only, at every temperature alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.units import kB

from aiida_polymorph.structures import formula_units_of

if TYPE_CHECKING:
    from phonopy import Phonopy

SMALLEST_SQUARE = 1e-6
"""Squared frequencies (eV/angstrom^2 per atomic mass unit) up to this mean that there is no restoring force."""

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
    phonon, force_calls = _phonons(primitive, forces, multiples(primitive, length), displacement)
    squares = _squared_frequencies(phonon)
    soft = float(np.mean(squares <= SMALLEST_SQUARE))
    log_curvature = np.nan if soft else float(np.log(squares).mean() + np.log(phonon.masses).mean())
    modes = 3 * len(primitive) / formula_units_of(primitive.numbers)
    return HarmonicEntropy(
        entropy=modes / 2 * float(1 + np.log(2 * np.pi * kB * temperature) - log_curvature),
        soft_modes=soft,
        force_calls=force_calls,
        atoms=len(phonon.supercell),
    )


def multiples(cell: Atoms, length: float) -> tuple[int, int, int]:
    """Return how often each lattice vector is repeated to be at least this long (angstrom)."""
    a, b, c = (max(1, int(np.ceil(length / each - 1e-9))) for each in cell.cell.lengths())
    return a, b, c


def _squared_frequencies(phonon: Phonopy) -> np.ndarray:
    """Return those of all modes of the supercell but its translations, eV/angstrom^2 per atomic mass unit."""
    from phonopy.harmonic.dynmat_to_fc import get_commensurate_points

    points = get_commensurate_points(phonon.supercell_matrix)
    frequencies = phonon.run_qpoints(points).frequencies / phonon.unit_conversion_factor
    at_centre = np.all(np.abs(points) < 1e-9, axis=1)
    translations = 3
    smallest = np.argsort(np.abs(frequencies[at_centre][0]))[:translations]
    kept = np.ones(frequencies.shape, dtype=bool)
    kept[np.flatnonzero(at_centre)[0], smallest] = False
    return (np.sign(frequencies) * frequencies**2)[kept]


def _phonons(
    primitive: Atoms, forces: Forces, repeats: tuple[int, int, int], displacement: float
) -> tuple[Phonopy, int]:
    """Return phonopy's object with force constants, and the number of evaluations."""
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    cell = PhonopyAtoms(primitive.get_chemical_symbols(), cell=primitive.cell[:], positions=primitive.positions)
    phonon = Phonopy(cell, supercell_matrix=np.diag(repeats), primitive_matrix=np.eye(3), log_level=0)
    phonon.generate_displacements(distance=displacement)
    displaced = [
        Atoms(each.symbols, cell=each.cell, positions=each.positions, pbc=True)
        for each in phonon.supercells_with_displacements
    ]
    phonon.forces = [forces(atoms) for atoms in displaced]
    phonon.produce_force_constants()
    phonon.symmetrize_force_constants()
    return phonon, len(displaced)
