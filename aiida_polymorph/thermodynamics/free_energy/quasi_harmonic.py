"""The quasi-harmonic approximation as a method: which cells it relaxes, and that it adds some where they are missing.

The formulas are in `quasi_harmonic_gibbs`. The phase is relaxed at 0 K and its pressure, then at the pressures of a
volume grid; where the minimum of the Gibbs energy lies outside of the cells, more of them are relaxed on that side. A
cell that is lost costs that cell only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from aiida_polymorph.lammps.settings import MinimiseSettings
from aiida_polymorph.thermodynamics.free_energy.assembly import minimised
from aiida_polymorph.thermodynamics.free_energy.equilibrated import Relaxed, lost
from aiida_polymorph.thermodynamics.free_energy.mean_cell import compute_phonons, refuse
from aiida_polymorph.thermodynamics.free_energy.methods import Found, Method, Phase
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.quasi_harmonic_gibbs import assemble_quasi_harmonic, further_pressures
from aiida_polymorph.thermodynamics.phonons.volume_grid import MOST_CELLS, GridCell, cell_reason, grid_pressures
from aiida_polymorph.thermodynamics.plan import Runner, Sample, StepFailedError, Task
from aiida_polymorph.thermodynamics.sampling.relaxed import relaxation_reason
from aiida_polymorph.thermodynamics.sampling.supercell import near_cubic_supercell

SAME_PRESSURE = 1e-6
"""Pressures this near, GPa, are one."""


class QuasiHarmonic(Method):
    """Phonons of several cells, without dynamics."""

    name = "harmonic"
    title = "quasi-harmonic approximation"
    parameters = frozenset({"target_error", "target_atoms", "convention", "symprec"})
    source = "harmonic"
    is_infinite = True

    def follow(self, phase: Phase, asked: FreeEnergyParameters, runner: Runner) -> Found:
        """Return the Gibbs energy, or why the phase is no minimum at 0 K."""
        supercell = near_cubic_supercell(phase.atoms, asked.target_atoms, asked.symprec).atoms
        first = _relax(Sample("supercell", supercell), asked.pressure_gpa, 0, runner)
        if first.reason:
            return refuse(asked, lost(phase, first, None, first.reason, first.atoms))
        cells, failed = _cells(phase, asked, first, runner)
        return Found(assemble_quasi_harmonic(asked, cells, failed))


def _cells(
    phase: Phase, asked: FreeEnergyParameters, first: Relaxed, runner: Runner
) -> tuple[list[GridCell], list[str]]:
    """Return the cells of the volume grid, as many as it takes, and why others are missing."""
    other = partial(_other_cell, phase, asked, Sample("relaxed", first.atoms), runner)
    tried, cells, failed = [asked.pressure_gpa], list[GridCell](), list[str]()
    branches: list[Callable[[], GridCell | str]] = [
        partial(_with_phonons, phase, asked, first, asked.pressure_gpa, 0, runner)
    ]
    wanted = grid_pressures(asked.pressure_gpa, asked.temperature, first.atoms.get_volume() / len(first.atoms))
    while True:
        new = _untried(wanted, tried)[: MOST_CELLS - len(tried)]
        branches += [partial(other, pressure_gpa, number) for number, pressure_gpa in enumerate(new, len(tried))]
        tried += new
        for found in runner.side_by_side(*branches):
            cells.append(found) if isinstance(found, GridCell) else failed.append(found)
        wanted = further_pressures(cells, asked.temperature, asked.pressure_gpa, asked.convention)
        branches = []
        if len(tried) >= MOST_CELLS or not _untried(wanted, tried):
            return cells, failed


def _untried(pressures_gpa: Sequence[float], tried: Sequence[float]) -> list[float]:
    return [each for each in pressures_gpa if not np.isclose(tried, each, atol=SAME_PRESSURE).any()]


def _other_cell(
    phase: Phase, asked: FreeEnergyParameters, sample: Sample, runner: Runner, pressure_gpa: float, number: int
) -> GridCell | str:
    """Return the crystal relaxed at another pressure, or why it is lost there."""
    try:
        relaxed = _relax(sample, pressure_gpa, number, runner)
        if relaxed.reason:
            return f"no cell at {pressure_gpa:g} GPa: {relaxed.reason}"
        return _with_phonons(phase, asked, relaxed, pressure_gpa, number, runner)
    except StepFailedError as error:
        return f"no cell at {pressure_gpa:g} GPa: {error}"


def _relax(sample: Sample, pressure_gpa: float, number: int, runner: Runner) -> Relaxed:
    """Return a crystal relaxed at 0 K and a pressure; beside the first cell it may not have burst either."""
    task = Task(f"minimise_{number:02d}", "minimise", sample, MinimiseSettings(pressure_gpa))
    after, static = minimised(sample.atoms, runner.run(task).arrays)
    verdict = cell_reason if number else relaxation_reason
    return Relaxed(after, static, verdict(sample.atoms, after))


def _with_phonons(
    phase: Phase, asked: FreeEnergyParameters, relaxed: Relaxed, pressure_gpa: float, number: int, runner: Runner
) -> GridCell:
    phonons = compute_phonons(phase, relaxed.atoms, asked.symprec, runner, f"_{number:02d}")
    return GridCell(pressure_gpa, relaxed.atoms, relaxed.static, phonons)
