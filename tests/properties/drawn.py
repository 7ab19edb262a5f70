"""What property tests draw: cells, crystals and sets of them, formulas."""

from __future__ import annotations

from collections.abc import Callable
from math import gcd
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_polymorph.structures import StructureSet

ELEMENTS = chemical_symbols[1:104]
FRACTIONS = st.floats(-1.5, 2.5, allow_subnormal=False)


def outcome(function: Callable[..., Any], *arguments: Any, refusal: type[Exception] = ValueError) -> tuple[Any, str]:
    """Return what a function returns and "", or None and the message with which it refuses its arguments."""
    try:
        return function(*arguments), ""
    except refusal as error:
        return None, str(error)


@st.composite
def cells(draw: Any, left_handed: bool = True) -> np.ndarray:
    """Lattice vectors as rows, 2 to 12 angstrom long in their triangular part, skewed and turned at will."""
    x, y, z = (draw(st.floats(2.0, 12.0)) for _ in range(3))
    xy, xz, yz = (draw(st.floats(-1.5, 1.5)) * length for length in (x, x, y))
    turn = Rotation.from_euler("zxz", [draw(st.floats(-180.0, 180.0)) for _ in range(3)], degrees=True).as_matrix()
    cell = np.array([[x, 0, 0], [xy, y, 0], [xz, yz, z]]) @ turn.T
    return -cell if left_handed and draw(st.booleans()) else cell


@st.composite
def crystals(draw: Any, most_atoms: int = 6, elements: list[str] = ELEMENTS) -> Atoms:
    """Atoms anywhere in a cell, beyond it as well; at least one."""
    symbols = draw(st.lists(st.sampled_from(elements), min_size=1, max_size=most_atoms))
    fractional = [[draw(FRACTIONS) for _ in range(3)] for _ in symbols]
    return Atoms(symbols, scaled_positions=fractional, cell=draw(cells()), pbc=True)


@st.composite
def sets(draw: Any, names: st.SearchStrategy[str]) -> StructureSet:
    """Up to four crystals with names that differ, enthalpies and pressures; some unknown."""
    atoms = draw(st.lists(crystals(), min_size=1, max_size=4))
    count = len(atoms)

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=count, max_size=count))

    columns = {
        "name": draw(st.lists(names, min_size=count, max_size=count, unique=True)),
        "index": list(range(count)),
        "enthalpy": column(st.floats(-1e5, 1e5) | st.just(float("nan"))),
        "pressure_gpa": column(st.floats(-20.0, 1e3) | st.just(float("nan"))),
        "converged": column(st.booleans()),
        "reason": column(names | st.just("")),
    }
    return StructureSet.from_atoms(atoms, columns)


@st.composite
def reduced_formulas(draw: Any) -> dict[str, int]:
    """Counts of one to three elements that have no common divisor."""
    symbols = draw(st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=3, unique=True))
    counts = [draw(st.integers(1, 5)) for _ in symbols]
    divisor = gcd(*counts)
    return {symbol: count // divisor for symbol, count in zip(symbols, counts, strict=True)}


def apart_enough(atoms: Atoms) -> bool:
    """Return whether no two atoms, images included, are nearer than half an angstrom."""
    distances = atoms.repeat(2).get_all_distances(mic=True)
    return len(distances) < 2 or distances[np.triu_indices(len(distances), 1)].min() > 0.5
