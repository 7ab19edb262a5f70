"""Gibbs energies along an isobar from two sweeps of the temperature, one up and one down.

Each sweep is one run at constant pressure in which the temperature of the thermostat goes from one end to the other at
an even pace. Every sample counts at the temperature of its moment, so that the enthalpy along the whole isobar comes at
once, and d(G/T)/dT = -H/T^2 gives G.

A crystal that is heated lags behind its thermostat, one that is cooled runs ahead of it. As in reversible scaling (de
Koning, Antonelli and Yip, Phys. Rev. Lett. 83, 3973 (1999)), the lag drops out to first order of the mean of both
directions, and half their difference, the dissipation, tells whether the sweep was slow enough. What the dissipation
exceeds its own noise by counts as an error.

Enthalpies are without kinetic energy. The harmonic part of the energy drops out of the noise (`anharmonic_energy`); the
cell's own six fluctuations, 1/2 kB T each, are taken off, which the infinite crystal does not have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from ase import Atoms
from numpy.polynomial.legendre import legvander

from aiida_polymorph.lammps.results import part
from aiida_polymorph.lammps.settings import EquilibrateSettings, SweepSettings
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.free_energy.kinetic import kinetic_energy
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.sampling.equilibration import mean_cell, mean_squares, verdict
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.sampling.supercell import symmetric_cell
from aiida_polymorph.units import GPA, KB

CELL_MODES = 6

WINDOWS = 10
"""Pieces of a sweep, each of which is looked at for whether the crystal has lasted."""

FEWEST_SAMPLES = 20 * WINDOWS

ORDER = 4
"""Of the polynomials in T for enthalpy and volume; thousands of samples tell more than the few points of a grid."""

BLOCKS = 20
"""Of each sweep, for its errors."""

NODES = 40
"""Of the numerical quadrature."""

SHARED = {each.name for each in fields(SweepSettings)} & {each.name for each in fields(EquilibrateSettings)}
"""Settings that sweeps have in common with runs at one temperature."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """What one sweep tells, sample by sample; n samples in the order of time.

    Attributes:
        temperatures: of the thermostat, K, shape (n,).
        enthalpy: eV per formula unit, without kinetic energy, shape (n,).
        volume: angstrom^3 per formula unit, shape (n,).
        reason: why this is not the crystal any more, and at which temperature; "" if it is.
        broken_at: lowest temperature of the piece of the sweep that the reason is seen in, K; None if there is none.
    """

    temperatures: np.ndarray
    enthalpy: np.ndarray
    volume: np.ndarray
    reason: str = ""
    broken_at: float | None = None


class SweptPoint(NamedTuple):
    """One place of the isobar, per formula unit.

    Attributes:
        temperature: K.
        gibbs_energy: eV, with error.
        enthalpy: without kinetic energy, eV, with error.
        volume: angstrom^3, with error.
        dissipation: half of what the Gibbs energies from heating alone and from cooling alone differ by, eV.
    """

    temperature: float
    gibbs_energy: Estimate
    enthalpy: Estimate
    volume: Estimate
    dissipation: float


def sweep_settings(asked: FreeEnergyParameters, highest: float, steps: int) -> SweepSettings:
    """Return the settings of sweeps from the temperature asked for up to the highest, and back.

    Args:
        asked: gives temperature, pressure, seed and the settings of dynamics.
        highest: K.
        steps: one way; as many more as make them a multiple of those between two samples.

    Raises:
        ValueError: if the highest temperature is not above the other, or there would be too few samples.
    """
    if not highest > asked.temperature:
        raise ValueError(f"a sweep must end above {asked.temperature:g} K, where it begins, not at {highest:g} K")
    shared = {name: value for name, value in asked.equilibrate_settings().to_dict().items() if name in SHARED}
    fewest = FEWEST_SAMPLES * shared["interval"]
    if steps < fewest:
        raise ValueError(f"sweep_steps is {steps}, must be {fewest} or more")
    return SweepSettings(final_temperature=highest, sweep_steps=steps + -steps % shared["interval"], **shared)


def digest_sweeps(
    atoms: Atoms, arrays: Mapping[str, np.ndarray], settings: SweepSettings, perfect: float
) -> tuple[Sweep, Sweep]:
    """Return what a run of the task `sweep` tells on its way up and on its way down.

    Args:
        atoms: the supercell that the run started from, in LAMMPS's frame.
        arrays: its results.
        settings: of the run.
        perfect: potential energy of `atoms` with the potential's accurate commands, eV of the whole cell; what the
            commands of dynamics are off by there is taken off.

    Raises:
        ValueError: if there are too few samples.
    """
    first, last = settings.temperature, settings.final_temperature
    static = perfect - float(part(arrays, "start")["energy"][0])
    up, down = (
        _digest(atoms, part(arrays, name), start, (end - start) / settings.sweep_steps, settings.pressure_gpa, static)
        for name, start, end in (("up", first, last), ("down", last, first))
    )
    return up, down


def _digest(
    atoms: Atoms, samples: Mapping[str, np.ndarray], start: float, pace: float, pressure_gpa: float, static: float
) -> Sweep:
    """Return one way; pace in K a step, static is what is added to all energies."""
    if len(samples["energy"]) < FEWEST_SAMPLES:
        raise ValueError(f"a sweep needs {FEWEST_SAMPLES} samples or more, this one has {len(samples['energy'])}")
    temperatures = start + pace * samples["step"]
    thermal = (1.5 * len(atoms) - CELL_MODES / 2) * KB * temperatures
    energy = samples["energy"] + samples["virial"] / 2 + static + thermal
    enthalpy = energy + pressure_gpa * GPA * samples["volume"]
    units = formula_units_of(atoms.numbers)
    return Sweep(
        temperatures, enthalpy / units, samples["volume"] / units, *_first_reason(atoms, samples, temperatures)
    )


def _first_reason(atoms: Atoms, record: Mapping[str, np.ndarray], temperatures: np.ndarray) -> tuple[str, float | None]:
    """Return where and why a crystal was first seen to be another one, and that piece's lowest temperature (K)."""
    distances = atoms.get_all_distances(mic=True)
    nearest = distances[distances > 0].min() if len(atoms) > 1 else np.inf
    for window in np.array_split(np.arange(len(temperatures)), WINDOWS):
        samples = {name: values[window] for name, values in record.items()}
        lindemann = float(np.sqrt(np.mean(list(mean_squares(atoms, samples).values())))) / nearest
        cell, _ = mean_cell({f"npt__{name}": values for name, values in samples.items()})
        strain = float(np.abs(np.linalg.inv(symmetric_cell(atoms, cell)) @ cell - np.eye(3)).max())
        reason = verdict(0.0, lindemann, strain)
        if reason:
            return f"at {temperatures[window].mean():.0f} K {reason}", float(temperatures[window].min())
    return "", None


