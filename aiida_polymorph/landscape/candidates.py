"""Structures that are relaxed at every searched pressure: references, and minima found at the other pressures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from aiida_polymorph.landscape.clusters import Cluster
from aiida_polymorph.structures import StructureSet

KINDS = ("reference", "carried")


def rattle(structures: StructureSet, displacement: float, seed: int = 0) -> StructureSet:
    """Return the structures with Gaussian displacements of that standard deviation (angstrom) on every coordinate."""
    noise = np.random.default_rng(seed).normal(scale=displacement, size=structures.positions.shape)
    return replace(structures, positions=structures.positions + noise)


def within_window(clusters: Sequence[Cluster], window: float) -> list[Cluster]:
    """Return the clusters up to `window` (eV per formula unit) above the lowest; all of them without enthalpies."""
    enthalpies = np.array([cluster.enthalpy_per_formula_unit for cluster in clusters])
    if not np.isfinite(enthalpies).any():
        return list(clusters)
    return [c for c, h in zip(clusters, enthalpies, strict=True) if h <= np.nanmin(enthalpies) + window]


def propose_candidates(
    sets: Mapping[float, StructureSet],
    clusters: Mapping[float, Sequence[Cluster]],
    references: StructureSet,
    window: float,
    displacement: float,
) -> StructureSet:
    """Collect what is worth relaxing at every pressure.

    Args:
        sets: pressure (GPa) -> structures found there.
        clusters: pressure -> their clusters; a cluster's representative counts into the set of that pressure.
        references: known structures with a column `name`; may be empty.
        window: only clusters up to this enthalpy above the lowest one of their pressure, eV per formula unit.
        displacement: of the rattled copies, which tell minima from saddle points, angstrom.

    Returns:
        Structures, and a rattled copy of each, with the columns `index` (0, 1, ...), `kind` (one of `KINDS`),
        `rattled`, `name` (of the reference, else ""), `origin_gpa` and `origin_cluster` (of a carried one, else nan
        and -1).
    """
    parts = [_labelled(references, "reference")]
    for pressure_gpa, structures in sets.items():
        chosen = within_window(clusters[pressure_gpa], window)
        members = structures.select([cluster.representative for cluster in chosen])
        parts.append(_labelled(members, "carried", pressure_gpa, [cluster.label for cluster in chosen]))
    perfect = StructureSet.concatenate(parts, metadata={})
    copies = rattle(perfect, displacement).with_columns(rattled=np.ones(len(perfect), dtype=bool))
    together = StructureSet.concatenate([perfect, copies])
    return together.with_columns(index=np.arange(len(together)))


def _labelled(
    structures: StructureSet, kind: str, pressure_gpa: float = np.nan, labels: Sequence[int] | None = None
) -> StructureSet:
    n = len(structures)
    columns = {
        "kind": np.full(n, kind),
        "rattled": np.zeros(n, dtype=bool),
        "name": np.full(n, "") if kind == "carried" else structures.column("name", "").astype(str),
        "origin_gpa": np.full(n, pressure_gpa, dtype=float),
        "origin_cluster": np.full(n, -1) if labels is None else np.asarray(labels, dtype=int),
    }
    return replace(structures, columns=columns, metadata={})


def at_every_pressure(candidates: StructureSet, pressures_gpa: Sequence[float]) -> StructureSet:
    """Return each candidate once for every pressure, but not where it was found and so is relaxed already.

    Returns:
        The candidates with the column `pressure_gpa` added and `index` renumbered.
    """
    chosen = [np.flatnonzero(candidates.columns["origin_gpa"] != pressure_gpa) for pressure_gpa in pressures_gpa]
    repeated = np.repeat(np.asarray(pressures_gpa, dtype=float), [len(rows) for rows in chosen])
    together = candidates.select(np.concatenate(chosen))
    return together.with_columns(pressure_gpa=repeated, index=np.arange(len(together)))


def as_given(references: StructureSet, pressures_gpa: Sequence[float]) -> StructureSet:
    """Return references as candidates at every pressure without relaxing them, where nothing can relax them.

    They label phases only if they were relaxed at that pressure, with the same potential, before.
    """
    labelled = _labelled(references, "reference")
    known = {"enthalpy": references.column("enthalpy"), "converged": np.ones(len(references), dtype=bool)}
    return at_every_pressure(labelled.with_columns(**known), pressures_gpa)
