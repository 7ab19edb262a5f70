"""Rows and texts of predictions, from invented nodes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.results.prediction import (
    PHASE_COLUMNS,
    costs_text,
    diagram_of,
    for_people,
    phase_entries,
    stage_calls,
)
from aiida_polymorph.text_tables import table
from aiida_polymorph.workflows.children import ABANDONED


def test_entries_tell_how_the_search_found_a_phase() -> None:
    found = {
        "name": "fcc",
        "known": True,
        "found": {"0": 5, "1": 2},
        "least_gap_ev": 0.01,
        "becomes": {"1": "P6_3/mmc"},
    }
    candidates = RecordData.from_record({}, phases=[found, {"name": "other"}])
    process = SimpleNamespace(outputs=SimpleNamespace(candidates=candidates))
    diagram = [{"name": "fcc", "fate": "stable"}, {"name": "from elsewhere", "fate": "undecided"}]
    first, second = phase_entries(process, diagram)
    assert first == {"fate": "stable", **found}
    assert second == {
        "name": "from elsewhere",
        "fate": "undecided",
        **dict.fromkeys(("known", "found", "least_gap_ev", "becomes")),
    }


@pytest.mark.parametrize(
    ("found", "text"),
    [
        ({"20": 7}, "7 times at 20 GPa"),
        ({"20": 1}, "once at 20 GPa"),
        ({"0": 5, "20": 2}, "7 times at 2 pressures"),
        ({}, "not by the search"),
        (None, "not by the search"),
    ],
)
def test_where_a_phase_was_found(found, text) -> None:
    row = for_people({"name": "fcc", "found": found, "least_gap_ev": None})
    assert row["found_text"] == text
    assert text in table([row], PHASE_COLUMNS)


def test_costs_that_are_not_known_are_left_out() -> None:
    assert costs_text({"search": 61.7, "dynamics": None, "harmonic": 3.2}) == (
        "CPU time of the jobs: search 62 s, harmonic 3 s."
    )
    assert costs_text({"search": None}) == ""


def test_prediction_without_a_diagram() -> None:
    node = orm.WorkChainNode().store()
    with pytest.raises(ValueError, match=f"prediction {node.pk} has no diagram: it is still under way"):
        diagram_of(node)
    node.set_exit_message("no search found a minimum")
    with pytest.raises(ValueError, match="no diagram: no search found a minimum"):
        diagram_of(node)


def test_calls_by_stage() -> None:
    """Whatever is started twice counts once; calls that belong to no stage are left out."""
    prediction = orm.WorkChainNode().store()
    labels = ("search_001", "search_000", "search_000", "relax", "point_00_00", "something")
    children = {}
    for number, label in enumerate(labels):
        child = children[number] = orm.WorkChainNode()
        if number == 1:
            child.set_process_state("killed")
            child.set_process_status(ABANDONED)
        child.base.links.add_incoming(prediction, LinkType.CALL_WORK, label)
        child.store()
    found = {stage: [child.pk for child in calls] for stage, calls in stage_calls(prediction).items()}
    assert found == {
        "search": [children[0].pk, children[2].pk],
        "candidates": [children[3].pk],
        "harmonic": [],
        "dynamics": [children[4].pk],
    }
    assert list(found) == ["search", "candidates", "harmonic", "dynamics"]
