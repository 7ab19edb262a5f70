"""What dynamics at constant pressure tells: mean cell, energy, displacements, and whether the crystal lasted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps.results import part
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.sampling.series import Estimate, SeriesMean, series_mean
from aiida_polymorph.thermodynamics.sampling.supercell import symmetric_cell
from aiida_polymorph.units import GPA, KB

BOX = ("lx", "xy", "ly", "xz", "yz", "lz")
LOWER = np.tril_indices(3)

LARGEST_SHIFT = 0.22
"""Mean positions farther than this from the crystal's sites (angstrom, root mean square) are another structure."""

LARGEST_LINDEMANN = 0.2
"""Root mean square displacement over the nearest distance, beyond which no crystal holds together."""

LARGEST_STRAIN = 0.03
"""Strain of the mean cell that breaks the symmetry of the crystal, beyond which it is another structure."""


@dataclass(frozen=True, eq=False)
class Equilibration:
    """A crystal at temperature and pressure; N atoms, Z formula units.

    Attributes:
        atoms: the crystal in the mean cell, with the symmetry and the fractional coordinates of the one before.
        volume: angstrom^3 per formula unit.
        volume_spread: standard deviation of the volume's fluctuations, angstrom^3 per formula unit.
        enthalpy: mean potential energy + P V in eV per formula unit, of the infinite crystal (3/2 kB T for every atom
            in the harmonic part), without kinetic energy. Its error holds that of the mean volume.
        mean_squares: <u^2> by element, angstrom^2, about sites and centroid.
        shift: root mean square distance of mean positions from sites, angstrom.
        lindemann: root mean square displacement over the smallest distance between atoms.
        strain: largest component of the strain by which the mean cell breaks the symmetry.
        reason: why this is not the crystal any more, "" if it is.
        steps: of molecular dynamics.
    """

    atoms: Atoms
    volume: Estimate
    volume_spread: float
    enthalpy: Estimate
    mean_squares: Mapping[str, float]
    shift: float
    lindemann: float
    strain: float
    reason: str
    steps: int


def anharmonic_energy(energy: np.ndarray, virial: np.ndarray, perfect: float) -> SeriesMean:
    """Return the mean potential energy beyond harmonic equipartition, whole cell in eV.

    <U - U0> - 3/2 (N - 1) kB T, as the mean of U - U0 + (sum u . F) / 2: harmonic fluctuations drop out (Schultz and
    Kofke's harmonically mapped averaging), which takes its noise down by more than an order of magnitude.

    Args:
        energy: U, eV, shape (n,).
        virial: sum over atoms of u . F, eV, shape (n,).
        perfect: U0, eV.

    Raises:
        ValueError: if there are too few samples.
    """
    return series_mean(energy - perfect + virial / 2)


def mean_cell(arrays: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean cell of a run at constant pressure and its errors, lower triangular, shape (3, 3) each."""
    npt = part(arrays, "npt")
    cell, error = np.zeros((3, 3)), np.zeros((3, 3))
    estimates = [series_mean(npt[name]) for name in BOX]
    cell[LOWER] = [each.value for each in estimates]
    error[LOWER] = [each.error for each in estimates]
    return cell, error


def digest_equilibration(
    atoms: Atoms, arrays: Mapping[str, np.ndarray], temperature: float, pressure_gpa: float, perfect: float, steps: int
) -> Equilibration:
    """Return what a run of the task `equilibrate` tells.

    Args:
        atoms: the supercell that the run started from, in LAMMPS's frame.
        arrays: its results.
        temperature: K, at the end of the run.
        pressure_gpa: GPa.
        perfect: potential energy of `atoms` with the potential's accurate commands, eV of the whole cell; what the
            commands of dynamics are off by there is taken off the enthalpy.
        steps: of molecular dynamics.
    """
    cell, _ = mean_cell(arrays)
    symmetric = symmetric_cell(atoms, cell)
    crystal = Atoms(atoms.numbers, scaled_positions=atoms.get_scaled_positions(), cell=symmetric, pbc=True)
    units, count = formula_units_of(atoms.numbers), len(atoms)
    npt, nvt = part(arrays, "npt"), part(arrays, "nvt")
    volume = series_mean(npt["volume"])
    start = part(arrays, "start")["energy"][0]
    beyond = anharmonic_energy(nvt["energy"], nvt["virial"], start)
    work = pressure_gpa * GPA * float(np.linalg.det(symmetric))
    enthalpy = perfect + beyond.value + 1.5 * count * KB * temperature + work
    enthalpy_error = np.hypot(beyond.error, enthalpy_slope(npt, pressure_gpa) * volume.error)
    squares = mean_squares(atoms, nvt)
    shift = _shift(part(arrays, "mean")["values"][0])
    lindemann = float(np.sqrt(np.mean(list(squares.values())))) / _nearest(crystal)
    strain = float(np.abs(np.linalg.inv(symmetric) @ cell - np.eye(3)).max())
    return Equilibration(
        atoms=crystal,
        volume=Estimate(volume.value / units, volume.error / units),
        volume_spread=float(npt["volume"].std()) / units,
        enthalpy=Estimate(enthalpy / units, float(enthalpy_error) / units),
        mean_squares=squares,
        shift=shift,
        lindemann=lindemann,
        strain=strain,
        reason=verdict(shift, lindemann, strain),
        steps=steps,
    )


def enthalpy_slope(npt: Mapping[str, np.ndarray], pressure_gpa: float) -> float:
    """Return dH/dV at constant temperature from the fluctuations of a run at constant pressure, eV/angstrom^3.

    By as much an error of the mean volume makes the enthalpy at that volume wrong.
    """
    enthalpy = npt["energy"] + pressure_gpa * GPA * npt["volume"]
    return float(np.cov(enthalpy, npt["volume"])[0, 1] / npt["volume"].var(ddof=1))


def mean_squares(atoms: Atoms, nvt: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return <u^2> about sites and centroid by element, angstrom^2."""
    symbols = np.array(atoms.get_chemical_symbols())
    drift = np.stack([nvt[f"drift_{axis}"] for axis in "xyz"], axis=1)
    return {
        str(symbol): float(nvt[f"square_{symbol}"].mean() / np.sum(symbols == symbol) - np.sum(drift**2, axis=1).mean())
        for symbol in np.unique(symbols)
    }


def verdict(shift: float, lindemann: float, strain: float) -> str:
    """Return why a crystal did not last, "" if it did; see `Equilibration`."""
    if lindemann > LARGEST_LINDEMANN:
        return f"molten or rearranged: atoms move by {lindemann:.2f} of the distance to their neighbours"
    if shift > LARGEST_SHIFT:
        return f"transformed: mean positions have left the sites of the crystal by {shift:.2f} angstrom"
    if strain > LARGEST_STRAIN:
        return f"transformed: the mean cell breaks the symmetry of the crystal by a strain of {strain:.3f}"
    return ""


def _shift(displacements: np.ndarray) -> float:
    centred = displacements - displacements.mean(axis=0)
    return float(np.sqrt(np.mean(np.sum(centred**2, axis=1))))


def _nearest(atoms: Atoms) -> float:
    from ase.neighborlist import neighbor_list

    radius = 1.5
    while not len(found := neighbor_list("d", atoms, radius)):
        radius *= 1.3
    return float(found.min())
