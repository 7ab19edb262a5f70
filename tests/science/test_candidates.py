"""What is relaxed at every pressure: references and what was found elsewhere, each with a rattled copy."""

from __future__ import annotations

import numpy as np
import pytest
from crystals import Found, crystal, result

from aiida_polymorph.landscape.candidates import at_every_pressure, propose_candidates, rattle, within_window
from aiida_polymorph.structures import StructureSet

REFERENCES = StructureSet.from_atoms(
    [crystal("fcc", 1), crystal("hcp", 2)], {"name": ["copper", "another"], "year": [1, 2]}, {"source": "a book"}
)
LOW = result(20.0, [Found("sc", 0.1, 1.0), Found("bcc", 0.2, 0.6, size=3), Found("diamond", 0.3, 0.4, times=1)])
HIGH = result(40.0, [Found("sc", 0.1, 7.0)])


@pytest.fixture
def candidates() -> StructureSet:
    sets = {each.pressure_gpa: each.structures for each in (LOW, HIGH)}
    clusters = {each.pressure_gpa: each.clusters for each in (LOW, HIGH)}
    return propose_candidates(sets, clusters, REFERENCES, window=0.5, displacement=0.02)


def test_rattle_displaces_as_told_and_alike_each_time():
    once = rattle(REFERENCES, 0.02)
    many = StructureSet.from_atoms([crystal("fcc", 2000)])
    assert np.isclose(np.std(rattle(many, 0.02).positions - many.positions), 0.02, rtol=0.05)
    np.testing.assert_array_equal(once.positions, rattle(REFERENCES, 0.02).positions)
    assert not np.allclose(once.positions, rattle(REFERENCES, 0.02, seed=1).positions)
    np.testing.assert_array_equal(once.cells, REFERENCES.cells)


@pytest.mark.parametrize(("window", "labels"), [(0.3, [1]), (0.5, [0, 1]), (0.4000001, [0, 1])])
def test_window_counts_from_the_lowest_cluster(window, labels):
    assert [cluster.label for cluster in within_window(LOW.clusters, window)] == labels


def test_window_without_enthalpies_leaves_nothing_out():
    unknown = result(20.0, [Found("sc", 0.1, np.nan), Found("bcc", 0.2, np.nan)]).clusters
    assert within_window(unknown, 0.1) == unknown
    assert within_window([], 0.1) == []


def test_references_and_what_was_found_and_a_copy_of_each(candidates):
    columns = candidates.columns
    assert columns["index"].tolist() == list(range(10))
    assert columns["kind"].tolist() == (["reference"] * 2 + ["carried"] * 3) * 2
    assert columns["rattled"].tolist() == [False] * 5 + [True] * 5
    assert columns["name"].tolist() == ["copper", "another", "", "", ""] * 2
    assert columns["origin_cluster"].tolist() == [-1, -1, 0, 1, 0] * 2
    np.testing.assert_array_equal(columns["origin_gpa"], [np.nan, np.nan, 20, 20, 40] * 2)
    assert candidates.formula_units.tolist() == [1, 2, 2, 3, 2] * 2
    moved = np.linalg.norm(candidates[8].positions - candidates[3].positions, axis=1)
    assert np.all((moved > 0) & (moved < 0.2))


def test_each_is_relaxed_at_every_pressure_but_its_own(candidates):
    everywhere = at_every_pressure(candidates, [20.0, 40.0])
    columns = everywhere.columns
    assert columns["index"].tolist() == list(range(14))
    pairs = list(zip(columns["origin_gpa"], columns["pressure_gpa"], strict=True))
    assert pairs.count((20.0, 40.0)) == 4
    assert pairs.count((40.0, 20.0)) == 2
    assert not {(20.0, 20.0), (40.0, 40.0)} & set(pairs)
    for pressure in (20.0, 40.0):
        assert sum(columns["name"][columns["pressure_gpa"] == pressure] == "copper") == 2


def test_without_references_and_with_one_pressure_there_is_nothing_to_relax():
    nothing = propose_candidates({20.0: LOW.structures}, {20.0: LOW.clusters}, StructureSet.from_atoms([]), 0.5, 0.02)
    assert len(nothing) == 4
    assert len(at_every_pressure(nothing, [20.0])) == 0


def test_without_clusters_only_references():
    only = propose_candidates({20.0: LOW.structures}, {20.0: []}, REFERENCES, 0.5, 0.02)
    assert only.columns["name"].tolist() == ["copper", "another"] * 2
