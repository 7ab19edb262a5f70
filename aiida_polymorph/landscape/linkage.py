"""Single linkage of many points, exact up to a limit, with memory that grows as n.

Points that could be joined below the limit are first brought together in parts by a coarse grid and a k-d tree; within
each part Prim's algorithm finds the minimum spanning tree, in time m^2 and memory m for m points. A thousand copies of
one minimum make one part, minima that were found once one each.

Prim's algorithm visits the points of a single-linkage cluster one after the other, whatever the distance at which the
clusters are cut: so the order of the visits and the distance at each are all that is kept of the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

CELL_SHARE = 0.125
"""Size of a grid cell, relative to the limit: its points lie at most so far from its centre."""

MOST_PAIRS = 30_000_000
"""Pairs of grid cells that are listed at most; with more, all points make one part."""


@dataclass(frozen=True, eq=False)
class Linkage:
    """Single linkage of n points.

    Attributes:
        order: in which the points were visited, shape (n,).
        distances: at which each of them, in that order, was joined to those before it, shape (n,); inf where it begins
            a part, and for joins above the limit.
        limit: up to which joins are known; inf if all of them are.
    """

    order: np.ndarray
    distances: np.ndarray
    limit: float

    @cached_property
    def heights(self) -> np.ndarray:
        """Distances at which clusters are joined, ascending, shape (n - 1,); inf for those above the limit."""
        return np.sort(self.distances)[:-1]

    def components(self, eps: float) -> np.ndarray:
        """Return the cluster of each point when all joins up to eps are made, numbered by first member, shape (n,).

        Raises:
            ValueError: if eps lies above the limit.
        """
        if eps > self.limit:
            raise ValueError(f"eps is {eps}, above the limit {self.limit} of this linkage")
        labels = np.empty(len(self.order), dtype=int)
        labels[self.order] = np.cumsum(self.distances > eps)
        return by_first_member(labels)


def by_first_member(labels: np.ndarray) -> np.ndarray:
    """Renumber labels from 0 on in the order in which they occur."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=int)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def link(points: np.ndarray, limit: float = np.inf) -> Linkage:
    """Link points by rising distance.

    Args:
        points: shape (n, c), one or more.
        limit: joins above it are not looked for.
    """
    points = np.asarray(points, dtype=float)
    parts = _parts(points, limit) if np.isfinite(limit) else [np.arange(len(points))]
    visits = [_prim(points[part]) for part in parts]
    order = np.concatenate([part[visit] for part, (visit, _) in zip(parts, visits, strict=True)])
    distances = np.concatenate([joined for _, joined in visits])
    if len(parts) == 1:
        return Linkage(order, distances, np.inf)
    return Linkage(order, np.where(distances > limit, np.inf, distances), limit)


def _parts(points: np.ndarray, limit: float) -> list[np.ndarray]:
    """Indices of points such that no two of different parts lie within the limit of each other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    centres, cell = _cells(points, limit * CELL_SHARE)
    reach = limit * (1 + 2 * CELL_SHARE) * (1 + 1e-9)
    tree = cKDTree(centres)
    if tree.count_neighbors(tree, reach) > 2 * MOST_PAIRS:
        return [np.arange(len(points))]
    pairs = tree.query_pairs(reach, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs), dtype=bool), pairs.T), shape=(len(centres),) * 2)
    label = connected_components(graph, directed=False)[1][cell]
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _cells(points: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of the occupied grid cells whose corners lie `radius` from them, and each point's cell."""
    side = 2 * radius / np.sqrt(points.shape[1])
    place = np.floor((points - points.min(axis=0)) / side)
    order = np.lexsort(place.T)
    new = np.concatenate([[True], np.any(np.diff(place[order], axis=0) != 0, axis=1)])
    cell = np.empty(len(points), dtype=int)
    cell[order] = np.cumsum(new) - 1
    return points.min(axis=0) + (place[order][new] + 0.5) * side, cell


def _prim(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the order in which the points are visited and the distance at each, that of the first being inf."""
    n = len(points)
    joined, order = np.full(n, np.inf), np.arange(n)
    columns, nearest = points.T.copy(), np.full(n, np.inf)
    visited = 0
    for left in range(n - 1, 0, -1):
        for array in (order, columns, nearest):
            array[..., [visited, left]] = array[..., [left, visited]]
        difference = columns[:, :left] - columns[:, left, None]
        squared = np.einsum("ij,ij->j", difference, difference)
        np.minimum(nearest[:left], squared, out=nearest[:left])
        visited = int(np.argmin(nearest[:left]))
        joined[n - left] = np.sqrt(nearest[visited])
    return order[::-1].copy(), joined
