"""Supercells for molecular dynamics, and mean cells that keep the symmetry of a crystal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from ase import Atoms
from ase.build import make_supercell
from ase.geometry import minkowski_reduce

from aiida_polymorph.lammps.system import lammps_frame
from aiida_polymorph.potential import Potential
from aiida_polymorph.symmetry import SYMPREC, conventional_lattice, rotations, unturned_primitive_cell

SPREAD = 0.3
"""Cells whose number of atoms is off the target by up to this share may be taken for a better shape."""

LEAST_WIDTH = 0.8
"""A supercell that keeps the symmetry must be as wide as that share of the one nearest to a cube."""

LARGEST_OVERSHOOT = 1.5
"""A supercell that keeps the symmetry may have so many times the atoms that were asked for."""

DEFAULT_SKIN = 2.0
"""LAMMPS's own in units real and metal, angstrom."""


@dataclass(frozen=True, eq=False)
class Supercell:
    """A supercell of a primitive cell.

    Attributes:
        primitive: the primitive cell.
        matrix: whole numbers; rows are the supercell's vectors in those of the primitive cell, shape (3, 3).
        atoms: the supercell, its cell lower triangular and compact.
    """

    primitive: Atoms
    matrix: np.ndarray
    atoms: Atoms

    @property
    def width(self) -> float:
        """Smallest distance of opposite faces, angstrom."""
        return smallest_width(np.asarray(self.atoms.cell))


def smallest_width(cell: np.ndarray) -> float:
    """Return the smallest distance of opposite faces of a cell (rows), in its unit of length."""
    return float(1 / np.linalg.norm(np.linalg.inv(cell), axis=0).max())


def size_problem(atoms: Atoms, potential: Potential, listed: float | None) -> str:
    """Return what is wrong with a supercell in which atoms would see themselves, "" if nothing is.

    Potentials with a sum over k-space always see beyond the cell, which is as it should be.

    Args:
        atoms: the supercell.
        potential: of LAMMPS.
        listed: distance up to which LAMMPS lists neighbours, angstrom; None if it lists none.
    """
    if listed is None or any(line.startswith("kspace_style") for line in potential.commands):
        return ""
    cutoff, width = listed - _skin(potential), smallest_width(np.asarray(atoms.cell))
    if width >= 2 * cutoff:
        return ""
    needed = int(np.ceil(len(atoms) * (2 * cutoff / width) ** 3))
    return (
        f"{len(atoms)} atoms are {width:.1f} angstrom wide, less than twice the potential's cutoff of {cutoff:.1f}; "
        f"ask for target_atoms of {needed} or more"
    )


def _skin(potential: Potential) -> float:
    """Return by how far LAMMPS's neighbour lists reach beyond the cutoff, angstrom."""
    given = [line.split() for line in potential.commands if line.startswith("neighbor ")]
    return float(given[-1][1]) if given else DEFAULT_SKIN


def near_cubic_supercell(atoms: Atoms, target_atoms: int, symprec: float = SYMPREC) -> Supercell:
    """Return a supercell of about `target_atoms` atoms whose shape is as near to a cube as it gets.

    Raises:
        ValueError: if the target is not positive.
    """
    if not target_atoms > 0:
        raise ValueError(f"target_atoms is {target_atoms}, must be positive")
    primitive = unturned_primitive_cell(atoms, symprec)
    cell = np.asarray(minkowski_reduce(primitive.cell)[0])
    reduction = np.rint(cell @ np.linalg.inv(primitive.cell)).astype(int)
    candidates = _candidates(cell, len(primitive), target_atoms)
    best = min(candidates, key=lambda matrix: _badness(matrix, cell, len(primitive), target_atoms))
    return build_supercell(primitive, best @ reduction)


def symmetric_supercell(atoms: Atoms, target_atoms: int, symprec: float = SYMPREC) -> Supercell:
    """Return a supercell that keeps the point group of a crystal, if one is nearly as good as `near_cubic_supercell`.

    It is a multiple of the conventional cell, equal along axes that symmetry makes equivalent. Phonons need fewer
    displacements in it.

    Raises:
        ValueError: if the target is not positive.
    """
    compact = near_cubic_supercell(atoms, target_atoms, symprec)
    conventional = conventional_lattice(compact.primitive, symprec)
    if conventional is None:
        return compact
    vectors, groups = conventional
    matrix = np.rint(vectors @ np.linalg.inv(np.asarray(compact.primitive.cell))).astype(int)
    repeats = _multiples(abs(round(np.linalg.det(matrix))) * len(compact.primitive), target_atoms, groups)
    multiples = [np.diag(each) @ matrix for each in repeats]
    built = [build_supercell(compact.primitive, each) for each in multiples]
    wide = [each for each in built if each.width >= LEAST_WIDTH * compact.width]
    return min(wide, key=lambda each: _roundness(each, target_atoms), default=compact)


