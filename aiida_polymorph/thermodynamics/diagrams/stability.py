"""How probable it is that each phase is the stable one, at each place and anywhere, with anharmonic parts unknown.

Before there are any dynamics the anharmonic parts are drawn from their prior: how far above the lowest phase another
one may lie and still be stable follows from the highest temperature and the compound, not from a number set by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.refinement import Candidate, check_candidates

DRAWS = 4000
"""Of all phases together: a probability of 0.01 is told to 0.0016."""

CHANCE = 0.01
"""Phases less probable to be stable anywhere are dropped."""


@dataclass(frozen=True, eq=False)
class StabilityOdds:
    """Probabilities to be the stable phase; f phases, n places of the grid.

    Attributes:
        names: Of the phases.
        anywhere: Probability to be stable at one place of the grid or more, shape (f,).
        at_places: Probability to be stable at each place, shape (f, n); nan where no phase exists.
        bound: Below which a phase is dropped.
    """

    names: tuple[str, ...]
    anywhere: np.ndarray
    at_places: np.ndarray
    bound: float

    @property
    def kept(self) -> tuple[str, ...]:
        """Phases that may be stable."""
        return tuple(name for name, odds in zip(self.names, self.anywhere, strict=True) if odds >= self.bound)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Phases that are hardly stable anywhere."""
        return tuple(name for name in self.names if name not in self.kept)


def stability(
    candidates: Sequence[Candidate], bound: float = CHANCE, draws: int = DRAWS, seed: int = 0
) -> StabilityOdds:
    """Return how probable each phase is to be stable, by draws of all phases' Gibbs energies over the whole grid.

    The errors of harmonic Gibbs energies are drawn as one offset a phase.

    Args:
        candidates: On one grid.
        bound: Probability below which a phase is dropped.
        draws: Number of draws.
        seed: Of the draws; a phase's draws depend on its place among the candidates.

    Raises:
        ValueError: If the candidates are not on one grid, or draws or bound are out of range.
    """
    check_candidates(candidates)
    if draws < 1 or not 0 <= bound <= 1:
        raise ValueError(f"draws are {draws}, must be 1 or more; the bound is {bound}, must be from 0 to 1")
    sources = np.random.SeedSequence(seed).spawn(len(candidates))
    shape = draws, len(candidates[0].harmonic.temperatures)
    lowest, winner = np.full(shape, np.inf), np.full(shape, -1)
    for number, (each, source) in enumerate(zip(candidates, sources, strict=True)):
        energies = drawn_energies(each, draws, np.random.default_rng(source))
        wins = energies < lowest
        winner[wins], lowest[wins] = number, energies[wins]
    is_stable = [winner == number for number in range(len(candidates))]
    exists = np.isfinite(lowest).any(axis=0)
    return StabilityOdds(
        names=tuple(each.name for each in candidates),
        anywhere=np.array([each.any(axis=1).mean() for each in is_stable]),
        at_places=np.where(exists, [each.mean(axis=0) for each in is_stable], np.nan),
        bound=bound,
    )


def drawn_energies(candidate: Candidate, draws: int, generator: np.random.Generator) -> np.ndarray:
    """Return Gibbs energies of a phase over the grid, eV per formula unit, shape (draws, n); nan where it is not."""
    points = candidate.harmonic
    offsets = generator.standard_normal((draws, 1)) * np.nan_to_num(points.error)
    more = candidate.model.draws(points.temperatures, points.pressures_gpa, draws, generator)
    return points.gibbs_energy + offsets + more
