"""Surrogates of each pressure, and the chemical potentials that everything leads to."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.calculations.functions.pressures import unflatten
from aiida_polymorph.data.basin_entropy import BasinEntropyData
from aiida_polymorph.data.chemical_potential import ChemicalPotentialData
from aiida_polymorph.data.landscape import LandscapeData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.data.surrogate import SurrogateData
from aiida_polymorph.landscape.settings import AnalysisSettings
from aiida_polymorph.machine import cores
from aiida_polymorph.versioned import calcfunction


@calcfunction
def train_surrogate(
    structures: StructureSetData,
    fingerprints: RecordData,
    landscape: LandscapeData,
    phases: StructureSetData,
    basin_entropy: BasinEntropyData,
    settings: orm.Dict,
) -> SurrogateData:
    """Models of enthalpy (all structures) and basin entropy (phases found) of one pressure, with their tests."""
    from aiida_polymorph.landscape.pressure_model import train_pressure_model

    model = train_pressure_model(
        structures=landscape.usable(structures),
        features=fingerprints.get_array("features"),
        distinct=landscape.get_array("distinct"),
        phases=phases.to_set(),
        entropies=basin_entropy.by_name(),
        pressure_gpa=landscape.pressure_gpa,
        settings=AnalysisSettings.from_dict(settings.get_dict()).surrogate,
    )
    return SurrogateData.from_pressure_model(model)


@calcfunction
def predict_chemical_potentials(phases: StructureSetData, settings: orm.Dict, **nodes: Any) -> ChemicalPotentialData:
    """Enthalpies and entropies of all phases at all pressures, found or predicted.

    `nodes` are `basin_entropy__KEY` and `surrogate__KEY` for each pressure.
    """
    from aiida_polymorph.landscape.fingerprints import compute_fingerprints
    from aiida_polymorph.landscape.prediction import EntropyTable, predict

    chosen = AnalysisSettings.from_dict(settings.get_dict())
    entries = unflatten(nodes).values()
    models = {entry["surrogate"].value("pressure_gpa"): entry["surrogate"].to_pressure_model() for entry in entries}
    entropies = {
        entry["basin_entropy"].value("pressure_gpa"): EntropyTable(*entry["basin_entropy"].to_table())
        for entry in entries
    }
    table = phases.to_set()
    features = np.zeros((0, 0))
    if len(table):
        features = compute_fingerprints(table, chosen.fingerprints, cores())
    potentials = predict(table, features, entropies, models, chosen.missed_enthalpy)
    return ChemicalPotentialData.from_potentials(potentials)
