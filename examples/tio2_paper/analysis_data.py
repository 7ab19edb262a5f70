"""What the comparison needs of an analysis, read from its nodes into plain rows and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.data.landscape import LandscapeData
from aiida_polymorph.landscape.fingerprints import compute_fingerprints
from aiida_polymorph.landscape.phases import nearest
from aiida_polymorph.landscape.settings import AnalysisSettings
from aiida_polymorph.results.analysis import by_pressure, phase_rows
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Entropies:
    """Basin entropies of one pressure: f phases, kB per formula unit; `facts` are the fit's own numbers."""

    names: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray
    facts: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class AnalysisData:
    """An analysis in plain form.

    Attributes:
        pk: of its node.
        phases: rows of `aiida-polymorph phases --json`, of all pressures.
        references: names of the references that it was given.
        fates: what became of each reference at each pressure, see `reference_fates`.
        minima: per pressure `pressure_gpa`, `structures`, `clusters`, `distinct`, `found_once`, `found_twice`,
            `clustered` (share of the structures in clusters), `eps`.
        evaluations: pressure -> the surrogate's test of the enthalpy, in eV.
        missed: minima that the search missed, with the enthalpy that the surrogate predicts, see `missed_rows`.
        entropies: pressure -> basin entropies.
        potentials: chemical potentials.
    """

    pk: int
    phases: list[Row]
    references: list[str]
    fates: list[Row]
    minima: list[Row]
    evaluations: Mapping[float, Mapping[str, Any]]
    missed: list[Row]
    entropies: Mapping[float, Entropies]
    potentials: ChemicalPotentials

    @property
    def pressures(self) -> list[float]:
        """Searched pressures, rising, GPa."""
        return [row["pressure_gpa"] for row in self.minima]

    def phase_of(self, reference: str, pressure_gpa: float) -> str:
        """Return the name of the phase that a reference is at a pressure: two files may hold one phase."""
        for fate in self.fates:
            if (fate["name"], fate["pressure_gpa"], fate["fate"]) == (reference, pressure_gpa, "missed"):
                return fate["same_as"] or reference
        return reference


def read_analysis(analysis: orm.WorkChainNode) -> AnalysisData:
    """Read an analysis.

    Raises:
        ValueError: if it was made without references or without relaxing them.
    """
    if "references" not in analysis.inputs or "candidates" not in analysis.outputs:
        raise ValueError(
            f"analysis {analysis.pk} has no relaxed references; make one by "
            "`aiida-polymorph analyse NODES... --references FOLDER/structures/*.res`"
        )
    outputs = analysis.outputs
    landscapes = list(by_pressure(outputs.landscapes).values())
    settings = AnalysisSettings.from_dict(landscapes[0].value("settings"))
    phases, candidates = outputs.phases.to_set(), outputs.candidates.to_set()
    features = compute_fingerprints(phases, settings.fingerprints)
    references = analysis.inputs.references.to_set().column("name", "").astype(str).tolist()
    rows = phase_rows(analysis)
    surrogates = {node.value("pressure_gpa"): node for node in by_pressure(outputs.surrogates).values()}
    fates = reference_fates(references, rows, phases, features, candidates, landscapes, settings)
    found_after_all = {(fate["name"], fate["pressure_gpa"]) for fate in fates if fate["same_as"]}
    missed = missed_rows(phases, features, surrogates)
    return AnalysisData(
        pk=analysis.pk,
        phases=rows,
        references=references,
        fates=fates,
        minima=[minima_row(landscape) for landscape in landscapes],
        evaluations={pressure: node.value("evaluation") or {} for pressure, node in surrogates.items()},
        missed=[row for row in missed if (row["name"], row["pressure_gpa"]) not in found_after_all],
        entropies={each.facts["pressure_gpa"]: each for each in read_entropies(outputs.basin_entropies)},
        potentials=outputs.chemical_potentials.to_potentials(),
    )


def minima_row(landscape: LandscapeData) -> Row:
    """Return how many structures, clusters and minima there are at one pressure."""
    minima, structures = landscape.value("minima"), landscape.value("structures")
    return {
        "pressure_gpa": landscape.pressure_gpa,
        "structures": structures,
        "clusters": minima["frequent"],
        "distinct": minima["distinct"],
        "found_once": minima["found_once"],
        "found_twice": minima["found_twice"],
        "clustered": minima["coverage_structures"] / structures,
        "eps": landscape.eps,
    }


