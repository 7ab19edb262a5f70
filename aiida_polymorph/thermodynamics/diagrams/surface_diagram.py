"""The phase diagram from Gibbs energies over temperature and pressure: the stable phase among many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.coexistence import coexistence
from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram, check_grid, energies_to_grid, neighbours
from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhaseSurface

CELLS = 60
"""Cells of the grid of a diagram along each axis."""

DRAWS = 400
"""Of the probabilities."""


def stable_phases(surfaces: Sequence[PhaseSurface], temperatures: np.ndarray, pressures_gpa: np.ndarray) -> np.ndarray:
    """Return the index of the phase of lowest Gibbs energy, shape (t, p), -1 where no phase has a value.

    Args:
        surfaces: Of all phases.
        temperatures: K, shape (t,).
        pressures_gpa: GPa, shape (p,).
    """
    return energies_to_grid(_energies(surfaces, temperatures, pressures_gpa))[0]


def usual_grid(surfaces: Sequence[PhaseSurface], cells: int = CELLS) -> tuple[np.ndarray, np.ndarray]:
    """Return the temperatures (K) and pressures (GPa) of a diagram over all that the phases have.

    Raises:
        ValueError: If there is one temperature or one pressure only.
    """
    axes = [np.concatenate(each) for each in ([s.temperatures for s in surfaces], [s.pressures_gpa for s in surfaces])]
    if any(np.ptp(each) == 0 for each in axes):
        raise ValueError("a phase diagram needs two temperatures and two pressures or more")
    temperatures, pressures_gpa = (np.linspace(each.min(), each.max(), cells + 1) for each in axes)
    return temperatures, pressures_gpa


def stable_lines(
    surfaces: Sequence[PhaseSurface], temperatures: np.ndarray, pressures_gpa: np.ndarray
) -> list[CoexistenceLine]:
    """Return the lines between phases that touch as stable ones on a grid; other pairs are not looked at.

    Args:
        surfaces: Of all phases.
        temperatures: K, shape (t,).
        pressures_gpa: GPa, shape (p,).
    """
    pairs = neighbours(stable_phases(surfaces, temperatures, pressures_gpa))
    lines = []
    for pair in pairs:
        first, second = (surfaces[number] for number in pair)
        others = [surface for number, surface in enumerate(surfaces) if number not in pair]
        lines += [line for line in coexistence(first, second, others).lines if line.stable]
    return lines


def surface_diagram(
    surfaces: Sequence[PhaseSurface],
    lines: Sequence[CoexistenceLine],
    temperatures: np.ndarray,
    pressures_gpa: np.ndarray,
    seed: int = 0,
) -> PhaseDiagram:
    """Return the phase diagram over a grid; nothing is extrapolated beyond the values of each phase.

    The probability of a phase is that of Gibbs energies drawn with their errors, independent between phases.

    Args:
        surfaces: Of all phases, of one composition, convention and potential.
        lines: Those of `coexistence.all_lines`; the stable ones are taken.
        temperatures: Rising, K, at least two.
        pressures_gpa: Rising, GPa, at least two.
        seed: Of the draws.

    Raises:
        ValueError: For a grid with fewer than two values or falling ones.
    """
    temperatures, pressures_gpa = check_grid("temperatures", temperatures), check_grid("pressures", pressures_gpa)
    energies = _energies(surfaces, temperatures, pressures_gpa)
    stable, above, known = energies_to_grid(energies)
    errors = np.array([each.error(temperatures[:, None], pressures_gpa) for each in surfaces])
    draws = np.random.default_rng(seed).standard_normal((DRAWS, len(surfaces), 1, 1))
    hits = np.mean([energies_to_grid(energies + draw * errors)[0] == stable for draw in draws], axis=0)
    return PhaseDiagram(
        names=tuple(each.name for each in surfaces),
        temperatures=temperatures,
        pressures_gpa=pressures_gpa,
        stable=stable,
        probability=np.where(stable >= 0, hits, np.nan),
        above_stable=above,
        known=known,
        lines=tuple(line for line in lines if line.stable),
    )


def _energies(surfaces: Sequence[PhaseSurface], temperatures: np.ndarray, pressures_gpa: np.ndarray) -> np.ndarray:
    """Return the Gibbs energies, shape (phases, t, p), nan where unknown."""
    t, p = np.meshgrid(np.asarray(temperatures, float), np.asarray(pressures_gpa, float), indexing="ij")
    return np.array([each.evaluate(t, p).gibbs_energy for each in surfaces])
