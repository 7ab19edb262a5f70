"""Chemical potentials mu = h - T s_b of phases over temperature and pressure, from enthalpies and basin entropies.

Between searched pressures the enthalpy is the cubic through both ends with the slopes dh/dP = V (linear where a
volume is unknown), and the entropy is linear. From one pressure alone, mu(P + dP) = mu(P) + V dP, with the volume
compressed as the other phases' volumes are over that interval, where they are known. A phase that is known not to
exist at one end (absent with a reason: it turns into another phase there) is not extrapolated towards that end.

Entropies of one pressure are relative to each other; a constant may be added to all phases of a pressure without any
effect on differences. So only differences of chemical potentials and their errors have a meaning of their own.
Errors of enthalpies are independent between phases and fully correlated along the pressure of one phase; errors of
entropies are correlated between phases as their covariance says, and independent between searches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import erfc, sqrt

import numpy as np

from aiida_polymorph.thermodynamics.hermite import departures
from aiida_polymorph.units import GPA, KB

METHODS = ("basin", "surrogate", "extrapolated", "absent")
"""Where an entry comes from: found in the search, predicted, taken from another pressure alone, unknown."""

ARRAYS = ("pressures_gpa", "enthalpy", "enthalpy_error", "entropy", "entropy_covariance", "volume", "method", "reason")


STORED_AS = {"pressures_gpa": "pressures"}
"""Names of arrays in nodes, where they are not those of the attributes."""


@dataclass(frozen=True, eq=False)
class Condition:
    """Phases at one pressure: mu = enthalpy - kB T entropy for any temperature; f phases.

    Attributes:
        pressure_gpa: GPa.
        enthalpy: eV per formula unit, shape (f,); nan where unknown.
        enthalpy_error: one standard deviation, eV per formula unit, independent between phases, shape (f,).
        entropy: basin entropy, kB per formula unit, up to a constant shared by all phases, shape (f,).
        entropy_covariance: kB^2, shape (f, f).
        method: one of `METHODS` each, shape (f,).
        reason: why an entry is unknown or doubtful, "" otherwise, shape (f,).
    """

    pressure_gpa: float
    enthalpy: np.ndarray
    enthalpy_error: np.ndarray
    entropy: np.ndarray
    entropy_covariance: np.ndarray
    method: np.ndarray
    reason: np.ndarray

    def chemical_potential(self, temperature: float) -> np.ndarray:
        """Return h - T s_b in eV per formula unit, shape (f,); at 0 K the enthalpy, even where s_b is unknown."""
        return self.enthalpy - (KB * temperature * self.entropy if temperature > 0 else 0.0)

    def covariance(self, temperature: float) -> np.ndarray:
        """Return the covariance of the chemical potentials, eV^2, shape (f, f)."""
        return np.diag(self.enthalpy_error**2) + (KB * temperature) ** 2 * self.entropy_covariance


@dataclass(frozen=True)
class Evaluation:
    """Chemical potentials at one temperature and pressure; f phases.

    Attributes:
        mu: eV per formula unit, shape (f,); nan where unknown.
        covariance: eV^2, shape (f, f); holds a part common to all phases that has no meaning of its own.
        method: one of `METHODS` each, shape (f,).
        reason: why an entry is unknown or doubtful, "" otherwise, shape (f,).
    """

    mu: np.ndarray
    covariance: np.ndarray
    method: np.ndarray
    reason: np.ndarray

    @property
    def above_hull(self) -> np.ndarray:
        """Chemical potential above that of the stable phase, eV per formula unit, shape (f,)."""
        return self.mu - np.nanmin(self.mu) if np.isfinite(self.mu).any() else self.mu

    @property
    def stable(self) -> int | None:
        """Index of the phase with the lowest chemical potential; None where none is known."""
        return int(np.nanargmin(self.mu)) if np.isfinite(self.mu).any() else None

    def error_relative_to(self, phase: int) -> np.ndarray:
        """Return the standard deviation of mu - mu[phase], eV per formula unit, shape (f,)."""
        return difference_errors(self.covariance, phase)

    @property
    def probability_stable(self) -> np.ndarray:
        """Probability of each phase to be the stable one among the known phases, shape (f,)."""
        return probability_stable(self.mu, self.covariance)


@dataclass(frozen=True, eq=False)
class ChemicalPotentials:
    """Enthalpies and basin entropies of f phases at p searched pressures.

    Attributes:
        names: of the phases.
        pressures_gpa: searched ones, rising, GPa, shape (p,).
        enthalpy: eV per formula unit, shape (f, p); nan where unknown.
        enthalpy_error: one standard deviation, eV per formula unit, shape (f, p).
        entropy: basin entropy s_b, kB per formula unit, shape (f, p); nan where undetermined.
        entropy_covariance: between phases at each pressure, kB^2, shape (p, f, f).
        volume: angstrom^3 per formula unit, shape (f, p); nan where unknown.
        method: `basin`, `surrogate` or `absent`, shape (f, p).
        reason: why an entry is unknown or doubtful, "" otherwise, shape (f, p); left out where there is nothing to say.

    Raises:
        ValueError: if shapes don't fit, pressures don't rise or a method is unknown.
    """

    names: Sequence[str]
    pressures_gpa: np.ndarray
    enthalpy: np.ndarray
    enthalpy_error: np.ndarray
    entropy: np.ndarray
    entropy_covariance: np.ndarray
    volume: np.ndarray
    method: np.ndarray
    reason: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype="<U1"))

    def __post_init__(self) -> None:
        shape = (len(self.names), len(self.pressures_gpa))
        if self.reason.size == 0:
            object.__setattr__(self, "reason", np.full(shape, "", dtype="<U1"))
        for name in ("enthalpy", "enthalpy_error", "entropy", "volume", "method", "reason"):
            if getattr(self, name).shape != shape:
                raise ValueError(
                    f"{name} has shape {getattr(self, name).shape}, expected (phases, pressures) = {shape}"
                )
        if self.entropy_covariance.shape != (shape[1], shape[0], shape[0]):
            raise ValueError(f"entropy_covariance has shape {self.entropy_covariance.shape}, expected one per pressure")
        if shape[1] == 0 or np.any(np.diff(self.pressures_gpa) <= 0):
            raise ValueError(f"pressures must rise and be at least one, got {list(self.pressures_gpa)}")
        if unknown := set(np.unique(self.method)) - set(METHODS):
            raise ValueError(f"method {sorted(unknown)} is not one of {', '.join(METHODS)}")

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, np.ndarray]) -> ChemicalPotentials:
        """Rebuild from `to_arrays` and the names."""
        return cls(tuple(names), **{name: np.asarray(arrays[STORED_AS.get(name, name)]) for name in ARRAYS})

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name; the names of the phases are not among them."""
        return {STORED_AS.get(name, name): getattr(self, name) for name in ARRAYS}

    def at_pressure(self, pressure_gpa: float) -> Condition:
        """Return enthalpies and entropies at any pressure (GPa), inside or outside of the searched ones."""
        return interpolate(self, float(pressure_gpa))

    def evaluate(self, temperature: float, pressure_gpa: float) -> Evaluation:
        """Return the chemical potentials at a temperature (K) and a pressure (GPa).

        Raises:
            ValueError: if the temperature is negative.
        """
        if not temperature >= 0:
            raise ValueError(f"temperature is {temperature} K, must not be negative")
        at = self.at_pressure(pressure_gpa)
        mu = at.chemical_potential(temperature)
        return Evaluation(mu, at.covariance(temperature), at.method, at.reason)


