"""Frenkel-Ladd by nonequilibrium switching: the work of turning a crystal into springs and back.

With F = (1 - lambda) F_crystal + lambda F_springs and lambda switched in finite time, the mean of forward and minus
backward work is the free energy difference to second order in the rate, and half their sum the energy dissipated; after
Freitas, Asta and de Koning, Comput. Mater. Sci. 112, 333 (2016). A = A0 - W + translation, whole cell in eV.

The first run is one pair, whose dissipation tells how long the others must be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from scipy.integrate import trapezoid

from aiida_polymorph.lammps.results import part
from aiida_polymorph.lammps.settings import SwitchingSettings
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.symmetry import unturned_primitive_cell
from aiida_polymorph.thermodynamics.free_energy.einstein import einstein_free_energy, translation
from aiida_polymorph.thermodynamics.free_energy.mean_cell import MeanCellMethod
from aiida_polymorph.thermodynamics.free_energy.outcome import NEXT_SEED, Outcome, Target, springs_by_atom
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.plan import Arrays, Runner, Sample, Task
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import KB

PILOT_SWITCHING_STEPS = 1500
MOST_PAIRS = 50
"""Of one run."""


class Switching(MeanCellMethod):
    """The crystal is turned into springs and back in finite time."""

    name = "switching"
    title = "Frenkel-Ladd by nonequilibrium switching"

    def route(self, crystal: Atoms, own: Mapping[str, float], asked: FreeEnergyParameters, runner: Runner) -> Outcome:
        """Return what runs of switching add up to, until the wanted error is reached or the steps are spent."""
        runs: list[tuple[SwitchingSettings, Arrays]] = []
        following: SwitchingSettings | None = first_switching(own, asked.temperature, asked.seed, **asked.dynamics)
        while following is not None:
            task = Task(f"switching_{len(runs):02d}", "switching", Sample("perfect", crystal), following)
            runs.append((following, runner.run(task).arrays))
            following = next_switching(crystal, runs, asked.target)
        return digest_switching(crystal, runs)


class Work(NamedTuple):
    """Work of one pair of switches, whole cell in eV: crystal to springs, and back."""

    forward: float
    backward: float

    @property
    def difference(self) -> float:
        """Free energy of the springs less that of the crystal, eV."""
        return (self.forward - self.backward) / 2

    @property
    def dissipation(self) -> float:
        """Energy dissipated one way, eV."""
        return (self.forward + self.backward) / 2


def pair_work(series: Mapping[str, np.ndarray], switching_steps: int, equilibration_steps: int) -> Work:
    """Return the work of a run there and back.

    Args:
        series: at every step from 0 on: `energy` of the interactions and `springs_...`, the energy of the full
            springs of each element (eV), and `lambda`.
        switching_steps: one way.
        equilibration_steps: before each of the two.

    Raises:
        ValueError: if the run is shorter than that.
    """
    step = series["step"].astype(int)
    springs = sum(values for name, values in series.items() if name.startswith("springs_"))
    slope, strength = springs - series["energy"], series["lambda"]
    if step[-1] < 2 * (switching_steps + equilibration_steps):
        raise ValueError(f"a run of switching ends at step {step[-1]}")
    ways = []
    for begin in (equilibration_steps, 2 * equilibration_steps + switching_steps):
        part = (step >= begin) & (step <= begin + switching_steps)
        ways.append(float(trapezoid(slope[part], strength[part])))
    return Work(*ways)


def switching_term(works: Sequence[Work], temperature: float) -> tuple[Estimate, Estimate]:
    """Return free energy of the springs less that of the crystal, and the dissipation, whole cell in eV.

    The error is the larger of two: that of linear response, where the work of one way has the variance 2 kB T times
    the dissipation, and the scatter of the pairs where there are three or more.

    Args:
        works: of independent pairs.
        temperature: K.

    Raises:
        ValueError: if there is none.
    """
    if not works:
        raise ValueError("there is no work of switching")
    differences = np.array([each.difference for each in works])
    dissipations = np.array([each.dissipation for each in works])
    thermal = KB * temperature
    # The dissipation of one pair may come out at zero or below by chance: its own scatter is let in.
    level = max(float(dissipations.mean()), 0.0) + thermal / len(works)
    response = np.sqrt(thermal * level / len(works))
    scatter = float(differences.std(ddof=1) / np.sqrt(len(works))) if len(works) >= 3 else 0.0
    error = max(float(response), scatter)
    return Estimate(float(differences.mean()), error), Estimate(float(dissipations.mean()), float(response))


def first_switching(own: Mapping[str, float], temperature: float, seed: int, **settings: Any) -> SwitchingSettings:
    """Return the first run of the switching route: one pair, whose dissipation tells how long the others must be."""
    return SwitchingSettings(temperature, dict(own), 1, PILOT_SWITCHING_STEPS, seed=seed, **settings)


def digest_switching(atoms: Atoms, runs: Sequence[tuple[SwitchingSettings, Arrays]]) -> Outcome:
    """Return the outcome; of runs of several lengths the longest count, since shorter ones are more out of balance."""
    longest = max(settings.switching_steps for settings, _ in runs)
    counted = [(settings, arrays) for settings, arrays in runs if settings.switching_steps == longest]
    works = [work for settings, arrays in counted for work in _works(settings, arrays)]
    settings, units = runs[0][0], formula_units_of(atoms.numbers)
    work, dissipation = switching_term(works, settings.temperature)
    einstein = einstein_free_energy(springs_by_atom(atoms, settings.springs), settings.temperature)
    offset = _perfect(counted)
    terms = {
        "einstein": Estimate(einstein / units, 0.0),
        "switching": Estimate(-(work.value + offset) / units, work.error / units),
        "translation": Estimate(
            translation(unturned_primitive_cell(atoms).get_volume(), settings.temperature) / units, 0.0
        ),
    }
    curve = {
        "forward": np.array([each.forward for each in works]) / units,
        "backward": np.array([each.backward for each in works]) / units,
        **_slopes(counted[-1], units),
    }
    steps = sum(2 * run.pairs * (run.switching_steps + run.equilibration_steps) for run, _ in runs)
    checks = {"dissipation": dissipation.value / units, "dissipation_error": dissipation.error / units}
    return Outcome(terms, steps, checks, curve)


def next_switching(
    atoms: Atoms, runs: Sequence[tuple[SwitchingSettings, Arrays]], target: Target
) -> SwitchingSettings | None:
    """Return the run that is missing to the wanted error, None where there is nothing to do or to spend.

    While the dissipation is far above the wanted error the next run is twice as long; then pairs of the same length
    are added until their mean is good enough.
    """
    outcome, settings = digest_switching(atoms, runs), runs[-1][0]
    left = target.max_steps - outcome.steps
    checks = outcome.checks
    too_fast = checks["dissipation"] > 2 * target.error + 2 * checks["dissipation_error"]
    if outcome.error <= target.error and not too_fast:
        return None
    length = settings.switching_steps * (2 if too_fast else 1)
    pair = 2 * (length + settings.equilibration_steps)
    done = len(outcome.curve["forward"])
    missing = 1 if too_fast else int(np.ceil(done * (outcome.error / target.error) ** 2 - done))
    pairs = min(max(missing, 1), MOST_PAIRS, left // pair)
    seed = settings.seed + NEXT_SEED
    return replace(settings, pairs=pairs, switching_steps=length, seed=seed) if pairs else None


def _works(settings: SwitchingSettings, arrays: Arrays) -> list[Work]:
    return [
        pair_work(part(arrays, f"switching_{pair:02d}"), settings.switching_steps, settings.equilibration_steps)
        for pair in range(settings.pairs)
    ]


def _perfect(runs: Sequence[tuple[SwitchingSettings, Arrays]]) -> float:
    """Return the energy of the perfect crystal with the commands of dynamics, eV of the whole cell: that of step 0."""
    return float(part(runs[0][1], "switching_00")["energy"][0])


def _slopes(run: tuple[SwitchingSettings, Arrays], units: int) -> dict[str, np.ndarray]:
    """Return lambda and the generalised force there and back, thinned out for a figure."""
    settings, arrays = run
    series = part(arrays, "switching_00")
    springs = sum(values for name, values in series.items() if name.startswith("springs_"))
    force = (springs - series["energy"] + series["energy"][0]) / units
    stride = max(1, len(force) // 400)
    begin = settings.equilibration_steps
    turn = begin + settings.switching_steps + settings.equilibration_steps // 2
    there, back = slice(begin, turn, stride), slice(turn, None, stride)
    return {
        "lambda_forward": series["lambda"][there],
        "force_forward": force[there],
        "lambda_backward": series["lambda"][back],
        "force_backward": force[back],
    }
