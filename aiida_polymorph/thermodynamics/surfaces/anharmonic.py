"""The anharmonic part of a phase's Gibbs energy over temperature and pressure, from few state points.

D(T, P) = G by dynamics less G in the quasi-harmonic approximation, both classical and per formula unit, is written as

    D(T, P) = atoms * scale * (T / T0)^2 * f(T, P)

with f a Gaussian process of variance 1. Classically the potential energy beyond second order in the displacements u
adds terms in u^4, and in u^3 twice, to G: both of order (kB T)^2, the lowest one (Born and Huang, Dynamical Theory of
Crystal Lattices, 1954, section 16). So D vanishes as T^2, and f, which holds what is beyond, changes slowly:

- in temperature over about the highest temperature of the region, to which the harmonic crystal is a good start;
- in pressure over a share of the bulk modulus, `STRAIN`: over it bonds are compressed by as much as changes
  anharmonicity by about its own size.

Observed are D itself, dD/dP = V - V_h and D - T dD/dT = H - H_h, each with its error: all linear in f and its slopes,
so that mean and error at any place follow in closed form. Errors say what so few points leave, if the scale is right;
see `anharmonic_scale`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve

from aiida_polymorph.thermodynamics.surfaces.departures import Departures
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhasePoints
from aiida_polymorph.thermodynamics.surfaces.smooth_kernel import Lengths, slope_covariance
from aiida_polymorph.units import GPA

STRAIN = 0.25
"""Share of the bulk modulus over which anharmonicity changes by about its own size.

