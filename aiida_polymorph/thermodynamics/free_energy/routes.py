"""The two Frenkel-Ladd routes as plans and digests: what to run next, and what the runs so far add up to.

A route is driven from outside (by a WorkChain, or by `aiida_polymorph.local.free_energy` on this machine):

    settings = first_settings(...)
    while settings is not None:
        runs.append((settings, results of the task with these settings))
        outcome = digest(...)
        settings = next_settings(...)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps.results import part
from aiida_polymorph.lammps.settings import SpringsSettings, SwitchingSettings
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
from aiida_polymorph.thermodynamics.free_energy.switching import Work, pair_work, switching_term
from aiida_polymorph.thermodynamics.sampling.series import Estimate, SeriesMean
from aiida_polymorph.units import KB

POINTS = 8
DRAWS = 100
PILOT_STEPS = 200
WEAK_PILOT_STEPS = 400
"""Of the weaker half of the springs, under which the crystal's own slow modes decide how many samples count."""

PILOT_SWITCHING_STEPS = 1500
MOST_PAIRS = 50
"""Of one run."""

NEXT_SEED = 1_000_003
"""Added to the seed of a run for the next one, so that runs with neighbouring seeds share no random numbers."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Target:
    """How well, and for how much at most.

    Attributes:
        error: wanted, eV per formula unit.
        max_steps: of molecular dynamics, all runs of a route together.
    """

    error: float
    max_steps: int

    def __post_init__(self) -> None:
        for name in ("error", "max_steps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, must be positive")


@dataclass(frozen=True)
class Outcome:
    """What the runs of a route add up to, per formula unit in eV.

    Attributes:
        terms: of the Helmholtz energy but the static energy.
        steps: of molecular dynamics, equilibration included.
        checks: dissipation, error of the quadrature; `drift`, by how much larger mean-square displacements are under
            the weakest springs than they were without springs (no unit), below 1 for a crystal that stays.
        curve: arrays for a figure: the integrand, or the work.
    """

    terms: Mapping[str, Estimate]
    steps: int
    checks: Mapping[str, float] = field(default_factory=dict)
    curve: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """Standard error of the sum of the terms."""
        return float(np.sqrt(sum(term.error**2 for term in self.terms.values())))


def springs_by_atom(atoms: Atoms, springs: Mapping[str, float]) -> np.ndarray:
    """Return the constant of each atom's spring, shape (N,)."""
    return np.array([springs[symbol] for symbol in atoms.get_chemical_symbols()])


# --- equilibrium -----------------------------------------------------------------------------------------------------


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


def first_springs(own: Mapping[str, float], temperature: float, seed: int, **settings: float) -> SpringsSettings:
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
        "interactions": _scaled(interactions, units),
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


# --- switching -------------------------------------------------------------------------------------------------------


def first_switching(own: Mapping[str, float], temperature: float, seed: int, **settings: float) -> SwitchingSettings:
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


def _scaled(estimate: Estimate, units: int) -> Estimate:
    return Estimate(estimate.value / units, estimate.error / units)
