"""Phases: clusters labelled by references, matched across pressures, and named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

BLOCK_ELEMENTS = 2_000_000
"""Distances that are computed at a time."""


@dataclass(frozen=True, eq=False)
class FoundClusters:
    """The clusters of one pressure, k of them; each is given by its representative.

    Attributes:
        pressure_gpa: at which they were found.
        features: fingerprints, unit rows, shape (k, d).
        enthalpies: eV per formula unit, shape (k,); nan where unknown.
        space_groups: international symbols, k of them.
        references: name of the reference that each was recognised as, None where none.
        eps: threshold of the clustering.
    """

    pressure_gpa: float
    features: np.ndarray
    enthalpies: np.ndarray
    space_groups: Sequence[str]
    references: Sequence[str | None]
    eps: float


@dataclass(frozen=True, eq=False)
class CarriedClusters:
    """Representatives found at one pressure and relaxed again at another, m of them (failed ones left out).

    Attributes:
        source_gpa: pressure at which they were found.
        target_gpa: pressure at which they were relaxed again.
        clusters: their numbers among the clusters of the source pressure, shape (m,).
        features: fingerprints after the relaxation, unit rows, shape (m, d).
        enthalpies: after the relaxation, eV per formula unit, shape (m,).
        space_groups: after the relaxation, m of them.
    """

    source_gpa: float
    target_gpa: float
    clusters: np.ndarray
    features: np.ndarray
    enthalpies: np.ndarray
    space_groups: Sequence[str]


@dataclass(frozen=True)
class PhaseAt:
    """A phase at one pressure.

    Attributes:
        pressure_gpa: the pressure.
        cluster: its cluster's number there; None where the search did not find it.
        carried: where it was not found: (source pressure, row in that pair's CarriedClusters) of the structure
            that shows that it is a minimum there all the same; None where it was found.
        enthalpy_per_formula_unit: eV.
    """

    pressure_gpa: float
    cluster: int | None
    carried: tuple[float, int] | None
    enthalpy_per_formula_unit: float


@dataclass(frozen=True)
class Phase:
    """One phase at all pressures at which it is a minimum, as far as is known.

    Attributes:
        name: the reference's, else P-a-SYM.
        known: whether a reference names it.
        space_group: at the pressure that it is named after (known: where its enthalpy above the lowest is smallest).
        rows: by rising pressure.
    """

    name: str
    known: bool
    space_group: str
    rows: tuple[PhaseAt, ...]


@dataclass(frozen=True)
class ReferenceMatch:
    """Which reference a cluster is: the closest one within the tolerance, its distance, and the others within it."""

    name: str | None = None
    distance: float = np.nan
    aliases: tuple[str, ...] = ()


def nearest(features: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return index of and distance to the closest of the candidates for each row; -1 and nan if there are none."""
    if len(candidates) == 0:
        return np.full(len(features), -1), np.full(len(features), np.nan)
    candidate_squares = np.einsum("ij,ij->i", candidates, candidates, dtype=float)
    best = np.empty(len(features), dtype=int)
    step = max(1, BLOCK_ELEMENTS // len(candidates))
    for i in range(0, len(features), step):
        products = np.asarray(features[i : i + step], dtype=float) @ candidates.T
        best[i : i + step] = np.argmin(candidate_squares - 2 * products, axis=1)
    return best, np.linalg.norm(np.asarray(features, dtype=float) - candidates[best], axis=1)


def label_clusters(
    cluster_features: np.ndarray, reference_features: np.ndarray, reference_names: Sequence[str], tolerance: float
) -> list[ReferenceMatch]:
    """Recognise clusters by references that were relaxed at the same pressure.

    A reference belongs to the cluster whose representative is closest, if that lies within the tolerance. Where
    several belong to one cluster (one may be a saddle that the relaxation left), the closest names it.

    Args:
        cluster_features: fingerprints of the representatives, shape (k, d).
        reference_features: fingerprints of the references, shape (r, d).
        reference_names: r names.
        tolerance: distance below which two structures are copies, the clustering's eps.

    Returns:
        One entry a cluster.

    Raises:
        ValueError: if there isn't one name a reference.
    """
    if len(reference_features) != len(reference_names):
        raise ValueError(f"{len(reference_names)} names for {len(reference_features)} references")
    clusters, distances = nearest(reference_features, cluster_features)
    matches: list[list[tuple[float, str]]] = [[] for _ in cluster_features]
    for name, cluster, distance in zip(reference_names, clusters, distances, strict=True):
        if distance <= tolerance:
            matches[cluster].append((float(distance), name))
    return [_closest(sorted(found)) for found in matches]


def _closest(found: list[tuple[float, str]]) -> ReferenceMatch:
    if not found:
        return ReferenceMatch()
    return ReferenceMatch(found[0][1], found[0][0], tuple(name for _, name in found[1:]))


def letters(number: int) -> str:
    """Return a, b, ..., z, aa, ab, ... for 0, 1, ..., 25, 26, 27, ..."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, 26)
        text = chr(ord("a") + digit) + text
    return text


def phase_name(pressure_gpa: float, number: int, space_group: str) -> str:
    """Return e.g. `60-a-R-3` or `0-b-P21/c`: the name of the number-th new phase (from 0) found at a pressure.

    The symbol is spglib's without underscores; `?` stands for an unknown space group.
    """
    return f"{pressure_gpa + 0.0:g}-{letters(number)}-{space_group.replace('_', '') or '?'}"


def name_clusters(found: FoundClusters) -> list[str]:
    """Name the clusters of a single pressure: references' names, and P-a-SYM by rising enthalpy for the others."""
    names = {phase.rows[0].cluster: phase.name for phase in match_phases([found], [])}
    return [name for _, name in sorted((cluster, name) for cluster, name in names.items() if cluster is not None)]


def match_phases(found: Sequence[FoundClusters], carried: Iterable[CarriedClusters]) -> list[Phase]:
    """Unite the clusters of several pressures into phases and name them.

    Cluster A at pressure P and cluster B at pressure Q are one phase if A's representative, relaxed at Q, falls on
    B (the closest of Q's clusters lies within Q's eps), if A and B have the same space group, and if B's
    representative, relaxed at P, falls on A again; where B was not relaxed at P the first two suffice. So a phase
    that breaks its symmetry under pressure (rutile to the Pnnm phase) stays two phases. Clusters recognised as the
    same reference are one phase, too. Two clusters of one pressure, or of two different references, are never
    united: links are taken in the order of how little the structure changes from A to B, and one that would do so
    is dropped.

    A phase that was not found at some pressure has a row there if its representative, carried there, kept its
    space group and fell on no cluster: a minimum that the search missed. The least changed carried structure counts.
    A relaxation keeps the symmetry that it starts with and so may end on a saddle: displace carried structures a
    little before they are relaxed, where that matters.

    A phase is named by its reference; else P-a-SYM, where P is the pressure, of those at which it was found, at
    which its enthalpy lies least above the lowest of the pressure, and the letters count such phases by enthalpy.

    Args:
        found: the clusters of each pressure, every pressure once.
        carried: representatives relaxed at other pressures, every pair of pressures at most once.

    Returns:
        The known phases by name, then the new ones by pressure and letter.

    Raises:
        ValueError: if a pressure or a pair occurs twice, or a carried set names a pressure that is not there.
    """
    matcher = _Matcher(found, carried)
    groups = matcher.groups()
    rows = [matcher.rows(group) for group in groups]
    return _named(matcher, groups, rows)


Key = tuple[float, int]


@dataclass(eq=False)
class _Matcher:
    found: Sequence[FoundClusters]
    carried_sets: Iterable[CarriedClusters]
    at: dict[float, FoundClusters] = field(init=False)
    carried: dict[tuple[float, float], CarriedClusters] = field(init=False)
    landed: dict[tuple[Key, float], int] = field(init=False)
    lowest: dict[float, float] = field(init=False)

    def __post_init__(self) -> None:
        self.at = {clusters.pressure_gpa: clusters for clusters in self.found}
        carried_sets = list(self.carried_sets)
        self.carried = {(c.source_gpa, c.target_gpa): c for c in carried_sets}
        self._check(carried_sets)
        self.lowest = {p: float(np.nanmin([*c.enthalpies, np.inf])) for p, c in self.at.items()}
        self.landed = {}
        for carried in carried_sets:
            self._land(carried)

    def _check(self, carried_sets: list[CarriedClusters]) -> None:
        if len(self.at) < len(self.found):
            raise ValueError("a pressure occurs twice among the clusters")
        if len(self.carried) < len(carried_sets):
            raise ValueError("a pair of pressures occurs twice among the carried clusters")
        absent = {p for pair in self.carried for p in pair} - set(self.at)
        if absent:
            raise ValueError(f"carried clusters from or to {sorted(absent)} GPa, where no clusters are given")

    def _land(self, carried: CarriedClusters) -> None:
        """Note on which cluster each carried structure falls; -1 for none."""
        target = self.at[carried.target_gpa]
        closest, distances = nearest(carried.features, target.features)
        for cluster, other, distance in zip(carried.clusters, closest, distances, strict=True):
            key = (carried.source_gpa, int(cluster))
            self.landed[key, carried.target_gpa] = int(other) if distance <= target.eps else -1

    def space_group(self, key: Key) -> str:
        return self.at[key[0]].space_groups[key[1]]

    def reference(self, key: Key) -> str | None:
        return self.at[key[0]].references[key[1]]

    def above_lowest(self, key: Key) -> float:
        return float(self.at[key[0]].enthalpies[key[1]]) - self.lowest[key[0]]

    def links(self) -> list[tuple[Key, Key]]:
        """Pairs of clusters that are one phase, surest first."""
        links = []
        for (source, pressure_gpa), number in self.landed.items():
            target = (pressure_gpa, number)
            if number < 0 or not self._same_symmetry(source, target):
                continue
            back = self.landed.get((target, source[0]))
            if back is None or back == source[1]:
                links.append((back is None, self._change(source, target), source, target))
        return [(source, target) for *_, source, target in sorted(links)]

    def _same_symmetry(self, a: Key, b: Key) -> bool:
        return bool(self.space_group(a)) and self.space_group(a) == self.space_group(b)

    def _change(self, a: Key, b: Key) -> float:
        return float(np.linalg.norm(self.at[a[0]].features[a[1]] - self.at[b[0]].features[b[1]]))

    def groups(self) -> list[list[Key]]:
        """Clusters of each phase, by pressure."""
        keys = [(p, i) for p in sorted(self.at) for i in range(len(self.at[p].features))]
        group = {key: [key] for key in keys}
        named = [key for key in keys if self.reference(key)]
        same = [(a, b) for a in named for b in named if a < b and self.reference(a) == self.reference(b)]
        for a, b in [*same, *self.links()]:
            if group[a] is not group[b] and self._may_join(group[a] + group[b]):
                group[a].extend(group[b])
                group.update(dict.fromkeys(group[b], group[a]))
        return [sorted(members) for members in {id(members): members for members in group.values()}.values()]

    def _may_join(self, members: list[Key]) -> bool:
        pressures_gpa = [pressure_gpa for pressure_gpa, _ in members]
        references = {self.reference(key) for key in members} - {None}
        return len(set(pressures_gpa)) == len(pressures_gpa) and len(references) <= 1

    def rows(self, group: list[Key]) -> tuple[PhaseAt, ...]:
        found = [PhaseAt(p, i, None, float(self.at[p].enthalpies[i])) for p, i in group]
        missing = sorted(set(self.at) - {p for p, _ in group})
        carried = [row for pressure_gpa in missing if (row := self._missed(group, pressure_gpa))]
        return tuple(sorted([*found, *carried], key=lambda row: row.pressure_gpa))

    def _missed(self, group: list[Key], pressure_gpa: float) -> PhaseAt | None:
        """The phase at a pressure where it is a minimum that the search did not find."""
        candidates = []
        for source, cluster in group:
            if self.landed.get(((source, cluster), pressure_gpa)) != -1:
                continue
            carried = self.carried[source, pressure_gpa]
            row = int(np.flatnonzero(np.asarray(carried.clusters) == cluster)[0])
            if carried.space_groups[row] == self.space_group((source, cluster)):
                change = np.linalg.norm(carried.features[row] - self.at[source].features[cluster])
                candidates.append((float(change), source, row))
        if not candidates:
            return None
        _, source, row = min(candidates)
        enthalpy = float(self.carried[source, pressure_gpa].enthalpies[row])
        return PhaseAt(pressure_gpa, None, (source, row), enthalpy)


def _named(matcher: _Matcher, groups: list[list[Key]], rows: list[tuple[PhaseAt, ...]]) -> list[Phase]:
    known, new = [], []
    for group, phase_rows in zip(groups, rows, strict=True):
        home = min(group, key=lambda key: (np.nan_to_num(matcher.above_lowest(key), nan=np.inf), key))
        name = next((reference for key in group if (reference := matcher.reference(key))), None)
        if name:
            known.append(Phase(name, True, matcher.space_group(home), phase_rows))
        else:
            new.append((home[0], matcher.above_lowest(home), home[1], matcher.space_group(home), phase_rows))
    counts: dict[float, int] = {}
    phases = sorted(known, key=lambda phase: phase.name)
    for pressure_gpa, _, _, symbol, phase_rows in sorted(new, key=lambda entry: entry[:3]):
        number = counts[pressure_gpa] = counts.get(pressure_gpa, -1) + 1
        phases.append(Phase(phase_name(pressure_gpa, number, symbol), False, symbol, phase_rows))
    return phases
