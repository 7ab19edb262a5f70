"""Space groups and primitive cells by spglib."""

from __future__ import annotations

import numpy as np
import spglib
from ase import Atoms

from aiida_polymorph.structures import formula_units_of

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
    dataset = spglib.get_symmetry_dataset(_cell(atoms), symprec=symprec)
    return "" if dataset is None else dataset.international


def primitive_formula_units(atoms: Atoms, symprec: float = SYMPREC) -> int | None:
    """Return the formula units in the primitive cell, None if spglib finds no primitive cell.

    Raises:
        ValueError: if symprec is not above 0.
    """
    _check(symprec)
    primitive = spglib.find_primitive(_cell(atoms), symprec=symprec)
    return None if primitive is None else formula_units_of(primitive[2])


def _cell(atoms: Atoms) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.asarray(atoms.cell), atoms.get_scaled_positions(), atoms.numbers


def _check(symprec: float) -> None:
    if not symprec > 0:
        raise ValueError(f"symprec is {symprec}, must be above 0 angstrom")
