"""How well lines are known, what is open, and what error state points may have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.contests import Contests
from aiida_polymorph.thermodynamics.diagrams.diagram import Undecided
from aiida_polymorph.thermodynamics.diagrams.refinement import Candidate
from aiida_polymorph.units import GPA

POINTS_SHARE = 0.5
"""Share of a line's variance that the state points of both phases may have; what lies between them has the rest."""


class LineError(NamedTuple):
    """How well a line is known at one of its points.

    Attributes:
        first: The phase of lower pressure.
        second: The other phase.
        temperature: K.
        pressure_gpa: GPa.
        error_gpa: Standard error of the pressure, GPa; infinite for equal volumes.
        error_k: Standard error of the temperature, K; infinite for equal entropies.
        is_sharp: Whether the line is known there as well as asked.
    """

    first: str
    second: str
    temperature: float
    pressure_gpa: float
    error_gpa: float
    error_k: float
    is_sharp: bool


def line_errors(contests: Contests, candidates: Sequence[Candidate]) -> list[LineError]:
    """Return how well lines are known: the error of the difference of the Gibbs energies over |dV|, and over |dS|.

    Args:
        contests: Those of `contests.line_contests`.
        candidates: The phases.
    """
    variances = contests.variances(candidates)
    in_gpa, in_k = _as_line(contests, np.sqrt(variances))
    sharp = contests.excess(variances) == 0
    return [
        LineError(
            contests.names[contests.first[row]],
            contests.names[contests.second[row]],
            float(contests.temperatures[row]),
            float(contests.pressures_gpa[row]),
            float(in_gpa[row]),
            float(in_k[row]),
            bool(sharp[row]),
        )
        for row in range(len(sharp))
    ]


def undecided_parts(contests: Contests, candidates: Sequence[Candidate]) -> list[Undecided]:
    """Return what is open, one part for each pair of phases, sorted by their names.

    Args:
        contests: Those of `contests.open_contests`.
        candidates: The phases.
    """
    in_gpa, _ = _as_line(contests, np.sqrt(contests.variances(candidates)))
    pairs = np.sort(np.column_stack([contests.first, contests.second]), axis=1)
    parts = [np.flatnonzero((pairs == pair).all(axis=1)) for pair in np.unique(pairs, axis=0)]
    return sorted((_part(contests, rows, in_gpa) for rows in parts), key=lambda part: (part.first, part.second))


def target_error(volume_difference: float, pressure_gpa: float = 0.5, share: float = POINTS_SHARE) -> float:
    """Return the error that each of two phases' Frenkel-Ladd points may have for a line as sharp as asked.

    Args:
        volume_difference: Of the two phases, angstrom^3 per formula unit.
        pressure_gpa: Wanted standard error of the line, GPa.
        share: Of the variance of the line, for the points of both phases.

    Returns:
        eV per formula unit: with the defaults and 3 angstrom^3, 0.0047 eV.
    """
    return float(np.sqrt(share / 2) * abs(volume_difference) * GPA * pressure_gpa)


def target_error_of(contests: Contests, name: str, share: float = POINTS_SHARE) -> float:
    """Return the error that state points of a phase may have to decide its contests, eV per formula unit.

    The smallest tolerance counts; infinite for a phase without contests.

    Args:
        contests: Open ones.
        name: Of the phase.
        share: As for `target_error`.

    Raises:
        ValueError: If there is no such phase.
    """
    if name not in contests.names:
        raise ValueError(f"phase {name!r} is not among {', '.join(contests.names)}")
    return float(np.sqrt(share / 2) * contests.tolerance[contests.of(name)].min(initial=np.inf))


def _as_line(contests: Contests, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return errors of differences of Gibbs energies as those of a line, GPa and K."""
    with np.errstate(divide="ignore"):
        in_gpa = errors / np.abs(contests.volume_difference) / GPA
        return in_gpa, errors / np.abs(contests.entropy_difference)


def _part(contests: Contests, rows: np.ndarray, in_gpa: np.ndarray) -> Undecided:
    """Describe the open contests of one pair: those on the line if there are any."""
    on_line = rows[contests.gap[rows] == 0]
    rows = on_line if len(on_line) else rows
    first, second = (contests.names[each[rows[0]]] for each in (contests.first, contests.second))
    reason = "the line is not as sharp as asked" if len(on_line) else f"{second} may be the stable phase instead"
    t, p = contests.temperatures[rows], contests.pressures_gpa[rows]
    bounds = (float(t.min()), float(t.max())), (float(p.min()), float(p.max()))
    return Undecided(first, second, *bounds, float(in_gpa[rows].max()), reason)
