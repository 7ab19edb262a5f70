"""Space groups and primitive cells by spglib."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import spglib
from ase import Atoms
from spglib.error import SpglibError

from aiida_polymorph.structures import StructureSet, formula_units_of

FIRST_TETRAGONAL, FIRST_CUBIC = 75, 195
"""Numbers of space groups: from the first on two axes are alike, from the second on all three."""

SYMPREC = 0.01
"""Default tolerance in angstrom: finds the symmetry of structures relaxed to 1e-3 eV/angstrom."""


def space_group(atoms: Atoms, symprec: float = SYMPREC) -> str:
    """Return the international symbol of the space group as spglib writes it, e.g. `P4_2/mnm`; "" if none is found.

    Args:
        atoms: a periodic structure.
        symprec: how far atoms may lie from their symmetric places, angstrom.

    Raises:
        ValueError: if symprec is not above 0.
    """
    _check(symprec)
    dataset = _found(spglib.get_symmetry_dataset, atoms, symprec)
    return "" if dataset is None else dataset.international


def primitive_formula_units(atoms: Atoms, symprec: float = SYMPREC) -> int | None:
    """Return the formula units in the primitive cell, None if spglib finds no primitive cell.

    Raises:
        ValueError: if symprec is not above 0.
    """
    primitive = primitive_cell(atoms, symprec)
    return None if primitive is None else formula_units_of(primitive.numbers)


def primitive_cell(atoms: Atoms, symprec: float = SYMPREC) -> Atoms | None:
    """Return the primitive cell, symmetrised and turned to spglib's own axes; None if spglib finds none.

    Raises:
        ValueError: if symprec is not above 0.
    """
    _check(symprec)
    return _atoms(_found(spglib.find_primitive, atoms, symprec))


def unturned_primitive_cell(atoms: Atoms, symprec: float = SYMPREC) -> Atoms:
    """Return a primitive cell with lattice and atoms where they are; the crystal itself where spglib finds none.

    Raises:
        ValueError: if symprec is not above 0.
    """
    _check(symprec)
    found = _atoms(_found(spglib.standardize_cell, atoms, symprec, to_primitive=True, no_idealize=True))
    return found or Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)


def rotations(atoms: Atoms, symprec: float = SYMPREC) -> np.ndarray:
    """Return the rotations of the crystal in Cartesian coordinates, shape (operations, 3, 3).

    Raises:
        ValueError: if symprec is not above 0.
    """
    atoms = unturned_primitive_cell(atoms, symprec)  # spglib leaves out what a supercell's lattice doesn't have
    found = _found(spglib.get_symmetry, atoms, symprec)
    if found is None:
        return np.eye(3)[None]
    cell = np.asarray(atoms.cell).T
    unique = np.unique(found["rotations"], axis=0)
    return np.array([cell @ rotation @ np.linalg.inv(cell) for rotation in unique])


def conventional_lattice(atoms: Atoms, symprec: float = SYMPREC) -> tuple[np.ndarray, tuple[int, int, int]] | None:
    """Return the vectors of the conventional cell, where the crystal lies, and which of them symmetry makes alike.

    Returns:
        Rows are vectors, angstrom, shape (3, 3); and a number for each vector, the same for those that are alike. None
        where spglib finds no symmetry.

    Raises:
        ValueError: if symprec is not above 0.
    """
    _check(symprec)
    dataset = _found(spglib.get_symmetry_dataset, atoms, symprec)
    found = _found(spglib.standardize_cell, atoms, symprec, to_primitive=False, no_idealize=True)
    if dataset is None or found is None:
        return None
    if dataset.number >= FIRST_CUBIC:
        return found[0], (0, 0, 0)
    return found[0], (0, 0, 1) if dataset.number >= FIRST_TETRAGONAL else (0, 1, 2)


def primitive_cells(structures: StructureSet, symprec: float = SYMPREC) -> StructureSet:
    """Return the same structures in their primitive cells, as they are where spglib finds none.

    Columns stay as they are, so those must be of the structure, not of its cell (`enthalpy` is of the cell).

    Raises:
        ValueError: if symprec is not above 0.
    """
    cells = [primitive_cell(atoms, symprec) or atoms for atoms in structures]
    return StructureSet.from_atoms(cells, structures.columns, structures.metadata)


def point_group_order(atoms: Atoms, symprec: float = SYMPREC) -> int:
    """Return how many rotations, proper and improper, the crystal's point group has; 1 where spglib finds none.

    They are those of the crystal, also where the cell given is a supercell of lower symmetry.

    Raises:
        ValueError: if symprec is not above 0.
    """
    _check(symprec)
    dataset = _found(spglib.get_symmetry_dataset, atoms, symprec)
    if dataset is None:
        return 1
    symmetry = spglib.get_symmetry_from_database(dataset.hall_number)
    return 1 if symmetry is None else len(np.unique(symmetry["rotations"], axis=0))


def _found(function: Callable[..., Any], atoms: Atoms, symprec: float, **settings: Any) -> Any:
    """Return what a function of spglib finds, or None.

    Where it finds nothing it returns None or raises, which depends on a global switch of its own that phonopy sets.
    """
    try:
        return function(_cell(atoms), symprec=symprec, **settings)
    except SpglibError:
        return None


def _atoms(found: tuple[np.ndarray, np.ndarray, np.ndarray] | None) -> Atoms | None:
    if found is None:
        return None
    cell, positions, numbers = found
    return Atoms(numbers, cell=cell, scaled_positions=positions, pbc=True)


def _cell(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.asarray(atoms.cell), atoms.get_scaled_positions(), atoms.numbers


def _check(symprec: float) -> None:
    if not symprec > 0:
        raise ValueError(f"symprec is {symprec}, must be above 0 angstrom")
