"""Cells of one phase relaxed at 0 K at several pressures: which are needed, and which can be used together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import (
    Phonons,
    bulk_free_energy,
    quantum_correction,
    quantum_energy,
)
from aiida_polymorph.thermodynamics.sampling.relaxed import relaxation_reason
from aiida_polymorph.units import GPA, KB

GRUENEISEN = 2.0
"""Grueneisen parameter for which the grid reaches down to the thermal pressure; of most crystals it is 1 to 2."""

ZERO_POINT = 300.0
"""Zero-point vibrations press like classical ones at about this temperature (3/8 of a Debye temperature), K."""

STEPS = 4
"""Steps of the grid from a pressure down to that less the thermal one."""

MOST_CELLS = 16
"""At most so many cells are on the grid, also over a wide range of pressures."""

LARGEST_STRETCH = 1.3
"""A cell that grows or shrinks by more than this factor has lost its crystal."""

VOLUME_NOISE = 1e-4
"""Relative: what minimisers leave of the volume."""


@dataclass(frozen=True, eq=False)
class GridCell:
    """A crystal relaxed at 0 K at one pressure.

    Attributes:
        pressure_gpa: GPa.
        crystal: the relaxed supercell.
        static: its energy, eV of the whole cell.
        phonons: of it.
    """

    pressure_gpa: float
    crystal: Atoms
    static: float
    phonons: Phonons

    @property
    def units(self) -> int:
        """Formula units in the supercell."""
        return formula_units_of(self.crystal.numbers)

    @property
    def atoms_per_unit(self) -> float:
        """Atoms in a formula unit."""
        return len(self.crystal) / self.units

    @property
    def volume(self) -> float:
        """angstrom^3 per formula unit."""
        return float(self.crystal.get_volume()) / self.units

    @property
    def energy(self) -> float:
        """Static energy, eV per formula unit."""
        return self.static / self.units

    @property
    def enthalpy(self) -> float:
        """At 0 K without vibrations, eV per formula unit."""
        return self.energy + self.pressure_gpa * GPA * self.volume

    def vibrations(self, temperature: float, convention: str) -> dict[str, float]:
        """Return the terms of the vibrations, eV per formula unit; nan where a mode has no restoring force."""
        terms = {"harmonic": self.atoms_per_unit * bulk_free_energy(self.phonons, temperature)}
        if convention != "quantum":
            return terms
        return {**terms, "quantum": self.atoms_per_unit * quantum_correction(self.phonons, temperature)}

    def thermal_energy(self, temperature: float, convention: str) -> float:
        """Return the vibrations' energy less 3/2 kB T per atom (classically the kinetic part), eV per formula unit."""
        quantum = quantum_energy(self.phonons, temperature) if convention == "quantum" else 0.0
        return self.atoms_per_unit * (1.5 * KB * temperature + quantum)


def grid_pressures(
    pressure_gpa: ArrayLike,
    temperature: ArrayLike,
    volume_per_atom: float = 10.0,
    most: int = MOST_CELLS,
    zero_point: float = ZERO_POINT,
) -> tuple[float, ...]:
    """Return the pressures (GPa) to relax at for Gibbs energies up to a temperature, highest first.

    From a step above the highest pressure down to the lowest one less the thermal pressure, `GRUENEISEN` 3 kB T / V.

    Args:
        pressure_gpa: one or several, GPa.
        temperature: one or several, K; the highest counts.
        volume_per_atom: of the phase at the lowest pressure, or about, angstrom^3.
        most: at most so many of them, also over a wide range.
        zero_point: temperature at which classical vibrations press like those of the zero point, K; 0 for none.

    Raises:
        ValueError: if a pressure is not finite, or a temperature or the volume not positive.
    """
    pressures, highest = np.atleast_1d(pressure_gpa), float(np.max(temperature))
    if not np.all(np.isfinite(pressures)) or not np.min(temperature) > 0 or not volume_per_atom > 0:
        raise ValueError(
            f"pressure {pressures.tolist()} GPa must be finite, temperature {highest} K and volume_per_atom "
            f"{volume_per_atom} angstrom^3 positive"
        )
    thermal = GRUENEISEN * 3 * KB * float(np.hypot(highest, zero_point)) / volume_per_atom / GPA
    top, bottom = pressures.max() + thermal / STEPS, pressures.min() - thermal
    number = min(most, 1 + int(np.ceil((top - bottom) / (thermal / STEPS) - 1e-9)))
    return tuple(float(each) for each in np.linspace(top, bottom, number))


