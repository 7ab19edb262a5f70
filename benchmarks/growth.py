"""Time and peak memory of the whole analysis of 5000, 20 000 and 100 000 structures, on two processes.

    python benchmarks/growth.py [--numbers 5000,20000] [--structures SET.npz|SET.xyz]

The structures are relaxed ones multiplied, see `relaxed_like.multiply`: copies of them, and minima of their own, in
other cells and orientations; fingerprints are computed of all. Each number runs in a process of its own, whose largest
resident memory (forked workers apart, whose own is noted too) is the figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, peak_memory_gb, save
from relaxed_like import load, multiply
from steps import analyse, stamp, table_of, total

from aiida_polymorph.structures import StructureSet


def main() -> None:
    """Run each number in a process of its own, print tables, and write `results/growth.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--structures", help="relaxed structures to begin with: .npz, .xyz, ...; with enthalpies")
    parser.add_argument("--numbers", default="5000,20000,100000", help="sizes, with commas between")
    parser.add_argument("--starts", type=int, default=600, help="relaxed here if there is no file (600)")
    parser.add_argument("--processes", type=int, default=2, help="for relaxations and fingerprints (2)")
    parser.add_argument("--one", nargs=2, metavar=("FILE", "NUMBER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one[0], int(arguments.one[1]), arguments.processes)
        return
    content: dict[str, Any] = {"date": stamp(), "machine": machine(["dscribe", "numpy", "scipy", "spglib"])}
    base = load(arguments.structures, arguments.starts, arguments.processes)
    content |= {"made_from": len(base), "processes": arguments.processes, "sizes": []}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "base.npz"
        np.savez(source, **base.to_arrays())
        for number in arguments.numbers.split(","):
            result = in_a_process(source, number, arguments.processes)
            content["sizes"].append(result)
            print(
                f"\n{number} structures: {result['sum']}, {result['peak_memory_gb']} GB",
                table_of(result["steps"]),
                sep="\n",
            )
            save("growth", content)


def in_a_process(source: Path, number: str, processes: int) -> dict[str, Any]:
    """Return the figures of one size."""
    command = [sys.executable, __file__, "--one", str(source), number, "--processes", str(processes)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def one(source: str, number: int, processes: int) -> None:
    """Make and analyse so many structures, and print the figures as JSON."""
    structures = multiply(StructureSet.from_arrays(dict(np.load(source))), number)
    steps, results = analyse(structures, processes)
    kept = {name: results[name] for name in ("eps", "minima", "found_once", "phases", "largest", "tests")}
    memory = {"peak_memory_gb": round(peak_memory_gb(), 2)}
    print(json.dumps({"structures": number, "steps": steps, "sum": total(steps), **memory, **kept}))


if __name__ == "__main__":
    main()
