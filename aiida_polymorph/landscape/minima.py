"""Which minima a search found, told apart by space group, enthalpy and volume, whatever the material.

Two structures are the same minimum if they have the same space group, the same number of formula units in the
primitive cell, and enthalpies and volumes that differ by no more than relaxations leave. No length or distance of a
material comes in, unlike in fingerprints; mirror images are one minimum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import SYMPREC, primitive_cell, space_group

ENTHALPY_TOLERANCE = 2e-5
"""eV per atom by which relaxations of the same minimum to the protocol `moderate` differ at most."""

VOLUME_TOLERANCE = 1e-3
"""The same for volumes, relative."""


@dataclass(frozen=True)
class Tolerances:
    """By how much relaxations of the same minimum may differ.

    Attributes:
        enthalpy: eV per atom.
        volume: relative.
        symprec: of spglib, angstrom.
    """

    enthalpy: float = ENTHALPY_TOLERANCE
    volume: float = VOLUME_TOLERANCE
    symprec: float = SYMPREC


@dataclass(frozen=True, eq=False)
class Minima:
    """The distinct minima among n structures, m of them, by rising enthalpy.

    Attributes:
        structures: the lowest structure of each, in its primitive cell, exactly symmetric; m of them, with the columns
            `enthalpy` (eV of that cell), `space_group`, `found` (times) and `volume_per_formula_unit` (angstrom^3).
        labels: number of the minimum of each of the n structures; -1 for those that failed or lie above the window,
            shape (n,).
    """

    structures: StructureSet
    labels: np.ndarray


def find_minima(structures: StructureSet, window: float = np.inf, tolerances: Tolerances | None = None) -> Minima:
    """Return the distinct minima of one pressure.

    Args:
        structures: n relaxed structures of one pressure, with the columns `enthalpy` (eV of the cell) and `converged`.
        window: minima up to this enthalpy above the lowest one, eV per formula unit.
        tolerances: by how much structures of one minimum may differ; None for the usual ones.

    Raises:
        ValueError: if the window is not positive.
    """
    if not window > 0:
        raise ValueError(f"window is {window} eV per formula unit, must be positive")
    allowed = tolerances or Tolerances()
    rows = _rows_within(structures, window)
    chosen = structures.select(rows)
    cells = [primitive_cell(atoms, allowed.symprec) or atoms for atoms in chosen]
    groups = [space_group(atoms, allowed.symprec) for atoms in chosen]
    keys = [(group, len(cell)) for group, cell in zip(groups, cells, strict=True)]
    numbers = _same_minimum(chosen, keys, allowed)
    labels = np.full(len(structures), -1)
    labels[rows] = numbers
    first = [int(np.flatnonzero(numbers == number)[0]) for number in range(int(numbers.max(initial=-1)) + 1)]
    primitive = StructureSet.from_atoms([cells[row] for row in first])
    return Minima(
        primitive.with_columns(
            enthalpy=chosen.enthalpy_per_formula_unit[first] * primitive.formula_units,
            space_group=np.array([groups[row] for row in first], dtype=str),
            found=np.bincount(numbers, minlength=len(first)),
            volume_per_formula_unit=chosen.volume_per_formula_unit[first],
        ),
        labels,
    )


def _rows_within(structures: StructureSet, window: float) -> np.ndarray:
    """Return the structures that are usable and lie within the window, by rising enthalpy."""
    enthalpies = structures.enthalpy_per_formula_unit
    usable = np.isfinite(enthalpies) & structures.column("converged", True).astype(bool)
    if not usable.any():
        return np.zeros(0, dtype=int)
    rows = np.flatnonzero(usable & (enthalpies <= enthalpies[usable].min() + window))
    return rows[np.argsort(enthalpies[rows], kind="stable")]


def _same_minimum(structures: StructureSet, keys: list[tuple[str, int]], allowed: Tolerances) -> np.ndarray:
    """Return the number of the minimum of each structure; they come by rising enthalpy."""
    atoms = structures.lengths / np.maximum(structures.formula_units, 1)
    enthalpies, volumes = structures.enthalpy_per_formula_unit / atoms, structures.volume_per_formula_unit
    numbers, latest = np.zeros(len(structures), dtype=int), dict[tuple[str, int], list[int]]()
    found = 0
    for row, key in enumerate(keys):
        near = latest.setdefault(key, [])
        near[:] = [other for other in near if enthalpies[row] - enthalpies[other] <= allowed.enthalpy]
        same = [other for other in near if abs(volumes[row] / volumes[other] - 1) <= allowed.volume]
        numbers[row] = numbers[same[-1]] if same else found
        found += not same
        near.append(row)
    return numbers
