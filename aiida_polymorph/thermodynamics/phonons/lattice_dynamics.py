"""Phonons of a crystal by phonopy: what to displace, and what the forces say.

Curvatures k of the energy (eV/angstrom^2, of the Hessian without masses) count for classical free energies; masses play
no part. A supercell has its own modes, at the points of the Brillouin zone that are commensurate with it, for which
its force constants are exact whatever the range of the forces; those of the infinite crystal are interpolated.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from aiida_polymorph.remember import remember
from aiida_polymorph.units import KB

if TYPE_CHECKING:
    from phonopy import Phonopy

SMALLEST_SQUARE = 1e-6
"""Squared frequencies (eV/angstrom^2 per atomic mass unit) up to this mean that there is no restoring force."""

COULOMB = 14.399645
"""e^2 / (4 pi eps0) in eV angstrom."""

MESH_LENGTH = 60.0
"""angstrom; see `phonons_from_forces`."""

HBAR_SQUARED = 4.18015929e-3
"""hbar^2 in eV^2 for squared frequencies in eV/angstrom^2 per atomic mass unit."""


@dataclass(frozen=True, eq=False)
class Phonons:
    """Modes of a crystal of n atoms in the primitive cell and N in the supercell.

    Attributes:
        supercell: squared frequencies of the supercell's modes but its translations, eV/angstrom^2 per atomic mass
            unit, shape (3 N - 3,); negative for imaginary ones.
        bulk: squared frequencies over the Brillouin zone, same unit, shape (points, 3 n).
        weights: of the points, sum 1, shape (points,).
        masses: of the primitive cell's atoms, atomic mass units, shape (n,).
        volume: of the primitive cell, angstrom^3.
        displacements: how many displaced supercells it took.
    """

    supercell: np.ndarray
    bulk: np.ndarray
    weights: np.ndarray
    masses: np.ndarray
    volume: float
    displacements: int

    @property
    def atoms(self) -> int:
        """Atoms in the supercell."""
        return len(self.supercell) // 3 + 1

    @property
    def soft_modes(self) -> float:
        """Share of the supercell's modes without restoring force."""
        return float(np.mean(self.supercell <= SMALLEST_SQUARE))

    @property
    def soft_bulk(self) -> float:
        """Share of the interpolated modes of the infinite crystal without restoring force."""
        return float(self.weights @ np.mean(self.bulk <= SMALLEST_SQUARE, axis=1))


def displaced_positions(primitive: Atoms, matrix: np.ndarray, displacement: float = 0.01) -> tuple[Atoms, np.ndarray]:
    """Return the supercell, and the positions for which phonopy needs forces, angstrom, shape (d, N, 3).

    Args:
        primitive: a relaxed primitive cell.
        matrix: whole numbers; rows are the supercell's vectors in those of the primitive cell.
        displacement: of one atom at a time, angstrom; those that symmetry gives are left out.

    Raises:
        ValueError: if the displacement is not positive.
    """
    supercell, positions = _displaced(primitive, matrix, displacement)
    return supercell.copy(), positions


@remember(maxsize=32)
def _displaced(primitive: Atoms, matrix: np.ndarray, displacement: float) -> tuple[Atoms, np.ndarray]:
    """Return what `displaced_positions` does; plans ask for the same cells again and again."""
    phonon = _phonopy(primitive, matrix, displacement)
    positions = np.array([each.positions for each in phonon.supercells_with_displacements or ()])
    cell = phonon.supercell
    return Atoms(cell.symbols, cell=cell.cell, positions=cell.positions, pbc=True), positions


@remember(maxsize=32)
def phonons_from_forces(
    primitive: Atoms,
    matrix: np.ndarray,
    forces: np.ndarray,
    charges: Mapping[str, float] | None = None,
    displacement: float = 0.01,
    mesh_length: float = MESH_LENGTH,
) -> Phonons:
    """Return the phonons from the forces on displaced supercells.

    Args:
        primitive: as given to `displaced_positions`.
        matrix: as given to `displaced_positions`.
        forces: at the positions of `displaced_positions`, eV/angstrom, shape (d, N, 3).
        charges: of rigid ions, e, by element; with them the interpolation has the long-ranged part of the forces
            exactly (their own effective charges, and a dielectric constant of 1).
        displacement: as given to `displaced_positions`.
        mesh_length: the Brillouin zone is sampled as by a supercell this long in each direction, angstrom.

    Raises:
        ValueError: if the forces are too few or too many.
    """
    phonon = _phonopy(primitive, matrix, displacement)
    count = len(phonon.supercells_with_displacements or ())
    if len(forces) != count:
        raise ValueError(f"forces of {len(forces)} supercells for {count} displacements")
    phonon.forces = forces
    phonon.produce_force_constants()
    phonon.symmetrize_force_constants()
    supercell = _commensurate(phonon)
    if charges:
        born = np.array([charges[symbol] * np.eye(3) for symbol in primitive.get_chemical_symbols()])
        phonon.nac_params = {"born": born, "dielectric": np.eye(3), "factor": COULOMB}
    bulk, weights = _sampled(phonon, primitive, mesh_length)
    return Phonons(
        supercell=supercell,
        bulk=bulk,
        weights=weights,
        masses=np.array(phonon.primitive.masses),
        volume=float(primitive.get_volume()),
        displacements=count,
    )