def isobar_from_sweeps(
    up: Sweep, down: Sweep, start: Estimate, temperatures: Sequence[float], kinetic_atoms: int = 0
) -> list[SweptPoint]:
    """Return the Gibbs energies along an isobar.

    Args:
        up: from the lowest temperature to the highest.
        down: back.
        start: Gibbs energy at the lowest of the temperatures, eV per formula unit.
        temperatures: where to give it, K.
        kinetic_atoms: atoms in a formula unit whose kinetic energy counts to the enthalpy of Gibbs-Helmholtz; see
            `gibbs_surface`.

    Raises:
        ValueError: if a sweep's crystal did not last, or a temperature is outside of the sweeps.
    """
    for name, each in (("heated", up), ("cooled", down)):
        if each.reason:
            raise ValueError(f"{name} crystal: {each.reason}")
    lowest = min(temperatures)
    both, heating, cooling = (fit(each, "enthalpy") for each in ([up, down], [up], [down]))
    volume = fit([up, down], "volume")
    found = []
    for temperature in sorted(temperatures):
        change, one, other = (_change(each, lowest, temperature, kinetic_atoms) for each in (both, heating, cooling))
        dissipation = (one.value - other.value) / 2
        # Noise alone makes half the difference of two sweeps as large as the error of their mean.
        excess = max(dissipation**2 - (one.error**2 + other.error**2) / 4, 0.0)
        share = temperature / lowest
        error = np.sqrt((share * start.error) ** 2 + change.error**2 + excess)
        value = Estimate(share * start.value + change.value, float(error))
        found.append(SweptPoint(temperature, value, both.at(temperature), volume.at(temperature), dissipation))
    return found


