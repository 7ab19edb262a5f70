"""From phases, basin entropies and surrogates to chemical potentials: found where found, predicted elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aiida_polymorph.landscape.pressure_model import PressureModel
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials

EXTRAPOLATED = "outside of what the surrogate was trained on"
LEFT = "not a minimum here: its structure turns into another phase when relaxed"
UNFOUND_SADDLE = "a saddle point here, which the search did not find: the structure falls into another phase"
FOUND_SADDLE = "a saddle point here: a minimum in the small cells of the search, left in larger ones"


@dataclass(frozen=True, eq=False)
class EntropyTable:
    """Basin entropies of one pressure: names of the phases, and `entropy` (f,) and `covariance` (f, f) in kB."""

    names: tuple[str, ...]
    entropy: np.ndarray
    covariance: np.ndarray


@dataclass(eq=False)
class _Entries:
    """Arrays of `ChemicalPotentials` under construction, one column a pressure."""

    names: list[str]
    pressures_gpa: list[float]

    def __post_init__(self) -> None:
        shape = len(self.names), len(self.pressures_gpa)
        self.enthalpy, self.entropy, self.volume = (np.full(shape, np.nan) for _ in range(3))
        self.enthalpy_error = np.zeros(shape)
        self.covariance = np.zeros((shape[1], shape[0], shape[0]))
        self.method = np.full(shape, "absent", dtype="<U12")
        self.reason = np.full(shape, "", dtype=object)

    def frozen(self) -> ChemicalPotentials:
        return ChemicalPotentials(
            names=tuple(self.names),
            pressures_gpa=np.array(self.pressures_gpa),
            enthalpy=self.enthalpy,
            enthalpy_error=self.enthalpy_error,
            entropy=self.entropy,
            entropy_covariance=self.covariance,
            volume=self.volume,
            method=self.method,
            reason=self.reason.astype(str),
        )


def predict(
    phases: StructureSet,
    features: np.ndarray,
    entropies: Mapping[float, EntropyTable],
    models: Mapping[float, PressureModel],
    missed_enthalpy: str = "relaxed",
) -> ChemicalPotentials:
    """Return enthalpies and entropies of all phases at all searched pressures.

    A phase that was found takes its enthalpy and its basin entropy from the search. One that was missed, a minimum
    all the same, or whose counts are not linked to those of the other phases, takes its basin entropy from the
    surrogate, and its enthalpy from the relaxed structure or, with `missed_enthalpy` `surrogate` (as in
    arXiv:1909.08934), from the surrogate as well. Predictions of one surrogate are taken as independent.

    Args:
        phases: the table of `assembly.assemble_phases`, r rows.
        features: their fingerprints, shape (r, d).
        entropies: pressure -> basin entropies; the pressures of the result.
        models: pressure -> surrogates.
        missed_enthalpy: `relaxed` or `surrogate`.
    """
    names = list(dict.fromkeys(phases.column("name", "").astype(str).tolist()))
    entries = _Entries(names, sorted(entropies))
    for column, pressure_gpa in enumerate(entries.pressures_gpa):
        rows = np.flatnonzero(phases.column("pressure_gpa") == pressure_gpa)
        found = phases.column("state", "")[rows] == "found"
        table = entropies[pressure_gpa]
        determined = {name for name, value in zip(table.names, table.entropy, strict=True) if np.isfinite(value)}
        found &= np.array([str(name) in determined for name in phases.column("name", "")[rows]], dtype=bool)
        _enter_common(entries, phases, rows, column)
        _enter_found(entries, phases, rows[found], column, table)
        _enter_missed(entries, phases, features, rows[~found], column, models[pressure_gpa], missed_enthalpy)
    for entry in phases.metadata.get("left", []):
        entries.reason[names.index(entry["name"]), entries.pressures_gpa.index(entry["pressure_gpa"])] = LEFT
    return entries.frozen()


def _places(entries: _Entries, phases: StructureSet, rows: np.ndarray) -> np.ndarray:
    return np.array([entries.names.index(str(name)) for name in phases.columns["name"][rows]], dtype=int)


def _enter_common(entries: _Entries, phases: StructureSet, rows: np.ndarray, column: int) -> None:
    if len(rows):
        places = _places(entries, phases, rows)
        entries.enthalpy[places, column] = phases.enthalpy_per_formula_unit[rows]
        entries.volume[places, column] = phases.volume_per_formula_unit[rows]


def _enter_found(entries: _Entries, phases: StructureSet, rows: np.ndarray, column: int, table: EntropyTable) -> None:
    if not len(rows):
        return
    places = _places(entries, phases, rows)
    entries.method[places, column] = "basin"
    entries.reason[places, column] = np.where(phases.columns["saddle"][rows] == 1, FOUND_SADDLE, "")
    order = np.array([entries.names.index(name) for name in table.names], dtype=int)
    entries.entropy[order, column] = table.entropy
    entries.covariance[column][np.ix_(order, order)] = np.nan_to_num(table.covariance)


def _enter_missed(
    entries: _Entries,
    phases: StructureSet,
    features: np.ndarray,
    rows: np.ndarray,
    column: int,
    model: PressureModel,
    missed_enthalpy: str,
) -> None:
    saddle = phases.column("saddle", -1)[rows] == 1
    for place in _places(entries, phases, rows[saddle]) if saddle.any() else ():
        entries.reason[place, column] = UNFOUND_SADDLE
    rows = rows[~saddle]
    if not len(rows):
        return
    places = _places(entries, phases, rows)
    entries.method[places, column] = "surrogate"
    notes = np.full(len(rows), "", dtype=object)
    unknown = ~np.isfinite(entries.enthalpy[places, column]) | (missed_enthalpy == "surrogate")
    if unknown.any() and model.enthalpy is not None:
        enthalpy = model.enthalpy.predict(features[rows[unknown]])
        entries.enthalpy[places[unknown], column] = enthalpy.mean
        entries.enthalpy_error[places[unknown], column] = enthalpy.error
        notes[np.flatnonzero(unknown)[enthalpy.extrapolation]] = EXTRAPOLATED
    if model.entropy is None:
        entries.reason[places, column] = model.entropy_reason
        return
    entropy = model.entropy.predict(features[rows])
    notes[entropy.extrapolation] = EXTRAPOLATED
    entries.entropy[places, column] = entropy.mean
    entries.covariance[column, places, places] = entropy.error**2
    entries.reason[places, column] = notes
