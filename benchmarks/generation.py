"""Time the generators of random structures: without symmetry, with symmetry by spglib's operations, and PyXtal.

All are asked for the same numbers of formula units, in turn, and timed by CPU time in one process. PyXtal's formula
units are those of the conventional cell, ours those of the primitive cell.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from common import machine, save

from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe

COMPOSITION, PACKAGES = "TiO2", ("numpy", "pyxtal", "spglib")
FORMULA_UNITS = (2, 3, 4, 6, 8, 12)
GENERATORS: dict[str, dict[str, Any]] = {
    "without symmetry": {},
    "spglib": {"symmetry": (2, 230)},
    "pyxtal": {"symmetry": (2, 230), "symmetry_generator": "pyxtal"},
}


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=300, help="structures of each kind and size [300]")
    parser.add_argument("--pyxtal-number", type=int, default=20, help="the same for PyXtal [20]")
    return parser.parse_args()


def milliseconds(recipe: Recipe, indices: Sequence[int]) -> tuple[float, int]:
    """Return the CPU time of a structure in the mean, and how many could not be made."""
    failed, start = 0, time.process_time()
    for index in indices:
        try:
            generate(recipe, [index])
        except ValueError:
            failed += 1
    return (time.process_time() - start) * 1000 / len(indices), failed


def main() -> None:
    """Run, print the table and write results/generation.json."""
    options, about, rows = arguments(), machine(PACKAGES), []
    for name, overrides in GENERATORS.items():
        generate(Recipe.propose(COMPOSITION, formula_units=FORMULA_UNITS, **overrides), range(6))  # fills the tables
        print(f"{name} is ready", file=sys.stderr)
    for units in FORMULA_UNITS:
        row: dict[str, Any] = {"formula_units": units}
        for name, overrides in GENERATORS.items():
            recipe = Recipe.propose(COMPOSITION, formula_units=(units,), **overrides)
            number = options.pyxtal_number if name == "pyxtal" else options.number
            spent, failed = milliseconds(recipe, range(number))
            row[name] = {"milliseconds": spent, "failed": failed, "of": number}
        rows.append(row)
        print(units, ", ".join(f"{name} {row[name]['milliseconds']:.1f} ms" for name in GENERATORS), flush=True)
    means = {name: float(np.mean([row[name]["milliseconds"] for row in rows])) for name in GENERATORS}
    print("mean", ", ".join(f"{name} {mean:.1f} ms" for name, mean in means.items()))
    print(save("generation", {"machine": about, "options": vars(options), "rows": rows, "means": means}))


if __name__ == "__main__":
    sys.exit(main())
