"""Sets of relaxed structures for the benchmarks: read, relaxed here, or made from relaxed ones in any number."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from aiida_polymorph.formats.files import read_structures
from aiida_polymorph.landscape.fingerprints import usable
from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import load_potential
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet

FOUND_ONCE = 0.3
"""Share of the structures whose minimum no other one reached, as in searches of TiO2."""

RESIDUE = 1e-5
"""Displacement (angstrom) that a relaxation to 1e-3 eV/angstrom leaves in a coordinate."""

STEP = 0.1
"""Displacement (angstrom) in a coordinate that makes a minimum of its own of a copy."""


def load(path: str | None, starts: int, processes: int) -> StructureSet:
    """Return the usable structures of a file, or of random TiO2 relaxed here at 20 GPa.

    The file holds a `StructureSet`'s arrays (.npz), or is what `aiida-polymorph export` writes or ASE reads.
    """
    if path is None:
        recipe = Recipe.propose("TiO2", formula_units=(2, 3, 4, 6))
        structures = relax(generate(recipe, range(starts)), load_potential("matsui-akaogi"), 20.0, processes=processes)
    elif path.endswith(".npz"):
        structures = StructureSet.from_arrays(dict(np.load(path)))
    else:
        structures = read_structures(Path(path))
    return structures.select(usable(structures))


def multiply(structures: StructureSet, number: int, seed: int = 0) -> StructureSet:
    """Return `number` structures that look like those of a larger search.

    30 % are minima of their own: relaxed structures drawn by chance, with every coordinate displaced by 0.1 angstrom
    and the enthalpy by 0.05 eV a formula unit. The others are copies, with displacements of 1e-5 angstrom, of the
    relaxed structures as often as these were found (a few of the minima hold most of them), and of a tenth of the new
    minima. Each is given in another orientation, cell and choice of origin, so that fingerprints have to be computed of
    all of them. So somewhat less than 30 % are found once.
    """
    rng = np.random.default_rng(seed)
    own = rng.integers(0, len(structures), round(FOUND_ONCE * number))
    new = displaced(structures.select(own), STEP, rng)
    shift = 0.05 * rng.standard_normal(len(new)) * new.formula_units
    new = new.with_columns(enthalpy=new.columns["enthalpy"] + shift)
    again = rng.choice(len(new) // 10 or 1, min(len(new), number - len(new)) // 2)
    rest = rng.integers(0, len(structures), number - len(new) - len(again))
    copies = displaced(StructureSet.concatenate([new.select(again), structures.select(rest)]), RESIDUE, rng)
    mixed = StructureSet.concatenate([new, copies]).select(rng.permutation(number))
    mixed = mixed.with_columns(index=np.arange(number))
    return in_other_cells(mixed, rng)


def displaced(structures: StructureSet, size: float, rng: np.random.Generator) -> StructureSet:
    """Return structures with Gaussian displacements of that standard deviation, angstrom."""
    noise = size * rng.standard_normal(structures.positions.shape)
    arrays = structures.to_arrays() | {"positions": structures.positions + noise}
    return StructureSet.from_arrays(arrays, structures.metadata)


def in_other_cells(structures: StructureSet, rng: np.random.Generator) -> StructureSet:
    """Return the same crystals turned, shifted, and described by other lattice vectors."""
    n = len(structures)
    turns = np.linalg.qr(rng.standard_normal((n, 3, 3)))[0]
    shears = np.broadcast_to(np.eye(3), (n, 3, 3)).copy()
    row, column = np.array([rng.permutation(3)[:2] for _ in range(n)]).T
    shears[np.arange(n), row, column] = rng.integers(-1, 2, n)
    atom = np.repeat(np.arange(n), structures.lengths)
    origins = rng.standard_normal((n, 3))
    positions = np.einsum("ni,nij->nj", structures.positions + origins[atom], turns[atom])
    arrays = {"positions": positions, "cells": shears @ structures.cells @ turns}
    return StructureSet.from_arrays(structures.to_arrays() | arrays, structures.metadata)
