"""What dynamics add to a quasi-harmonic Gibbs energy at state points, with the slopes that enthalpy and volume give."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from aiida_polymorph.thermodynamics.surfaces.phase_surface import EDGE, PhasePoints


@dataclass(frozen=True, eq=False)
class MeasuredPoints:
    """What dynamics tell of a phase at n state points, per formula unit; all arrays of shape (n,), nan where unknown.

    Attributes:
        temperatures: K.
        pressures_gpa: GPa.
        gibbs_energy: eV.
        gibbs_error: Standard error, eV.
        enthalpy: That of Gibbs-Helmholtz in the convention of the harmonic numbers, eV; see `free_energy.kinetic`.
        enthalpy_error: Standard error, eV.
        volume: angstrom^3.
        volume_error: Standard error, angstrom^3.
    """

    temperatures: np.ndarray
    pressures_gpa: np.ndarray
    gibbs_energy: np.ndarray
    gibbs_error: np.ndarray
    enthalpy: np.ndarray
    enthalpy_error: np.ndarray
    volume: np.ndarray
    volume_error: np.ndarray


@dataclass(frozen=True, eq=False)
class Departures:
    """Dynamics less harmonic at n state points, per formula unit; all arrays of shape (n,), nan where unknown.

    Attributes:
        atoms: Number of atoms in a formula unit.
        temperatures: K.
        pressures_gpa: GPa.
        gibbs_energy: D, eV.
        gibbs_error: Standard error, eV.
        enthalpy: D - T dD/dT, eV.
        enthalpy_error: Standard error, eV.
        volume: dD/dP, angstrom^3.
        volume_error: Standard error, angstrom^3.

    Raises:
        ValueError: If shapes differ, a temperature is not positive, or a value has no error or a negative one.
    """

    atoms: int
    temperatures: np.ndarray
    pressures_gpa: np.ndarray
    gibbs_energy: np.ndarray
    gibbs_error: np.ndarray
    enthalpy: np.ndarray
    enthalpy_error: np.ndarray
    volume: np.ndarray
    volume_error: np.ndarray

    def __post_init__(self) -> None:
        arrays = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "atoms"}
        if len({np.shape(values) for values in arrays.values()}) > 1 or np.ndim(self.temperatures) != 1:
            raise ValueError("values and errors at state points must be arrays of one length")
        if not (np.all(np.asarray(self.temperatures) > 0) and self.atoms > 0):
            raise ValueError("temperatures and the number of atoms must be positive")
        for name in ("gibbs", "enthalpy", "volume"):
            values, errors = arrays["gibbs_energy" if name == "gibbs" else name], arrays[f"{name}_error"]
            if not np.all((errors >= 0) | np.isnan(values)):
                raise ValueError(f"errors of {name} must be given and not be negative")

    @classmethod
    def none(cls, atoms: int) -> Departures:
        """Return what is known before there are any dynamics."""
        return cls(atoms, *(np.zeros(0) for _ in range(8)))

    @property
    def known(self) -> np.ndarray:
        """Whether value, enthalpy and volume are known at each point, shape (n, 3)."""
        return np.isfinite(self.values)

    @property
    def values(self) -> np.ndarray:
        """Value, enthalpy and volume at each point, shape (n, 3)."""
        return np.column_stack([self.gibbs_energy, self.enthalpy, self.volume])

    @property
    def errors(self) -> np.ndarray:
        """Standard errors of `values`, shape (n, 3)."""
        return np.column_stack([self.gibbs_error, self.enthalpy_error, self.volume_error])

    def and_also(self, more: Departures) -> Departures:
        """Return these points and others of the same phase.

        Raises:
            ValueError: If the formula units differ.
        """
        if self.atoms != more.atoms:
            raise ValueError(f"formula units of {self.atoms} and of {more.atoms} atoms are not of one phase")
        names = [each.name for each in fields(self) if each.name != "atoms"]
        return Departures(self.atoms, *(np.concatenate([getattr(self, n), getattr(more, n)]) for n in names))


def departures(measured: MeasuredPoints, harmonic: PhasePoints, atoms: int) -> Departures:
    """Return dynamics less harmonic at the same state points; the error of the Gibbs energy holds both.

    Args:
        measured: By dynamics, classical.
        harmonic: Quasi-harmonic and classical, at the same places in the same order.
        atoms: Number of atoms in a formula unit.

    Raises:
        ValueError: If the places are not the same.
    """
    there, here = (np.column_stack([each.temperatures, each.pressures_gpa]) for each in (measured, harmonic))
    if there.shape != here.shape or not np.allclose(there, here, rtol=0.0, atol=EDGE):
        raise ValueError("dynamics and harmonic numbers must be of the same temperatures and pressures")
    return Departures(
        atoms=atoms,
        temperatures=measured.temperatures,
        pressures_gpa=measured.pressures_gpa,
        gibbs_energy=measured.gibbs_energy - harmonic.gibbs_energy,
        gibbs_error=np.hypot(measured.gibbs_error, harmonic.error),
        enthalpy=measured.enthalpy - harmonic.enthalpy,
        enthalpy_error=measured.enthalpy_error,
        volume=measured.volume - harmonic.volume,
        volume_error=measured.volume_error,
    )