def difference_errors(covariance: np.ndarray, phase: int) -> np.ndarray:
    """Return the standard deviations of x - x[phase] for a covariance of shape (f, f)."""
    variances = np.diag(covariance) + covariance[phase, phase] - 2 * covariance[phase]
    return np.sqrt(np.maximum(variances, 0.0))


def square_root(covariance: np.ndarray) -> np.ndarray:
    """Return L with L L^T = covariance, also for a singular one, by eigenvalues; shape (f, f)."""
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def probability_stable(mu: np.ndarray, covariance: np.ndarray, samples: int = 20000, seed: int = 0) -> np.ndarray:
    """Return how probable it is that each phase has the lowest chemical potential, for Gaussian errors.

    Exact for one or two phases within reach of the lowest one (6 standard deviations), else by `samples` draws.

    Args:
        mu: eV per formula unit, shape (f,); nan where unknown, which gets nan.
        covariance: eV^2, shape (f, f).
        samples: number of draws.
        seed: of the draws.

    Returns:
        Shape (f,), sum 1 over the known phases.
    """
    probability = np.where(np.isfinite(mu), 0.0, np.nan)
    if not np.isfinite(mu).any():
        return probability
    best = int(np.nanargmin(mu))
    errors = difference_errors(covariance, best)
    rivals = np.flatnonzero(np.isfinite(mu) & (mu - mu[best] <= 6 * errors))
    if len(rivals) <= 2:
        probability[best] = 1.0
        for other in rivals[rivals != best]:
            sigmas = (mu[other] - mu[best]) / errors[other] if errors[other] > 0 else np.inf
            probability[other] = erfc(sigmas / sqrt(2.0)) / 2
            probability[best] = 1.0 - probability[other]
        return probability
    factor = square_root(covariance[np.ix_(rivals, rivals)])
    draws = mu[rivals] + np.random.default_rng(seed).standard_normal((samples, len(rivals))) @ factor.T
    probability[rivals] = np.bincount(draws.argmin(axis=1), minlength=len(rivals)) / samples
    return probability


