"""Phases: minima of several pressures that become each other when the pressure changes.

Each minimum is relaxed at all pressures. Where it keeps its space group it is still itself; there it may turn out to be
the same as one that was found at another pressure, and both are one phase. Where it takes the space group of another
one it has become that one: so a phase and its twin of lower symmetry are one from there on, found by structure and not
by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from aiida_polymorph.landscape.minima import Tolerances, find_minima
from aiida_polymorph.landscape.phases import phase_name
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA

BETWEEN = 20
"""Places between two pressures at which enthalpies are compared."""


@dataclass(frozen=True, eq=False)
class Lineage:
    """One phase.

    Attributes:
        name: of a reference, or P-a-SYM after where it lies lowest, see `phases.phase_name`.
        known: whether a reference names it.
        space_group: international symbol.
        pressures_gpa: at which it is itself, rising, GPa, shape (p,).
        rows: its lowest structure at each of these pressures among the relaxed ones, shape (p,).
        enthalpies: eV per formula unit, shape (p,).
        volumes: angstrom^3 per formula unit, shape (p,).
        found: pressure (GPa) -> times that the search fell into it.
        becomes: pressure (GPa) -> space group that it turns into there.
    """

    name: str
    known: bool
    space_group: str
    pressures_gpa: np.ndarray
    rows: np.ndarray
    enthalpies: np.ndarray
    volumes: np.ndarray
    found: Mapping[float, int]
    becomes: Mapping[float, str]

    def enthalpy_at(self, pressures_gpa: np.ndarray) -> np.ndarray:
        """Return the enthalpy between its pressures, with slopes of V, eV per formula unit; nan outside."""
        if len(self.pressures_gpa) == 1:
            return np.where(np.abs(pressures_gpa - self.pressures_gpa[0]) < 1e-9, self.enthalpies[0], np.nan)
        curve = CubicHermiteSpline(self.pressures_gpa, self.enthalpies, self.volumes * GPA, extrapolate=False)
        return np.asarray(curve(pressures_gpa))


def trace_lineages(relaxed: StructureSet, tolerances: Tolerances | None = None) -> list[Lineage]:
    """Return the phases that minima of several pressures make, lowest first.

    Args:
        relaxed: each minimum relaxed at each pressure, with the columns `minimum` (number), `origin_gpa` (where it was
            found; nan for references), `found` (times it was found there), `name` and `started_as` (of a reference, and
            the space group that it had before it was relaxed; else ""), `pressure_gpa`, `enthalpy` and `converged`.
        tolerances: by how much two relaxations of the same structure may differ.

    Returns:
        Phases by the least that they lie above the lowest one at any pressure.
    """
    allowed = tolerances or Tolerances()
    places = _places(relaxed, allowed)
    own = _own_groups(relaxed, places)
    lineages = [_lineage(relaxed, places, own, members) for members in _united(relaxed, places, own)]
    lineages = [each for each in lineages if len(each.rows)]
    return _named([lineages[i] for i in np.argsort(least_gaps(lineages), kind="stable")])


def least_gaps(lineages: Sequence[Lineage]) -> np.ndarray:
    """Return the least that each phase lies above the lowest of all at any pressure, eV per formula unit."""
    known = np.unique(np.concatenate([each.pressures_gpa for each in lineages])) if lineages else np.zeros(0)
    between = np.unique(np.concatenate([known, *(np.linspace(a, b, BETWEEN) for a, b in pairwise(known))]))
    enthalpies = np.array([each.enthalpy_at(between) for each in lineages]).reshape(len(lineages), -1)
    filled = np.where(np.isfinite(enthalpies), enthalpies, np.inf)
    return (filled - filled.min(axis=0, initial=np.inf)).min(axis=1, initial=np.inf) if len(lineages) else np.zeros(0)


@dataclass(frozen=True, eq=False)
class _Places:
    """Where each relaxed structure is: its minimum among those of its pressure, and the space groups of these."""

    labels: np.ndarray
    groups: np.ndarray


def _places(relaxed: StructureSet, allowed: Tolerances) -> _Places:
    labels, groups = np.full(len(relaxed), -1), np.full(len(relaxed), "", dtype=object)
    pressures_gpa = relaxed.column("pressure_gpa")
    start = 0
    for pressure in np.unique(pressures_gpa):
        rows = np.flatnonzero(pressures_gpa == pressure)
        minima = find_minima(relaxed.select(rows), tolerances=allowed)
        inside = minima.labels >= 0
        labels[rows[inside]] = minima.labels[inside] + start
        groups[rows[inside]] = minima.structures.columns["space_group"][minima.labels[inside]]
        start += len(minima.structures)
    return _Places(labels, groups)


def _own_groups(relaxed: StructureSet, places: _Places) -> dict[int, str]:
    """Return the space group of each minimum: where it was found, or of a reference the most frequent one."""
    own = {}
    minima, origins, pressures = (relaxed.column(each) for each in ("minimum", "origin_gpa", "pressure_gpa"))
    for minimum in np.unique(minima):
        rows = np.flatnonzero((minima == minimum) & (places.labels >= 0))
        home = rows[pressures[rows] == origins[rows]]
        given = places.groups[home if len(home) else rows]
        names, times = np.unique(given.astype(str), return_counts=True)
        own[int(minimum)] = str(names[np.argmax(times)]) if len(names) else ""
    return own


def _united(relaxed: StructureSet, places: _Places, own: Mapping[int, str]) -> list[list[int]]:
    """Return the minima of each phase: those that share a place at which both are themselves."""
    parent = {minimum: minimum for minimum in own}

    def root(minimum: int) -> int:
        while parent[minimum] != minimum:
            minimum = parent[minimum]
        return minimum

    first: dict[int, int] = {}
    for minimum, label, group in zip(relaxed.column("minimum"), places.labels, places.groups, strict=True):
        if label >= 0 and own[int(minimum)] == group:
            other = first.setdefault(int(label), int(minimum))
            parent[root(int(minimum))] = root(other)
    together: dict[int, list[int]] = {}
    for minimum in own:
        together.setdefault(root(minimum), []).append(minimum)
    return list(together.values())


def _lineage(relaxed: StructureSet, places: _Places, own: Mapping[int, str], members: Sequence[int]) -> Lineage:
    minima, pressures = relaxed.column("minimum"), relaxed.column("pressure_gpa")
    rows = np.flatnonzero(np.isin(minima, members) & (places.labels >= 0))
    group = own[members[0]]
    itself = rows[places.groups[rows] == group]
    enthalpies, volumes = relaxed.enthalpy_per_formula_unit, relaxed.volume_per_formula_unit
    best = [min(itself[pressures[itself] == p], key=lambda row: enthalpies[row]) for p in np.unique(pressures[itself])]
    lost = [row for row in rows if pressures[row] not in pressures[itself]]
    names = _names(relaxed, np.isin(minima, members), group)
    return Lineage(
        name=names[0] if names else "",
        known=bool(names),
        space_group=group,
        pressures_gpa=pressures[best],
        rows=np.array(best, dtype=int),
        enthalpies=enthalpies[best],
        volumes=volumes[best],
        found=_times_found(relaxed, itself),
        becomes={float(pressures[row]): str(places.groups[row]) for row in lost},
    )


def _names(relaxed: StructureSet, members: np.ndarray, group: str) -> list[str]:
    """Return the references that a phase is, those first whose own space group it has."""
    names, starts = (relaxed.column(name, "").astype(str)[members] for name in ("name", "started_as"))
    found = {(start != group, name) for name, start in zip(names, starts, strict=True) if name}
    return [name for _, name in sorted(found)]


def _times_found(relaxed: StructureSet, rows: np.ndarray) -> dict[float, int]:
    """Return how often the search fell into the minima of a phase, by pressure."""
    origins, pressures, times = (relaxed.column(name) for name in ("origin_gpa", "pressure_gpa", "found"))
    found: dict[float, int] = {}
    for row in rows[origins[rows] == pressures[rows]]:
        found[float(origins[row])] = found.get(float(origins[row]), 0) + int(times[row])
    return dict(sorted(found.items()))


def _named(lineages: Sequence[Lineage]) -> list[Lineage]:
    """Name those that no reference names after the pressure at which they lie lowest; they come lowest first."""
    lowest: dict[float, float] = {}
    for each in lineages:
        for pressure, enthalpy in zip(each.pressures_gpa.tolist(), each.enthalpies.tolist(), strict=True):
            lowest[pressure] = min(enthalpy, lowest.get(pressure, np.inf))
    counts: dict[float, int] = {}
    named = []
    for each in lineages:
        if not each.known:
            above = [h - lowest[p] for p, h in zip(each.pressures_gpa.tolist(), each.enthalpies.tolist(), strict=True)]
            home = float(each.pressures_gpa[int(np.argmin(above))])
            counts[home] = counts.get(home, -1) + 1
            each = replace(each, name=phase_name(home, counts[home], each.space_group))
        named.append(each)
    return named
