"""Which state points to compute next: those that tell contending phases apart at the least cost.

A state point is worth by how much it is expected to lower the excess of all contests (`Contests.excess`: the logarithm
of error over tolerance, as long as it is above 0), for its cost. Among points that decide as much, those near the line,
which leave smaller errors, count more. The errors of a Gaussian process do not depend on what will be found, so a batch
is chosen one by one, each after those before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.contests import Contests
from aiida_polymorph.thermodynamics.diagrams.point_options import Mesh, Options
from aiida_polymorph.thermodynamics.diagrams.refinement import Candidate
from aiida_polymorph.thermodynamics.surfaces.anharmonic import PointErrors

LEAST_GAIN = 1e-3
"""Excess that a state point must take off all contests together."""

MOST = 200
"""State points up to which the effort is estimated."""


@dataclass(frozen=True)
class NextPoint:
    """A state point to compute.

    Attributes:
        phase: Its name.
        temperature: K.
        pressure_gpa: GPa.
        cost: In the unit of the candidates.
        gain: Excess that it is expected to take off all contests together.
    """

    phase: str
    temperature: float
    pressure_gpa: float
    cost: float
    gain: float


@dataclass(frozen=True)
class Effort:
    """What it would take to decide what is open.

    Attributes:
        points: State points still to compute.
        cost: Of them, in the unit of the candidates.
        is_enough: Whether everything would be decided by them; else no place of the mesh helps any more.
        left: Number of contests that stay open.
    """

    points: int
    cost: float
    is_enough: bool
    left: int


def next_points(
    candidates: Sequence[Candidate],
    contests: Contests,
    mesh: Mesh,
    expected: Mapping[str, PointErrors],
    number: int = 4,
) -> list[NextPoint]:
    """Return the state points to compute next, the most telling one for its cost first; none if all is decided.

    Places where a phase does not exist, was lost, or has a Gibbs energy by dynamics already are left out.

    Args:
        candidates: The phases.
        contests: Those of `contests.open_contests`.
        mesh: Where state points may be.
        expected: Errors of a state point of each phase by its name.
        number: Of state points at most.

    Raises:
        ValueError: If the expected errors of a phase are missing, or none of them is a number.
    """
    return _search(candidates, contests, mesh, expected, number)[0]


def effort(
    candidates: Sequence[Candidate], contests: Contests, mesh: Mesh, expected: Mapping[str, PointErrors]
) -> Effort:
    """Return about how many more state points it takes to decide everything, at most `MOST`, and what they cost.

    An estimate: lines move with what is found, and so do the places that count.

    Args:
        candidates: The phases.
        contests: Those of `contests.open_contests`.
        mesh: Where state points may be.
        expected: Errors of a state point of each phase by its name.

    Raises:
        ValueError: If the expected errors of a phase are missing, or none of them is a number.
    """
    points, variances = _search(candidates, contests, mesh, expected, MOST)
    left = int(np.count_nonzero(contests.excess(variances)))
    return Effort(len(points), float(sum(each.cost for each in points)), left == 0, left)


def _search(
    candidates: Sequence[Candidate],
    contests: Contests,
    mesh: Mesh,
    expected: Mapping[str, PointErrors],
    most: int,
) -> tuple[list[NextPoint], np.ndarray]:
    """Return state points one after the other, and the variances of the contests that they are expected to leave."""
    if missing := [each.name for each in candidates if not np.isfinite(expected.get(each.name, ())).any()]:
        raise ValueError(f"the expected errors of {', '.join(missing)} are missing")
    options = [Options.of(each, contests, mesh, expected[each.name]) for each in candidates]
    variances, chosen = contests.variances(candidates), list[NextPoint]()
    while len(chosen) < most:
        gains, worth = zip(*(each.gains(variances) for each in options), strict=True)
        worth = [np.where(gain > LEAST_GAIN, each, 0.0) for gain, each in zip(gains, worth, strict=True)]
        phase = int(np.argmax([each.max(initial=0.0) for each in worth]))
        if not worth[phase].max(initial=0.0) > 0:
            break
        best, of = int(worth[phase].argmax()), options[phase]
        place = float(of.temperatures[best]), float(of.pressures_gpa[best])
        chosen.append(NextPoint(of.candidate.name, *place, of.candidate.cost, float(gains[phase][best])))
        variances[of.own] -= of.reductions[best]
        options[phase] = of.after(best)
    return chosen, variances
