"""The table of phases over all pressures: clusters, references and carried structures brought together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aiida_polymorph.landscape.clusters import Cluster, summarise
from aiida_polymorph.landscape.phases import (
    CarriedClusters,
    FoundClusters,
    Phase,
    label_clusters,
    match_phases,
    nearest,
)
from aiida_polymorph.search.purpose import counting_problem
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import primitive_formula_units, space_group

KEPT = {"minimum": 0, "saddle": 1, "unchecked": -1}
"""States of a reference that kept its space group when it was relaxed, and the value of the column `saddle`."""

SADDLE_DROP = 1e-3
"""Enthalpy (eV per formula unit) by which a rattled copy must end lower to make the original a saddle point; a lower
barrier is nothing to the motion of the atoms at any temperature."""


@dataclass(frozen=True, eq=False)
class PressureResult:
    """What is known at one pressure: n usable structures, m relaxed candidates.

    Attributes:
        pressure_gpa: the pressure.
        structures: found by the search, usable ones only.
        features: their fingerprints, unit rows, shape (n, d).
        labels: cluster of each structure, -1 where its minimum was found too rarely, shape (n,).
        distinct: distinct minimum of each structure, shape (n,).
        clusters: summary of each cluster, in the order of the labels.
        eps: threshold of the clustering.
        candidates: relaxed here, with the columns of `candidates.propose_candidates`, converged ones only.
        candidate_features: their fingerprints, shape (m, d).
    """

    pressure_gpa: float
    structures: StructureSet
    features: np.ndarray
    labels: np.ndarray
    distinct: np.ndarray
    clusters: Sequence[Cluster]
    eps: float
    candidates: StructureSet
    candidate_features: np.ndarray


@dataclass(frozen=True)
class ReferenceState:
    """What a reference is at one pressure: one of `KEPT`, `transformed` or `failed`; `row` among the candidates."""

    name: str
    state: str
    row: int = -1
    space_group: str = ""


@dataclass(eq=False)
class _At:
    """One pressure, with rarely found minima added to the clusters where a candidate falls on them."""

    result: PressureResult
    symprec: float
    started_as: Mapping[str, str]
    clusters: list[Cluster] = field(init=False)
    references: list[ReferenceState] = field(init=False)
    groups: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.groups = np.array([space_group(atoms, self.symprec) for atoms in self.result.candidates], dtype=str)
        self.references = [self._state(name) for name in self.started_as]
        self.clusters = [*self.result.clusters, *self._rare_clusters()]

    def rows(self, kind: str, rattled: bool = False) -> np.ndarray:
        candidates = self.result.candidates
        return np.flatnonzero(
            (candidates.column("kind", "") == kind) & (candidates.column("rattled", False) == rattled)
        )

    def kept(self) -> list[ReferenceState]:
        """References that kept their space group, as minima or as saddle points."""
        return [reference for reference in self.references if reference.state in KEPT]

    def transformed(self, name: str) -> bool:
        """Whether this reference left its space group."""
        return any(reference.name == name and reference.state == "transformed" for reference in self.references)

    def carried_here(self, origins: Sequence[tuple[float, int]]) -> bool:
        """Whether a structure found as one of these clusters (pressure, number) was relaxed at this pressure."""
        candidates, rows = self.result.candidates, self.rows("carried")
        columns = (candidates.column("origin_gpa"), candidates.column("origin_cluster", -1))
        carried = set(zip(*(column[rows] for column in columns), strict=True))
        return any(origin in carried for origin in origins)

    def saddle(self, name: str) -> int:
        """Return 1 for a reference that is a saddle point, 0 for one that is a minimum, else -1."""
        return next((KEPT[reference.state] for reference in self.kept() if reference.name == name), -1)

    def is_kept(self, name: str) -> bool:
        """Whether this is a reference that kept its space group."""
        return any(reference.name == name for reference in self.kept())

    def _state(self, name: str) -> ReferenceState:
        names = self.result.candidates.column("name", "")
        row = next((int(i) for i in self.rows("reference") if names[i] == name), -1)
        if row < 0:
            return ReferenceState(name, "failed")
        if self.groups[row] != self.started_as[name]:
            return ReferenceState(name, "transformed", row, self.groups[row])
        state = next(state for state, saddle in KEPT.items() if saddle == self.is_saddle(row))
        return ReferenceState(name, state, row, self.groups[row])

    def is_saddle(self, row: int) -> int:
        """Return 1 if the rattled copy of a candidate ended lower, 0 if not, -1 if no copy was relaxed."""
        columns = self.result.candidates.columns
        twins = self.rows(str(columns["kind"][row]), rattled=True)
        for column in ("name", "origin_cluster"):
            twins = twins[columns[column][twins] == columns[column][row]]
        origins = columns["origin_gpa"][twins]
        twins = twins[(origins == columns["origin_gpa"][row]) | np.isnan(origins)]
        if len(twins) == 0:
            return -1
        enthalpies = self.result.candidates.enthalpy_per_formula_unit
        return int(enthalpies[row] - enthalpies[twins[0]] > SADDLE_DROP)

    def _rare_clusters(self) -> list[Cluster]:
        kept = [reference.row for reference in self.kept()]
        probes = np.concatenate([kept, self.rows("carried")]).astype(int)
        if len(probes) == 0:
            return []
        closest, distances = nearest(self.result.candidate_features[probes], self.result.features)
        hits = closest[(distances <= self.result.eps) & (self.result.labels[closest] < 0)]
        rare = np.unique(self.result.distinct[hits])
        renumbered = np.full(len(self.result.labels), -1)
        for number, minimum in enumerate(rare):
            renumbered[self.result.distinct == minimum] = number
        first = len(self.result.clusters)
        added = summarise(self.result.structures, renumbered, self.symprec)
        return [replace(cluster, label=first + cluster.label) for cluster in added]

    def found(self) -> FoundClusters:
        representatives = [cluster.representative for cluster in self.clusters]
        features = self.result.features[representatives]
        kept = self.kept()
        reference_features = self.result.candidate_features[[reference.row for reference in kept]]
        names = [reference.name for reference in kept]
        return FoundClusters(
            pressure_gpa=self.result.pressure_gpa,
            features=features,
            enthalpies=np.array([cluster.enthalpy_per_formula_unit for cluster in self.clusters]),
            space_groups=[cluster.space_group for cluster in self.clusters],
            references=[m.name for m in label_clusters(features, reference_features, names, self.result.eps)],
            eps=self.result.eps,
        )

    def carried(self) -> list[CarriedClusters]:
        rows = self.rows("carried")
        origins = self.result.candidates.column("origin_gpa")[rows]
        return [self._carried_from(rows[origins == source], source) for source in np.unique(origins)]

    def _carried_from(self, rows: np.ndarray, source: float) -> CarriedClusters:
        return CarriedClusters(
            source_gpa=float(source),
            target_gpa=self.result.pressure_gpa,
            clusters=self.result.candidates.columns["origin_cluster"][rows],
            features=self.result.candidate_features[rows],
            enthalpies=self.result.candidates.enthalpy_per_formula_unit[rows],
            space_groups=list(self.groups[rows]),
        )


def assemble_phases(
    results: Sequence[PressureResult], started_as: Mapping[str, str], symprec: float = 0.01
) -> StructureSet:
    """Return one structure for each phase and pressure at which the phase is known.

    A cluster is labelled by a reference that kept its space group when relaxed at that pressure. Where a rattled copy
    of the reference did not come back, the reference is a saddle point; a search finds one only in cells too small
    for the displacement that leads away from it (fluorite with 3 formula units, say). Clusters of several pressures
    are matched as `phases.match_phases` says.

    Args:
        results: one for each pressure.
        started_as: space group of each reference before it was relaxed, by name.
        symprec: spglib's tolerance, angstrom.

    Returns:
        Structures with the columns `name`, `known`, `pressure_gpa`, `enthalpy` (eV, whole cell), `state` (`found`, or
        `missed`: known from a reference or another pressure, but not found by the search), `saddle` (1: a saddle
        point, 0: a minimum, -1: not checked), `cluster` (-1 where not found), `found` (times by number of
        formula units, shape (rows, sizes)), `primitive_formula_units` (0 where unknown), `space_group`, `index`
        (of the representative in its search, else -1). The metadata hold `sizes`, the number of formula units of
        each column of `found`, `transformed`, the references that left their space group, and `left`, at which
        pressures a phase found elsewhere (or a reference) did not stay what it was when relaxed there.

    Raises:
        ValueError: if a set was made with symmetry, so that it is not good for counting.
    """
    for result in results:
        problem = counting_problem(result.structures.metadata)
        if problem:
            raise ValueError(f"the structures of {result.pressure_gpa:g} GPa are not for counting: {problem}")
    at = {result.pressure_gpa: _At(result, symprec, started_as) for result in results}
    carried = [
        each
        for entry in at.values()
        for each in entry.carried()
        if each.source_gpa in at and each.target_gpa != each.source_gpa
    ]
    phases = match_phases([entry.found() for entry in at.values()], carried)
    sizes = sorted({int(n) for result in results for n in result.structures.formula_units})
    rows = [row for phase in phases for row in _phase_rows(phase, at, sizes)]
    rows += _unfound_references(at, {(row["name"], row["pressure_gpa"]) for row in rows}, sizes)
    table = _to_set(rows, sizes, at)
    return table.with_metadata(left=_left(phases, table, at))


def _left(phases: Sequence[Phase], table: StructureSet, at: Mapping[float, _At]) -> list[dict]:
    """Phases that were relaxed at a pressure and have no row there, so that they are no minima there."""
    there = set(zip(table.column("name", "").tolist(), table.column("pressure_gpa").tolist(), strict=True))
    left = []
    for phase in phases:
        origins = [(row.pressure_gpa, row.cluster) for row in phase.rows if row.cluster is not None]
        for pressure_gpa, entry in at.items():
            tried = entry.carried_here(origins) or entry.transformed(phase.name)
            if tried and (phase.name, pressure_gpa) not in there:
                left.append({"name": phase.name, "pressure_gpa": pressure_gpa})
    return left


def _phase_rows(phase: Phase, at: Mapping[float, _At], sizes: Sequence[int]) -> list[dict]:
    rows = []
    for place in phase.rows:
        entry = at[place.pressure_gpa]
        common = {"name": phase.name, "known": phase.known, "pressure_gpa": place.pressure_gpa}
        if place.cluster is not None:
            saddle = {"saddle": entry.saddle(phase.name)}
            rows.append(common | saddle | _found_row(entry, entry.clusters[place.cluster], sizes))
        elif place.carried is not None and not entry.is_kept(phase.name):
            row = _carried_row(entry, *place.carried)
            saddle = {"saddle": entry.is_saddle(row)}
            rows.append(common | saddle | _missed_row(entry, row, sizes))
    return rows


def _carried_row(entry: _At, source: float, number: int) -> int:
    rows = entry.rows("carried")
    return int(rows[entry.result.candidates.columns["origin_gpa"][rows] == source][number])


def _found_row(entry: _At, cluster: Cluster, sizes: Sequence[int]) -> dict:
    members = entry.result.structures
    return {
        "atoms": members[cluster.representative],
        "enthalpy": float(members.column("enthalpy")[cluster.representative]),
        "state": "found",
        "cluster": cluster.label,
        "found": [cluster.found.get(size, 0) for size in sizes],
        "primitive_formula_units": cluster.primitive_formula_units or 0,
        "space_group": cluster.space_group,
        "index": int(members.column("index", -1)[cluster.representative]),
    }


def _missed_row(entry: _At, row: int, sizes: Sequence[int]) -> dict:
    atoms = entry.result.candidates[row]
    return {
        "atoms": atoms,
        "enthalpy": float(entry.result.candidates.column("enthalpy")[row]),
        "state": "missed",
        "cluster": -1,
        "found": [0] * len(sizes),
        "primitive_formula_units": primitive_formula_units(atoms, entry.symprec) or 0,
        "space_group": str(entry.groups[row]),
        "index": -1,
    }


def _unfound_references(at: Mapping[float, _At], there: set[tuple[str, float]], sizes: Sequence[int]) -> list[dict]:
    """References that the search did not find at a pressure, as minima or as saddle points."""
    rows = []
    for pressure_gpa, entry in at.items():
        for reference in entry.kept():
            if (reference.name, pressure_gpa) not in there:
                saddle = entry.saddle(reference.name)
                common = {"name": reference.name, "known": True, "pressure_gpa": pressure_gpa, "saddle": saddle}
                rows.append(common | _missed_row(entry, reference.row, sizes))
    return rows


def _to_set(rows: list[dict], sizes: Sequence[int], at: Mapping[float, _At]) -> StructureSet:
    rows = sorted(rows, key=lambda row: (not row["known"], row["name"], row["pressure_gpa"]))
    names = [name for name in (rows[0] if rows else {}) if name != "atoms"]
    columns = {name: [row[name] for row in rows] for name in names}
    transformed = [
        {"name": state.name, "pressure_gpa": pressure_gpa, "space_group": state.space_group}
        for pressure_gpa, entry in at.items()
        for state in entry.references
        if state.state == "transformed"
    ]
    metadata = {"sizes": list(sizes), "transformed": transformed}
    return StructureSet.from_atoms([row["atoms"] for row in rows], columns, metadata)