@lru_cache(maxsize=256)
def interpolate(potentials: ChemicalPotentials, pressure_gpa: float) -> Condition:
    """Return the phases at `pressure_gpa` (GPa): see the module for the rule."""
    lower, upper = bracket(potentials.pressures_gpa, pressure_gpa)
    if lower == upper:
        return _from_one(potentials, lower, pressure_gpa)
    return _between(potentials, lower, upper, pressure_gpa)


def bracket(pressures_gpa: np.ndarray, pressure_gpa: float) -> tuple[int, int]:
    """Return the indices of the searched pressures around a pressure; twice the same at one or outside of all."""
    upper = int(np.searchsorted(pressures_gpa, pressure_gpa))
    if upper == len(pressures_gpa):
        return upper - 1, upper - 1
    if upper == 0 or pressures_gpa[upper] == pressure_gpa:
        return upper, upper
    return upper - 1, upper


def compressibility(potentials: ChemicalPotentials, lower: int, upper: int) -> tuple[float, float]:
    """Return mean and standard deviation over the phases of -dlnV/dP (1/GPa) between two searched pressures.

    0 and 0 where no phase has a volume at both: the extrapolation is then linear, as in the paper.
    """
    step = potentials.pressures_gpa[upper] - potentials.pressures_gpa[lower]
    both = np.isfinite(potentials.volume[:, [lower, upper]]).all(axis=1)
    if step == 0 or not both.any():
        return 0.0, 0.0
    rates = -np.log(potentials.volume[both, upper] / potentials.volume[both, lower]) / step
    return float(rates.mean()), float(rates.std())


