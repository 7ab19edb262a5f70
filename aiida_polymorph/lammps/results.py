"""Outputs of a task as flat arrays in eV, angstrom and K, so that they fit into one node."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aiida_polymorph.lammps.output import read_dump, read_series

ENERGIES = ("energy", "virial", "springs", "force")
"""Columns whose names begin so are energies, or energies over lengths."""


def collect(texts: Mapping[str, str], unit: float) -> dict[str, np.ndarray]:
    """Return the arrays of a task's output files: `file__column` of series, `file__cell` and `file__values` of dumps.

    Args:
        texts: name -> content of the files.
        unit: LAMMPS's unit of energy in eV.

    Raises:
        ValueError: if a file is cut off.
    """
    arrays: dict[str, np.ndarray] = {}
    for name in sorted(texts):
        stem, _, suffix = name.rpartition(".")
        if suffix == "dat":
            columns = read_series(texts[name])
            arrays |= {f"{stem}__{key}": values * _factor(key, unit) for key, values in columns.items()}
        elif suffix == "dump":
            cells, values = read_dump(texts[name])
            arrays |= {f"{stem}__cell": cells, f"{stem}__values": values * _factor(stem, unit)}
    return arrays


def part(arrays: Mapping[str, np.ndarray], stem: str) -> dict[str, np.ndarray]:
    """Return the arrays of one file, by column.

    Raises:
        ValueError: if there is no such file.
    """
    found = {name.removeprefix(f"{stem}__"): values for name, values in arrays.items() if name.startswith(f"{stem}__")}
    if not found:
        known = ", ".join(sorted({name.split("__")[0] for name in arrays}))
        raise ValueError(f"there is no output {stem!r}; there are {known}")
    return found


def _factor(name: str, unit: float) -> float:
    return unit if name.startswith(ENERGIES) else 1.0
