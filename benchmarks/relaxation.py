"""Time relaxations: the driver, variants of it, LAMMPS's own minimiser and ASE's, from the same random starts.

Every start goes to every minimiser in turn, in one process and on one core, so that all see the same load of the
machine. What is left over of force and stress is evaluated anew with a tight k-space sum. Two ends are the same minimum
if enthalpy and volume agree, and minima are counted from clusters of the fingerprints of all ends together.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from common import machine, save
from relaxation_rivals import RIVALS, Relax, Relaxed, residuals

from aiida_polymorph.landscape.clusters import dbscan
from aiida_polymorph.landscape.fingerprints import compute_fingerprints
from aiida_polymorph.potential import load_potential
from aiida_polymorph.relaxation.driver.lammps_calculator import LammpsCalculator
from aiida_polymorph.relaxation.driver.optimiser import Relaxation, description
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet, formula_units_of
from aiida_polymorph.units import GPA

REFERENCE = "driver"
DISPLACED = "driver, starts moved by 1e-7 A"
TWO_STAGES = {"two stages, k-space 1e-4": "1e-4", "two stages, k-space 1e-3": "1e-3"}
ROUGH_CUTOFF = "5.0"
ROUGH = {"1e-4": RelaxParameters(0.05, 0.5), "1e-3": RelaxParameters(0.1, 1.0)}
"""Largest force and stress at which the first stage ends."""
SAME_ENTHALPY, SAME_VOLUME = 1e-4, 1e-2
"""eV and angstrom^3 per formula unit."""
EPS = 1e-3
"""Distance of fingerprints within one minimum."""
EXPECTED = 5.0
"""Minima found less often in the mean of two minimisers are left out of chi-square."""


@dataclass(frozen=True)
class Run:
    """One relaxation: where it ended, its cost, and what a tight evaluation says of it (per formula unit)."""

    end: Relaxed
    cpu: float
    wall: float
    enthalpy: float
    volume: float
    max_force: float
    max_stress_error: float


class Engines:
    """One LAMMPS for each accuracy of the shipped potential."""

    def __init__(self) -> None:
        self.accurate = _engine({})
        self.tight = _engine({"ewald/disp 1e-6": "ewald/disp 1e-8", "long long 6.0": "long long 8.0"})
        self.rough = {
            accuracy: _engine(
                {"ewald/disp 1e-6": f"ewald/disp {accuracy}", "long long 6.0": f"long long {ROUGH_CUTOFF}"}
            )
            for accuracy in TWO_STAGES.values()
        }


def _engine(replacements: dict[str, str]) -> LammpsCalculator:
    potential = load_potential("matsui-akaogi").to_dict()
    commands = potential["commands"]
    for old, new in replacements.items():
        commands = [command.replace(old, new) for command in commands]
    return LammpsCalculator({**potential, "commands": commands})


def driver(engine: LammpsCalculator, start: Atoms, pressure_gpa: float) -> Relaxed:
    """The driver as jobs run it."""
    relaxation = Relaxation(engine.evaluate, pressure_gpa, RelaxParameters())
    return _relaxed(engine, relaxation, start.numbers, start.positions, start.cell.array)


def displaced(engine: LammpsCalculator, start: Atoms, pressure_gpa: float) -> Relaxed:
    """The driver from a start that differs in the last digits: how much agreement there can be."""
    moved = start.copy()
    moved.rattle(1e-7, seed=1)
    return driver(engine, moved, pressure_gpa)


def two_stages(rough: LammpsCalculator, tolerances: RelaxParameters) -> Relax:
    """Return a relaxation with a rough engine first, then the accurate one with what the first has learnt."""

    def relax(engine: LammpsCalculator, start: Atoms, pressure_gpa: float) -> Relaxed:
        first = Relaxation(rough.evaluate, pressure_gpa, tolerances)
        end = _relaxed(rough, first, start.numbers, start.positions, start.cell.array)
        second = Relaxation(engine.evaluate, pressure_gpa, RelaxParameters())
        second.memory = first.memory
        second.force_calls = first.force_calls
        return _relaxed(engine, second, start.numbers, end.positions, end.cell)

    return relax


def _relaxed(
    engine: LammpsCalculator, relaxation: Relaxation, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray
) -> Relaxed:
    engine.load(numbers, positions, cell)
    reason = relaxation.run(positions, cell)
    return Relaxed(relaxation.state.positions, relaxation.state.cell, relaxation.force_calls, not reason)


def timed_run(relax: Relax, engines: Engines, start: Atoms, pressure_gpa: float) -> Run:
    """Relax one start, and look at the end with the tight engine outside the time."""
    cpu, wall = time.process_time(), time.perf_counter()
    end = relax(engines.accurate, start, pressure_gpa)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    units = formula_units_of(start.numbers)
    volume = abs(float(np.linalg.det(end.cell)))
    engines.tight.load(start.numbers, end.positions, end.cell)
    energy, _, _ = engines.tight.evaluate(end.positions, end.cell)
    left = residuals(engines.tight, end.positions, end.cell, pressure_gpa)
    return Run(end, cpu, wall, (energy + pressure_gpa * GPA * volume) / units, volume / units, *left)


def run_all(starts: StructureSet, few: int, pressure_gpa: float) -> dict[str, list[Run]]:
    """Relax all starts with the driver and its variants, and the first few with the rivals too."""
    engines = Engines()
    ours: dict[str, Relax] = {REFERENCE: driver, DISPLACED: displaced}
    for name, accuracy in TWO_STAGES.items():
        ours[name] = two_stages(engines.rough[accuracy], ROUGH[accuracy])
    runs: dict[str, list[Run]] = {name: [] for name in (*ours, *RIVALS)}
    timed_run(driver, engines, starts[0], pressure_gpa)
    for i, start in enumerate(starts):
        for name, relax in ({**ours, **RIVALS} if i < few else ours).items():
            runs[name].append(timed_run(relax, engines, start, pressure_gpa))
        print(f"{i + 1} of {len(starts)}", end="\r", file=sys.stderr)
    return runs


def summarised(runs: Sequence[Run], reference: Sequence[Run], units: np.ndarray) -> dict[str, Any]:
    """Return means, left-over forces and stresses, and agreement with the reference over the starts of both."""
    units, reference = units[: len(runs)], reference[: len(runs)]
    difference = np.array([run.enthalpy - other.enthalpy for run, other in zip(runs, reference, strict=True)])
    same = np.array([_same(run, other) for run, other in zip(runs, reference, strict=True)])
    cpu, forces = np.array([run.cpu for run in runs]), np.array([run.max_force for run in runs])
    stresses = np.array([run.max_stress_error for run in runs])
    calls = np.array([run.end.force_calls for run in runs])
    return {
        "starts": len(runs),
        "cpu_seconds": float(cpu.mean()),
        "wall_seconds": float(np.mean([run.wall for run in runs])),
        "times_the_driver": float(cpu.sum() / sum(other.cpu for other in reference)),
        "cpu_seconds_by_formula_units": {int(n): float(cpu[units == n].mean()) for n in np.unique(units)},
        "force_calls_mean": float(calls.mean()),
        "force_calls_largest": int(calls.max()),
        "converged": float(np.mean([run.end.converged for run in runs])),
        "max_force_median": float(np.median(forces)),
        "max_force_largest": float(forces.max()),
        "max_stress_error_median": float(np.median(stresses)),
        "max_stress_error_largest": float(stresses.max()),
        "same_minimum": float(same.mean()),
        "enthalpy_difference_mean": float(difference.mean()),
        "enthalpy_difference_error": float(difference.std() / np.sqrt(len(runs))),
        "other_minimum_lower": int(np.sum(~same & (difference < 0))),
        "other_minimum_higher": int(np.sum(~same & (difference > 0))),
    }


def _same(run: Run, other: Run) -> bool:
    return abs(run.enthalpy - other.enthalpy) < SAME_ENTHALPY and abs(run.volume - other.volume) < SAME_VOLUME


def counts_of_minima(runs: dict[str, list[Run]], starts: StructureSet) -> dict[str, np.ndarray]:
    """Return how often each minimiser found each minimum, minima in the same order for all."""
    ends = [
        Atoms(start.numbers, positions=run.end.positions, cell=run.end.cell, pbc=True)
        for each in runs.values()
        for start, run in zip(starts, each, strict=True)
    ]
    labels = dbscan(compute_fingerprints(StructureSet.from_atoms(ends)), EPS, min_samples=1)
    size = labels.max() + 1
    parts = labels.reshape(len(runs), len(starts))
    return {name: np.bincount(part, minlength=size) for name, part in zip(runs, parts, strict=True)}


def compared_counts(counts: np.ndarray, reference: np.ndarray) -> dict[str, float | int | None]:
    """Return how far the frequencies of minima differ: correlation, and chi-square of the frequent ones.

    Chi-square holds for independent searches; from common starts it is smaller.
    """
    frequent = counts + reference >= 2 * EXPECTED
    a, b = counts[frequent].astype(float), reference[frequent].astype(float)
    either = counts + reference > 0
    spread = min(np.ptp(counts[either]), np.ptp(reference[either]))
    return {
        "minima": int(np.sum(counts > 0)),
        "frequent_minima": int(frequent.sum()),
        "chi_square": float(np.sum((a - b) ** 2 / (a + b))),
        "correlation": float(np.corrcoef(counts[either], reference[either])[0, 1]) if spread > 0 else None,
    }


def show(results: dict[str, dict[str, Any]]) -> None:
    """Print the table."""
    columns = "starts  CPU s  wall s  ratio  calls  converged  force (max)     stress (max)    same  dH (error), meV"
    print(f"{'':34}{columns}")
    for name, r in results.items():
        force = f"{r['max_force_median']:.4f} ({r['max_force_largest']:.4f})"
        stress = f"{r['max_stress_error_median']:.4f} ({r['max_stress_error_largest']:.4f})"
        difference = f"{1e3 * r['enthalpy_difference_mean']:6.1f} ({1e3 * r['enthalpy_difference_error']:.1f})"
        print(
            f"{name:34}{r['starts']:6d} {r['cpu_seconds']:6.3f} {r['wall_seconds']:7.3f} {r['times_the_driver']:6.2f} "
            f"{r['force_calls_mean']:6.0f} {r['converged']:9.1%}   {force} {stress} {r['same_minimum']:6.1%} "
            + difference
        )


def main() -> None:
    """Run, print the table and write results/relaxation.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=210, help="random starts for the driver and its variants [210]")
    parser.add_argument("--few", type=int, default=14, help="of these, starts for LAMMPS's and ASE's minimisers [14]")
    parser.add_argument("--pressure", type=float, default=20.0, help="GPa [20]")
    parser.add_argument("--seed", type=int, default=0, help="seed of the starts [0]")
    options = parser.parse_args()
    conditions = machine(["numpy", "ase", "lammps"])
    starts = generate(Recipe.propose("TiO2", seed=options.seed), range(options.number))
    runs = run_all(starts, options.few, options.pressure)
    units = np.array([formula_units_of(start.numbers) for start in starts])
    results = {name: summarised(each, runs[REFERENCE], units) for name, each in runs.items() if each}
    counts = counts_of_minima({name: each for name, each in runs.items() if name not in RIVALS}, starts)
    for name, found in counts.items():
        results[name]["counts"] = compared_counts(found, counts[REFERENCE])
    show(results)
    by_units = results[REFERENCE]["cpu_seconds_by_formula_units"]
    print("driver, CPU seconds by formula units:", {n: round(seconds, 4) for n, seconds in by_units.items()})
    for name in counts:
        print(f"{name}: {results[name]['counts']}")
    content = {"machine": conditions, "settings": vars(options) | {"minimiser": description(RelaxParameters())}}
    print(save("relaxation", content | {"results": results}))


if __name__ == "__main__":
    main()
