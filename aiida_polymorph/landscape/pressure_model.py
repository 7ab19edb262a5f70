"""The surrogates of one pressure: enthalpy from all structures, basin entropy from the phases found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_polymorph.landscape.settings import SurrogateSettings
from aiida_polymorph.landscape.surrogate import Surrogate, evaluate, fit_surrogate
from aiida_polymorph.structures import StructureSet

FEWEST = {"enthalpy": 20, "entropy": 8}
"""Training members below which a surrogate says nothing that the mean does not say."""


@dataclass(frozen=True, eq=False)
class PressureModel:
    """Surrogates of one pressure.

    Attributes:
        pressure_gpa: where.
        enthalpy: predicts eV per formula unit; None with `enthalpy_reason`.
        entropy: predicts kB per formula unit, in the gauge of that pressure's basin entropies; None with a reason.
        evaluation: test of the enthalpy as `surrogate.evaluate` gives it.
        entropy_evaluation: test of the entropy.
    """

    pressure_gpa: float
    enthalpy: Surrogate | None
    entropy: Surrogate | None
    enthalpy_reason: str = ""
    entropy_reason: str = ""
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    entropy_evaluation: Mapping[str, Any] = field(default_factory=dict)


def train_pressure_model(
    structures: StructureSet,
    features: np.ndarray,
    distinct: np.ndarray,
    phases: StructureSet,
    entropies: Mapping[str, tuple[float | None, float | None]],
    pressure_gpa: float,
    settings: SurrogateSettings,
) -> PressureModel:
    """Train and test the surrogates of one pressure.

    Args:
        structures: usable ones, n of them, with enthalpies.
        features: their fingerprints, unit rows, shape (n, d).
        distinct: distinct minimum of each, shape (n,): members of one minimum are copies of each other.
        phases: the table of phases; its rows found at this pressure count.
        entropies: phase -> basin entropy and its error, kB per formula unit, None where undetermined.
        pressure_gpa: the pressure.
        settings: method, members of the ensemble, seed.
    """
    raise NotImplementedError
