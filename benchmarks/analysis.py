"""Analysis of 5000 structures by step, on two processes, against ASAP on the same structures.

    python benchmarks/analysis.py [--structures SET.npz|SET.xyz] [--asap /path/to/python]

Without a file, structures are relaxed here (one and a half minutes for 600 on two cores) and multiplied, see
`relaxed_like.multiply`. ASAP wants an environment of its own (Python 3.11, `uv pip install asaplib==0.0.2
dscribe ase scikit-learn`); without it our own steps are timed all the same. What it needed to run is listed in
`asap_driver.py`. It is given our eps, since it does not choose one, and unit rows, since it does not scale them; it
fits one model where ours has an ensemble with error bars. It has neither symmetry nor basin entropies nor tests on
phases held out: these steps of ours are in our sum, not in the ratio.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, peak_memory_gb, save
from relaxed_like import load, multiply
from steps import CHOSEN_SAMPLES, analyse, stamp, table_of, total

from aiida_polymorph.formats.files import write_structures
from aiida_polymorph.landscape.fingerprints import FingerprintSettings
from aiida_polymorph.structures import StructureSet

ONLY_OURS = ("symmetry of the phases", "basin entropies", "tests of the surrogates")
COMPONENTS = 10


def main() -> None:
    """Run, print a table, and write `results/analysis.json`."""
    arguments = parse()
    before = machine(["dscribe", "numpy", "scipy", "scikit-learn", "spglib"])
    base = load(arguments.structures, arguments.starts, arguments.processes)
    enough = len(base) >= arguments.number
    structures = base.select(range(arguments.number)) if enough else multiply(base, arguments.number)
    steps, results = analyse(structures, arguments.processes)
    print(table_of(steps), f"\nsum {total(steps)}")
    content = {
        "date": stamp(),
        "machine": before,
        "structures": len(structures),
        "source": "a search" if enough else f"made from {len(base)} relaxed ones",
        "processes": arguments.processes,
        "steps": steps,
        "sum": total(steps),
        "peak_memory_gb": round(peak_memory_gb(), 2),
        **{name: results[name] for name in ("eps", "minima", "found_once", "phases", "largest", "tests")},
    }
    if arguments.asap is None:
        print("ASAP was not run: give its interpreter with --asap")
    else:
        content["asap"] = compare(structures, steps, results, arguments)
    print(f"written: {save('analysis', content).name}")


def parse() -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", help="set to analyse: .npz, .xyz, ...; with enthalpies")
    parser.add_argument("--number", type=int, default=5000, help="how many structures (5000)")
    parser.add_argument("--starts", type=int, default=600, help="relaxed here if there is no file (600)")
    parser.add_argument("--processes", type=int, default=2, help="for the fingerprints of both (2)")
    parser.add_argument("--asap", metavar="PYTHON", help="interpreter of the environment with asaplib 0.0.2")
    parser.add_argument("--kernel-map", action="store_true", help="time ASAP's map by the whole N x N kernel as well")
    return parser.parse_args()


def compare(
    structures: StructureSet, steps: dict[str, dict[str, float]], results: dict[str, Any], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Run ASAP; return its times, the ratios, and how its results agree with ours."""
    asap, theirs = run_asap(structures, results["eps"], arguments)
    ours = total(steps, ONLY_OURS)["wall"], total(steps, (*ONLY_OURS, "import", "fingerprints"))["wall"]
    other = total(asap["steps"], ("read",))["wall"], total(asap["steps"], ("import", "read", "fingerprints"))["wall"]
    content = asap | {
        "errors": json.loads(str(theirs["errors"])),
        "times_as_long_as_ours": round(other[0] / ours[0], 2),
        "times_as_long_without_fingerprints": round(other[1] / ours[1], 2),
        **agreement(results, theirs),
    }
    print("\nASAP:", table_of(asap["steps"]), sep="\n")
    print(json.dumps({name: value for name, value in content.items() if name != "steps"}, indent=1))
    return content


def run_asap(
    structures: StructureSet, eps: float, arguments: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what ASAP took and what it gave."""
    chosen = FingerprintSettings()
    options = {name: getattr(chosen, name) for name in ("cutoff", "n_max", "l_max", "sigma")} | {
        "eps": eps,
        "min_samples": CHOSEN_SAMPLES,
        "components": COMPONENTS,
        "processes": arguments.processes,
        "kernel_map": arguments.kernel_map,
        "targets": structures.enthalpy_per_formula_unit.tolist(),
    }
    with tempfile.TemporaryDirectory() as name:
        source, target, settings = (Path(name) / each for each in ("set.xyz", "out.npz", "options.json"))
        write_structures(wrapped(structures), source, "extxyz")
        settings.write_text(json.dumps(options))
        driver = Path(__file__).with_name("asap_driver.py")
        command = [arguments.asap, str(driver), str(source), str(target), str(settings)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=name)
        if done.returncode:
            raise SystemExit(f"ASAP failed: {done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1]), dict(np.load(target))


def wrapped(structures: StructureSet) -> StructureSet:
    """Return the same crystals with all atoms inside their cell, and cells whose entries have a positive sum."""
    signs = np.where(structures.cells.sum(axis=(1, 2)) < 0, -1, 1)
    lattices = structures.cells * signs[:, None, None]
    cells = np.repeat(lattices, structures.lengths, axis=0)
    fractions = np.linalg.solve(np.swapaxes(cells, 1, 2), structures.positions[:, :, None])[:, :, 0]
    positions = np.einsum("ni,nij->nj", fractions - np.floor(fractions), cells)
    return StructureSet.from_arrays(
        structures.to_arrays() | {"positions": positions, "cells": lattices}, structures.metadata
    )


def agreement(results: dict[str, Any], theirs: dict[str, np.ndarray]) -> dict[str, float]:
    """Compare fingerprints, map and clusters; a structure without a cluster is one of its own."""
    from sklearn.metrics import adjusted_rand_score

    ours, other = (_alone(labels) for labels in (results["labels"], theirs["labels"]))
    own, asap = (
        coordinates - coordinates.mean(axis=0) for coordinates in (results["coordinates"], theirs["coordinates"])
    )
    sign = np.sign(np.sum(own * asap, axis=0))
    distance = np.linalg.norm(np.sort(results["features"], axis=1) - np.sort(theirs["features"], axis=1), axis=1)
    return {
        "adjusted_rand_index": float(adjusted_rand_score(ours, other)),
        "largest_difference_on_the_map": float(np.abs(own - asap * sign).max()),
        "spread_of_the_map": float(own.std(axis=0)[0]),
        "largest_distance_of_fingerprints": float(distance.max()),
        "fingerprints_that_differ": int(np.sum(distance > 1e-5)),
    }


def _alone(labels: np.ndarray) -> np.ndarray:
    return np.where(labels < 0, len(labels) + np.arange(len(labels)), labels)


if __name__ == "__main__":
    main()
