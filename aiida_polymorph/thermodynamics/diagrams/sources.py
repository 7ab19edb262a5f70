"""Sources of the Gibbs energies of a phase, and the best of them for a phase diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhasePoints

SOURCES = ("integration", "anharmonic", "harmonic", "basin")
"""Free energies by molecular dynamics over the whole region, the quasi-harmonic approximation corrected by molecular
dynamics at some state points, that approximation alone, basin entropies; the best first."""


@dataclass(frozen=True, eq=False)
class SourceEnergies:
    """Gibbs energies of one phase by one source.

    Attributes:
        phase: Its name.
        source: `integration`, `anharmonic` or `harmonic`.
        points: State points with values; None if there are none.
        lost: Temperature (K) and pressure (GPa) of the state points at which the phase is not metastable -> reason.
    """

    phase: str
    source: str
    points: PhasePoints | None
    lost: Mapping[tuple[float, float], str] = field(default_factory=dict)

    def without(self, lost: Mapping[tuple[float, float], str]) -> SourceEnergies:
        """Return the same without the state points at which another source has lost the phase."""
        if self.points is None:
            return self
        places = zip(self.points.temperatures.tolist(), self.points.pressures_gpa.tolist(), strict=True)
        return replace(
            self, points=chosen(self.points, np.array([place not in lost for place in places])), lost=dict(lost)
        )


def chosen(points: PhasePoints, mask: np.ndarray) -> PhasePoints | None:
    """Return some of the state points, by a mask of shape (n,); None where none is left."""
    if not mask.any():
        return None
    return PhasePoints(*(getattr(points, each.name)[mask] for each in fields(PhasePoints)))


def merged(parts: Sequence[PhasePoints]) -> PhasePoints | None:
    """Return the state points of several results; of two at the same state point the one with the smaller error."""
    if not parts:
        return None
    arrays = [np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(PhasePoints)]
    together = PhasePoints(*arrays)
    best = np.argsort(together.error, kind="stable")
    places = np.column_stack([together.temperatures, together.pressures_gpa])[best]
    first = best[np.sort(np.unique(places, axis=0, return_index=True)[1])]
    mask = np.zeros(len(best), dtype=bool)
    mask[first] = True
    return chosen(together, mask)


def best_sources(entries: Sequence[SourceEnergies]) -> list[SourceEnergies]:
    """Return one source for each phase: the first of `SOURCES` that has values.

    A worse source says nothing at state points where a better one has seen that the phase is not metastable.

    Args:
        entries: Of all phases, each source of a phase at most once.

    Returns:
        In the order in which the phases first occur.
    """
    return [_best([entry for entry in entries if entry.phase == phase]) for phase in _names(entries)]


def _names(entries: Sequence[SourceEnergies]) -> list[str]:
    return list(dict.fromkeys(entry.phase for entry in entries))


def _best(entries: Sequence[SourceEnergies]) -> SourceEnergies:
    """Return the best source of one phase."""
    lost: dict[tuple[float, float], str] = {}
    ranked = sorted(entries, key=lambda entry: SOURCES.index(entry.source))
    for entry in ranked:
        left = entry.without(lost) if lost else entry
        if left.points is not None:
            return left
        lost |= entry.lost
    return replace(ranked[0], lost=lost)