def _roundness(supercell: Supercell, target: int) -> float:
    """Return how far a supercell is from a cube, plus how far its size from the target."""
    edge = supercell.atoms.get_volume() ** (1 / 3)
    return float(1 - supercell.width / edge + 0.3 * abs(len(supercell.atoms) / target - 1))


def _multiples(atoms: int, target: int, groups: Sequence[int]) -> list[tuple[int, ...]]:
    """Return how often a cell of so many atoms may be repeated along its axes, alike along axes of one group."""
    most = max(1, round(LARGEST_OVERSHOOT * target / atoms))
    free = list(product(range(1, most + 1), repeat=len(set(groups))))
    found = [tuple(each[group] for group in groups) for each in free]
    return [each for each in found if atoms * int(np.prod(each)) <= LARGEST_OVERSHOOT * target]


def build_supercell(primitive: Atoms, matrix: np.ndarray) -> Supercell:
    """Return the supercell of a matrix, with compact vectors in LAMMPS's frame."""
    reduced, operation = minkowski_reduce(np.asarray(matrix) @ np.asarray(primitive.cell))
    if np.linalg.det(reduced) < 0:
        operation = -operation
    matrix = operation @ np.asarray(matrix)
    return Supercell(primitive, matrix, lammps_frame(make_supercell(primitive, matrix)))


def _candidates(cell: np.ndarray, atoms: int, target: int) -> list[np.ndarray]:
    """Return matrices that make cells near to cubes of several edges, turned as the axes of the cell allow."""
    volume = abs(np.linalg.det(cell)) * target / atoms
    axes = [np.eye(3), _frame(cell), _frame(cell[[1, 2, 0]]), _frame(cell[[2, 0, 1]])]
    found = {}
    for scale in np.linspace(0.8, 1.25, 46):
        for frame in axes:
            matrix = np.rint(scale * volume ** (1 / 3) * frame @ np.linalg.inv(cell)).astype(int)
            if round(np.linalg.det(matrix)) != 0:
                found[matrix.tobytes()] = matrix if np.linalg.det(matrix) > 0 else -matrix
    repeats = np.maximum(1, np.rint(volume ** (1 / 3) / np.linalg.norm(cell, axis=1))).astype(int)
    return [*found.values(), np.diag(repeats)]


def _frame(cell: np.ndarray) -> np.ndarray:
    """Return an orthonormal frame along the first vector and in the plane of the first two."""
    turned, _ = np.linalg.qr(cell.T)
    return turned.T


def _badness(matrix: np.ndarray, cell: np.ndarray, atoms: int, target: int) -> float:
    """Return how far a supercell is from a cube, plus how far its size from the target."""
    vectors = matrix @ cell
    count = abs(np.linalg.det(matrix)) * atoms
    edge = abs(np.linalg.det(vectors)) ** (1 / 3)
    off = abs(count / target - 1)
    return float(1 - smallest_width(vectors) / edge + (0.3 * off if off <= SPREAD else 10 * off))


def symmetric_cell(atoms: Atoms, mean_cell: np.ndarray, symprec: float = SYMPREC) -> np.ndarray:
    """Return a mean cell averaged over what the symmetry of the crystal makes equivalent.

    The strain from the crystal's cell to the mean cell is averaged over the crystal's point group.

    Args:
        atoms: the crystal before, a supercell of it.
        mean_cell: rows are vectors, lower triangular as the crystal's, angstrom, shape (3, 3).
        symprec: of spglib, angstrom.

    Returns:
        Lower triangular, shape (3, 3).
    """
    cell = np.asarray(atoms.cell)
    deformation = np.linalg.inv(cell) @ mean_cell
    metric = deformation @ deformation.T
    averaged = np.mean([rotation @ metric @ rotation.T for rotation in rotations(atoms, symprec)], axis=0)
    return np.linalg.cholesky(cell @ averaged @ cell.T)
