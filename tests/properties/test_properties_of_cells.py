"""Choices of lattice vectors and supercells: whole numbers, the same volume, the same crystal."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from drawn import apart_enough, cells, crystals
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from aiida_polymorph.lammps.system import lammps_frame, turn_to_frame
from aiida_polymorph.relaxation.driver.cells import reduced, triangular
from aiida_polymorph.thermodynamics.sampling.supercell import build_supercell, near_cubic_supercell

SHEARS = st.lists(st.integers(-6, 6), min_size=6, max_size=6)


def sheared(cell: np.ndarray, shears: list[int]) -> np.ndarray:
    """Other vectors of the same lattice."""
    a, b, c, d, e, f = shears
    return np.array([[1, a, b], [0, 1, c], [0, 0, 1]]) @ np.array([[1, 0, 0], [d, 1, 0], [e, f, 1]]) @ cell


@given(cells(), SHEARS)
def test_reduced_vectors_span_the_same_lattice_and_are_compact(cell, shears) -> None:
    given_cell = sheared(cell, shears)
    matrix = reduced(given_cell)
    assert np.array_equal(matrix, np.rint(matrix))
    assert np.linalg.det(matrix) == pytest.approx(1.0)
    found = matrix @ given_cell
    assert np.linalg.det(found) == pytest.approx(np.linalg.det(cell), rel=1e-6)
    lower, _ = triangular(found)
    assert max(abs(lower[1, 0]), abs(lower[2, 0])) <= 0.5001 * lower[0, 0]
    assert np.array_equal(reduced(found), np.eye(3))
    assert np.linalg.norm(found, axis=1).max() <= np.linalg.norm(given_cell, axis=1).max() * (1 + 1e-9)


@given(cells())
def test_triangular_turns_without_stretching(cell) -> None:
    lower, turn = triangular(cell)
    assert lower @ turn == pytest.approx(cell, abs=1e-9)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.all(np.diag(lower) > 0)
    assert np.all(np.triu(lower, 1) == 0)


@given(crystals())
def test_the_frame_of_lammps_keeps_the_crystal(atoms) -> None:
    turned = lammps_frame(atoms)
    cell, before = np.asarray(turned.cell), np.asarray(atoms.cell)
    assert np.all(np.triu(cell, 1) == 0)
    assert np.all(np.diag(cell) > 0)
    assert cell @ cell.T == pytest.approx(before @ before.T, abs=1e-8)
    assert turned.get_scaled_positions(wrap=False) == pytest.approx(atoms.get_scaled_positions(wrap=False), abs=1e-9)
    assert np.array_equal(turned.numbers, atoms.numbers)
    lower, turn = turn_to_frame(before)
    assert lower == pytest.approx(cell, abs=1e-9)
    assert atoms.positions @ turn.T == pytest.approx(turned.positions, abs=1e-8)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-9)


def assert_same_crystal(atoms: Atoms, matrix: np.ndarray, primitive: Atoms) -> None:
    """Check that atoms are the crystal of a primitive cell, each of its atoms as often as the matrix repeats it."""
    vectors = matrix @ np.asarray(primitive.cell)
    turn = np.linalg.inv(vectors) @ np.asarray(atoms.cell)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-7)
    fractional = atoms.positions @ np.linalg.inv(turn) @ np.linalg.inv(np.asarray(primitive.cell))
    times = np.zeros(len(primitive), dtype=int)
    for symbol, place in zip(atoms.symbols, fractional, strict=True):
        apart = place - primitive.get_scaled_positions(wrap=False)
        off = np.linalg.norm((apart - np.rint(apart)) @ np.asarray(primitive.cell), axis=1)
        same = [i for i in np.flatnonzero(off < 1e-5) if primitive.symbols[i] == symbol]
        assert same, (symbol, off.min())
        times[same] += 1
    assert set(times) == {round(abs(np.linalg.det(matrix)))}


@settings(max_examples=settings().max_examples // 2)
@given(crystals(4, ["Ti", "O"]), st.integers(1, 60))
def test_a_near_cubic_supercell_is_the_crystal(atoms, target) -> None:
    assume(apart_enough(atoms))
    found = near_cubic_supercell(atoms, target)
    matrix = np.asarray(found.matrix)
    assert np.array_equal(matrix, np.rint(matrix))
    repeats = abs(np.linalg.det(matrix))
    assert repeats == pytest.approx(round(repeats))
    assert repeats >= 0.5
    assert len(found.atoms) == round(repeats) * len(found.primitive)
    per_atom = atoms.cell.volume / len(atoms)
    assert found.atoms.cell.volume / len(found.atoms) == pytest.approx(per_atom, rel=1e-4)
    assert np.all(np.triu(np.asarray(found.atoms.cell), 1) == 0)
    assert_same_crystal(found.atoms, matrix, found.primitive)


@settings(max_examples=settings().max_examples // 2)
@given(crystals(3, ["Ti", "O"]), st.lists(st.integers(-3, 3), min_size=9, max_size=9))
def test_any_whole_matrix_makes_the_crystal(atoms, entries) -> None:
    matrix = np.array(entries).reshape(3, 3)
    assume(1 <= abs(round(np.linalg.det(matrix))) <= 12)
    assume(apart_enough(atoms))
    found = build_supercell(atoms, matrix)
    assert abs(np.linalg.det(found.matrix)) == pytest.approx(abs(np.linalg.det(matrix)))
    assert len(found.atoms) == len(atoms) * round(abs(np.linalg.det(matrix)))
    assert_same_crystal(found.atoms, np.asarray(found.matrix), atoms)
