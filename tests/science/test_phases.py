import numpy as np
import pytest

from aiida_polymorph.landscape.phases import (
    CarriedClusters,
    FoundClusters,
    label_clusters,
    letters,
    match_phases,
    name_clusters,
    nearest,
    phase_name,
)

EPS = 1e-3


def feature(place: float) -> np.ndarray:
    """A unit vector; the distance of two is nearly that of their places."""
    return np.array([np.cos(place), np.sin(place)])


def found(pressure, *clusters) -> FoundClusters:
    """Clusters given as (place, enthalpy, space group, reference or None)."""
    places, enthalpies, groups, references = zip(*clusters, strict=True) if clusters else ((), (), (), ())
    features = np.array([feature(place) for place in places]).reshape(-1, 2)
    return FoundClusters(pressure, features, np.array(enthalpies), groups, references, EPS)


def carried(source, target, *moves) -> CarriedClusters:
    """Structures given as (number of the cluster, place, enthalpy, space group)."""
    numbers, places, enthalpies, groups = zip(*moves, strict=True)
    features = np.array([feature(place) for place in places])
    return CarriedClusters(source, target, np.array(numbers), features, np.array(enthalpies), groups)


def by_name(phases) -> dict:
    return {phase.name: {row.pressure_gpa: row for row in phase.rows} for phase in phases}


def test_names():
    expected = {0: "a", 1: "b", 25: "z", 26: "aa", 27: "ab", 51: "az", 52: "ba", 701: "zz", 702: "aaa"}
    assert {number: letters(number) for number in expected} == expected
    assert phase_name(60.0, 0, "R-3") == "60-a-R-3"
    assert phase_name(0, 1, "P2_1/c") == "0-b-P21/c"
    assert phase_name(2.5, 27, "I4_1/amd") == "2.5-ab-I41/amd"
    assert phase_name(-0.0, 2, "") == "0-c-?"


def test_nearest():
    index, distance = nearest(np.array([[0.0], [4.0]]), np.array([[1.0], [3.5]]))
    assert index.tolist() == [0, 1]
    assert distance.tolist() == [1.0, 0.5]
    index, distance = nearest(np.zeros((2, 3)), np.zeros((0, 3)))
    assert index.tolist() == [-1, -1]
    assert np.isnan(distance).all()
    assert nearest(np.zeros((0, 3)), np.zeros((2, 3)))[0].shape == (0,)


def test_closest_reference_labels_and_others_are_aliases():
    clusters = np.array([feature(0.1), feature(0.2), feature(0.3)])
    references = np.array([feature(0.2004), feature(0.2001), feature(0.302), feature(0.1)])
    labels = label_clusters(clusters, references, ["far", "near", "outside", "exact"], EPS)
    assert [label.name for label in labels] == ["exact", "near", None]
    assert labels[1].aliases == ("far",)
    assert np.isclose(labels[1].distance, 1e-4)
    assert np.isnan(labels[2].distance)


def test_a_reference_labels_only_the_closest_of_two_clusters():
    labels = label_clusters(np.array([feature(0.1), feature(0.1008)]), np.array([feature(0.1006)]), ["rutile"], EPS)
    assert [label.name for label in labels] == [None, "rutile"]


def test_no_clusters_or_no_references():
    assert label_clusters(np.zeros((0, 2)), np.array([feature(0.1)]), ["rutile"], EPS) == []
    assert label_clusters(np.array([feature(0.1)]), np.zeros((0, 2)), [], EPS)[0].name is None
    with pytest.raises(ValueError, match="1 names for 0 references"):
        label_clusters(np.array([feature(0.1)]), np.zeros((0, 2)), ["rutile"], EPS)


def test_one_pressure_is_named_by_enthalpy():
    clusters = found(60, (0.1, -1.0, "P1", None), (0.2, -3.0, "R-3", None), (0.3, -2.0, "Pnma", "cotunnite"))
    assert name_clusters(clusters) == ["60-b-P1", "60-a-R-3", "cotunnite"]
    assert name_clusters(found(60)) == []


