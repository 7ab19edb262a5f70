"""Cells of many phases at many pressures, and the displaced supercells that their phonons need, as structure sets.

All cells of all phases are relaxed in one job and all supercells evaluated in another, however many phases there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms

from aiida_polymorph.plain import checked
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import SYMPREC, space_group
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import displaced_positions, phonons_from_forces
from aiida_polymorph.thermodynamics.phonons.volume_grid import LARGEST_STRETCH, GridCell
from aiida_polymorph.thermodynamics.sampling.supercell import symmetric_supercell
from aiida_polymorph.units import GPA

FEWEST = 5
"""Pressures that an interpolation over a region with an error needs."""


@dataclass(frozen=True)
class HarmonicSettings:
    """How the quasi-harmonic Gibbs energies of many phases are computed.

    Attributes:
        cells: of each phase at most, at as many pressures.
        target_atoms: about how many atoms a supercell has.
        mesh_length: the Brillouin zone is sampled as by a supercell this long in each direction, angstrom.
        convention: of the thermal wavelengths, one of `free_energy.result.CONVENTIONS`.

    Raises:
        ValueError: if a number is out of range.
    """

    cells: int = 12
    target_atoms: int = 100
    mesh_length: float = 30.0
    convention: str = "unit"

    def __post_init__(self) -> None:
        if self.cells < FEWEST:
            raise ValueError(f"harmonic: cells is {self.cells}, must be {FEWEST} or more")
        for name in ("target_atoms", "mesh_length"):
            if not getattr(self, name) > 0:
                raise ValueError(f"harmonic: {name} is {getattr(self, name)}, must be positive")

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> HarmonicSettings:
        """Build from plain values; what is missing takes its default.

        Raises:
            ValueError: if a key is unknown or a number out of range.
        """
        return checked(cls, entries, "harmonic")


def cells_at(phases: StructureSet, pressures_gpa: Sequence[float]) -> StructureSet:
    """Return each phase at each pressure, to be relaxed there.

    Args:
        phases: one primitive cell of each phase, with the column `name`.
        pressures_gpa: GPa.

    Returns:
        The cells with the columns `name`, `phase` (row in `phases`), `pressure_gpa` and `index`, phase by phase.

    Raises:
        ValueError: if two phases have the same name.
    """
    names = phases.column("name", "").astype(str)
    if len(set(names)) < len(names):
        raise ValueError(f"each phase must be there once, with a name of its own; got {', '.join(sorted(names))}")
    return phases.with_columns(phase=np.arange(len(phases))).with_only("name", "phase").at_pressures(pressures_gpa)


def lost_cells(relaxed: StructureSet, groups: Mapping[str, str], symprec: float = SYMPREC) -> list[str]:
    """Return for each relaxed cell why it is not the phase any more, "" if it is.

    Args:
        relaxed: what the cells of `cells_at` became, with the columns `name`, `converged` and `reason`.
        groups: name -> space group of the phase, international symbol.
        symprec: of spglib, angstrom.
    """
    volumes, names = relaxed.volume_per_formula_unit, relaxed.column("name", "").astype(str)
    converged, reasons = relaxed.column("converged", True).astype(bool), relaxed.column("reason", "").astype(str)
    usual = {name: float(np.median(volumes[names == name])) for name in dict.fromkeys(names)}
    found = []
    for row, (name, atoms) in enumerate(zip(names, relaxed, strict=True)):
        group = space_group(atoms, symprec) or "P1"
        if not converged[row]:
            found.append(f"not relaxed: {reasons[row]}")
        elif group != groups[name]:
            found.append(f"becomes {group}")
        elif volumes[row] > LARGEST_STRETCH * usual[name]:
            found.append("torn apart")
        else:
            found.append("")
    return found


def displaced_cells(phases: StructureSet, cells: StructureSet, settings: HarmonicSettings) -> StructureSet:
    """Return the supercells whose forces give the phonons of all cells.

    Args:
        phases: as given to `cells_at`.
        cells: what became of the cells that it returned, or some of these.
        settings: how large the supercells are.

    Returns:
        Supercells in phonopy's order with the columns `index` (0, 1, ...) and `cell` (row in `cells`), run by run.
    """
    found, owners = list[Atoms](), list[int]()
    for row, (primitive, matrix) in enumerate(_supercells(phases, cells, settings.target_atoms)):
        supercell, positions = displaced_positions(primitive, matrix)
        found += map(partial(_moved, supercell), positions)
        owners += [row] * len(positions)
    return StructureSet.from_atoms(found, {"index": np.arange(len(found)), "cell": np.array(owners, dtype=int)})


def grid_cells(
    phases: StructureSet,
    cells: StructureSet,
    forces: Mapping[int, np.ndarray],
    charges: Mapping[str, float],
    settings: HarmonicSettings,
) -> list[GridCell | str]:
    """Return each cell with its phonons, or why it has none.

    Args:
        phases: as given to `displaced_cells`.
        cells: as given there, with the columns `enthalpy` (eV of the cell) and `pressure_gpa`.
        forces: row in `cells` -> forces on the displaced supercells of that cell, eV/angstrom, shape (d, N, 3); nan
            where an evaluation failed.
        charges: of rigid ions, e, by element; see `lattice_dynamics.phonons_from_forces`.
        settings: as given there.
    """
    pressures_gpa, enthalpies = cells.column("pressure_gpa"), cells.column("enthalpy")
    found = list[GridCell | str]()
    for row, (primitive, matrix) in enumerate(_supercells(phases, cells, settings.target_atoms)):
        own = forces.get(row)
        if own is None or not np.isfinite(own).all():
            found.append("the forces on its displaced supercells are not all known")
            continue
        pressure_gpa = float(pressures_gpa[row])
        static = float(enthalpies[row]) - pressure_gpa * GPA * float(primitive.get_volume())
        phonons = phonons_from_forces(primitive, matrix, own, charges, mesh_length=settings.mesh_length)
        found.append(GridCell(pressure_gpa, primitive, static, phonons))
    return found


def in_basis_of(start: Atoms, relaxed: Atoms) -> Atoms:
    """Return a relaxed cell with the lattice vectors that became of those of its start, the same atoms in it.

    Relaxations end in compact lattice vectors, which may be other ones.
    """
    change = np.rint(np.asarray(relaxed.cell) @ np.linalg.inv(np.asarray(start.cell)))
    if round(abs(np.linalg.det(change))) != 1:
        return relaxed
    cell = np.linalg.inv(change) @ np.asarray(relaxed.cell)
    return Atoms(relaxed.numbers, positions=relaxed.positions, cell=cell, pbc=True)


def _supercells(phases: StructureSet, cells: StructureSet, target_atoms: int) -> Iterator[tuple[Atoms, np.ndarray]]:
    """Yield the primitive cell and the matrix of the supercell for each cell; the same matrix for all of a phase."""
    matrices: dict[int, np.ndarray] = {}
    for number, relaxed in zip(cells.column("phase").astype(int), cells, strict=True):
        start = phases[int(number)]
        if number not in matrices:
            compact = symmetric_supercell(start, target_atoms)
            vectors = compact.matrix @ np.asarray(compact.primitive.cell)
            matrices[number] = np.rint(vectors @ np.linalg.inv(np.asarray(start.cell))).astype(int)
        yield in_basis_of(start, relaxed), matrices[number]


def _moved(supercell: Atoms, positions: np.ndarray) -> Atoms:
    return Atoms(supercell.numbers, positions=positions, cell=supercell.cell, pbc=True)
