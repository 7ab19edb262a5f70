"""Overlapping atoms of a symmetric structure are pushed apart, one atom of each orbit standing for all."""

from __future__ import annotations

import numpy as np

from aiida_polymorph.search.cells import reduce_cell
from aiida_polymorph.search.frames import Frame
from aiida_polymorph.search.occupation import Orbit
from aiida_polymorph.search.separations import OVERSHOOT, images_within

ROUNDS = (5, 10, *6 * (15,))
"""Pushes until neighbours are listed anew."""
SLOWEST = 0.95
"""What a push leaves of the overlap, at most, in the mean over a round; few structures that are slower get there."""
SKIN = 0.7
"""Angstrom: pairs this much farther apart than they need are followed through a round as well."""
LARGEST_STRAIN = 0.06
"""Of the cell in a push."""
IDENTITY = np.eye(3)


class Crowd:
    """Orbits in a cell; k orbits, n atoms. Positions and cell change, the symmetry stays.

    The first atom of each orbit is pushed by all its neighbours, as far as its element of symmetry lets it; the others
    follow. The cell gives way too, at constant volume and as far as its crystal system allows.

    Args:
        frame: space group and cell.
        orbits: which atoms there are.
        separations: minimum separations of all pairs of species, angstrom, shape (species, species).
    """

    def __init__(self, frame: Frame, orbits: list[Orbit], separations: np.ndarray) -> None:
        operations = np.concatenate([orbit.operations for orbit in orbits])
        species = np.array([orbit.species for orbit in orbits])
        self.sizes = np.array([len(orbit.operations) for orbit in orbits])
        self.orbit = np.repeat(np.arange(len(orbits)), self.sizes)
        self.turns, self.moves = frame.turns[operations], frame.moves[operations]
        self.firsts = np.flatnonzero(np.array([orbit.keepers for orbit in orbits])[self.orbit, operations])
        self.free = frame.to_fractional @ np.array([orbit.free for orbit in orbits]) @ frame.vectors
        self.symmetric_strain = frame.symmetric_strain
        self.needed = separations[species[:, None], species[self.orbit]]
        self.points, self.cell = np.array([orbit.point for orbit in orbits]), frame.cell
        self.volume = abs(np.linalg.det(self.cell))

    @property
    def atoms(self) -> np.ndarray:
        """All atoms, angstrom, shape (n, 3)."""
        return np.einsum("ij,ijk->ik", self.points[self.orbit], self.turns) + self.moves

    def apply(self, points: np.ndarray, strain: np.ndarray) -> None:
        """Put the first atoms at these points, shape (k, 3), and strain the rest; the volume stays."""
        cell = self.cell @ strain
        scale = (self.volume / abs(np.linalg.det(cell))) ** (1 / 3)
        self.points, self.moves, self.cell = points * scale, self.moves @ strain * scale, cell * scale

    def push_apart(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Return positions and cell once all atoms keep their separations; None if that isn't reached.

        Neighbours are listed anew in each round; the structure is done when a new list has no overlap.
        """
        allowed = np.inf
        for pushes in ROUNDS:
            pushing = Round(self)
            overlap = pushing.push()
            if not overlap:
                return self.result()
            if overlap > allowed:
                return None
            allowed = overlap * SLOWEST**pushes
            for _ in range(pushes - 1):
                if not pushing.push():
                    break
            self.apply(pushing.points, pushing.strain)
        return None

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions, in the cell, and the cell by its shortest vectors, right-handed."""
        cell = reduce_cell(self.cell)
        cell = cell if np.linalg.det(cell) > 0 else -cell
        return self.atoms @ np.linalg.inv(cell) % 1.0 @ cell, cell


class Round:
    """Pushes of the m pairs of a first atom and any atom that are within reach when the round begins.

    Args:
        crowd: whose pairs are listed, an atom's own images included.
    """

    def __init__(self, crowd: Crowd) -> None:
        first, second, self.vectors = _pairs_within(crowd, crowd.needed + SKIN)
        self.crowd, self.first, self.second = crowd, first, second
        needed = crowd.needed[first, second]
        self.squares, self.targets = needed**2, needed * OVERSHOOT
        self.weights = crowd.sizes[first]
        self.pairs = (first == np.arange(len(crowd.points))[:, None]).astype(float)
        self.points, self.strain = crowd.points, IDENTITY

    def push(self) -> float:
        """Move each overlapping pair apart by what it lacks, all at once, and strain the cell likewise.

        Returns:
            How much the overlapping pairs lacked in all before, angstrom; 0.0 if none overlapped.
        """
        squares = np.einsum("ij,ij->i", self.vectors, self.vectors)
        (overlapping,) = (squares < self.squares).nonzero()
        if not len(overlapping):
            return 0.0
        lengths = np.sqrt(squares[overlapping]) + 1e-9
        lacking = self.targets[overlapping] - lengths
        vectors, weights = self.vectors[overlapping], self.weights[overlapping]
        forces = vectors * (lacking / lengths)[:, None]
        moves = -0.5 * np.einsum("ij,ijk->ik", self.pairs[:, overlapping] @ forces, self.crowd.free)
        strain = self._strain((vectors.T * weights) @ forces, float(weights @ lengths**2))
        following = np.einsum("ij,ijk->ik", moves[self.crowd.orbit], self.crowd.turns)
        self.vectors = (self.vectors + following[self.second] - moves[self.first]) @ strain
        self.points, self.strain = (self.points + moves) @ strain, self.strain @ strain
        return float(lacking.sum())

    def _strain(self, virial: np.ndarray, scale: float) -> np.ndarray:
        """Return by what the cell is multiplied: no change of volume to first order."""
        strain = (self.crowd.symmetric_strain @ virial.ravel()).reshape(3, 3) / scale
        strain -= IDENTITY * (strain[0, 0] + strain[1, 1] + strain[2, 2]) / 3
        largest = max(strain.max(), -strain.min())
        return IDENTITY + (strain if largest <= LARGEST_STRAIN else strain * (LARGEST_STRAIN / largest))


def _pairs_within(crowd: Crowd, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List pairs of an orbit's first atom and any atom, images included, but for each atom and itself.

    Args:
        crowd: positions and cell.
        reach: largest distance for each orbit and atom, angstrom, shape (k, n).

    Returns:
        The orbit and the atom, each of shape (m,), and the vectors between, angstrom, shape (m, 3).
    """
    images = images_within(crowd.cell, float(reach.max())) @ crowd.cell
    between = crowd.atoms - crowd.points[:, None]
    between -= np.rint(between @ np.linalg.inv(crowd.cell)) @ crowd.cell
    squares = between @ (2 * images.T) + np.square(images).sum(axis=1)
    near = squares < (reach**2 - np.square(between).sum(axis=2))[:, :, None]
    near[np.arange(len(between)), crowd.firsts, len(images) // 2] = False
    first, second, image = np.nonzero(near)
    return first, second, between[first, second] + images[image]
