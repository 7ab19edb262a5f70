"""Gibbs energy of one phase from its terms, and the conventions it can be given in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms
from scipy import constants

from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import KB

CONVENTIONS = ("unit", "mass", "quantum")
"""Thermal wavelength 1 angstrom for every atom; each element's own; that, and the harmonic quantum correction."""

UNKNOWN = Estimate(np.nan, np.nan)
FINITE_SIZE = ("phonons", "logarithm", "none")


@dataclass(frozen=True)
class FreeEnergy:
    """Gibbs energy of a phase and what it is made of, eV per formula unit.

    Attributes:
        temperature: K.
        pressure_gpa: GPa.
        method: name of one of `methods`.
        convention: one of `CONVENTIONS`.
        finite_size: how the term `finite_size` was found, one of `FINITE_SIZE`, or `line` (`infinite_size`).
        terms: name -> value and error; their sum is the Gibbs energy.
        atoms: in the supercell.
        steps: of molecular dynamics, all together, equilibration included.
        volume: angstrom^3 per formula unit, with error.
        enthalpy: without kinetic energy, eV per formula unit, with error; nan if unknown.
        reason: why this is not a number of the phase asked for, "" if it is.
        remarks: what else the reader should know.
        checks: dissipation and the like, eV per formula unit; `offset` and `drift` have none, see `outcome.Outcome`.
    """

    temperature: float
    pressure_gpa: float
    method: str
    convention: str
    finite_size: str
    terms: Mapping[str, Estimate]
    atoms: int
    steps: int
    volume: Estimate
    enthalpy: Estimate = UNKNOWN
    reason: str = ""
    remarks: tuple[str, ...] = ()
    checks: Mapping[str, float] = field(default_factory=dict)

    @property
    def gibbs_energy(self) -> float:
        """Sum of the terms, eV per formula unit."""
        return float(sum(term.value for term in self.terms.values()))

    @property
    def error(self) -> float:
        """Standard error of the sum, eV per formula unit."""
        return float(np.sqrt(sum(term.error**2 for term in self.terms.values())))

    @property
    def has_value(self) -> bool:
        """Whether there is a number."""
        return bool(self.terms) and bool(np.isfinite(self.gibbs_energy))

    def with_terms(self, **terms: Estimate) -> FreeEnergy:
        """Return the same with terms added or replaced."""
        return replace(self, terms={**self.terms, **terms})

    def with_remark(self, remark: str) -> FreeEnergy:
        """Return the same with one more remark."""
        return replace(self, remarks=(*self.remarks, remark))


def wavelength_term(atoms: Atoms, temperature: float, masses: Mapping[str, float] | None = None) -> float:
    """Return what each element's own thermal wavelength adds to the free energy, eV per formula unit.

    3 kB T ln(Lambda / 1 angstrom) for each atom, Lambda = h / sqrt(2 pi m kB T).

    Args:
        atoms: gives the composition.
        temperature: K.
        masses: atomic mass units by element, where they differ from the standard ones.

    Raises:
        ValueError: if temperature or a mass is not positive.
    """
    own = dict(zip(atoms.get_chemical_symbols(), atoms.get_masses(), strict=True)) | dict(masses or {})
    if not temperature > 0 or not all(mass > 0 for mass in own.values()):
        raise ValueError(f"temperature {temperature} K and masses {own} must be positive")
    lengths = {
        symbol: constants.h
        / np.sqrt(2 * np.pi * mass * constants.atomic_mass * constants.k * temperature)
        / constants.angstrom
        for symbol, mass in own.items()
    }
    logs = sum(np.log(lengths[symbol]) for symbol in atoms.get_chemical_symbols())
    return float(3 * KB * temperature * logs / formula_units_of(atoms.numbers))


def logarithmic_correction(atoms: Atoms, temperature: float) -> float:
    """Return 2 kB T ln(N) / N per atom, in eV per formula unit: the paper's finite-size term (arXiv:1909.08934)."""
    count = len(atoms)
    return float(2 * KB * temperature * np.log(count) / formula_units_of(atoms.numbers))


def extrapolate(sizes: np.ndarray, values: np.ndarray, errors: np.ndarray) -> Estimate:
    """Return the limit of infinite size from free energies at two or more sizes, by a line in 1/N.

    Half a kB T ln(N) of the whole crystal is left in by the translations, so take it off first (`half_logarithm`).

    Args:
        sizes: atoms, shape (n,).
        values: shape (n,), any unit.
        errors: same unit, shape (n,).

    Raises:
        ValueError: if there are fewer than two sizes.
    """
    if len(np.unique(sizes)) < 2:
        raise ValueError("the limit of infinite size needs free energies at two sizes or more")
    design = np.stack([np.ones(len(sizes)), 1 / np.asarray(sizes, dtype=float)], axis=1) / np.asarray(errors)[:, None]
    covariance = np.linalg.inv(design.T @ design)
    fitted = covariance @ design.T @ (np.asarray(values) / np.asarray(errors))
    return Estimate(float(fitted[0]), float(np.sqrt(covariance[0, 0])))


def half_logarithm(atoms: float, atoms_per_unit: float, temperature: float) -> float:
    """Return kB T ln(N) / 2 of the whole crystal in eV per formula unit: what translations leave in a finite one."""
    return float(KB * temperature * np.log(atoms) / 2 * atoms_per_unit / atoms)


def infinite_size(found: Sequence[FreeEnergy], atoms_per_unit: float) -> FreeEnergy:
    """Return the free energy of the infinite crystal from those at two or more sizes, by a line in 1/N.

    Args:
        found: same phase, temperature, pressure, method and convention, no finite-size term.
        atoms_per_unit: atoms in a formula unit.

    Raises:
        ValueError: if one has a finite-size term or is of a phase that did not last, they are not of the same
            conditions, or all of one size.
    """
    alike = {(each.temperature, each.pressure_gpa, each.method, each.convention) for each in found}
    if len(alike) != 1 or any(each.finite_size != "none" or each.reason for each in found):
        raise ValueError(
            "the limit of infinite size needs free energies of a phase that lasts, of one temperature, pressure, "
            "method and convention, computed with finite_size 'none'"
        )
    sizes = np.array([each.atoms for each in found])
    logarithms = np.array([half_logarithm(each.atoms, atoms_per_unit, each.temperature) for each in found])
    energies = np.array([each.gibbs_energy for each in found])
    limit = extrapolate(sizes, energies - logarithms, np.array([each.error for each in found]))
    largest = max(found, key=lambda each: each.atoms)
    # The limit's error holds that of the largest size; what the term adds may not be counted twice.
    more = np.sqrt(max(limit.error**2 - largest.error**2, 0.0))
    term = Estimate(limit.value - largest.gibbs_energy, float(more))
    remark = f"finite size by a line through {', '.join(str(size) for size in sorted(set(sizes.tolist())))} atoms"
    total = replace(largest, finite_size="line", steps=sum(each.steps for each in found))
    return total.with_terms(finite_size=term).with_remark(remark)