@dataclass(frozen=True, eq=False)
class Fit:
    """A polynomial through the samples of sweeps.

    Attributes:
        low: K.
        high: K.
        coefficients: of Legendre polynomials between these.
        covariance: of the coefficients.
    """

    low: float
    high: float
    coefficients: np.ndarray
    covariance: np.ndarray

    def row(self, temperatures: np.ndarray) -> np.ndarray:
        """Return what to multiply the coefficients with, shape (n, coefficients).

        Raises:
            ValueError: if a temperature lies outside.
        """
        if np.any(temperatures < self.low - 1e-6) or np.any(temperatures > self.high + 1e-6):
            raise ValueError(f"temperatures must lie between {self.low:g} and {self.high:g} K, where the sweeps are")
        x = (2 * temperatures - self.low - self.high) / (self.high - self.low)
        return legvander(x, len(self.coefficients) - 1)

    def estimate(self, row: np.ndarray) -> Estimate:
        """Return row times coefficients, with its error."""
        return Estimate(float(row @ self.coefficients), float(np.sqrt(row @ self.covariance @ row)))

    def at(self, temperature: float) -> Estimate:
        """Return the value at a temperature."""
        return self.estimate(self.row(np.array([temperature]))[0])


def fit(sweeps: Sequence[Sweep], name: str) -> Fit:
    """Return the polynomial through the samples of one or more sweeps.

    Its errors are those of blocks of samples (the sandwich of clusters): nothing is assumed of how samples within a
    block hang together, or of fluctuations that grow with the temperature.

    Args:
        sweeps: one or more.
        name: `enthalpy` or `volume`.
    """
    points = np.concatenate([each.temperatures for each in sweeps])
    values = np.concatenate([getattr(each, name) for each in sweeps])
    bare = Fit(points.min(), points.max(), np.zeros(ORDER + 1), np.zeros((ORDER + 1, ORDER + 1)))
    design = bare.row(points)
    coefficients, *_ = np.linalg.lstsq(design, values, rcond=None)
    pulls = design * (values - design @ coefficients)[:, None]
    ends = np.cumsum([len(each.temperatures) for each in sweeps])[:-1]
    blocks = np.array([block.sum(axis=0) for own in np.split(pulls, ends) for block in np.array_split(own, BLOCKS)])
    inverse = np.linalg.inv(design.T @ design)
    share = len(blocks) / (len(blocks) - ORDER - 1)
    return replace(bare, coefficients=coefficients, covariance=share * inverse @ blocks.T @ blocks @ inverse)


def _change(enthalpy: Fit, first: float, last: float, kinetic_atoms: int) -> Estimate:
    """Return G(last) - last / first G(first) = -last times the integral of H / T^2, kinetic energy added to H."""
    roots, weights = np.polynomial.legendre.leggauss(NODES)
    nodes = first + (last - first) * (roots + 1) / 2
    weights = -last * (last - first) / 2 * weights / nodes**2
    found = enthalpy.estimate(weights @ enthalpy.row(nodes))
    return Estimate(found.value + kinetic_energy(float(weights @ nodes), kinetic_atoms), found.error)