Frequencies change as V^-1.5 to V^-2 (Grueneisen), mean square displacements by their square, so that a compression by
a quarter halves the displacements."""

JITTER = 1e-10
"""Relative variance that is added to exact observations, for the factorisation."""

FLAT = 1e-9
"""Part of the largest variance below which a direction of the joint draws counts as certain."""


class Anharmonicity(NamedTuple):
    """At n places, per formula unit; arrays of shape (n,).

    Attributes:
        gibbs_energy: D, eV.
        gibbs_error: Standard error, eV.
        enthalpy: D - T dD/dT, eV.
        enthalpy_error: Standard error, eV.
        volume: dD/dP, angstrom^3.
        volume_error: Standard error, angstrom^3.
    """

    gibbs_energy: np.ndarray
    gibbs_error: np.ndarray
    enthalpy: np.ndarray
    enthalpy_error: np.ndarray
    volume: np.ndarray
    volume_error: np.ndarray


class PointErrors(NamedTuple):
    """Standard errors of a state point, per formula unit; nan for what is not measured.

    Attributes:
        gibbs_energy: eV.
        enthalpy: eV.
        volume: angstrom^3.
    """

    gibbs_energy: float
    enthalpy: float = np.nan
    volume: float = np.nan


def lengths_of(harmonic: PhasePoints) -> Lengths:
    """Return the lengths for a phase: the highest temperature, and `STRAIN` of its mean bulk modulus -V dP/dV.

    Args:
        harmonic: Over the region, at two pressures or more at a temperature; nan where the phase does not exist.

    Raises:
        ValueError: If volumes at two pressures, which must fall, are not known.
    """
    known = np.isfinite(harmonic.volume)
    t, p, v = (each[known] for each in (harmonic.temperatures, harmonic.pressures_gpa, harmonic.volume))
    levels, row = np.unique(t, return_inverse=True)
    centred = [each - np.array([each[row == i].mean() for i in range(len(levels))])[row] for each in (p, np.log(v))]
    fall = -float(centred[0] @ centred[1])
    if not fall > 0:
        raise ValueError("the bulk modulus needs volumes that fall with the pressure, at two pressures or more")
    return Lengths(float(np.max(harmonic.temperatures)), STRAIN * float(centred[0] @ centred[0]) / fall)


@dataclass(frozen=True, eq=False)
class AnharmonicModel:
    """What is known of the anharmonic part of one phase.

    Attributes:
        observed: State points; none of them gives the prior.
        lengths: Of the process; its temperature is T0.
        scale: Standard deviation of D at T0 before any observation, eV per atom.

    Raises:
        ValueError: If lengths or scale are not positive.
    """

    observed: Departures
    lengths: Lengths
    scale: float

    def __post_init__(self) -> None:
        if not (min(self.lengths) > 0 and self.scale > 0):
            raise ValueError(f"lengths {tuple(self.lengths)} and scale {self.scale} must be positive")

    def evaluate(self, temperatures: np.ndarray, pressures_gpa: np.ndarray) -> Anharmonicity:
        """Return mean and standard error of D and its slopes at n places."""
        places = self.places(temperatures, pressures_gpa)
        cross = self.prior_covariance(places, self._places)[..., self._kept]
        means = cross @ self._weights
        prior = np.einsum("nii->ni", self._own_covariance(places))
        explained = np.einsum("nik,nik->ni", cross, self._solved(cross))
        errors = np.sqrt(np.maximum(prior - explained, 0.0))
        return Anharmonicity(*(each for pair in zip(means.T, errors.T, strict=True) for each in pair))

    def variance(self, temperatures: np.ndarray, pressures_gpa: np.ndarray) -> np.ndarray:
        """Return the variance of D at n places, eV^2, shape (n,)."""
        return self.evaluate(temperatures, pressures_gpa).gibbs_error ** 2

    def covariance(self, temperatures: np.ndarray, pressures_gpa: np.ndarray) -> np.ndarray:
        """Return the covariance of D at n places, eV^2, shape (n, n)."""
        places = self.places(temperatures, pressures_gpa)
        return self.posterior_covariance(places, places)[:, 0, :, 0]

    def draws(
        self, temperatures: np.ndarray, pressures_gpa: np.ndarray, number: int, generator: np.random.Generator
    ) -> np.ndarray:
        """Return D drawn at n places together, eV, shape (number, n)."""
        values, vectors = np.linalg.eigh(self.covariance(temperatures, pressures_gpa))
        large = values > FLAT * values.max(initial=0.0)
        factor = vectors[:, large] * np.sqrt(values[large])
        mean = self.evaluate(temperatures, pressures_gpa).gibbs_energy
        return mean + generator.standard_normal((number, factor.shape[1])) @ factor.T

    def expecting(self, temperatures: np.ndarray, pressures_gpa: np.ndarray, errors: PointErrors) -> AnharmonicModel:
        """Return the model with points more that turn out as expected: the same mean, the errors that they leave."""
        t, p = np.atleast_1d(temperatures).astype(float), np.atleast_1d(pressures_gpa).astype(float)
        mean = self.evaluate(t, p)
        value, enthalpy, volume = (
            np.where(np.isfinite(error), values, np.nan)
            for values, error in zip((mean.gibbs_energy, mean.enthalpy, mean.volume), errors, strict=True)
        )
        spread = [np.full(len(t), error) for error in errors]
        more = Departures(self.observed.atoms, t, p, value, spread[0], enthalpy, spread[1], volume, spread[2])
        return replace(self, observed=self.observed.and_also(more))

    def observations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what the k observations are before they are made, and what they are.

        Returns:
            Their covariance by the process, shape (k, k), the variances of their errors and their values, shape (k,).
        """
        rows = 3 * len(self._places)
        signal = self.prior_covariance(self._places, self._places).reshape(rows, rows)
        signal = signal[np.ix_(self._kept, self._kept)]
        noise = self.observed.errors.ravel()[self._kept] ** 2 + JITTER * np.diag(signal)
        return signal, noise, self.observed.values.ravel()[self._kept]

    def places(self, temperatures: np.ndarray, pressures_gpa: np.ndarray) -> np.ndarray:
        """Return places in units of the lengths, shape (n, 2)."""
        return self.lengths.reduced(np.asarray(temperatures, float), np.asarray(pressures_gpa, float))

    def prior_covariance(self, places: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the covariance before any observation of D, D - T dD/dT and dD/dP, shape (n, 3, m * 3)."""
        left, right = self._functionals(places), self._functionals(others)
        found = np.einsum("nia,nmab,mjb->nimj", left, slope_covariance(places, others), right, optimize=True)
        return found.reshape(len(places), 3, 3 * len(others))

    def posterior_covariance(self, places: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the covariance of D, D - T dD/dT and dD/dP that observations leave, shape (n, 3, m, 3)."""
        left, right = (self.prior_covariance(each, self._places)[..., self._kept] for each in (places, others))
        shape = len(places), 3, len(others), 3
        return self.prior_covariance(places, others).reshape(shape) - np.einsum(
            "nik,mjk->nimj", left, self._solved(right), optimize=True
        )

    def _functionals(self, places: np.ndarray) -> np.ndarray:
        """Return D, D - T dD/dT and dD/dP by f, df/dt and df/dp, shape (n, 3, 3)."""
        t = places[:, 0]
        found = np.zeros((len(places), 3, 3))
        found[:, 0, 0] = t**2
        found[:, 1, 0], found[:, 1, 1] = -(t**2), -(t**3)
        found[:, 2, 2] = t**2 / (self.lengths.pressure_gpa * GPA)
        return found * self.observed.atoms * self.scale

    def _own_covariance(self, places: np.ndarray) -> np.ndarray:
        """Return the covariance at each place with itself before any observation, shape (n, 3, 3)."""
        rows = self._functionals(places)
        return np.einsum("nia,ab,njb->nij", rows, slope_covariance(np.zeros((1, 2)), np.zeros((1, 2)))[0, 0], rows)

    def _solved(self, cross: np.ndarray) -> np.ndarray:
        """Return the inverse of the observations' covariance times rows of shape (n, 3, k)."""
        rows = cross.reshape(3 * len(cross), cross.shape[-1])
        return cho_solve((self._factor, True), rows.T).T.reshape(cross.shape)

    @cached_property
    def _places(self) -> np.ndarray:
        return self.places(self.observed.temperatures, self.observed.pressures_gpa)

    @cached_property
    def _kept(self) -> np.ndarray:
        return np.flatnonzero(self.observed.known.ravel())

    @cached_property
    def _factor(self) -> np.ndarray:
        signal, noise, _ = self.observations()
        return np.linalg.cholesky(signal + np.diag(noise))

    @cached_property
    def _weights(self) -> np.ndarray:
        return cho_solve((self._factor, True), self.observations()[2])
