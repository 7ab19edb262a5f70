"""The phase diagram from molecular dynamics: the stable phase among many, over temperature and pressure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.coexistence import PhaseLine
from aiida_polymorph.thermodynamics.diagrams.phase_diagram import CoexistenceLine, CoexistencePoint, PhaseDiagram
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhaseSurface

DRAWS = 400
"""Of the probabilities."""


def stable_phases(surfaces: Sequence[PhaseSurface], temperatures: np.ndarray, pressures: np.ndarray) -> np.ndarray:
    """Return the index of the phase of lowest Gibbs energy, shape (t, p), -1 where no phase has a value.

    Args:
        surfaces: of all phases.
        temperatures: K, shape (t,).
        pressures: GPa, shape (p,).
    """
    return _lowest(_energies(surfaces, temperatures, pressures))


def dynamics_diagram(
    surfaces: Sequence[PhaseSurface], lines: Sequence[PhaseLine], resolution: int = 120, seed: int = 0
) -> PhaseDiagram:
    """Return the phase diagram over all temperatures and pressures of the phases, for figures.

    The probability of a phase is that of Gibbs energies drawn with their errors, independent between phases.

    Args:
        surfaces: of all phases.
        lines: of `coexistence.all_lines`; those that are stable are taken.
        resolution: number of temperatures and of pressures.
        seed: of the draws.

    Raises:
        ValueError: if there is one temperature or pressure only.
    """
    axes = [np.concatenate(each) for each in ([s.temperatures for s in surfaces], [s.pressures for s in surfaces])]
    if any(np.ptp(each) == 0 for each in axes):
        raise ValueError("a phase diagram needs two temperatures and two pressures or more")
    temperatures, pressures = (np.linspace(each.min(), each.max(), resolution) for each in axes)
    energies = _energies(surfaces, temperatures, pressures)
    stable = _lowest(energies)
    errors = np.array([each.error(temperatures[:, None], pressures) for each in surfaces])
    draws = np.random.default_rng(seed).standard_normal((DRAWS, len(surfaces), 1, 1))
    hits = np.mean([_lowest(energies + draw * errors) == stable for draw in draws], axis=0)
    drawn = tuple(_for_figure(line) for line in lines if line.stable)
    names = tuple(each.name for each in surfaces)
    return PhaseDiagram(names, temperatures, pressures, stable, np.where(stable >= 0, hits, np.nan), drawn)


def _energies(surfaces: Sequence[PhaseSurface], temperatures: np.ndarray, pressures: np.ndarray) -> np.ndarray:
    """Return the Gibbs energies, shape (phases, t, p), nan where unknown."""
    t, p = np.meshgrid(np.asarray(temperatures, float), np.asarray(pressures, float), indexing="ij")
    return np.array([each.evaluate(t, p).gibbs_energy for each in surfaces])


def _lowest(energies: np.ndarray) -> np.ndarray:
    known = np.isfinite(energies)
    return np.where(known.any(axis=0), np.where(known, energies, np.inf).argmin(axis=0), -1)


def _for_figure(line: PhaseLine) -> CoexistenceLine:
    phases = (line.first, line.second)
    points = [
        CoexistencePoint(
            phases,
            point.temperature,
            point.pressure_gpa,
            abs(point.error_gpa / point.slope) if point.slope else np.nan,
            point.error_gpa,
            point.slope,
            line.stable,
        )
        for point in line.points
    ]
    return CoexistenceLine(phases, tuple(points))
