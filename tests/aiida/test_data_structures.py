"""StructureSetData: what goes in comes out, can be queried, and hashes alike."""

from __future__ import annotations

import io

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError
from aiida.plugins import DataFactory
from ase import Atoms
from ase.build import bulk

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.structures import StructureSet


@pytest.fixture
def oxides() -> StructureSet:
    rutile_like = Atoms("TiO2", positions=np.arange(9).reshape(3, 3) / 3, cell=[3, 4, 5], pbc=True)
    return StructureSet.from_atoms(
        [rutile_like, rutile_like * (2, 1, 1), rutile_like * (1, 1, 3)],
        {
            "index": [7, 8, 9],
            "enthalpy": [-38.0, -80.0, np.nan],
            "pressure_gpa": [20.0] * 3,
            "converged": [True, True, False],
            "reason": ["", "", "exploded"],
            "name": ["a", "bb", "ccc"],
        },
        {"minimiser": {"name": "x", "version": 1}, "recipe": {"composition": "TiO2", "cell_angles": [60.0, 120.0]}},
    )


def test_round_trip_is_exact(oxides, store_set):
    loaded = orm.load_node(store_set(oxides).pk).to_set()
    assert loaded.to_arrays().keys() == oxides.to_arrays().keys()
    for name, values in oxides.to_arrays().items():
        np.testing.assert_array_equal(loaded.to_arrays()[name], values)
    assert loaded.metadata == oxides.metadata
    assert len(loaded) == len(orm.load_node(store_set(oxides).pk)) == 3


def test_attributes_can_be_queried(oxides, store_set):
    node = store_set(oxides.with_metadata(pressure_gpa=20.0))
    query = orm.QueryBuilder().append(
        StructureSetData,
        filters={
            "id": node.pk,
            "attributes.composition": "TiO2",
            "attributes.pressure_gpa": 20.0,
            "attributes.formula_units": {"contains": [3]},
            "attributes.lowest_enthalpy_ev_per_formula_unit": {"<": -39.0},
            "attributes.failed": 1,
            "attributes.converged": 2,
            "attributes.count": 3,
        },
    )
    assert query.count() == 1
    assert node.value("species") == ["O", "Ti"]


def test_lowest_enthalpy_leaves_out_what_did_not_converge(oxides, store_set):
    exploded = oxides.with_columns(enthalpy=[-38.0, -80.0, -1e9])
    assert store_set(exploded).value("lowest_enthalpy_ev_per_formula_unit") == -40.0


def test_unknown_is_none_not_a_number(store_set):
    node = store_set(StructureSet.from_atoms([bulk("Cu")]))
    assert node.value("lowest_enthalpy_ev_per_formula_unit") is None
    assert node.value("pressure_gpa") is None


def test_several_pressures_have_no_common_one(oxides, store_set):
    mixed = oxides.with_columns(pressure_gpa=[0.0, 20.0, 20.0]).with_metadata(pressure_gpa=20.0)
    assert store_set(mixed).value("pressure_gpa") is None


def test_several_compositions_are_kept_without_a_formula(store_set):
    node = store_set(StructureSet.from_atoms([bulk("Cu"), bulk("NaCl", "rocksalt", a=5.6)]))
    assert node.value("composition") is None
    assert node.to_set()[1].get_chemical_formula() == "ClNa"


def test_empty_set(store_set):
    node = store_set(StructureSet.from_atoms([]))
    assert (len(node), node.value("composition"), node.value("count")) == (0, "", 0)
    assert len(node.to_set()) == 0
    assert node, "a node is true even if its set is empty"


def test_same_content_same_hash_whatever_the_time(oxides, store_set):
    first, second = store_set(oxides), store_set(oxides)
    assert first.base.caching.get_hash() == second.base.caching.get_hash()
    moved = StructureSet.from_arrays({**oxides.to_arrays(), "positions": oxides.positions + 1e-9}, oxides.metadata)
    assert store_set(moved).base.caching.get_hash() != first.base.caching.get_hash()


def test_column_of_objects_is_refused(oxides):
    with pytest.raises(ValueError, match="column 'thing'"):
        StructureSetData.from_set(oxides.with_columns(thing=np.array([{}, [], None], dtype=object)))


def test_text_as_objects_is_stored(oxides, store_set):
    node = store_set(oxides.with_columns(name=np.array(["a", "b", "c"], dtype=object)))
    assert node.to_set().column("name").tolist() == ["a", "b", "c"]


def test_arrays_that_do_not_fit_are_refused(oxides):
    content = io.BytesIO()
    np.savez(content, **{**oxides.to_arrays(), "offsets": np.array([0, 1])})
    content.seek(0)
    node = StructureSetData.from_set(oxides)
    node.base.repository.put_object_from_filelike(content, "structures.npz")
    with pytest.raises(ValidationError, match="not a set of structures"):
        node.store()


def test_attributes_that_do_not_fit_are_refused(oxides):
    node = StructureSetData.from_set(oxides)
    node.base.attributes.set("count", 5)
    with pytest.raises(ValidationError, match="from_set"):
        node.store()


def test_large_set_is_one_node_without_numbers_in_the_database(store_set):
    n = 5000
    large = StructureSet(
        np.random.default_rng(0).random((24 * n, 3)),
        np.tile(np.eye(3) * 5, (n, 1, 1)),
        np.tile([22] * 8 + [8] * 16, n),
        np.arange(n + 1) * 24,
    )
    before = orm.QueryBuilder().append(orm.Data).count()
    node = store_set(large)
    assert orm.QueryBuilder().append(orm.Data).count() == before + 1
    assert len(str(node.base.attributes.all)) < 1000


@pytest.mark.parametrize("file_format", ["extxyz", "res", "cif"])
def test_export(oxides, store_set, tmp_path, file_format):
    path = tmp_path / f"out.{file_format}"
    store_set(oxides).export(path, fileformat=file_format)
    assert path.stat().st_size > 100


def test_entry_point():
    assert DataFactory("polymorph.structures") is StructureSetData
