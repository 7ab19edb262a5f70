"""From clusters at several pressures to one table of phases."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.calculations.functions.pressures import unflatten
from aiida_polymorph.data.landscape import LandscapeData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.landscape.settings import AnalysisSettings
from aiida_polymorph.machine import cores
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.versioned import calcfunction


@calcfunction
def propose_candidates(
    settings: orm.Dict, references: StructureSetData | None = None, **nodes: Any
) -> StructureSetData:
    """References, rattled copies of them, and what was found elsewhere: for each pressure what to relax there.

    `nodes` are `structures__KEY` and `landscape__KEY` for each pressure.
    """
    from aiida_polymorph.landscape.candidates import at_every_pressure, propose_candidates

    chosen = AnalysisSettings.from_dict(settings.get_dict())
    entries = unflatten(nodes).values()
    sets = {entry["landscape"].pressure_gpa: entry["landscape"].usable(entry["structures"]) for entry in entries}
    clusters = {entry["landscape"].pressure_gpa: entry["landscape"].clusters for entry in entries}
    known = StructureSet.from_atoms([]) if references is None else references.to_set()
    candidates = propose_candidates(sets, clusters, known, chosen.carry_window, chosen.rattle)
    return StructureSetData.from_set(at_every_pressure(candidates, list(sets)))


@calcfunction
def references_as_given(references: StructureSetData, **nodes: Any) -> StructureSetData:
    """References at every pressure as they are, where there is nothing to relax them with.

    `nodes` are `landscape__KEY` for each pressure.
    """
    from aiida_polymorph.landscape.candidates import as_given

    pressures = [entry["landscape"].pressure_gpa for entry in unflatten(nodes).values()]
    return StructureSetData.from_set(as_given(references.to_set(), pressures))


@calcfunction
def assemble_phases(
    settings: orm.Dict,
    candidates: StructureSetData | None = None,
    references: StructureSetData | None = None,
    **nodes: Any,
) -> StructureSetData:
    """One structure for each phase and pressure: see `landscape.assembly.assemble_phases`.

    `nodes` are `structures__KEY`, `fingerprints__KEY` and `landscape__KEY` for each pressure; `candidates` the
    relaxed ones, `references` the known phases before they were relaxed.
    """
    from aiida_polymorph.landscape.assembly import assemble_phases
    from aiida_polymorph.symmetry import space_group

    chosen = AnalysisSettings.from_dict(settings.get_dict())
    relaxed = StructureSet.from_atoms([]) if candidates is None else candidates.to_set()
    results = [_pressure_result(entry, relaxed, chosen) for entry in unflatten(nodes).values()]
    known = StructureSet.from_atoms([]) if references is None else references.to_set()
    names = known.column("name", "").astype(str)
    started_as = {str(name): space_group(atoms, chosen.symprec) for name, atoms in zip(names, known, strict=True)}
    table = assemble_phases(results, started_as, chosen.symprec)
    return StructureSetData.from_set(table)


def _pressure_result(entry: dict[str, Any], relaxed: StructureSet, settings: AnalysisSettings) -> Any:
    from aiida_polymorph.landscape.assembly import PressureResult
    from aiida_polymorph.landscape.fingerprints import compute_fingerprints

    landscape: LandscapeData = entry["landscape"]
    fingerprints: RecordData = entry["fingerprints"]
    structures = landscape.usable(entry["structures"])
    features = fingerprints.get_array("features")
    here = relaxed.column("converged", False).astype(bool) & (relaxed.column("pressure_gpa") == landscape.pressure_gpa)
    candidates = relaxed.select(here)
    candidate_features = np.zeros((0, features.shape[1]))
    if len(candidates):
        species = structures.species
        candidate_features = compute_fingerprints(candidates, settings.fingerprints, cores(), species)
    return PressureResult(
        pressure_gpa=landscape.pressure_gpa,
        structures=structures,
        features=features,
        labels=landscape.get_array("labels"),
        distinct=landscape.get_array("distinct"),
        clusters=landscape.clusters,
        eps=landscape.eps,
        candidates=candidates,
        candidate_features=candidate_features,
    )
