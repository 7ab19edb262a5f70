"""The line on which two phases have the same Gibbs energy, followed from a crossing.

A step along dP/dT = dS/dV (Clausius and Clapeyron) predicts the next point, Newton steps on the difference of the Gibbs
energies correct it. The line is followed by its length, in units of the range in T and P that both phases have, so that
it may be upright (dV = 0) or turn back. It ends where one of the two phases has no values any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhaseSurface
from aiida_polymorph.units import GPA

STEP = 1 / 24
"""Length of a step, in units of the common range."""

SHORTEST = 1e-5
"""Steps shorter than this end a line, in the same units."""

MOST_STEPS = 500
HALVINGS = 36
NEWTON_STEPS = 20
CONVERGED = 1e-12
"""Length of the last Newton step, in units of the common range."""

DIVISIONS = 6
"""Of each cell of the grids, where crossings are looked for."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two phases, with points in units of their common range, shape (2,): temperature, pressure."""

    first: PhaseSurface
    second: PhaseSurface
    low: np.ndarray
    size: np.ndarray

    @classmethod
    def of(cls, first: PhaseSurface, second: PhaseSurface) -> Pair | None:
        """Return the pair, None if the two have no range in common."""
        bounds = [
            (max(a[0], b[0]), min(a[-1], b[-1]))
            for a, b in ((first.temperatures, second.temperatures), (first.pressures_gpa, second.pressures_gpa))
        ]
        low, high = np.array(bounds).T
        return cls(first, second, low, np.where(high > low, high - low, 1.0)) if np.all(high >= low) else None

    def real(self, point: np.ndarray) -> np.ndarray:
        """Return temperature (K) and pressure (GPa), shape (..., 2)."""
        return self.low + point * self.size

    def known(self, point: np.ndarray) -> bool:
        """Whether both phases have values there."""
        t, p = self.real(point)
        return bool(np.isfinite(self.first.error(t, p) + self.second.error(t, p)))

    def difference(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the Gibbs energy of the second less the first, eV, and its gradient in units of the range."""
        t, p = self.real(point)
        one, other = self.first.polynomial(t, p), self.second.polynomial(t, p)
        gradient = np.array([one.entropy - other.entropy, (other.volume - one.volume) * GPA])
        return float(other.gibbs_energy - one.gibbs_energy), gradient * self.size

    def on_mesh(self) -> np.ndarray:
        """Return the differences on a mesh, shape (t, p), nan where one has no value."""
        t, p = np.meshgrid(*self._mesh(), indexing="ij")
        return self.second.evaluate(t, p).gibbs_energy - self.first.evaluate(t, p).gibbs_energy

    def crossings(self) -> list[np.ndarray]:
        """Return points where the difference is zero along lines of the mesh, shape (2,) each."""
        axes = [(values - low) / size for values, low, size in zip(self._mesh(), self.low, self.size, strict=True)]
        values = self.on_mesh()
        found = [np.array([axes[0][i], axes[1][j]]) for i, j in np.argwhere(values == 0)]
        for axis in (1, 0):
            ahead = np.moveaxis(values, axis, 0)
            changes = np.moveaxis(ahead[:-1] * ahead[1:] < 0, 0, axis)
            for index in np.argwhere(changes):
                start = np.array([axes[0][index[0]], axes[1][index[1]]])
                unit = np.eye(2)[axis]
                width = axes[axis][index[axis] + 1] - axes[axis][index[axis]]
                found.append(start + self._zero(start, unit, width) * unit)
        return found

    def _zero(self, start: np.ndarray, unit: np.ndarray, width: float) -> float:
        """Return how far along a direction the difference is zero."""
        from scipy.optimize import brentq

        def difference(way: float) -> float:
            return self.difference(start + way * unit)[0]

        ends = difference(0.0), difference(width)
        # On the mesh the signs differ; here rounding may have them alike where one is next to nothing.
        if ends[0] * ends[1] >= 0:
            return 0.0 if abs(ends[0]) < abs(ends[1]) else width
        return float(brentq(difference, 0.0, width, xtol=1e-13))

    def _mesh(self) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.low, self.low + self.size
        grids = (
            (self.first.temperatures, self.second.temperatures),
            (self.first.pressures_gpa, self.second.pressures_gpa),
        )
        t, p = (_mesh_line(np.union1d(*grid), low[i], high[i]) for i, grid in enumerate(grids))
        return t, p


def _mesh_line(grid: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return the values of a grid within bounds, with others between them."""
    inside = grid[(grid >= low) & (grid <= high)]
    between = [np.linspace(a, b, DIVISIONS, endpoint=False) for a, b in pairwise(inside)]
    return np.concatenate([*between, inside[-1:]])


def trace(pair: Pair, start: np.ndarray) -> np.ndarray:
    """Return the line through a crossing, from lower to higher temperature, shape (points, 2)."""
    forward, backward = (_walk(pair, start, sign) for sign in (1.0, -1.0))
    line = np.array([*reversed(backward), start, *forward])
    return line if tuple(line[0]) <= tuple(line[-1]) else line[::-1]


def _walk(pair: Pair, start: np.ndarray, sign: float) -> list[np.ndarray]:
    """Return the points of a line on one side of a crossing, up to where a phase ends, or back at the crossing."""
    found: list[np.ndarray] = []
    point, direction = start, sign * _tangent(pair, start)
    for _ in range(MOST_STEPS):
        following = _step(pair, point, direction)
        if following is None:
            break
        found.append(following)
        if len(found) > 2 and np.linalg.norm(following - start) < 0.9 * STEP:
            break
        turned = _tangent(pair, following)
        point, direction = following, turned * (1.0 if turned @ direction >= 0 else -1.0)
    return found


def _tangent(pair: Pair, point: np.ndarray) -> np.ndarray:
    """Return the direction of the line by Clausius and Clapeyron, of length 1."""
    along_t, along_p = pair.difference(point)[1]
    return np.array([along_p, -along_t]) / max(float(np.hypot(along_t, along_p)), 1e-300)


def _step(pair: Pair, point: np.ndarray, direction: np.ndarray) -> np.ndarray | None:
    """Return the next point: a full step away, or the last one before the line ends; None if that is here."""
    best = _corrected(pair, point, STEP, direction)
    if best is not None:
        return best
    low, high = 0.0, STEP
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        there = _corrected(pair, point, middle, direction)
        low, high, best = (middle, high, there) if there is not None else (low, middle, best)
    return best if low > SHORTEST else None


def _corrected(pair: Pair, point: np.ndarray, step: float, direction: np.ndarray) -> np.ndarray | None:
    """Return the point of the line next to the predicted one, None if there is none or a phase has no value there."""
    there = newton(pair, point + step * direction)
    close = there is not None and np.linalg.norm(there - point - step * direction) < 0.5 * step
    return there if close and there is not None and pair.known(there) else None


def newton(pair: Pair, point: np.ndarray) -> np.ndarray | None:
    """Return the point of the line that Newton steps along the steepest slope lead to, None if they lead nowhere."""
    for _ in range(NEWTON_STEPS):
        value, gradient = pair.difference(point)
        steepness = float(gradient @ gradient)
        if not steepness > 0:
            return None
        move = -value * gradient / steepness
        point = point + move
        if np.linalg.norm(move) < CONVERGED:
            return point
    return None


def with_temperatures(pair: Pair, line: np.ndarray, temperatures: Sequence[float] = ()) -> np.ndarray:
    """Return a line with points added at the temperatures of the phases' grids, and at others (K)."""
    grid = np.unique(np.concatenate([pair.first.temperatures, pair.second.temperatures, temperatures]))
    points = [line[0]]
    for before, after in pairwise(line):
        low, high = sorted((before[0], after[0]))
        levels = [t for t in (grid - pair.low[0]) / pair.size[0] if low + SHORTEST < t < high - SHORTEST]
        levels = levels if before[0] <= after[0] else levels[::-1]
        added = [_at_temperature(pair, before, after, level) for level in levels]
        points += [each for each in added if each is not None and pair.known(each)] + [after]
    return np.array(points)


def _at_temperature(pair: Pair, before: np.ndarray, after: np.ndarray, level: float) -> np.ndarray | None:
    """Return the point of a line at a temperature between two of its points, None if it can't be found."""
    share = (level - before[0]) / (after[0] - before[0])
    point = np.array([level, before[1] + share * (after[1] - before[1])])
    for _ in range(NEWTON_STEPS):
        value, gradient = pair.difference(point)
        move = -value / gradient[1] if gradient[1] else np.inf
        if not abs(move) < STEP:
            return None
        point = point + np.array([0.0, move])
        if abs(move) < CONVERGED:
            return point
    return None
