"""Which orbits of a space group can fill a primitive cell with given numbers of atoms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aiida_polymorph.search.space_groups import GRID, NUMBERS, SpaceGroup, space_group

AXIS = np.arange(GRID)


@dataclass(frozen=True, eq=False)
class Sites:
    """The sites of a space group by the number of atoms of their orbits in the primitive cell.

    Attributes:
        fixed: sizes of orbits without a free coordinate, each once; such an orbit can be taken only once.
        available: how many orbits there are of each of these sizes.
        free: sizes of orbits with free coordinates, the general position included; they can be taken any number of
            times.
        points: for each size, points of the orbits without and with a free coordinate, in units of 1/GRID of the
            primitive cell, each of shape (points, 3); only special positions.
    """

    fixed: tuple[int, ...]
    available: tuple[int, ...]
    free: tuple[int, ...]
    points: Mapping[tuple[int, bool], np.ndarray]

    @property
    def kinds(self) -> list[tuple[int, bool]]:
        """Size of orbit and whether it has no free coordinate, of all sites."""
        return [(size, True) for size in self.fixed] + [(size, False) for size in self.free]


@lru_cache(maxsize=len(NUMBERS))
def sites_of(number: int) -> Sites:
    """Return the sites of a space group, from the points of a grid that each operation leaves in place.

    The grid holds all points without a free coordinate and points of every other special position: the sizes and
    numbers of orbits are those of the Wyckoff positions in the International Tables.
    """
    group = space_group(number)
    keepers, traces = _count_keepers(group)
    sizes, is_fixed = group.order // keepers, traces == 0
    fixed = {int(m): int(np.sum(sizes[is_fixed] == m)) // int(m) for m in np.unique(sizes[is_fixed])}
    free = tuple(int(m) for m in np.unique(sizes[~is_fixed]))
    points = {(m, True): np.argwhere(is_fixed & (sizes == m)) for m in fixed}
    points |= {(m, False): np.argwhere(~is_fixed & (sizes == m)) for m in free if m < group.order}
    return Sites(tuple(fixed), tuple(fixed.values()), free, points)


def _count_keepers(group: SpaceGroup) -> tuple[np.ndarray, np.ndarray]:
    """Return how many operations leave each point of the grid in place, and the sum of their traces.

    The trace of the mean rotation of a site's operations is the number of its free coordinates.
    """
    keepers, traces = np.zeros((2, GRID, GRID, GRID), dtype=np.int8)
    for rotation, shift in zip(group.rotations, group.shifts, strict=True):
        kept = _points_kept(tuple(rotation.ravel().tolist()), tuple(shift.tolist()))
        keepers += kept
        traces += kept * np.int8(np.trace(rotation))
    return keepers, traces


@lru_cache(maxsize=512)
def _points_kept(rotation: tuple[int, ...], shift: tuple[int, ...]) -> np.ndarray:
    """Return which points of the grid an operation takes to themselves or to an image, shape (GRID, GRID, GRID)."""
    kept = np.ones((GRID, GRID, GRID), dtype=bool)
    for row, moved in zip(np.reshape(rotation, (3, 3)) - np.eye(3, dtype=int), shift, strict=True):
        x, y, z = (row[:, None] * AXIS).astype(np.int8)
        kept &= (x[:, None, None] + y[:, None] + (z + moved).astype(np.int8)) % GRID == 0
    return kept


@lru_cache(maxsize=2**16)
def can_fill(number: int, available: tuple[int, ...], counts: tuple[int, ...]) -> bool:
    """Tell whether orbits of a space group add up to the number of atoms of each species.

    Args:
        number: of the space group.
        available: orbits without a free coordinate that are not taken yet, of each size in `Sites.fixed`.
        counts: atoms of each species that are to be placed.
    """
    if not counts:
        return True
    sites = sites_of(number)
    return any(
        _adds_up(sites.free, counts[0] - taken) and can_fill(number, left, counts[1:])
        for taken, left in _ways(sites.fixed, available, counts[0])
    )


def _ways(fixed: tuple[int, ...], available: tuple[int, ...], most: int) -> list[tuple[int, tuple[int, ...]]]:
    """Return each way to take fixed orbits of at most so many atoms: the atoms, and the orbits that are left."""
    ways: list[tuple[int, tuple[int, ...]]] = [(0, ())]
    for size, number in zip(fixed, available, strict=True):
        ways = [
            (taken + k * size, (*left, number - k))
            for taken, left in ways
            for k in range(min(number, (most - taken) // size) + 1)
        ]
    return ways


@lru_cache(maxsize=2**14)
def _adds_up(sizes: tuple[int, ...], total: int) -> bool:
    """Tell whether the total is a sum of these sizes, each any number of times."""
    return total == 0 or any(size <= total and _adds_up(sizes, total - size) for size in sizes)


def left_after(
    number: int, available: tuple[int, ...], counts: tuple[int, ...], species: int, size: int, fixed: bool
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return what is available and asked for after an orbit is taken; None if the rest could not be filled up.

    Args:
        number: of the space group.
        available: as in `can_fill`.
        counts: as in `can_fill`.
        species: index in `counts` of the species that takes the orbit.
        size: atoms of the orbit.
        fixed: whether the orbit has no free coordinate.
    """
    asked, vacant = list(counts), list(available)
    asked[species] -= size
    if fixed:
        vacant[sites_of(number).fixed.index(size)] -= 1
    if asked[species] < 0 or min(vacant, default=0) < 0:
        return None
    left = tuple(vacant), tuple(asked)
    return left if can_fill(number, *left) else None