def test_one_phase_at_several_pressures_keeps_one_name():
    phases = match_phases(
        [found(0, (0.1, -1.0, "Pbcn", None), (0.5, -2.0, "P1", None)), found(20, (0.15, -5.0, "Pbcn", None))],
        [carried(0, 20, (0, 0.15, -5.0, "Pbcn"), (1, 0.8, -4.0, "Pm")), carried(20, 0, (0, 0.1, -1.0, "Pbcn"))],
    )
    names = by_name(phases)
    assert set(names) == {"20-a-Pbcn", "0-a-P1"}
    assert {p: row.cluster for p, row in names["20-a-Pbcn"].items()} == {0: 0, 20: 0}
    assert names["20-a-Pbcn"][0].enthalpy_per_formula_unit == -1.0
    assert set(names["0-a-P1"]) == {0}


def test_the_reference_names_the_phase_at_every_pressure():
    phases = match_phases(
        [found(0, (0.1, -1.0, "Pbcn", "columbite")), found(20, (0.15, -5.0, "Pbcn", None))],
        [carried(20, 0, (0, 0.1, -1.0, "Pbcn"))],
    )
    assert [(phase.name, phase.known, len(phase.rows)) for phase in phases] == [("columbite", True, 2)]


def test_same_reference_unites_without_carried_structures():
    phases = match_phases([found(0, (0.1, -1.0, "Pbcn", "columbite")), found(60, (0.4, -9.0, "Pbcn", "columbite"))], [])
    assert [len(phase.rows) for phase in phases] == [2]


def test_breaking_symmetry_makes_another_phase():
    """Rutile at 0 GPa turns into the Pnnm phase at 40, and that one into rutile at 0: two phases all the same."""
    phases = match_phases(
        [found(0, (0.1, -1.0, "P4_2/mnm", "rutile")), found(40, (0.14, -7.0, "Pnnm", None))],
        [carried(0, 40, (0, 0.14, -7.0, "Pnnm")), carried(40, 0, (0, 0.1, -1.0, "P4_2/mnm"))],
    )
    assert {phase.name: len(phase.rows) for phase in phases} == {"rutile": 1, "40-a-Pnnm": 1}


def test_two_phases_that_turn_into_one_are_told_apart_by_the_way_back():
    phases = match_phases(
        [
            found(20, (0.1, -2.0, "Pnnm", None), (0.103, -1.9, "Pnnm", None)),
            found(40, (0.14, -7.0, "Pnnm", None)),
        ],
        [
            carried(20, 40, (0, 0.14, -7.0, "Pnnm"), (1, 0.14, -7.0, "Pnnm")),
            carried(40, 20, (0, 0.103, -1.9, "Pnnm")),
        ],
    )
    names = by_name(phases)
    assert {name: sorted(rows) for name, rows in names.items()} == {"40-a-Pnnm": [20, 40], "20-a-Pnnm": [20]}
    assert names["40-a-Pnnm"][20].cluster == 1


def test_without_a_way_back_the_least_changed_one_is_the_phase():
    phases = match_phases(
        [found(20, (0.1, -2.0, "Pnnm", None), (0.13, -1.9, "Pnnm", None)), found(40, (0.14, -7.0, "Pnnm", None))],
        [carried(20, 40, (0, 0.14, -7.0, "Pnnm"), (1, 0.14, -7.0, "Pnnm"))],
    )
    united = next(phase for phase in phases if len(phase.rows) == 2)
    assert united.rows[0].cluster == 1


def test_different_references_are_never_united():
    phases = match_phases(
        [found(0, (0.1, -1.0, "Pnma", "ramsdellite")), found(60, (0.3, -9.0, "Pnma", "cotunnite"))],
        [carried(0, 60, (0, 0.3, -9.0, "Pnma")), carried(60, 0, (0, 0.1, -1.0, "Pnma"))],
    )
    assert sorted(phase.name for phase in phases) == ["cotunnite", "ramsdellite"]


