"""Frenkel-Ladd by equilibrium sampling as a method: which runs with springs it needs, and what they add up to.

The formulas are in `frenkel_ladd`. First comes a short run at each strength of the springs, which shows how noisy the
integrand is there; then runs that are as long as the wanted error asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps.results import part
from aiida_polymorph.lammps.settings import EvaluateSettings, SpringsSettings
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.symmetry import unturned_primitive_cell
from aiida_polymorph.thermodynamics.free_energy.einstein import draw_displacements, einstein_free_energy, translation
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import (
    STIFFNESS,
    Quadrature,
    allot_steps,
    interaction_term,
    quadrature,
    springs_term,
    stage_mean,
    truncation_error,
)
from aiida_polymorph.thermodynamics.free_energy.mean_cell import MeanCellMethod
from aiida_polymorph.thermodynamics.free_energy.outcome import NEXT_SEED, Outcome, Target, scaled, springs_by_atom
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.plan import Arrays, Runner, Sample, Task
from aiida_polymorph.thermodynamics.sampling.series import Estimate, SeriesMean
from aiida_polymorph.units import KB

POINTS = 8
DRAWS = 100
PILOT_STEPS = 200
WEAK_PILOT_STEPS = 400
"""Of the weaker half of the springs, under which the crystal's own slow modes decide how many samples count."""


class Equilibrium(MeanCellMethod):
    """Springs of several strengths, each sampled in equilibrium."""

    name = "equilibrium"
    title = "Frenkel-Ladd with springs in equilibrium"
    dynamics = frozenset({"timestep_fs", "damping_fs", "equilibration_steps", "interval"})

    def route(self, crystal: Atoms, own: Mapping[str, float], asked: FreeEnergyParameters, runner: Runner) -> Outcome:
        """Return what runs with springs add up to, until the wanted error is reached or the steps are spent."""
        sample = Sample("drawn", crystal, draws(crystal, own, asked.temperature, asked.seed))
        drawn = Task("drawn", "evaluate", sample, EvaluateSettings(forces=False, commands="dynamics"))
        pilot = first_springs(own, asked.temperature, asked.seed, **asked.dynamics)
        energies, first = runner.side_by_side(
            lambda: runner.run(drawn).arrays["energies__energy"], lambda: self._run(runner, crystal, pilot, 0)
        )
        runs: list[tuple[SpringsSettings, Arrays]] = [(pilot, first)]
        while (following := next_springs(crystal, runs, energies, asked.target)) is not None:
            runs.append((following, self._run(runner, crystal, following, len(runs))))
        return digest_springs(crystal, runs, energies)[0]

    def _run(self, runner: Runner, crystal: Atoms, settings: SpringsSettings, number: int) -> Arrays:
        return runner.run(Task(f"springs_{number:02d}", "springs", Sample("perfect", crystal), settings)).arrays


def draws(atoms: Atoms, own: Mapping[str, float], temperature: float, seed: int) -> np.ndarray:
    """Return positions at which the energy is needed for A1, angstrom: the perfect crystal, then the samples.

    Args:
        atoms: the crystal in LAMMPS's frame.
        own: springs with the crystal's own displacements, eV/angstrom^2 (`frenkel_ladd.own_springs`).
        temperature: K.
        seed: of the samples.
    """
    stiff = STIFFNESS * springs_by_atom(atoms, own)
    displaced = draw_displacements(stiff, temperature, DRAWS, seed)
    return np.concatenate([atoms.positions[None], atoms.positions + displaced])