def cell_reason(before: Atoms, after: Atoms) -> str:
    """Return why a crystal relaxed at another pressure is not the one before any more, "" if it is."""
    stretch = after.get_volume() / before.get_volume()
    if not 1 / LARGEST_STRETCH < stretch < LARGEST_STRETCH:
        return f"lost its crystal: the volume becomes {stretch:.2f} times as large"
    return relaxation_reason(before, after)


def check_cells(cells: Sequence[GridCell]) -> None:
    """Refuse cells that can't be of one phase.

    Raises:
        ValueError: if there is none, they are not of the same atoms, or two have the same volume.
    """
    if not cells:
        raise ValueError("there are no cells")
    if any(sorted(cell.crystal.numbers) != sorted(cells[0].crystal.numbers) for cell in cells):
        raise ValueError("the cells must be of the same atoms")
    volumes = np.sort([cell.volume for cell in cells])
    if not np.all(np.diff(volumes) > 1e-6 * volumes[1:]):
        raise ValueError(f"the cells must have different volumes, they have {', '.join(f'{v:.4f}' for v in volumes)}")


def by_volume(cells: Sequence[GridCell]) -> list[GridCell]:
    """Return cells from the smallest volume to the largest."""
    return sorted(cells, key=lambda cell: cell.volume)


def usable_cells(cells: Sequence[GridCell], pressure_gpa: float) -> tuple[list[GridCell], tuple[str, ...]]:
    """Return the cells to interpolate, by volume, and remarks on the others.

    Those with imaginary modes are out, and those on another branch of E(V) than what is nearest to the pressure (GPa).
    """
    branch = _branch(by_volume(cells), pressure_gpa)
    off = [f"{cell.pressure_gpa:g}" for cell in by_volume(cells) if cell not in branch]
    remarks = [f"left out, as energy, volume and pressure show another phase: {', '.join(off)} GPa"] if off else []
    soft = [cell for cell in branch if cell.phonons.soft_bulk > 0]
    remarks += [f"left out: {imaginary_shares(soft)}"] if soft else []
    return [cell for cell in branch if cell not in soft], tuple(remarks)


def imaginary_shares(cells: Sequence[GridCell]) -> str:
    """Return the shares of imaginary phonons of some cells as text."""
    shares = [f"{100 * cell.phonons.soft_bulk:.2g}% at {cell.pressure_gpa:g} GPa" for cell in cells]
    return f"share of imaginary phonons {', '.join(shares)}"


def _branch(ordered: Sequence[GridCell], pressure_gpa: float) -> Sequence[GridCell]:
    """Return the neighbours on one branch of E(V), of which one is relaxed nearest to the pressure."""
    breaks = [number for number, (a, b) in enumerate(pairwise(ordered), 1) if not _connected(a, b)]
    branches = [ordered[start:stop] for start, stop in pairwise([0, *breaks, len(ordered)])]
    return min(branches, key=lambda branch: min(abs(cell.pressure_gpa - pressure_gpa) for cell in branch))


def _connected(smaller: GridCell, larger: GridCell) -> bool:
    """Whether the mean volume on the way between two cells, from their enthalpies, is between their own."""
    pressure = (smaller.pressure_gpa - larger.pressure_gpa) * GPA
    if not pressure > 0:
        return False
    noise = VOLUME_NOISE * larger.volume
    return smaller.volume - noise <= (smaller.enthalpy - larger.enthalpy) / pressure <= larger.volume + noise
