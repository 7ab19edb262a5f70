"""How large the anharmonic parts of all phases of a compound are, from all state points together.

The scale of `AnharmonicModel` has a weak prior, log-normal, and the likelihood of all phases' observations; phases are
independent of one another. The posterior is summed over a grid of scales, and its root mean square is what is used: a
little larger than the most likely scale where few points leave it open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from aiida_polymorph.thermodynamics.surfaces.anharmonic import AnharmonicModel
from aiida_polymorph.thermodynamics.surfaces.departures import Departures
from aiida_polymorph.thermodynamics.surfaces.smooth_kernel import Lengths

GRID = 161
"""Scales of the grid, up to `REACH` spreads of the prior to both sides."""

REACH = 5.0


@dataclass(frozen=True)
class ScalePrior:
    """What is expected of the size of D before any dynamics.

    Attributes:
        per_atom: Median of the scale at `temperature`, eV per atom. 2 meV at 1600 K is what oxides show well below
            their melting; the default is to be changed for crystals that are much softer.
        temperature: K; the scale goes with the square of the temperature.
        spread: Standard deviation of its logarithm; by the default it may well be two or three times as large or small.
    """

    per_atom: float = 2e-3
    temperature: float = 1600.0
    spread: float = 0.7

    def median(self, temperature: float) -> float:
        """Return the median of the scale at a temperature (K), eV per atom."""
        return self.per_atom * (temperature / self.temperature) ** 2


def anharmonic_models(
    observed: Mapping[str, Departures], lengths: Mapping[str, Lengths], prior: ScalePrior | None = None
) -> dict[str, AnharmonicModel]:
    """Return the anharmonic parts of all phases, of one scale.

    Args:
        observed: State points of each phase by its name; `Departures.none` for a phase without.
        lengths: Of each phase; one temperature for all of them.
        prior: Of the scale.

    Raises:
        ValueError: If the names differ or the lengths have several temperatures.
    """
    if set(observed) != set(lengths):
        raise ValueError(f"observations are of {', '.join(observed)}, lengths of {', '.join(lengths)}")
    highest = {each.temperature for each in lengths.values()}
    if len(highest) > 1:
        raise ValueError(f"one highest temperature is needed for all phases, there are {sorted(highest)}")
    prior, reference = prior or ScalePrior(), highest.pop() if highest else 1.0
    unit = [AnharmonicModel(observed[name], lengths[name], prior.median(reference)) for name in observed]
    scale = prior.median(reference) * relative_scale(unit, prior.spread)
    return {name: AnharmonicModel(observed[name], lengths[name], scale) for name in observed}


def relative_scale(models: Sequence[AnharmonicModel], spread: float) -> float:
    """Return the root mean square of the scale of all phases in units of the scale that the models have.

    Args:
        models: With the median of the prior as their scale.
        spread: Standard deviation of the logarithm of the scale before any observation.
    """
    logs = np.linspace(-REACH, REACH, GRID) * spread
    weights = -0.5 * (logs / spread) ** 2 if spread else np.zeros(GRID)
    weights = weights + sum((_log_likelihood(model, np.exp(2 * logs)) for model in models), np.zeros(GRID))
    weights = np.exp(weights - weights.max())
    return float(np.sqrt(weights @ np.exp(2 * logs) / weights.sum()))


def _log_likelihood(model: AnharmonicModel, factors: np.ndarray) -> np.ndarray:
    """Return the logarithm of the likelihood, up to a constant, with the prior's variance times each factor."""
    signal, noise, values = model.observations()
    if not len(values):
        return np.zeros_like(factors)
    sizes, vectors = eigh(signal, np.diag(noise))
    variances = 1 + np.maximum(sizes, 0.0)[:, None] * factors
    return -0.5 * ((vectors.T @ values)[:, None] ** 2 / variances + np.log(variances)).sum(axis=0)
