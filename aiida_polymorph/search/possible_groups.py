"""Which space groups can hold a composition in a primitive cell.

Two things can be in the way. The sizes of a group's orbits may not add up to the atoms (`orbits.can_fill`). Or all
sites that are small enough repeat in a smaller cell, as the axes of P4cc do, which have an atom at z and one at
z + 1/2: the structure then has half the formula units in its primitive cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product

import numpy as np

from aiida_polymorph.search.orbits import can_fill, left_after, sites_of
from aiida_polymorph.search.space_groups import GRID, NUMBERS, SpaceGroup, space_group

LARGEST_ORDER = 48
PLACES = GRID ** np.arange(3)
HALVES = np.array(list(product((0, 1), repeat=3)))[1:] * (GRID // 2)
THIRDS = np.array(list(product((0, 1, 2), repeat=3)))[1:14] * (GRID // 3)
TRANSLATIONS = np.concatenate([HALVES, THIRDS]) @ PLACES
"""Halves and thirds of vectors of the lattice, one of each pair of opposite ones: any smaller cell has one of them."""
ALL_KEPT = 2 ** len(TRANSLATIONS) - 1
SAMPLE = 8
"""Points of a kind of site that are looked at first."""


def possible_groups(
    counts: Mapping[str, int],
    formula_units: int,
    low: int = NUMBERS[0],
    high: int = NUMBERS[-1],
    operations: int | tuple[int, int] | None = None,
) -> tuple[int, ...]:
    """Return the numbers of the space groups whose sites can hold so many formula units in a primitive cell.

    Args:
        counts: atoms of each element in a formula unit.
        formula_units: in the primitive cell.
        low: smallest number of a space group.
        high: largest number of a space group.
        operations: number of operations of the primitive cell (the order of the point group), or the smallest and
            largest such number; None for any.
    """
    least, most = (1, LARGEST_ORDER) if operations is None else np.broadcast_to(operations, 2).tolist()
    return _possible_groups(tuple(sorted(n * formula_units for n in counts.values())), low, high, least, most)


@lru_cache(maxsize=1024)
def _possible_groups(counts: tuple[int, ...], low: int, high: int, least: int, most: int) -> tuple[int, ...]:
    return tuple(
        number
        for number in range(low, high + 1)
        if least <= space_group(number).order <= most and can_hold(number, counts)
    )


def can_hold(number: int, counts: tuple[int, ...]) -> bool:
    """Tell whether a space group has sites for the atoms of each species that don't all repeat in a smaller cell."""
    available = sites_of(number).available
    return can_fill(number, available, counts) and _can_break(number, available, counts, ALL_KEPT)


@lru_cache(maxsize=2**16)
def _can_break(number: int, available: tuple[int, ...], counts: tuple[int, ...], kept: int) -> bool:
    """Tell whether orbits that fill up the cell can break all translations that are kept so far, bits of `kept`."""
    species = next((i for i, count in enumerate(counts) if count), None)
    if species is None:
        return False
    for kind in sites_of(number).kinds:
        left = left_after(number, available, counts, species, *kind)
        if left is None:
            continue
        remain = [kept & pattern for pattern in kept_translations(number)[kind]]
        if 0 in remain or any(_can_break(number, *left, each) for each in remain):
            return True
    return False


@lru_cache(maxsize=len(NUMBERS))
def kept_translations(number: int) -> Mapping[tuple[int, bool], frozenset[int]]:
    """Return which of TRANSLATIONS take an orbit to itself, for each kind of site the different sets that occur.

    A kind is the size of the orbit and whether it has no free coordinate; a set is an integer, whose bits are the
    translations. Sets that hold another one of the same kind are left out.
    """
    group, kept = space_group(number), {}
    for kind, points in sites_of(number).points.items():
        patterns = _patterns(group, points[:: max(1, len(points) // SAMPLE)])
        if 0 not in patterns:
            patterns = _patterns(group, points)
        kept[kind] = frozenset(p for p in patterns if not any(p & q == q != p for q in patterns))
    kept[group.order, False] = frozenset([0])
    return kept


def _patterns(group: SpaceGroup, points: np.ndarray) -> set[int]:
    """Return the sets of translations that take the orbits of these points, in units of 1/GRID, to themselves."""
    images = points @ group.rotations.transpose(0, 2, 1) + group.shifts[:, None]
    codes = (images - points) % GRID @ PLACES
    kept = np.any(codes[:, :, None] == TRANSLATIONS, axis=0)
    return set((kept @ 2 ** np.arange(len(TRANSLATIONS))).tolist())
