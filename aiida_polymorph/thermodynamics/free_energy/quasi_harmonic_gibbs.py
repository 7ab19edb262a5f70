"""Gibbs energies of crystals in the quasi-harmonic approximation: phonons of several cells, without dynamics.

The cells of a phase are relaxed at 0 K at the pressures of a volume grid. F(V, T) + P V, of the infinite crystal, is
lowest at the volume that the crystal has at temperature and pressure. At each volume the shape of the cell and the
positions are those of 0 K, which costs G in second order only. Errors are those of the interpolation between cells;
what vibrations have beyond the harmonic approximation is not among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import BSpline, CubicHermiteSpline, PPoly, make_interp_spline
from scipy.optimize import minimize_scalar

from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.result import CONVENTIONS, UNKNOWN, FreeEnergy, wavelength_term
from aiida_polymorph.thermodynamics.phonons.volume_grid import (
    VOLUME_NOISE,
    GridCell,
    by_volume,
    check_cells,
    imaginary_shares,
    usable_cells,
)
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import GPA

FEWEST_CELLS = 3
"""Cells without imaginary modes that an interpolation with an error needs."""

SMALLEST_ERROR = 1e-5
"""eV per atom: what meshes, displacements and minimisers leave, whatever the interpolation."""

GRID = 401
"""Volumes at which curves are looked at."""

IDLE = ("max_steps", "finite_size", "seed", "equilibrate", "dynamics")
"""Parameters that mean nothing without dynamics and for an infinite crystal."""


@dataclass(frozen=True, eq=False)
class VolumeCurve:
    """A quantity over the volume by two interpolations; how far they are apart is the error.

    Both are called with volumes (angstrom^3 per formula unit) and the order of the derivative.
    """

    best: BSpline | PPoly
    other: BSpline | PPoly

    def error(self, volumes: np.ndarray, derivative: int = 0) -> float:
        """Return the largest difference of both, or of their derivatives, at these volumes."""
        return float(np.abs(self.best(volumes, derivative) - self.other(volumes, derivative)).max())


def quasi_harmonic(
    cells: Sequence[GridCell], temperature: float, pressure_gpa: float = 0.0, convention: str = "unit"
) -> FreeEnergy:
    """Return the Gibbs energy at the volume where F + P V is lowest.

    Its terms are static, harmonic (vibrations), pressure_volume, and by convention wavelengths and quantum. The
    enthalpy holds 3/2 kB T of potential energy per atom; with the convention `quantum` it is the whole enthalpy less
    3/2 kB T per atom.

    Cells with imaginary modes, and cells that are not on one branch of E(V) with the others, are left out with a
    remark. Where then no minimum is left between the cells, all numbers are nan, and the reason says why.

    Args:
        cells: of one phase, the same atoms, as at the pressures of `volume_grid.grid_pressures`, in any order; 6 are
            good.
        temperature: K.
        pressure_gpa: GPa.
        convention: one of `CONVENTIONS`.

    Raises:
        ValueError: if there are no cells, they are not of the same atoms, two have the same volume, or temperature,
            pressure or convention is not allowed.
    """
    check_state(temperature, pressure_gpa, convention)
    check_cells(cells)
    kept, remarks = usable_cells(cells, pressure_gpa)
    blank = _blank(cells[0], temperature, pressure_gpa, convention)
    blank = replace(blank, steps=sum(cell.phonons.displacements for cell in cells), remarks=remarks)
    if len(kept) < FEWEST_CELLS:
        return _unknown(blank, f"{len(kept)} cells can be used, {FEWEST_CELLS} are needed")
    curves = volume_curves(kept, temperature, convention)
    volume, side = _minimum(kept, curves, pressure_gpa)
    if side:
        return _unknown(blank, outside_reason(kept, side))
    reason = unstable_reason(by_volume(cells), volume)
    if reason:
        return _unknown(blank, reason)
    return _at_minimum(blank, kept, curves, volume)


def harmonic(cell: GridCell, temperature: float, convention: str = "unit") -> FreeEnergy:
    """Return the Gibbs energy of the cell of 0 K, at the pressure that it was relaxed at.

    What thermal expansion lowers it by can't be told from one cell: the errors of volume and vibrations are nan. All
    numbers are nan, with a reason, where phonons are imaginary.

    Raises:
        ValueError: if the temperature is not positive or the convention unknown.
    """
    check_state(temperature, cell.pressure_gpa, convention)
    blank = _blank(cell, temperature, cell.pressure_gpa, convention)
    if cell.phonons.soft_bulk > 0:
        return _unknown(blank, imaginary_shares([cell]))
    floor, work = SMALLEST_ERROR * cell.atoms_per_unit, cell.enthalpy - cell.energy
    parts = cell.vibrations(temperature, convention)
    vibrations = {name: Estimate(value, np.nan) for name, value in parts.items()}
    found = blank.with_terms(
        static=Estimate(cell.energy, floor), pressure_volume=Estimate(work, np.nan), **vibrations
    ).with_remark("in the cell of 0 K: thermal expansion is left out, and the error unknown")
    enthalpy = Estimate(cell.enthalpy + cell.thermal_energy(temperature, convention), np.nan)
    return replace(found, volume=Estimate(cell.volume, np.nan), enthalpy=enthalpy)


def further_pressures(
    cells: Sequence[GridCell], temperature: float, pressure_gpa: float = 0.0, convention: str = "unit"
) -> tuple[float, ...]:
    """Return two pressures more to relax at, GPa, on the side where the minimum of F + P V lies.

    None of them if it is between the cells, or if cells that can't be used are already on that side.

    Raises:
        ValueError: as `quasi_harmonic`.
    """
    check_state(temperature, pressure_gpa, convention)
    check_cells(cells)
    kept, _ = usable_cells(cells, pressure_gpa)
    if len(kept) < FEWEST_CELLS:
        return ()
    _, side = _minimum(kept, volume_curves(kept, temperature, convention), pressure_gpa)
    ordered = by_volume(cells)
    edge, last = (kept[0], ordered[0]) if side < 0 else (kept[-1], ordered[-1])
    if not side or edge is not last:
        return ()
    step = (kept[0].pressure_gpa - kept[-1].pressure_gpa) / (len(kept) - 1)
    return edge.pressure_gpa - side * step, edge.pressure_gpa - 2 * side * step


def assemble_quasi_harmonic(
    parameters: FreeEnergyParameters, cells: Sequence[GridCell], failed: Sequence[str] = ()
) -> FreeEnergy:
    """Return what was asked for, with remarks on what was not heeded or not reached.

    Args:
        parameters: what was asked; temperature, pressure, convention and target_error count here.
        cells: see `quasi_harmonic`.
        failed: why cells of the volume grid are not among them.

    Raises:
        ValueError: as `quasi_harmonic`.
    """
    found = quasi_harmonic(cells, parameters.temperature, parameters.pressure_gpa, parameters.convention)
    standard = FreeEnergyParameters(parameters.temperature)
    idle = [name for name in IDLE if getattr(parameters, name) != getattr(standard, name)]
    notes = [*failed, *(f"{name} has no meaning for the method harmonic" for name in idle)]
    if found.error > parameters.target_error:
        notes.append(f"the error is above the {parameters.target_error:g} asked for: interpolate between more cells")
    reason = "; ".join([found.reason, *failed]) if found.reason else ""
    return replace(found, reason=reason, remarks=(*found.remarks, *notes))


def outside_reason(cells: Sequence[GridCell], side: int) -> str:
    """Return that the minimum of F + P V lies beyond the first (side -1) or last (1) of cells ordered by volume."""
    edge = cells[0] if side < 0 else cells[-1]
    where = f"{'below' if side < 0 else 'above'} {edge.volume:.3f} angstrom^3, that of {edge.pressure_gpa:g} GPa"
    return f"the minimum of F + P V is outside of the cells: {where}"


def unstable_reason(cells: Sequence[GridCell], volume: float) -> str:
    """Return that a cell next to the minimum is unstable, "" if none is; cells are ordered by volume."""
    if any(cell.phonons.soft_bulk > 0 for cell in beside(cells, volume)):
        return f"the minimum of F + P V, {volume:.3f} angstrom^3, is beside a cell that is unstable"
    return ""


def check_state(temperature: float, pressure_gpa: float, convention: str) -> None:
    """Refuse a state or a convention that there is not.

    Raises:
        ValueError: naming it, and what is allowed.
    """
    if not 0 < temperature < np.inf or not np.isfinite(pressure_gpa):
        raise ValueError(f"temperature {temperature} K must be positive, pressure {pressure_gpa} GPa finite")
    if convention not in CONVENTIONS:
        raise ValueError(f"convention is {convention!r}, must be one of {', '.join(CONVENTIONS)}")


def volume_curves(cells: Sequence[GridCell], temperature: float, convention: str) -> dict[str, VolumeCurve]:
    """Return the terms of the Helmholtz energy that depend on volume."""
    vibrations = [cell.vibrations(temperature, convention) for cell in cells]
    curves = {name: spline(cells, [each[name] for each in vibrations]) for name in vibrations[0]}
    return {"static": _static(cells), **curves}


def _static(cells: Sequence[GridCell]) -> VolumeCurve:
    """Return the static energy with slopes of -P, and without."""
    volumes, energies = (np.array([getattr(cell, name) for cell in cells]) for name in ("volume", "energy"))
    slopes = [-cell.pressure_gpa * GPA for cell in cells]
    return VolumeCurve(CubicHermiteSpline(volumes, energies, slopes), spline(cells, energies).best)


def spline(cells: Sequence[GridCell], values: ArrayLike) -> VolumeCurve:
    """Return a cubic spline (a parabola for 3 cells) and one of a degree less."""
    volumes, degree = [cell.volume for cell in cells], min(3, len(cells) - 1)
    return VolumeCurve(*(make_interp_spline(volumes, values, k) for k in (degree, degree - 1)))


def _minimum(cells: Sequence[GridCell], curves: Mapping[str, VolumeCurve], pressure_gpa: float) -> tuple[float, int]:
    """Return the volume where F + P V is lowest, nan if at an end, and 0 or the side of that end, -1 or 1."""

    def gibbs(volume: ArrayLike) -> np.ndarray:
        return sum(curve.best(volume) for curve in curves.values()) + pressure_gpa * GPA * np.asarray(volume)

    grid = np.linspace(cells[0].volume, cells[-1].volume, GRID)
    lowest = int(np.argmin(gibbs(grid)))
    if lowest in (0, GRID - 1):
        return float("nan"), 1 if lowest else -1
    bounds = (grid[lowest - 1], grid[lowest + 1])
    return float(minimize_scalar(gibbs, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x), 0


def beside(ordered: Sequence[GridCell], volume: float, reach: int = 1) -> Sequence[GridCell]:
    """Return the cells around a volume, `reach` on both sides."""
    right = int(np.searchsorted([cell.volume for cell in ordered], volume))
    return ordered[max(0, right - reach) : right + reach]


def _at_minimum(
    blank: FreeEnergy, cells: Sequence[GridCell], curves: Mapping[str, VolumeCurve], volume: float
) -> FreeEnergy:
    """Return the Gibbs energy at a volume where the curves are as far apart as around it."""
    around = beside(cells, volume, reach=2)
    window = np.linspace(around[0].volume, around[-1].volume, GRID)
    floor, pressure = SMALLEST_ERROR * cells[0].atoms_per_unit, blank.pressure_gpa * GPA
    terms = {
        name: Estimate(float(curve.best(volume)), float(np.hypot(curve.error(window), floor)))
        for name, curve in curves.items()
    }
    stiffness = float(sum(curve.best(volume, 2) for curve in curves.values()))
    slopes = sum(curve.error(window, 1) for curve in curves.values())
    spread = float(np.hypot(slopes / stiffness, VOLUME_NOISE * volume))
    # G is lowest at this volume: an error of it counts in second order.
    work = Estimate(pressure * volume, stiffness * spread**2 / 2)
    thermal = [cell.thermal_energy(blank.temperature, blank.convention) for cell in cells]
    heat = spline(cells, thermal)
    push = float(curves["static"].best(volume, 1)) + pressure
    enthalpy = Estimate(
        terms["static"].value + work.value + float(heat.best(volume)),
        float(np.linalg.norm([terms["static"].error, heat.error(window), push * spread])),
    )
    found = blank.with_terms(pressure_volume=work, **terms)
    return replace(found, volume=Estimate(volume, spread), enthalpy=enthalpy)


def _blank(cell: GridCell, temperature: float, pressure_gpa: float, convention: str) -> FreeEnergy:
    """Return a Gibbs energy without the terms that depend on volume."""
    wavelengths = {"wavelengths": Estimate(wavelength_term(cell.crystal, temperature), 0.0)}
    return FreeEnergy(
        temperature=temperature,
        pressure_gpa=pressure_gpa,
        method="harmonic",
        convention=convention,
        finite_size="none",
        terms={} if convention == "unit" else wavelengths,
        atoms=len(cell.crystal),
        steps=cell.phonons.displacements,
        volume=UNKNOWN,
    )


def _unknown(blank: FreeEnergy, reason: str) -> FreeEnergy:
    """Return a Gibbs energy of nan; the reason holds the remarks too."""
    names = ("static", "harmonic", "pressure_volume", *(("quantum",) if blank.convention == "quantum" else ()))
    unknown = blank.with_terms(**dict.fromkeys(names, UNKNOWN))
    return replace(unknown, reason="; ".join([reason, *blank.remarks]))
