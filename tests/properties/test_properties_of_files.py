"""Structure files: what is written is read back, whatever the cells, the atoms and the names."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from ase import Atoms
from drawn import apart_enough, outcome, sets
from hypothesis import assume, given
from hypothesis import strategies as st

from aiida_polymorph.formats import read_structures, write_structures
from aiida_polymorph.formats.res import CONVERTED, parse_res
from aiida_polymorph.structures import StructureSet

ANY_NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12)
WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=12).filter(
    lambda name: len(name.split()) == 1 and not name.startswith(CONVERTED)
)


def there_and_back(structures: StructureSet, form: str, ending: str = "") -> StructureSet:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"stem.{form}{ending}"
        write_structures(structures, path, form)
        return read_structures(path)


def names_read(structures: StructureSet) -> list[str]:
    """Names as they are read: a structure alone in its file is called as the file."""
    return ["stem"] if len(structures) == 1 else structures.columns["name"].tolist()


def assert_same_place(one: Atoms, other: Atoms, tolerance: float, wrapped: bool = False) -> None:
    """Check lengths, angles and fractional coordinates; a format may turn the cell or move atoms by lattice vectors."""
    assert one.cell.cellpar() == pytest.approx(other.cell.cellpar(), rel=1e-6, abs=tolerance)
    apart = one.get_scaled_positions(wrap=False) - other.get_scaled_positions(wrap=False)
    apart = apart - np.rint(apart) if wrapped else apart
    assert np.abs(apart).max() < tolerance


@given(sets(ANY_NAMES), st.sampled_from(["", ".gz"]))
def test_extended_xyz_keeps_everything(structures, ending) -> None:
    found = there_and_back(structures, "extxyz", ending)
    assert found.columns["name"].tolist() == names_read(structures)
    for name in ("positions", "cells", "numbers", "offsets"):
        np.testing.assert_array_equal(getattr(found, name), getattr(structures, name), name)
    for name in ("enthalpy", "pressure_gpa", "converged", "index"):
        np.testing.assert_array_equal(found.columns[name], structures.columns[name], name)
    assert found.column("reason", "").tolist() == structures.columns["reason"].tolist()


@given(sets(WORDS))
def test_res_keeps_structures_names_and_enthalpies(structures) -> None:
    found = there_and_back(structures, "res")
    assert found.columns["name"].tolist() == names_read(structures)
    for name in ("enthalpy", "pressure_gpa"):
        np.testing.assert_array_equal(found.columns[name], structures.columns[name], name)
    for one, other in zip(found, structures, strict=True):
        assert one.get_chemical_symbols() == other.get_chemical_symbols()
        right = other if np.linalg.det(other.cell) > 0 else Atoms(other.numbers, -other.positions, cell=other.cell)
        assert_same_place(one, right, 1e-9)


@given(sets(ANY_NAMES))
def test_res_takes_any_name(structures) -> None:
    found = there_and_back(structures, "res")
    np.testing.assert_array_equal(found.numbers, structures.numbers)
    assert found.volumes == pytest.approx(structures.volumes, rel=1e-9)


@given(sets(WORDS))
def test_cif_keeps_structures(structures) -> None:
    assume(all(apart_enough(atoms) for atoms in structures))  # readers of CIF take atoms at one place for one
    found = there_and_back(structures, "cif")
    assert found.lengths.tolist() == structures.lengths.tolist()
    for one, other in zip(found, structures, strict=True):
        assert sorted(one.numbers) == sorted(other.numbers)
        assert one.cell.volume == pytest.approx(other.cell.volume, rel=1e-4)


@given(st.text(st.sampled_from("TITLCENDSFAR 0123.-n\n"), max_size=120) | st.text(max_size=40))
def test_any_text_is_res_or_a_clear_refusal(text) -> None:
    entries, refused = outcome(parse_res, text)
    if refused:
        assert refused.startswith("structure ")
        return
    assert all(len(entry.numbers) == len(entry.positions) for entry in entries)


@given(st.text(max_size=60), st.sampled_from(["extxyz", "xyz", "res", "cif"]))
def test_files_of_any_text_are_refused_by_name(text, form) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"stem.{form}"
        path.write_text(text)
        with pytest.raises(ValueError, match=r"structure file .*stem"):
            read_structures(path)
