"""Parts of a search become one: by index, each structure once, nothing mixed unasked."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aiida_polymorph.relaxation.merging import merge, missing, pool
from aiida_polymorph.relaxation.statistics import count
from aiida_polymorph.structures import StructureSet


def part(indices, enthalpies=None, **metadata) -> StructureSet:
    """A set of cells whose lattice parameter is 3 + index / 10."""
    cells = [bulk("Cu", a=3 + index / 10) for index in indices]
    columns = {"index": indices, "enthalpy": enthalpies or [float(index) for index in indices]}
    common = {"recipe": {"seed": 0}, "pressure_gpa": 20.0, "minimiser": {"name": "a"}, "potential": "p"}
    return StructureSet.from_atoms(cells, columns, {**common, **metadata})


def test_merge_sorts_by_index():
    merged = merge([part([4, 5]), part([0, 1])])
    assert merged.column("index").tolist() == [0, 1, 4, 5]
    np.testing.assert_allclose(merged[2].cell, bulk("Cu", a=3.4).cell)


def test_structure_that_came_twice_counts_once_and_the_first_counts():
    merged = merge([part([0, 1]), part([1, 2], [99.0, 2.0])])
    assert merged.column("index").tolist() == [0, 1, 2]
    assert merged.column("enthalpy").tolist() == [0.0, 1.0, 2.0]


def test_merge_with_itself_changes_nothing():
    once = part([3, 1, 2])
    assert merge([once, once]).column("index").tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "other"),
    [("recipe", {"seed": 1}), ("pressure_gpa", 0.0), ("potential", "q"), ("minimiser", {"name": "b"})],
)
def test_what_does_not_belong_together_is_refused(name, other):
    with pytest.raises(ValueError, match=f"differ in {name}"):
        merge([part([0]), part([1], **{name: other})])


def test_other_minimisers_are_merged_when_told_and_marked():
    merged = merge([part([0]), part([1], minimiser={"name": "b"})], mix_minimisers=True)
    assert len(merged) == 2
    assert merged.metadata["minimiser"] == "several"


def test_empty_parts_do_not_matter():
    empty = part([0], minimiser={"name": "b"}).select([])
    assert merge([empty, part([1])]).column("index").tolist() == [1]
    assert len(merge([empty])) == len(merge([])) == 0


def test_missing():
    starts = part([5, 6, 7, 8])
    assert missing(starts, [part([6]), part([8, 6])]).column("index").tolist() == [5, 7]
    assert missing(starts, []).column("index").tolist() == [5, 6, 7, 8]
    assert len(missing(starts, [starts])) == 0


def test_missing_numbers_what_has_no_index():
    nameless = StructureSet.from_atoms([bulk("Cu"), bulk("Cu"), bulk("Cu")])
    assert missing(nameless, [part([1])]).column("index").tolist() == [0, 2]


def test_pool_joins_seeds_and_counts_parts_of_a_search_once():
    pooled = pool([part([0, 1]), part([0, 1], recipe={"seed": 1}), part([1, 2])])
    assert pooled.column("index").tolist() == [0, 1, 2, 3, 4]
    assert pooled.column("enthalpy").tolist() == [0.0, 1.0, 2.0, 0.0, 1.0]


def test_count():
    found = part([0, 1, 2]).with_columns(
        converged=[True, True, False],
        reason=["", "", "timed out"],
        force_calls=[10, 30, 500],
        cpu_seconds=[1, 2, np.nan],
    )
    counted = count(found, 5)
    assert (counted["asked"], counted["done"], counted["relaxed"]) == (5, 3, 2)
    assert counted["failed"] == {"timed out": 1, "lost with their job": 2}
    assert (counted["force_calls_mean"], counted["cpu_seconds"]) == (20.0, 3.0)


def test_count_of_nothing():
    assert count(part([0]).select([]), 2)["force_calls_mean"] is None


@pytest.mark.parametrize(("name", "other"), [("pressure_gpa", 0.0), ("potential", "q"), ("minimiser", {"name": "b"})])
def test_pool_refuses_what_changes_frequencies(name, other):
    with pytest.raises(ValueError, match=f"differ in {name}"):
        pool([part([0]), part([0], recipe={"seed": 1}, **{name: other})])


def test_pool_of_sets_from_elsewhere_counts_each_of_them():
    pooled = pool([part([0, 1], recipe=None), part([0], recipe=None)])
    assert pooled.column("enthalpy").tolist() == [0.0, 1.0, 0.0]
    assert "recipe" not in pooled.metadata


def test_pooling_takes_the_pressure_from_column_or_metadata():
    atoms = [bulk("Cu"), bulk("Cu", a=3.7)]
    by_column = StructureSet.from_atoms(atoms, {"pressure_gpa": [20.0, 20.0]})
    by_metadata = StructureSet.from_atoms(atoms, metadata={"pressure_gpa": 20.0})
    assert len(pool([by_column, by_metadata])) == 4
    with pytest.raises(ValueError, match="differ in pressure_gpa"):
        pool([by_column, by_metadata.with_metadata(pressure_gpa=40.0)])