def _extrapolated_enthalpy(
    potentials: ChemicalPotentials, origin: int, pressure_gpa: float, rate: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return h + V dP of a volume that falls off exponentially, and its error, shape (f,) each."""
    step = pressure_gpa - potentials.pressures_gpa[origin]
    mean, spread = rate
    length = (1 - np.exp(-mean * step)) / mean if mean else step
    volume = potentials.volume[:, origin] * GPA
    work = volume * length if step else np.zeros(len(volume))
    doubt = np.nan_to_num(volume * spread * step**2 / 2)
    return potentials.enthalpy[:, origin] + work, potentials.enthalpy_error[:, origin] + doubt


def _from_one(potentials: ChemicalPotentials, origin: int, pressure_gpa: float) -> Condition:
    """At a searched pressure, or beyond the last one."""
    neighbour = origin + (1 if pressure_gpa < potentials.pressures_gpa[origin] else -1)
    neighbour = neighbour if 0 <= neighbour < len(potentials.pressures_gpa) else origin
    rate = compressibility(potentials, *sorted((origin, neighbour)))
    enthalpy, error = _extrapolated_enthalpy(potentials, origin, pressure_gpa, rate)
    method = potentials.method[:, origin].astype("<U12")
    if pressure_gpa != potentials.pressures_gpa[origin]:
        method[method == "basin"] = "extrapolated"
    return _condition(potentials, pressure_gpa, enthalpy, error, potentials.entropy[:, origin], {origin: 1.0}, method)


def _between(potentials: ChemicalPotentials, lower: int, upper: int, pressure_gpa: float) -> Condition:
    """Between two searched pressures: interpolated where both are known, else from the one that is.

    A phase that does not exist at one of them, for a reason that is known, ends somewhere between: it is absent.
    """
    fraction = (pressure_gpa - potentials.pressures_gpa[lower]) / (
        potentials.pressures_gpa[upper] - potentials.pressures_gpa[lower]
    )
    known = (potentials.method != "absent") & np.isfinite(potentials.enthalpy)
    both = known[:, lower] & known[:, upper]
    enthalpy, error = _hermite(potentials, lower, upper, fraction)
    rate = compressibility(potentials, lower, upper)
    for origin in (lower, upper):
        rows = known[:, origin] & ~both
        one, one_error = _extrapolated_enthalpy(potentials, origin, pressure_gpa, rate)
        enthalpy[rows], error[rows] = one[rows], one_error[rows]
    entropy, weights = _mixed_entropy(potentials, lower, upper, fraction)
    predicted = np.where(known, potentials.method == "surrogate", False)[:, [lower, upper]].any(axis=1)
    method = np.where(both, "basin", "extrapolated").astype("<U12")
    method[predicted] = "surrogate"
    method[~known[:, [lower, upper]].any(axis=1) | _left(potentials, lower) | _left(potentials, upper)] = "absent"
    return _condition(potentials, pressure_gpa, enthalpy, error, entropy, weights, method)


def _left(potentials: ChemicalPotentials, index: int) -> np.ndarray:
    """Return which phases are known not to exist at a searched pressure: absent, with a reason, shape (f,)."""
    return (potentials.method[:, index] == "absent") & (potentials.reason[:, index] != "")


def _hermite(potentials: ChemicalPotentials, lower: int, upper: int, x: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the enthalpy by cubic Hermite interpolation with dh/dP = V, linear without volumes, and its error."""
    step = (potentials.pressures_gpa[upper] - potentials.pressures_gpa[lower]) * GPA
    h0, h1 = potentials.enthalpy[:, lower], potentials.enthalpy[:, upper]
    linear = (1 - x) * h0 + x * h1
    slopes = departures(h1 - h0, potentials.volume[:, lower] * step, potentials.volume[:, upper] * step)
    bend = np.nan_to_num(slopes.bend(x))
    error = (1 - x) * potentials.enthalpy_error[:, lower] + x * potentials.enthalpy_error[:, upper]
    return linear + bend, error


def _mixed_entropy(
    potentials: ChemicalPotentials, lower: int, upper: int, x: float
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return the entropies and the weight of each searched pressure in them.

    A phase known at one end only is carried along with the mean change of the phases known at both ends, so that it
    stays comparable with them; nan where there are no such phases.
    """
    s0, s1 = potentials.entropy[:, lower], potentials.entropy[:, upper]
    both, only_lower = np.isfinite(s0) & np.isfinite(s1), np.isfinite(s0) & ~np.isfinite(s1)
    drift = (s1[both] - s0[both]).mean() if both.any() else np.nan
    entropy = np.where(only_lower, s0 + x * drift, s1 - (1 - x) * drift)
    entropy[both] = (1 - x) * s0[both] + x * s1[both]
    weight = np.where(both, 1 - x, np.where(only_lower, 1.0, 0.0))
    return entropy, {lower: weight, upper: 1.0 - weight}


def _condition(
    potentials: ChemicalPotentials,
    pressure_gpa: float,
    enthalpy: np.ndarray,
    error: np.ndarray,
    entropy: np.ndarray,
    weights: Mapping[int, np.ndarray | float],
    method: np.ndarray,
) -> Condition:
    """Put a condition together: covariance of the mixed entropies, unknown entries as nan with a reason."""
    size = len(potentials.names)
    covariance = np.zeros((size, size))
    for index, weight in weights.items():
        w = np.broadcast_to(weight, size)
        covariance += w[:, None] * np.nan_to_num(potentials.entropy_covariance[index]) * w
    absent = (method == "absent") | ~np.isfinite(enthalpy)
    reason = _reasons(potentials, list(weights), absent, entropy)
    return Condition(
        pressure_gpa,
        np.where(absent, np.nan, enthalpy),
        np.where(absent, 0.0, np.nan_to_num(error)),
        np.where(absent, np.nan, entropy),
        covariance,
        np.where(absent, "absent", method),
        reason,
    )


def _reasons(potentials: ChemicalPotentials, used: list[int], absent: np.ndarray, entropy: np.ndarray) -> np.ndarray:
    """Return the stored reasons of the pressures used, or one of our own for an unknown entry."""
    reasons = []
    for phase in range(len(potentials.names)):
        stored = list(dict.fromkeys(str(potentials.reason[phase, i]) for i in used if potentials.reason[phase, i]))
        if not stored and absent[phase]:
            stored = ["not known at this pressure"]
        elif not stored and not np.isfinite(entropy[phase]):
            stored = ["basin entropy undetermined"]
        reasons.append("; ".join(stored))
    return np.array(reasons, dtype=object).astype(str)
