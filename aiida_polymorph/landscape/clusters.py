"""Which structures are the same minimum: DBSCAN, how often each was found, and a summary of each cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from aiida_polymorph.landscape.threshold import EpsChoice, choose_eps, raw_dbscan
from aiida_polymorph.structures import StructureSet

__all__ = ["Cluster", "EpsChoice", "MinimaCount", "choose_eps", "count_minima", "dbscan", "summarise"]


@dataclass(frozen=True)
class MinimaCount:
    """How many distinct minima there are and how often they were found.

    Attributes:
        distinct: all of them.
        found_once: found by one structure.
        found_twice: found by two.
        frequent: found at least min_samples times.
        coverage_structures: structures that belong to the frequent ones.
    """

    distinct: int
    found_once: int
    found_twice: int
    frequent: int
    coverage_structures: int


@dataclass(frozen=True)
class Cluster:
    """One minimum, and the structures that fell into it.

    Attributes:
        label: its number in the array of labels.
        representative: index into the set of the member with the lowest enthalpy.
        size: members.
        found: formula units in the cell -> times, only cells that occurred.
        primitive_formula_units: of the representative; None if spglib finds none.
        enthalpy_per_formula_unit: of the representative, eV; nan where unknown.
        enthalpy_spread: highest minus lowest within the cluster, eV per formula unit.
        volume_per_formula_unit: of the representative, angstrom^3.
        volume_spread: largest minus smallest, angstrom^3 per formula unit.
        space_group: of the representative, international symbol.
        impure: whether a spread exceeds its tolerance, so that the cluster may hold two phases.
    """

    label: int
    representative: int
    size: int
    found: dict[int, int]
    primitive_formula_units: int | None
    enthalpy_per_formula_unit: float
    enthalpy_spread: float
    volume_per_formula_unit: float
    volume_spread: float
    space_group: str
    impure: bool


def dbscan(points: np.ndarray, eps: float, min_samples: int = 3) -> np.ndarray:
    """Return the cluster of each point, numbered by falling size, and -1 for a minimum found too rarely.

    Args:
        points: fingerprints or the map's coordinates (ten components or more; two are not enough), shape (n, c).
        eps: largest distance of two neighbours.
        min_samples: neighbours within eps, itself included, of a point at a cluster's core. With 1 every distinct
            minimum gets a number, with up to 3 the clusters are those of single linkage cut at eps.

    Raises:
        ValueError: if there are no points, or eps or min_samples are out of range.
    """
    return _renumber(raw_dbscan(points, eps, min_samples))


def count_minima(distinct: np.ndarray, min_samples: int = 3) -> MinimaCount:
    """Count the minima from the labels of `dbscan(..., min_samples=1)`."""
    times = np.bincount(distinct)
    return MinimaCount(
        distinct=len(times),
        found_once=int(np.sum(times == 1)),
        found_twice=int(np.sum(times == 2)),
        frequent=int(np.sum(times >= min_samples)),
        coverage_structures=int(times[times >= min_samples].sum()),
    )


def _renumber(labels: np.ndarray) -> np.ndarray:
    """Largest cluster first; of equal ones the one that occurs first."""
    clusters, first, place, sizes = np.unique(
        labels[labels >= 0], return_index=True, return_inverse=True, return_counts=True
    )
    numbers = np.empty(len(clusters), dtype=int)
    numbers[np.lexsort((first, -sizes))] = np.arange(len(clusters))
    renumbered = np.full(len(labels), -1)
    renumbered[labels >= 0] = numbers[place]
    return renumbered


def summarise(
    structures: StructureSet,
    labels: np.ndarray,
    symprec: float = 0.01,
    enthalpy_tolerance: float = 1e-4,
    volume_tolerance: float = 0.02,
) -> list[Cluster]:
    """Return the clusters by number; an empty list where no label is 0 or above.

    Args:
        structures: n structures, all usable.
        labels: cluster of each, -1 for none, shape (n,).
        symprec: tolerance of the space group, angstrom.
        enthalpy_tolerance: spread in eV per formula unit above which a cluster counts as impure.
        volume_tolerance: likewise in angstrom^3 per formula unit.

    Raises:
        ValueError: if there isn't one label a structure.
    """
    if len(labels) != len(structures):
        raise ValueError(f"{len(labels)} labels for {len(structures)} structures")
    order = np.argsort(labels, kind="stable")
    numbers = np.arange(int(np.max(labels, initial=-1)) + 1)
    members = np.split(order, np.searchsorted(labels[order], numbers))[1:]
    tolerances = (enthalpy_tolerance, volume_tolerance)
    return [_cluster(structures, label, rows, symprec, tolerances) for label, rows in enumerate(members)]


def _cluster(
    structures: StructureSet, label: int, rows: np.ndarray, symprec: float, tolerances: tuple[float, float]
) -> Cluster:
    from aiida_polymorph.symmetry import primitive_formula_units, space_group

    enthalpies = structures.enthalpy_per_formula_unit[rows]
    volumes = structures.volume_per_formula_unit[rows]
    best = int(rows[np.argmin(np.where(np.isnan(enthalpies), np.inf, enthalpies))])
    spreads = float(np.ptp(enthalpies)), float(np.ptp(volumes))
    atoms = structures[best]
    return Cluster(
        label=label,
        representative=best,
        size=len(rows),
        found=dict(sorted(Counter(structures.formula_units[rows].tolist()).items())),
        primitive_formula_units=primitive_formula_units(atoms, symprec),
        enthalpy_per_formula_unit=float(structures.enthalpy_per_formula_unit[best]),
        enthalpy_spread=spreads[0],
        volume_per_formula_unit=float(structures.volume_per_formula_unit[best]),
        volume_spread=spreads[1],
        space_group=space_group(atoms, symprec),
        impure=any(spread > tolerance for spread, tolerance in zip(spreads, tolerances, strict=True)),
    )
