"""Atoms on the sites of a space group: which orbits are taken, and where their points lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aiida_polymorph.search.frames import Frame
from aiida_polymorph.search.orbits import left_after, sites_of
from aiida_polymorph.search.space_groups import GRID, space_group

ROUNDS = 5
"""So often a point is moved to the mean of its close images before it is given up."""
SAME = 1e-6
"""Angstrom: images nearer than this are one atom."""
NEAREST_IMAGES = (0.5, 1.0)
"""Images of an atom nearer than this multiple of its minimum separation become one; drawn uniformly for each atom."""


@dataclass(frozen=True, eq=False)
class Orbit:
    """An atom and its images, m in all.

    Attributes:
        species: index of the species in the formula.
        point: one of the atoms, angstrom, shape (3,).
        operations: which operations of the frame lead to the m atoms, shape (m,).
        keepers: which operations leave the point in place, shape (h,), bool.
        free: projection of its displacements on those that keep the symmetry, for rows in the basis of the primitive
            cell, shape (3, 3).
    """

    species: int
    point: np.ndarray
    operations: np.ndarray
    keepers: np.ndarray
    free: np.ndarray


class Filling:
    """Orbits that are taken one by one such that the rest can always be filled up.

    Args:
        number: of the space group.
        counts: atoms of each species that are to be placed.
    """

    def __init__(self, number: int, counts: tuple[int, ...]) -> None:
        self.number, self.counts = number, counts
        self.sites = sites_of(number)
        self.available = self.sites.available
        self.taken: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether all atoms are placed."""
        return not any(self.counts)

    def left(self, species: int, size: int, fixed: bool) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """Return what is available and asked for after an orbit; None if the rest could not be filled up."""
        return left_after(self.number, self.available, self.counts, species, size, fixed)

    def take(self, species: int, size: int, place: int | None) -> bool:
        """Take an orbit, which `place` names if it has no free coordinate; False if that is not possible."""
        if place in self.taken or (left := self.left(species, size, place is not None)) is None:
            return False
        self.available, self.counts = left
        if place is not None:
            self.taken.add(place)
        return True

    def choices(self) -> list[tuple[int, int, bool]]:
        """Return each species, size of orbit and whether it has no free coordinate that can be taken next."""
        return [
            (species, *kind)
            for species in range(len(self.counts))
            for kind in self.sites.kinds
            if self.left(species, *kind) is not None
        ]


def occupy(frame: Frame, counts: tuple[int, ...], separations: np.ndarray, rng: np.random.Generator) -> list[Orbit]:
    """Return orbits that hold these numbers of atoms, which must be possible.

    Random points are moved onto the elements of symmetry that are near and taken while they fit; what is missing then
    is chosen among all sites that fit.

    Args:
        frame: space group and cell.
        counts: atoms of each species in the cell.
        separations: minimum separation of each species from itself, angstrom, shape (species,).
        rng: source of random numbers.
    """
    filling, orbits = Filling(frame.group.number, counts), []
    for species, point, keepers in _settled_points(frame, counts, separations, rng):
        operations, free, is_fixed = _images_of(frame.group.number, keepers.tobytes())
        place = _place(frame, point) if is_fixed else None
        if filling.take(species, len(operations), place):
            orbits.append(Orbit(species, point, operations, keepers, free))
        if filling.full:
            return orbits
    while not filling.full:
        orbits.append(_listed_orbit(frame, filling, rng))
    return orbits


def _settled_points(
    frame: Frame, counts: tuple[int, ...], separations: np.ndarray, rng: np.random.Generator
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Draw species and points, move them onto near elements of symmetry; give also which operations keep them."""
    total = sum(counts)
    number = 4 + 3 * total // frame.group.order
    species = np.searchsorted(np.cumsum(counts), rng.integers(total, size=number), side="right")
    reach = separations[species] * rng.uniform(*NEAREST_IMAGES, number)
    points = rng.random((number, 3)) @ frame.vectors
    points, close, settled = settle(frame, points, reach)
    for i in np.flatnonzero(settled):
        yield int(species[i]), points[i], close[i]


def settle(frame: Frame, points: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move points to the mean of their images within reach, until they stay; n points, h operations.

    Args:
        frame: space group and cell.
        points: Cartesian, angstrom, shape (n, 3).
        reach: angstrom, shape (n,).

    Returns:
        The points, which operations keep each in place, shape (n, h), and which have come to rest, shape (n,).
    """
    for _ in range(ROUNDS):
        away = frame.nearest(frame.images(points) - points[:, None])
        squares = np.einsum("ijk,ijk->ij", away, away)
        close = squares < (reach**2)[:, None]
        if not np.any(far := squares * close > SAME**2):
            break
        points = points + np.einsum("ijk,ij->ik", away, close / close.sum(axis=1)[:, None])
    return points, close, ~far.any(axis=1)


@lru_cache(maxsize=2**14)
def _images_of(number: int, keepers: bytes) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return what follows from which operations keep a point.

    Returns:
        Operations that lead to its different images; the projection of displacements on those that keep the symmetry,
        for rows in the basis of the primitive cell, shape (3, 3); whether there are none.
    """
    group, kept = space_group(number), np.frombuffer(keepers, dtype=bool)
    free = group.rotations[kept].mean(axis=0).T
    return np.unique(group.products[:, kept].min(axis=1)), free, bool(abs(np.trace(free)) < 0.5)


def _place(frame: Frame, point: np.ndarray) -> int:
    """Return a number that the orbit of a point without a free coordinate has to itself."""
    coordinates = np.rint(point @ frame.to_fractional * GRID).astype(int)
    images = (frame.group.rotations @ coordinates + frame.group.shifts) % GRID
    return int((images @ GRID ** np.arange(3)).min())


def _listed_orbit(frame: Frame, filling: Filling, rng: np.random.Generator) -> Orbit:
    """Take one of the orbits that fit, at a random place on its element of symmetry."""
    choices = filling.choices()
    while True:
        species, size, fixed = choices[rng.integers(len(choices))]
        point, keepers = _listed_point(frame, filling.sites.points.get((size, fixed)), rng)
        operations, free, _ = _images_of(frame.group.number, keepers.tobytes())
        if filling.take(species, size, _place(frame, point) if fixed else None):
            return Orbit(species, point, operations, keepers, free)


def _listed_point(frame: Frame, points: np.ndarray | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a random point on one of these special positions, or anywhere, and which operations keep it."""
    group = frame.group
    if points is None:
        return rng.random(3) @ frame.vectors, np.arange(group.order) == group.identity
    start = points[rng.integers(len(points))]
    keepers = np.all((group.rotations @ start + group.shifts - start) % GRID == 0, axis=1)
    along = rng.random(3) @ _images_of(group.number, keepers.tobytes())[1]
    return (start / GRID + along) @ frame.vectors, keepers