def test_a_link_over_a_third_pressure():
    phases = match_phases(
        [found(0, (0.1, -1.0, "P1", None)), found(20, (0.2, -2.0, "P1", None)), found(40, (0.3, -3.5, "P1", None))],
        [carried(0, 20, (0, 0.2, -2.0, "P1")), carried(20, 40, (0, 0.3, -3.5, "P1"))],
    )
    assert [len(phase.rows) for phase in phases] == [3]


def test_a_minimum_that_the_search_missed_has_a_row():
    pressures = [found(0, (0.1, -1.0, "Pbca", None)), found(20, (0.6, -5.0, "P1", None))]
    kept = match_phases(pressures, [carried(0, 20, (0, 0.2, -4.0, "Pbca"))])
    row = by_name(kept)["0-a-Pbca"][20]
    assert (row.cluster, row.carried, row.enthalpy_per_formula_unit) == (None, (0, 0), -4.0)
    turned = match_phases(pressures, [carried(0, 20, (0, 0.2, -4.0, "Pnma"))])
    assert set(by_name(turned)["0-a-Pbca"]) == {0}


def test_named_after_the_pressure_where_it_lies_lowest():
    phases = match_phases(
        [
            found(0, (0.5, -10.0, "P1", None), (0.1, -9.0, "Pnnm", None)),
            found(40, (0.7, -20.0, "Pm", None), (0.2, -19.9, "Pnnm", None)),
        ],
        [carried(0, 40, (1, 0.2, -19.9, "Pnnm"))],
    )
    assert [phase.name for phase in phases] == ["0-a-P1", "40-a-Pm", "40-b-Pnnm"]


def test_unknown_enthalpies_and_space_groups():
    phases = match_phases(
        [found(0, (0.1, np.nan, "", None)), found(20, (0.2, np.nan, "", None))], [carried(0, 20, (0, 0.2, np.nan, ""))]
    )
    assert [phase.name for phase in phases] == ["0-a-?", "20-a-?"]


def test_a_carried_structure_without_fingerprint_says_nothing():
    lost = carried(0, 20, (0, np.nan, np.nan, "P1"))
    phases = match_phases([found(0, (0.1, -1.0, "Pm", None)), found(20, (0.2, -2.0, "Pm", None))], [lost])
    assert [len(phase.rows) for phase in phases] == [1, 1]


def test_bad_input_is_refused():
    one = found(0, (0.1, -1.0, "P1", None))
    with pytest.raises(ValueError, match="pressure occurs twice"):
        match_phases([one, one], [])
    with pytest.raises(ValueError, match=r"carried clusters from or to \[20\] GPa"):
        match_phases([one], [carried(0, 20, (0, 0.1, -1.0, "P1"))])
    pair = carried(0, 20, (0, 0.1, -1.0, "P1"))
    with pytest.raises(ValueError, match="pair of pressures occurs twice"):
        match_phases([one, found(20)], [pair, pair])
    assert match_phases([], []) == []


def test_nearest_in_blocks_and_close_together(monkeypatch):
    """Single precision and a whole bunch of copies: the distance is that of the differences, not of the products."""
    monkeypatch.setattr("aiida_polymorph.landscape.phases.BLOCK_ELEMENTS", 50)
    rng = np.random.default_rng(0)
    candidates = rng.random((40, 30)).astype(np.float32)
    rows = candidates[:25] + np.float32(1e-3) * rng.random((25, 30)).astype(np.float32)
    index, distance = nearest(rows, candidates)
    assert index.tolist() == list(range(25))
    expected = np.linalg.norm(rows.astype(float) - candidates[:25], axis=1)
    assert np.allclose(distance, expected, rtol=1e-12)
