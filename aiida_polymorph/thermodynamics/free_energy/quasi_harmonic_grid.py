"""Quasi-harmonic Gibbs energies of one phase over a whole region, from one set of cells.

The same approximation as `quasi_harmonic_gibbs.quasi_harmonic`, for all temperatures and pressures of a grid at once:
the curves over the volume are made once for each temperature, and all pressures are minimised together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aiida_polymorph.thermodynamics.free_energy.quasi_harmonic_gibbs import (
    FEWEST_CELLS,
    GRID,
    SMALLEST_ERROR,
    VolumeCurve,
    check_state,
    outside_reason,
    spline,
    unstable_reason,
    volume_curves,
)
from aiida_polymorph.thermodynamics.free_energy.result import wavelength_term
from aiida_polymorph.thermodynamics.phonons.volume_grid import (
    VOLUME_NOISE,
    GridCell,
    by_volume,
    check_cells,
    usable_cells,
)
from aiida_polymorph.units import GPA

NEWTON_STEPS = 8
"""From the lowest of `GRID` volumes to the minimum, far below `VOLUME_NOISE`."""


@dataclass(frozen=True, eq=False)
class HarmonicGrid:
    """Gibbs energies over t temperatures and p pressures, per formula unit; all arrays of shape (t, p).

    Attributes:
        temperatures: K, shape (t,).
        pressures_gpa: GPa, shape (p,).
        gibbs_energy: eV; nan where there is none.
        error: of the interpolation between the cells, eV.
        enthalpy: the configurational one, see `free_energy.kinetic`, eV.
        volume: angstrom^3.
        reasons: why there is no Gibbs energy, "" where there is one; texts.
        remarks: what was left out of the interpolation.
    """

    temperatures: np.ndarray
    pressures_gpa: np.ndarray
    gibbs_energy: np.ndarray
    error: np.ndarray
    enthalpy: np.ndarray
    volume: np.ndarray
    reasons: np.ndarray
    remarks: tuple[str, ...]


def quasi_harmonic_grid(
    cells: Sequence[GridCell], temperatures: ArrayLike, pressures_gpa: ArrayLike, convention: str = "unit"
) -> HarmonicGrid:
    """Return the Gibbs energies at the volumes where F + P V is lowest.

    Args:
        cells: of one phase, the same atoms, relaxed below, within and above the pressures, in any order.
        temperatures: K, shape (t,).
        pressures_gpa: GPa, shape (p,).
        convention: one of `CONVENTIONS`.

    Raises:
        ValueError: if there are no cells, they are not of the same atoms, two have the same volume, or a temperature,
            a pressure or the convention is not allowed.
    """
    t, p = np.atleast_1d(np.asarray(temperatures, float)), np.atleast_1d(np.asarray(pressures_gpa, float))
    check_cells(cells)
    for temperature in t:
        check_state(float(temperature), float(np.sum(p)), convention)
    found = {name: np.full((len(t), len(p)), np.nan) for name in ("gibbs_energy", "error", "enthalpy", "volume")}
    reasons, remarks = np.full((len(t), len(p)), "", dtype=object), dict[str, None]()
    for columns, kept, notes in _branches(cells, p):
        remarks |= dict.fromkeys(notes)
        if len(kept) < FEWEST_CELLS:
            reasons[:, columns] = f"{len(kept)} cells can be used, {FEWEST_CELLS} are needed"
            continue
        for row, temperature in enumerate(t):
            isotherm = _Isotherm.of(kept, float(temperature), convention)
            values, why = isotherm.at(p[columns], by_volume(cells))
            for name, each in values.items():
                found[name][row, columns] = each
            reasons[row, columns] = why
    return HarmonicGrid(t, p, **found, reasons=reasons, remarks=tuple(remarks))


def _branches(
    cells: Sequence[GridCell], pressures_gpa: np.ndarray
) -> list[tuple[np.ndarray, list[GridCell], tuple[str, ...]]]:
    """Return which pressures use the same cells, these cells, and remarks on the others."""
    usable = [usable_cells(cells, float(pressure)) for pressure in pressures_gpa]
    keys = [tuple(id(cell) for cell in kept) for kept, _ in usable]
    groups = {
        key: np.array([number for number, other in enumerate(keys) if other == key]) for key in dict.fromkeys(keys)
    }
    return [(columns, *usable[columns[0]]) for columns in groups.values()]


@dataclass(frozen=True, eq=False)
class _Isotherm:
    """The curves of one temperature over the volumes of n cells.

    Attributes:
        cells: by volume.
        curves: terms of the Helmholtz energy that depend on the volume.
        heat: the vibrations' part of the configurational enthalpy.
        constant: the term that does not depend on the volume, eV per formula unit.
    """

    cells: Sequence[GridCell]
    curves: Mapping[str, VolumeCurve]
    heat: VolumeCurve
    constant: float

    @classmethod
    def of(cls, cells: Sequence[GridCell], temperature: float, convention: str) -> _Isotherm:
        heat = spline(cells, [cell.thermal_energy(temperature, convention) for cell in cells])
        constant = 0.0 if convention == "unit" else wavelength_term(cells[0].crystal, temperature)
        return cls(cells, volume_curves(cells, temperature, convention), heat, constant)

    def helmholtz(self, volumes: np.ndarray, derivative: int = 0) -> np.ndarray:
        return np.sum([curve.best(volumes, derivative) for curve in self.curves.values()], axis=0)

    def at(self, pressures_gpa: np.ndarray, all_cells: Sequence[GridCell]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Return the values at p pressures, and why there are none."""
        pressures = pressures_gpa * GPA
        volumes, sides = self._volumes(pressures)
        reasons = np.array([self._reason(volume, side, all_cells) for volume, side in zip(volumes, sides, strict=True)])
        volumes = np.where(reasons == "", volumes, np.nan)
        errors = self._errors(volumes)
        static, heat = self.curves["static"].best(volumes), self.heat.best(volumes)
        values = {
            "gibbs_energy": self.helmholtz(volumes) + pressures * volumes + self.constant,
            "error": errors,
            "enthalpy": static + pressures * volumes + heat,
            "volume": volumes,
        }
        return values, reasons

    def _volumes(self, pressures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the volumes where F + P V is lowest, and 0 or the side of the end that it falls beyond."""
        grid = np.linspace(self.cells[0].volume, self.cells[-1].volume, GRID)
        lowest = np.argmin(self.helmholtz(grid) + pressures[:, None] * grid, axis=1)
        sides = np.where(lowest == 0, -1, np.where(lowest == GRID - 1, 1, 0))
        low, high = grid[np.maximum(lowest - 1, 0)], grid[np.minimum(lowest + 1, GRID - 1)]
        volumes = grid[lowest]
        for _ in range(NEWTON_STEPS):
            steps = (self.helmholtz(volumes, 1) + pressures) / self.helmholtz(volumes, 2)
            volumes = np.clip(volumes - steps, low, high)
        return volumes, sides

    def _reason(self, volume: float, side: int, all_cells: Sequence[GridCell]) -> str:
        return outside_reason(self.cells, side) if side else unstable_reason(all_cells, volume)

    def _errors(self, volumes: np.ndarray) -> np.ndarray:
        """Return the errors of the Gibbs energies: how far the curves are apart around each volume."""
        floor = SMALLEST_ERROR * self.cells[0].atoms_per_unit
        errors = np.full(len(volumes), np.nan)
        starts = np.searchsorted([cell.volume for cell in self.cells], volumes)
        for start in np.unique(starts[np.isfinite(volumes)]):
            chosen = (starts == start) & np.isfinite(volumes)
            around = self.cells[max(0, start - 2) : start + 2]
            window = np.linspace(around[0].volume, around[-1].volume, GRID // 4)
            parts = [float(np.hypot(curve.error(window), floor)) for curve in self.curves.values()]
            slope = sum(curve.error(window, 1) for curve in self.curves.values())
            stiffness = self.helmholtz(volumes[chosen], 2)
            spread = np.hypot(slope / stiffness, VOLUME_NOISE * volumes[chosen])
            errors[chosen] = np.sqrt(np.sum(np.square(parts)) + (stiffness * spread**2 / 2) ** 2)
        return errors