def read_entropies(nodes: Any) -> list[Entropies]:
    """Return the basin entropies of each pressure."""
    facts = ("pressure_gpa", "components", "overdispersion", "overdispersion_error", "chi2_per_dof")
    return [
        Entropies(*node.to_table(), {name: node.value(name) for name in facts}) for node in by_pressure(nodes).values()
    ]


def missed_rows(phases: StructureSet, features: np.ndarray, surrogates: Mapping[float, Any]) -> list[Row]:
    """Return minima that the search missed at a pressure: relaxed enthalpy and the surrogate's, eV per formula unit.

    They are known from the references or from another pressure, and were relaxed at this one; saddle points are left
    out. The surrogate knows nothing of them.
    """
    rows = []
    for pressure, node in surrogates.items():
        here = (phases.column("pressure_gpa") == pressure) & (phases.column("state", "") == "missed")
        places = np.flatnonzero(here & (phases.column("saddle", -1) != 1))
        model = node.to_pressure_model().enthalpy
        if model is None or len(places) == 0:
            continue
        prediction = model.predict(features[places])
        rows += [
            {
                "name": str(phases.columns["name"][place]),
                "known": bool(phases.columns["known"][place]),
                "pressure_gpa": pressure,
                "relaxed_ev": float(phases.enthalpy_per_formula_unit[place]),
                "predicted_ev": float(prediction.mean[k]),
                "error_ev": float(prediction.error[k]),
                "extrapolation": bool(prediction.extrapolation[k]),
            }
            for k, place in enumerate(places)
        ]
    return rows


def reference_fates(
    references: list[str],
    rows: list[Row],
    phases: StructureSet,
    features: np.ndarray,
    candidates: StructureSet,
    landscapes: list[LandscapeData],
    settings: AnalysisSettings,
) -> list[Row]:
    """Return what became of each reference at each pressure, by its fingerprint after relaxation there.

    Returns:
        Rows of `name`, `pressure_gpa`, `fate` (`found`, `missed`, `saddle`, `left`: turned into something else, or
        `failed`), `found` (formula units -> times), `same_as` (the found phase on which it falls, if it has another
        name, or None), `saddle` (True, False, None where not checked).
    """
    row_of = {(row["name"], row["pressure_gpa"]): row for row in rows}
    result = []
    for landscape in landscapes:
        pressure = landscape.pressure_gpa
        found = np.flatnonzero((phases.column("pressure_gpa") == pressure) & (phases.column("state", "") == "found"))
        ends = end_points(candidates, pressure, phases.select(found), features[found], landscape.eps, settings)
        result += [_fate(name, pressure, row_of.get((name, pressure)), ends.get(name, {})) for name in references]
    return result


def _fate(name: str, pressure: float, row: Row | None, ends: dict[bool, str | None]) -> Row:
    saddle = row["saddle"] if row else None
    if row is not None and row["state"] == "found":
        fate, same = "found", None
    elif row is not None:
        fate, same = ("saddle", ends.get(True)) if saddle else ("missed", ends.get(False))
    else:
        fate, same = ("left", ends.get(False)) if ends else ("failed", None)
    return {
        "name": name,
        "pressure_gpa": pressure,
        "fate": fate,
        "found": row["found"] if row else {},
        "same_as": None if same == name else same,
        "saddle": saddle,
    }


def end_points(
    candidates: StructureSet,
    pressure: float,
    found: StructureSet,
    found_features: np.ndarray,
    eps: float,
    settings: AnalysisSettings,
) -> dict[str, dict[bool, str | None]]:
    """Return for each reference, and its rattled copy (key True), the found phase that it fell on, None for none."""
    here = (candidates.column("pressure_gpa") == pressure) & (candidates.column("kind", "") == "reference")
    chosen = candidates.select(here & candidates.column("converged", False).astype(bool))
    if len(chosen) == 0 or len(found) == 0:
        return {}
    closest, distances = nearest(compute_fingerprints(chosen, settings.fingerprints), found_features)
    ends: dict[str, dict[bool, str | None]] = {}
    for i, (name, rattled) in enumerate(zip(chosen.column("name", ""), chosen.column("rattled", False), strict=True)):
        hit = str(found.columns["name"][closest[i]]) if distances[i] <= eps else None
        ends.setdefault(str(name), {})[bool(rattled)] = hit
    return ends
