"""How large the anharmonic parts of all phases of a compound are, and over which pressures they change.

The scales of `AnharmonicModel` are alike for the phases of a compound: each is a factor of about 1 times a common one,
which has a weak prior. Few phases, those near an instability, are outliers: so one of them hardly changes what is
expected of the others. Near the lowest pressure that a phase endures its anharmonic part also changes faster than its
bulk modulus would have it: where a phase's own state points say so, its length in pressure is shorter.

All of this is summed over a grid of scales and over `SHORTER` lengths. What is used of a phase is its most probable
length, and of its scale the root mean square of the log-normal distribution that has the mean and the variance of its
posterior: a little more than the most likely scale where few points leave it open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aiida_polymorph.thermodynamics.surfaces.anharmonic import AnharmonicModel
from aiida_polymorph.thermodynamics.surfaces.departures import Departures
from aiida_polymorph.thermodynamics.surfaces.smooth_kernel import Lengths

LOGS = np.linspace(-6.0, 6.0, 241)
"""Logarithms of scales in units of the prior's median, over which is summed."""

SHORTER = {1.0: 0.8, 0.5: 0.1, 0.25: 0.05, 0.125: 0.05}
"""Factors of a phase's length in pressure, and how probable each is before any observation."""


@dataclass(frozen=True)
class ScalePrior:
    """What is expected of the size of D before any dynamics; spreads are standard deviations of logarithms.

    Attributes:
        per_atom: Median of the scale at `temperature`, eV per atom. 2 meV at 1600 K is what oxides show well below
            their melting; the default is to be changed for crystals that are much softer.
        temperature: K; the scale goes with the square of the temperature.
        spread: Of the common scale: it may well be twice as large or half as large.
        between: Of the scales of phases around the common one.
        outliers: Share of phases with a spread of `outlier_spread` instead, as near an instability.
        outlier_spread: Of these.

    Raises:
        ValueError: If one is not positive, or the share is not from 0 to 1.
    """

    per_atom: float = 2e-3
    temperature: float = 1600.0
    spread: float = 0.5
    between: float = 0.3
    outliers: float = 0.05
    outlier_spread: float = 1.5

    def __post_init__(self) -> None:
        sizes = (self.per_atom, self.temperature, self.spread, self.between, self.outlier_spread)
        if not (min(sizes) > 0 and 0 <= self.outliers <= 1):
            raise ValueError("sizes and spreads of the scale must be positive, the share of outliers from 0 to 1")

    def median(self, temperature: float) -> float:
        """Return the median of the scale at a temperature (K), eV per atom."""
        return self.per_atom * (temperature / self.temperature) ** 2


def anharmonic_models(
    observed: Mapping[str, Departures], lengths: Mapping[str, Lengths], prior: ScalePrior | None = None
) -> dict[str, AnharmonicModel]:
    """Return the anharmonic parts of all phases, with lengths and scales from all of their state points.

    Args:
        observed: State points of each phase by its name; `Departures.none` for a phase without.
        lengths: Of each phase; one temperature for all of them.
        prior: Of the scales.

    Raises:
        ValueError: If the names differ or the lengths have several temperatures.
    """
    if set(observed) != set(lengths):
        raise ValueError(f"observations are of {', '.join(observed)}, lengths of {', '.join(lengths)}")
    highest = {each.temperature for each in lengths.values()}
    if len(highest) > 1:
        raise ValueError(f"one highest temperature is needed for all phases, there are {sorted(highest)}")
    prior = prior or ScalePrior()
    median = prior.median(highest.pop() if highest else prior.temperature)
    unit = [AnharmonicModel(observed[name], lengths[name], median) for name in observed]
    return dict(zip(observed, adjusted(unit, prior), strict=True))


def adjusted(models: Sequence[AnharmonicModel], prior: ScalePrior) -> list[AnharmonicModel]:
    """Return models with the lengths in pressure and the scales that all observations together make probable.

    Args:
        models: With the median of the prior as their scale, and the longest lengths.
        prior: Of the scales.
    """
    variants = [[_shorter(model, factor) for factor in SHORTER] for model in models]
    own = np.array([_likelihoods(each) for each in variants]).reshape(len(models), len(SHORTER), len(LOGS))
    own *= np.array(list(SHORTER.values()))[:, None]
    around = (1 - prior.outliers) * _normal(prior.between) + prior.outliers * _normal(prior.outlier_spread)
    said = np.log(np.maximum(own.sum(axis=1) @ around, 1e-300))
    beside = said.sum(axis=0) - said - 0.5 * (LOGS / prior.spread) ** 2
    common = np.exp(beside - beside.max(axis=1, keepdims=True))
    posteriors = own * (common @ around)[:, None]
    best = posteriors.sum(axis=2).argmax(axis=1)
    return [
        replace(each[k], scale=each[k].scale * _root_mean_square(posterior[k]))
        for each, posterior, k in zip(variants, posteriors, best, strict=True)
    ]


def _shorter(model: AnharmonicModel, factor: float) -> AnharmonicModel:
    """Return a model with another length in pressure."""
    lengths = model.lengths._replace(pressure_gpa=factor * model.lengths.pressure_gpa)
    return replace(model, lengths=lengths)


def _root_mean_square(weights: np.ndarray) -> float:
    """Return that of the log-normal distribution with the mean and variance of the weights over the grid."""
    weights = weights / weights.sum()
    mean = float(weights @ LOGS)
    return float(np.exp(mean + weights @ LOGS**2 - mean**2))


def _normal(spread: float) -> np.ndarray:
    """Return the probability of each scale around each common one, symmetric but for the ends, shape (grid, grid)."""
    density = np.exp(-0.5 * ((LOGS[:, None] - LOGS) / spread) ** 2)
    return density / density.sum(axis=0).max()


def _likelihoods(variants: Sequence[AnharmonicModel]) -> np.ndarray:
    """Return the likelihood of a phase's observations by each variant and scale, at most 1, shape (variants, grid)."""
    found = np.array([_log_likelihood(each) for each in variants])
    return np.exp(found - found.max())


def _log_likelihood(model: AnharmonicModel) -> np.ndarray:
    """Return the logarithm of the likelihood for each scale of the grid, up to the constant of the errors."""
    signal, noise, values = model.observations()
    if not len(values):
        return np.zeros_like(LOGS)
    whitened = values / np.sqrt(noise)
    sizes, vectors = np.linalg.eigh(signal / np.sqrt(np.outer(noise, noise)))
    variances = 1 + np.maximum(sizes, 0.0)[:, None] * np.exp(2 * LOGS)
    return -0.5 * ((vectors.T @ whitened)[:, None] ** 2 / variances + np.log(variances)).sum(axis=0)
