"""StructureSet: selection, joining, edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from aiida_polymorph.structures import (
    StructureSet,
    composition_formula,
    formula_units_of,
    reduced_composition,
)


def atoms_of(formula, length=5.0):
    n = len(Atoms(formula))
    return Atoms(formula, positions=np.arange(3.0 * n).reshape(n, 3) / 10, cell=np.eye(3) * length, pbc=True)


@pytest.fixture
def structures():
    atoms = [atoms_of("TiO2", 3.0), atoms_of("Ti2O4", 4.0), atoms_of("O6Ti3", 5.0)]
    return StructureSet.from_atoms(atoms, {"enthalpy": [-1.0, -4.0, -9.0], "name": ["a", "b", "c"]}, {"seed": 1})


def test_atoms_come_back(structures):
    assert [len(atoms) for atoms in structures] == [3, 6, 9]
    assert structures[-1].get_chemical_formula() == "O6Ti3"
    np.testing.assert_array_equal(structures[1].positions, atoms_of("Ti2O4").positions)
    assert structures[1].pbc.all()
    with pytest.raises(IndexError, match="structure 3 of a set of 3"):
        structures[3]


def test_derived_quantities(structures):
    assert structures.composition == "TiO2"
    assert structures.species == ("O", "Ti")
    assert structures.lengths.tolist() == [3, 6, 9]
    assert structures.formula_units.tolist() == [1, 2, 3]
    np.testing.assert_allclose(structures.enthalpy_per_formula_unit, [-1, -2, -3])
    np.testing.assert_allclose(structures.volume_per_formula_unit, [27, 32, 125 / 3])


def test_select_by_mask_and_by_indices(structures):
    masked = structures.select(np.array([True, False, True]))
    assert masked.columns["name"].tolist() == ["a", "c"]
    assert masked.lengths.tolist() == [3, 9]
    ordered = structures.select([2, 0, 2])
    assert ordered.columns["name"].tolist() == ["c", "a", "c"]
    np.testing.assert_array_equal(ordered[2].positions, structures[2].positions)
    assert ordered.metadata == {"seed": 1}
    assert structures.select([-1]).columns["name"].tolist() == ["c"]


def test_select_refuses_what_does_not_fit(structures):
    with pytest.raises(IndexError):
        structures.select([3])
    with pytest.raises(ValueError, match="mask of 2 for 3"):
        structures.select(np.array([True, False]))


def test_select_nothing(structures):
    for nothing in ([], np.zeros(3, dtype=bool)):
        empty = structures.select(nothing)
        assert len(empty) == 0
        assert empty.columns["enthalpy"].shape == (0,)


def test_empty_set():
    empty = StructureSet.from_atoms([])
    assert (len(empty), empty.composition, empty.species) == (0, "", ())
    assert list(empty) == []
    for values in (empty.volumes, empty.formula_units, empty.enthalpy_per_formula_unit, empty.lengths):
        assert values.shape == (0,)
    assert len(StructureSet.concatenate([])) == 0
    assert len(StructureSet.concatenate([empty, empty])) == 0


def test_empty_and_full_sets_join(structures):
    empty = structures.select([])
    joined = StructureSet.concatenate([empty, structures, empty])
    np.testing.assert_array_equal(joined.positions, structures.positions)
    np.testing.assert_array_equal(joined.offsets, structures.offsets)
    assert joined.offsets.dtype.kind == "i"


def test_one_structure():
    single = StructureSet.from_atoms([atoms_of("Si")])
    assert (single.composition, single.formula_units.tolist()) == ("Si", [1])
    assert np.isnan(single.enthalpy_per_formula_unit).all()


def test_concatenate_keeps_shared_columns(structures):
    other = StructureSet.from_atoms([atoms_of("TiO2")], {"name": ["d"], "index": [7]})
    joined = StructureSet.concatenate([structures, other])
    assert set(joined.columns) == {"name"}
    assert joined.columns["name"].tolist() == ["a", "b", "c", "d"]
    assert joined.metadata == {"seed": 1}
    assert StructureSet.concatenate([structures, other], metadata={"x": 2}).metadata == {"x": 2}
    np.testing.assert_array_equal(joined[3].positions, other[0].positions)


def test_mixed_compositions_are_refused():
    mixed = StructureSet.from_atoms([atoms_of("TiO2"), atoms_of("TiO")])
    with pytest.raises(ValueError, match="different compositions: TiO, TiO2"):
        _ = mixed.composition


def test_arrays_and_back(structures):
    again = StructureSet.from_arrays(structures.to_arrays(), structures.metadata)
    np.testing.assert_array_equal(again.positions, structures.positions)
    assert again.columns["name"].tolist() == ["a", "b", "c"]
    assert again.metadata == structures.metadata


def test_columns_and_metadata_are_added_without_touching_the_original(structures):
    changed = structures.with_columns(converged=[True, False, True]).with_metadata(pressure_gpa=20)
    assert changed.column("converged").tolist() == [True, False, True]
    assert "converged" not in structures.columns
    assert structures.column("converged", False).tolist() == [False] * 3
    assert changed.metadata == {"seed": 1, "pressure_gpa": 20}


def test_shapes_are_checked(structures):
    arrays = structures.to_arrays()
    for name, value, message in (
        ("cells", np.zeros((2, 3, 3)), "cells has shape"),
        ("positions", np.zeros((4, 3)), "positions has shape"),
        ("offsets", np.array([0, 6, 3, 18]), "offsets must"),
        ("offsets", np.array([0, 3, 9, 17]), "offsets must"),
        ("name", np.array(["a"]), "column 'name' has 1 entries for 3"),
    ):
        with pytest.raises(ValueError, match=message):
            StructureSet.from_arrays({**arrays, name: value})


def test_formulas():
    assert reduced_composition([8, 22, 8, 8, 8, 22]) == ((8, 2), (22, 1))
    assert reduced_composition([]) == ()
    assert formula_units_of([8, 22, 8, 8, 8, 22]) == 2
    assert formula_units_of([14, 14, 14]) == 3
    cases = {"SiO2": "O2Si", "NaCl": "ClNa", "MgSiO3": "O3SiMg", "NH3": "H3N", "BN": "NB", "CO2": "O2C"}
    for expected, formula in cases.items():
        assert composition_formula(reduced_composition(Atoms(formula).numbers)) == expected
