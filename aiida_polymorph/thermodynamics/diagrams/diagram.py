"""The phase diagram over temperature and pressure: the stable phases, the lines between them, and what is open."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine

FATES = ("stable", "metastable", "not metastable", "unknown")
"""What becomes of a phase: the stable one somewhere; known, but never the stable one; lost wherever it was looked
for; without a value."""


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """The stable phase over a grid of t temperatures and p pressures; f phases.

    Attributes:
        names: Names of all phases.
        temperatures: K, shape (t,).
        pressures_gpa: GPa, shape (p,).
        stable: Index of the stable phase, shape (t, p); -1 where no phase is known.
        probability: Probability that this phase is the stable one among the known ones, from the errors of the Gibbs
            energies, shape (t, p); nan where none is known.
        above_stable: The least that each phase lies above the stable one anywhere on the grid, eV per formula unit,
            shape (f,); nan for a phase that is known nowhere on it.
        known: Share of the state points of the grid at which each phase has a value, shape (f,).
        lines: Coexistence lines between stable phases.
    """

    names: tuple[str, ...]
    temperatures: np.ndarray
    pressures_gpa: np.ndarray
    stable: np.ndarray
    probability: np.ndarray
    above_stable: np.ndarray
    known: np.ndarray
    lines: tuple[CoexistenceLine, ...]

    def fate(self, name: str, lost: bool = False) -> str:
        """Return what becomes of a phase, one of `FATES`.

        Args:
            name: The phase.
            lost: Whether the phase was seen to turn into something else.

        Raises:
            ValueError: If there is no such phase.
        """
        if name not in self.names:
            raise ValueError(f"phase {name!r} is not among {', '.join(self.names)}")
        phase = self.names.index(name)
        if (self.stable == phase).any():
            return "stable"
        if self.known[phase] > 0:
            return "metastable"
        return "not metastable" if lost else "unknown"


@dataclass(frozen=True)
class Undecided:
    """A part of the diagram that is not known well enough.

    Attributes:
        first, second: The phases between which a line is not known; None where no phase has a value.
        temperatures: Lowest and highest, K.
        pressures_gpa: Lowest and highest, GPa.
        error_gpa: The largest error of the line's pressure, GPa; None where no phase has a value.
        reason: What is missing.
    """

    first: str | None
    second: str | None
    temperatures: tuple[float, float]
    pressures_gpa: tuple[float, float]
    error_gpa: float | None
    reason: str


def energies_to_grid(energies: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the stable phases of a grid, how near to them each phase comes, and how often each is known.

    Args:
        energies: Gibbs energies of all phases, eV per formula unit, shape (f, t, p); nan where unknown.

    Returns:
        `stable`, `above_stable` and `known` of `PhaseDiagram`.
    """
    known = np.isfinite(energies)
    filled = np.where(known, energies, np.inf)
    lowest = filled.min(axis=0)
    stable = np.where(known.any(axis=0), filled.argmin(axis=0), -1)
    above = np.where(known, filled - np.where(np.isfinite(lowest), lowest, 0.0), np.inf).min(axis=(1, 2))
    return stable, np.where(np.isfinite(above), above, np.nan), known.mean(axis=(1, 2))


def check_grid(name: str, values: np.ndarray) -> np.ndarray:
    """Return the values of one axis of a diagram as an array.

    Raises:
        ValueError: If there are fewer than two, or they don't rise.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) < 2 or np.any(np.diff(values) <= 0):
        raise ValueError(f"{name} must be at least two rising values, got {values.tolist()}")
    return values


def neighbours(stable: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of phases that touch on the grid, sorted; stable has shape (t, p), -1 counts for none."""
    sides = [(stable[1:], stable[:-1]), (stable[:, 1:], stable[:, :-1]), (stable[1:, 1:], stable[:-1, :-1])]
    pairs = {tuple(sorted(map(int, pair))) for a, b in sides for pair in zip(a.ravel(), b.ravel(), strict=True)}
    return sorted((a, b) for a, b in pairs if a != b and a >= 0)


def undecided(diagram: PhaseDiagram, error_gpa: float) -> list[Undecided]:
    """Return which parts of a diagram are not known to an error.

    Args:
        diagram: All of it.
        error_gpa: The largest standard error of a line's pressure that will do, GPa.

    Raises:
        ValueError: If that error is not positive.
    """
    if not error_gpa > 0:
        raise ValueError(f"the error of the pressures is {error_gpa} GPa, must be positive")
    return [*_vague_lines(diagram, error_gpa), *_empty_part(diagram)]


def _vague_lines(diagram: PhaseDiagram, error_gpa: float) -> list[Undecided]:
    found = []
    for line in diagram.lines:
        vague = ~(line.errors_gpa <= error_gpa)
        if vague.any():
            temperatures, pressures_gpa = line.temperatures[vague], line.pressures_gpa[vague]
            reason = f"the error of the pressure is larger than {error_gpa:g} GPa"
            largest = float(line.errors_gpa[vague].max())
            found.append(Undecided(*line.phases, _ends(temperatures), _ends(pressures_gpa), largest, reason))
    return found


def _empty_part(diagram: PhaseDiagram) -> list[Undecided]:
    rows, columns = np.nonzero(diagram.stable < 0)
    if len(rows) == 0:
        return []
    reason = f"no phase has a value at {len(rows)} of {diagram.stable.size} state points"
    temperatures, pressures_gpa = diagram.temperatures[rows], diagram.pressures_gpa[columns]
    return [Undecided(None, None, _ends(temperatures), _ends(pressures_gpa), None, reason)]


def _ends(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())