def supercell_free_energy(phonons: Phonons, temperature: float) -> float:
    """Return the classical Helmholtz energy of the supercell, thermal wavelength 1 angstrom, per atom in eV.

    -ln Z = -ln V - 3/2 ln N - sum over the 3 N - 3 modes of ln(2 pi kB T / k) / 2 in kB T, with V the volume of a
    primitive cell: the same crystal, fixed centroid and translations, that `frenkel_ladd` and `switching` sample,
    without U0. nan where a mode has no restoring force.
    """
    if phonons.soft_modes > 0:
        return float("nan")
    atoms = phonons.atoms
    log_curvatures = np.log(phonons.supercell).sum() + atoms * 3 * _mean_log_mass(phonons)
    # The supercell's product of masses runs over all modes; that of the translations is the mean mass cubed.
    log_curvatures -= 3 * np.log(phonons.masses.mean())
    log_integral = ((3 * atoms - 3) * np.log(2 * np.pi * KB * temperature) - log_curvatures) / 2
    return float(-KB * temperature * (np.log(phonons.volume) + 1.5 * np.log(atoms) + log_integral) / atoms)


def mean_log_curvature(phonons: Phonons) -> float:
    """Return the mean of ln k over the supercell's modes but its translations, k in eV/angstrom^2.

    nan where a mode has no restoring force.
    """
    if phonons.soft_modes > 0:
        return float("nan")
    return float(np.log(phonons.supercell).mean()) + _mean_log_mass(phonons)


def bulk_free_energy(phonons: Phonons, temperature: float) -> float:
    """Return the classical Helmholtz energy of the infinite crystal, thermal wavelength 1 angstrom, per atom in eV.

    nan where a mode has no restoring force.
    """
    if phonons.soft_bulk > 0:
        return float("nan")
    log_curvature = phonons.weights @ np.log(phonons.bulk).mean(axis=1) + _mean_log_mass(phonons)
    return float(-KB * temperature * 1.5 * (np.log(2 * np.pi * KB * temperature) - log_curvature))


def quantum_correction(phonons: Phonons, temperature: float) -> float:
    """Return the quantum less the classical Helmholtz energy of the infinite harmonic crystal, per atom in eV.

    Classical means here with each element's own thermal wavelength. nan where a mode has no restoring force.
    """
    if phonons.soft_bulk > 0:
        return float("nan")
    ratio = np.sqrt(HBAR_SQUARED * phonons.bulk) / (KB * temperature)
    per_mode = ratio / 2 + np.log1p(-np.exp(-ratio)) - np.log(ratio)
    return float(KB * temperature * 3 * (phonons.weights @ per_mode.mean(axis=1)))


def quantum_energy(phonons: Phonons, temperature: float) -> float:
    """Return the quantum less the classical energy (3 kB T) of the infinite harmonic crystal, per atom in eV.

    nan where a mode has no restoring force.
    """
    if phonons.soft_bulk > 0:
        return float("nan")
    ratio = np.sqrt(HBAR_SQUARED * phonons.bulk) / (KB * temperature)
    # 1 / (exp(x) - 1), written so that nothing overflows at low temperatures.
    per_mode = ratio / 2 - ratio * np.exp(-ratio) / np.expm1(-ratio) - 1
    return float(KB * temperature * 3 * (phonons.weights @ per_mode.mean(axis=1)))


def _mean_log_mass(phonons: Phonons) -> float:
    return float(np.log(phonons.masses).mean())


def _phonopy(primitive: Atoms, matrix: np.ndarray, displacement: float) -> Phonopy:
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    if not displacement > 0:
        raise ValueError(f"displacement is {displacement}, must be positive")
    cell = PhonopyAtoms(primitive.get_chemical_symbols(), cell=primitive.cell[:], positions=primitive.positions)
    with warnings.catch_warnings():
        # Phonopy tells where a supercell has less symmetry than the crystal, which costs displacements only.
        warnings.filterwarnings("ignore", message="Warning: Point group symmetries of supercell")
        phonon = Phonopy(cell, supercell_matrix=np.asarray(matrix).T, primitive_matrix=np.eye(3), log_level=0)
    phonon.generate_displacements(distance=displacement)
    return phonon


def _squared(phonon: Phonopy, frequencies: np.ndarray) -> np.ndarray:
    scaled = np.asarray(frequencies) / phonon.unit_conversion_factor
    return np.sign(scaled) * scaled**2


def _sampled(phonon: Phonopy, primitive: Atoms, mesh_length: float) -> tuple[np.ndarray, np.ndarray]:
    """Return squared frequencies and weights over the Brillouin zone.

    Even numbers of points lie around the centre, where translations have no restoring force, not on it.
    """
    mesh = 2 * np.ceil(mesh_length / primitive.cell.lengths() / 2).astype(int)
    with warnings.catch_warnings():
        # Phonopy tells where such points can't use all of the symmetry, which costs time only.
        warnings.filterwarnings("ignore", message="Half-grid shift|Mesh .* is incompatible")
        phonon.run_mesh(mesh, is_gamma_center=False, is_mesh_symmetry=True)
    sampled: Any = phonon.mesh
    return _squared(phonon, sampled.frequencies), sampled.weights / sampled.weights.sum()


def _commensurate(phonon: Phonopy) -> np.ndarray:
    """Return the squared frequencies of all modes of the supercell but its translations."""
    from phonopy.harmonic.dynmat_to_fc import get_commensurate_points

    points = get_commensurate_points(phonon.supercell_matrix)
    squares = _squared(phonon, phonon.run_qpoints(points).frequencies)
    centre = np.flatnonzero(np.all(np.abs(points) < 1e-9, axis=1))[0]
    kept = np.ones(squares.shape, dtype=bool)
    kept[centre, np.argsort(np.abs(squares[centre]))[:3]] = False
    return squares[kept]
