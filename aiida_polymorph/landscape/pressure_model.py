"""The surrogates of one pressure: enthalpy from all structures, basin entropy from the phases found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiida_polymorph.landscape.settings import SurrogateSettings
from aiida_polymorph.landscape.surrogate import Surrogate, fit_surrogate
from aiida_polymorph.landscape.validation import SplitScores, evaluate
from aiida_polymorph.structures import StructureSet

FEWEST_STRUCTURES = 20
FEWEST_PHASES = 8
"""Below these a surrogate says nothing that the mean does not say."""

SMALLEST_ERROR = 0.05
"""Smallest error of a basin entropy (kB) that counts as a weight: two assumptions lie below it all."""


@dataclass(frozen=True, eq=False)
class PressureModel:
    """Surrogates of one pressure.

    Attributes:
        pressure_gpa: where.
        enthalpy: predicts eV per formula unit; None with `enthalpy_reason`.
        entropy: predicts kB per formula unit, in the gauge of that pressure's basin entropies; None with a reason.
        evaluation: test of the enthalpy in three ways, as `validation.evaluate` gives it.
        entropy_evaluation: the same of the entropy, whose every phase is a cluster of its own.
    """

    pressure_gpa: float
    enthalpy: Surrogate | None
    entropy: Surrogate | None
    enthalpy_reason: str = ""
    entropy_reason: str = ""
    evaluation: Mapping[str, SplitScores] = field(default_factory=dict)
    entropy_evaluation: Mapping[str, SplitScores] = field(default_factory=dict)


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
    options: dict[str, Any] = {"method": settings.method, "members": settings.members, "seed": settings.seed}
    species = structures.species
    chosen, targets, errors = _entropy_targets(phases, entropies, structures, pressure_gpa)
    tests: Mapping[str, SplitScores] = {}
    enthalpy, reason = None, f"fewer than {FEWEST_STRUCTURES} structures to learn from"
    if len(np.unique(distinct)) >= FEWEST_STRUCTURES:
        known = structures.enthalpy_per_formula_unit
        enthalpy = fit_surrogate(features, known, groups=distinct, species=species, **options)
        tests, reason = evaluate(features, known, groups=distinct, **options), ""
    entropy_tests: Mapping[str, SplitScores] = {}
    entropy = None
    entropy_reason = f"fewer than {FEWEST_PHASES} phases with a basin entropy to learn from"
    if len(chosen) >= FEWEST_PHASES:
        noise = np.maximum(errors, SMALLEST_ERROR)
        entropy = fit_surrogate(features[chosen], targets, noise=noise, species=species, **options)
        entropy_tests = evaluate(features[chosen], targets, noise=noise, min_samples=1, **options)
        entropy_reason = ""
    return PressureModel(pressure_gpa, enthalpy, entropy, reason, entropy_reason, tests, entropy_tests)


def _entropy_targets(
    phases: StructureSet,
    entropies: Mapping[str, tuple[float | None, float | None]],
    structures: StructureSet,
    pressure_gpa: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows of the representatives among the structures, their basin entropies and errors."""
    indices = structures.columns.get("index", np.arange(len(structures)))
    place = {int(index): row for row, index in enumerate(indices)}
    columns = (phases.column("name", ""), phases.column("pressure_gpa"), phases.column("index", -1))
    known = [
        (place[int(index)], *entropies[str(name)])
        for name, pressure, index in zip(*columns, strict=True)
        if pressure == pressure_gpa and entropies.get(str(name), (None, None))[0] is not None and int(index) in place
    ]
    rows, values, errors = zip(*known, strict=True) if known else ((), (), ())
    return np.array(rows, dtype=int), np.array(values), np.array(errors)