def first_springs(own: Mapping[str, float], temperature: float, seed: int, **settings: Any) -> SpringsSettings:
    """Return the first runs of the equilibrium route: all points, just long enough to see their noise."""
    rule = quadrature(POINTS, 1 / STIFFNESS)
    lengths = [WEAK_PILOT_STEPS if number < POINTS // 2 else PILOT_STEPS for number in range(POINTS)]
    stages = tuple((float(point), steps) for point, steps in zip(rule.points, lengths, strict=True))
    springs = {symbol: STIFFNESS * k for symbol, k in own.items()}
    return SpringsSettings(temperature, springs, stages, seed=seed, **settings)


def digest_springs(
    atoms: Atoms, runs: Sequence[tuple[SpringsSettings, Arrays]], energies: np.ndarray
) -> tuple[Outcome, Quadrature, np.ndarray, np.ndarray]:
    """Return the outcome, and of each point errors (eV of the whole cell) and steps so far.

    Args:
        atoms: the crystal.
        runs: settings and results of the task `springs`.
        energies: at the positions of `draws`, eV.
    """
    settings = runs[0][0]
    rule = quadrature(len(settings.stages), 1 / STIFFNESS)
    units, temperature = formula_units_of(atoms.numbers), settings.temperature
    means, steps = _points(atoms, runs, rule)
    values, errors = np.array([each[:2] for each in means]).T
    statistical = springs_term(rule, means)
    truncation = truncation_error(rule, values, errors)
    einstein = einstein_free_energy(springs_by_atom(atoms, settings.springs), temperature)
    interactions = interaction_term(energies[1:], energies[0], temperature)
    equilibration = sum(run.equilibration_steps * len(run.stages) for run, _ in runs)
    terms = {
        "einstein": Estimate(einstein / units, 0.0),
        "interactions": scaled(interactions, units),
        "springs": Estimate(statistical.value / units, float(np.hypot(statistical.error, truncation)) / units),
        "translation": Estimate(translation(unturned_primitive_cell(atoms).get_volume(), temperature) / units, 0.0),
    }
    curve = {"points": rule.points, "integrand": values / units, "integrand_error": errors / units, "steps": steps}
    checks = {
        "quadrature_error": truncation / units,
        "offset": rule.offset,
        "drift": float(values[0] / (1.5 * STIFFNESS * KB * temperature * len(atoms))),
    }
    return Outcome(terms, int(steps.sum() + equilibration), checks, curve), rule, errors, steps


def next_springs(
    atoms: Atoms, runs: Sequence[tuple[SpringsSettings, Arrays]], energies: np.ndarray, target: Target
) -> SpringsSettings | None:
    """Return the runs that are missing to the wanted error, None where there is nothing to do or to spend."""
    outcome, rule, errors, steps = digest_springs(atoms, runs, energies)
    left = target.max_steps - outcome.steps
    settings = runs[-1][0]
    if outcome.error <= target.error or left < 2 * settings.equilibration_steps:
        return None
    units = formula_units_of(atoms.numbers)
    wanted = 0.9 * target.error * units
    more = allot_steps(rule, errors, steps, wanted, left)
    stages = tuple((float(point), int(n)) for point, n in zip(rule.points, more, strict=True) if n)
    return replace(settings, stages=stages, seed=settings.seed + NEXT_SEED) if stages else None


def _points(
    atoms: Atoms, runs: Sequence[tuple[SpringsSettings, Arrays]], rule: Quadrature
) -> tuple[list[Estimate], np.ndarray]:
    """Return the integrand at each point over all runs, weighted by their lengths, and the steps."""
    symbols = atoms.get_chemical_symbols()
    counts = {symbol: symbols.count(symbol) for symbol in runs[0][0].springs}
    found: list[list[tuple[int, SeriesMean]]] = [[] for _ in rule.points]
    for settings, arrays in runs:
        for number, (strength, length) in enumerate(settings.stages):
            series = part(arrays, f"stage_{number:02d}")
            mean = stage_mean(series, strength, settings.springs, counts, settings.temperature)
            found[int(np.argmin(np.abs(rule.points - strength)))].append((length, mean))
    steps = np.array([sum(length for length, _ in point) for point in found])
    pooled = float(np.mean([mean.inefficiency for point in found for _, mean in point]))
    return [_joined(point, pooled) for point in found], steps


def _joined(runs: Sequence[tuple[int, SeriesMean]], pooled: float) -> Estimate:
    """Return the mean over runs; a short one may miss how correlated it is, which all of them together tell better."""
    lengths = np.array([length for length, _ in runs], dtype=float) / sum(length for length, _ in runs)
    values = np.array([mean.value for _, mean in runs])
    errors = np.array([mean.error * np.sqrt(max(pooled / mean.inefficiency, 1.0)) for _, mean in runs])
    return Estimate(float(lengths @ values), float(np.sqrt(lengths**2 @ errors**2)))
