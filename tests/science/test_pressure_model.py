"""Surrogates of a pressure: trained where there is enough to learn from, else a reason."""

from __future__ import annotations

import numpy as np
import pytest
from crystals import crystal
from synthetic import landscape

from aiida_polymorph.landscape.pressure_model import PressureModel, train_pressure_model
from aiida_polymorph.landscape.settings import SurrogateSettings
from aiida_polymorph.structures import StructureSet

PHASES = 12


def train(copies: int = 2, minima: int = 40, known: int = PHASES, first_index: int = 0) -> PressureModel:
    """A model of minima of which the first PHASES are phases, `known` of them with a basin entropy."""
    features, targets, labels = landscape(minima, copies)
    structures = StructureSet.from_atoms(
        [crystal("fcc", 1)] * len(labels),
        {"enthalpy": targets, "index": np.arange(first_index, first_index + len(labels))},
    )
    phases = StructureSet.from_atoms(
        [crystal("fcc", 1)] * (PHASES + 1),
        {
            "name": [f"phase {i}" for i in range(PHASES)] + ["phase 0"],
            "pressure_gpa": [20.0] * PHASES + [40.0],
            "index": [*(first_index + copies * np.arange(PHASES)), first_index],
        },
    )
    entropies = {f"phase {i}": (float(i), 0.01) if i < known else (None, None) for i in range(PHASES)}
    return train_pressure_model(structures, features, labels, phases, entropies, 20.0, SurrogateSettings(members=2))


def test_both_are_trained_and_tested():
    model = train(first_index=1000)
    features, targets, _ = landscape(40, 2)
    assert np.corrcoef(model.enthalpy.predict(features).mean, targets)[0, 1] > 0.99
    assert len(model.entropy.phases) == PHASES
    entropies = model.entropy.predict(features[: 2 * PHASES : 2]).mean
    assert np.corrcoef(entropies, np.arange(PHASES))[0, 1] > 0.5
    assert set(model.evaluation) == set(model.entropy_evaluation) == {"random", "novel", "cluster"}
    assert (model.enthalpy_reason, model.entropy_reason) == ("", "")
    assert model.enthalpy.species == ("Cu",)


@pytest.mark.parametrize(("known", "trained"), [(7, False), (8, True)])
def test_too_few_entropies(known, trained):
    model = train(known=known)
    assert (model.entropy is not None) == trained
    assert ("fewer than 8 phases" in model.entropy_reason) != trained
    assert (model.entropy_evaluation != {}) == trained


def test_copies_of_few_minima_teach_nothing():
    model = train(minima=19, copies=5)
    assert model.enthalpy is None
    assert model.evaluation == {}
    assert "fewer than 20 structures" in model.enthalpy_reason
