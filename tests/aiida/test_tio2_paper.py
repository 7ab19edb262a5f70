"""examples/tio2_paper: measures with known answers, the tables of a small analysis, the check of a search."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest
from aiida.engine import run_get_node

from aiida_polymorph.formats import read_structures
from aiida_polymorph.results.analysis import phase_rows
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.units import KCAL_PER_MOL
from aiida_polymorph.workflows.search import SearchWorkChain

EXAMPLE = Path(__file__).parents[2] / "examples" / "tio2_paper"
sys.path.insert(0, str(EXAMPLE))

import check  # noqa: E402
import compare  # noqa: E402
import measures  # noqa: E402
import reference_data  # noqa: E402
import tables  # noqa: E402
import thermo_tables  # noqa: E402
from analysis_data import read_analysis  # noqa: E402

PHASES = EXAMPLE / "phases.extxyz.gz"
NAMES = ("rutile", "pyrite", "columbite", "fluorite")


def test_table_is_read_and_a_malformed_one_refused(tmp_path):
    path = tmp_path / "table.dat"
    path.write_text("P/GPa rutile pyrite\n0 -917.9 -913.4\n20 NaN -835.4\n")
    table = reference_data.read_table(path)
    assert (table.at("pyrite", 20.0), table.at("rutile", 0.0)) == (-835.4, -917.9)
    assert np.isnan([table.at("rutile", 20.0), table.at("brookite", 0.0), table.at("rutile", 5.0)]).all()
    path.write_text("P/GPa rutile pyrite\n0 -917.9\n")
    with pytest.raises(ValueError, match=r"table\.dat: rows of \[2\] columns under a header of 3"):
        reference_data.read_table(path)
    with pytest.raises(ValueError, match=r"lacks chemical-potential-700K\.dat"):
        reference_data.read_tables(tmp_path)


def test_entropy_of_an_entry_and_the_rule_for_faulty_ones():
    quantum = 0.0019872036 * 700
    one = reference_data.Table(("a",), np.array([0.0]), np.zeros((1, 1)))
    shift = {"gibbs_700": -12.0 * quantum, "enthalpy_700": 0.0, "enthalpy_0": -4.7 * quantum}
    shifted = {key: reference_data.Table(one.names, one.pressures, one.values + value) for key, value in shift.items()}
    entry = reference_data.entry(shifted, "a", 0.0)
    assert entry.entropy == pytest.approx(12.0)
    assert entry.heating == pytest.approx(4.7 * quantum)
    assert entry.fault == ""
    assert "4.5 kT" in reference_data.fault(6.26 + 0.6)
    assert "4.5 kT" in reference_data.fault(6.26 - 0.6)
    assert "0 K" in reference_data.fault(np.nan)


def test_published_tables_are_read_and_their_faults_seen(reference_folder):
    published = reference_data.read_tables(reference_folder / "tio2")
    faulty = {(e.name, e.pressure_gpa) for e in reference_data.entries(published, [0.0, 20.0, 40.0, 60.0]) if e.fault}
    assert ("newphase-60GPa-f-Pmn21", 20.0) in faulty
    assert not {name for name, _ in faulty} & {"rutile", "pyrite", "columbite", "cotunnite"}


def made_up(slope: float, noise: float = 0.0) -> measures.Sample:
    rng = np.random.default_rng(1)
    groups = np.repeat([0.0, 20.0], 12)
    enthalpy, true = rng.uniform(0, 0.5, 24) - groups, rng.normal(0, 0.2, 24) + groups
    basin = true + slope * enthalpy + 3.0 * groups + rng.normal(0, noise, 24) if noise else true + slope * enthalpy
    names = tuple(f"p{i}" for i in range(24))
    return measures.Sample(names, groups, basin, np.eye(24) * 0.01, enthalpy, true)


def test_entropies_that_differ_by_a_multiple_of_the_enthalpy():
    result = measures.compare_entropies(made_up(-2.0))
    assert result["a"] == pytest.approx(-2.0, abs=1e-6)
    assert result["corrected_r"] == pytest.approx(1.0)
    assert result["corrected_rmse"] == pytest.approx(0.0, abs=1e-6)
    assert result["r"] < 0.9
    assert result["r_low"] < result["r"] < result["r_high"]
    noisy = measures.compare_entropies(made_up(-2.0, noise=0.1))
    assert abs(noisy["a"] + 2.0) < 3 * noisy["a_error"]


def test_shifts_of_a_whole_pressure_change_nothing():
    sample = made_up(-1.0, noise=0.05)
    centre = sample.centred()
    for values in (centre.basin, centre.true, centre.enthalpy):
        assert [values[centre.groups == p].mean() for p in (0.0, 20.0)] == pytest.approx([0.0, 0.0], abs=1e-12)
    part = sample.select(sample.groups == 20.0)
    assert measures.compare_entropies(part)["phases"] == 12
    assert measures.compare_entropies(sample.select(sample.groups < -1))["r"] is None


def test_ranks_and_shifted_errors_of_potentials():
    reference = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    same = measures.compare_potentials(reference + 7.0, reference)
    assert (same["spearman"], same["kendall"]) == pytest.approx((1.0, 1.0))
    assert same["rmse"] == pytest.approx(0.0, abs=1e-12)
    swapped = measures.compare_potentials(np.array([1.0, 0.0, 2.0, 3.0, 4.0]), reference)
    assert (swapped["spearman"], swapped["kendall"]) == pytest.approx((0.9, 0.8))
    assert (swapped["rmse"], swapped["largest"]) == pytest.approx((np.sqrt(0.4), 1.0))
    assert measures.compare_potentials(reference[:3], reference[:3])["rmse"] is None


def test_predictions_and_their_errors():
    result = measures.compare_predictions(
        np.array([1.0, 2.0, 3.5]), np.array([0.1, 0.4, 0.2]), np.array([1.0, 2.5, 3.0])
    )
    assert (result["mae"], result["bias"]) == pytest.approx((1 / 3, 0.0))
    assert (result["within_1"], result["within_2"]) == pytest.approx((1 / 3, 2 / 3))
    assert measures.compare_predictions(*np.zeros((3, 0)))["mae"] is None


def test_which_phase_is_lowest_where():
    values = np.array([[0.0, 1.0], [0.0, -1.0], [np.nan, -1.0], [np.nan, np.nan]])
    stable = measures.lowest(values, ("a", "b"))
    assert stable == ["a", "b", "b", None]
    assert measures.stable_ranges(np.array([0.0, 5.0, 10.0]), stable[:3]) == [
        {"phase": "a", "from_gpa": 0.0, "to_gpa": 0.0},
        {"phase": "b", "from_gpa": 5.0, "to_gpa": 10.0},
    ]


def test_lost_and_doubled_structures_are_seen():
    whole, half = np.arange(6), [np.arange(3), np.arange(3, 6)]
    assert check.problems_of(whole, half, 6) == []
    assert "1 structures lost, the first with index 5" in check.problems_of(whole[:5], half, 6)
    assert "1 structures counted twice, the first with index 2" in check.problems_of(np.append(whole, 2), half, 6)
    assert "1 structures are in more than one batch" in check.problems_of(whole, [np.arange(4), np.arange(3, 6)], 6)
    assert "the batches together are not the set" in check.problems_of(whole, half[:1], 6)
    assert "1 structures not asked for, the first with index 5" in check.problems_of(whole, half, 5)


@pytest.fixture
def searched(relax_code, lennard_jones):
    recipe = Recipe.propose("Ar", formula_units=[2], volume_per_formula_unit=45.0, minimum_separations={"Ar-Ar": 3.0})

    def search(batch_size):
        overrides = {"jobs": 1, "batch_size": batch_size}
        inputs = (relax_code, lennard_jones, recipe, 1.5, 5)
        return run_get_node(SearchWorkChain.get_builder_from_protocol(*inputs, overrides=overrides))[1]

    return search


def test_check_of_a_search_in_one_batch(searched):
    row = check.check(searched(5))
    assert (row["problems"], row["structures"], row["batches"], row["jobs_per_batch"]) == ([], 5, 1, {"1": 1})


def test_check_of_a_search(searched):
    search = searched(3)
    row = check.check(search)
    assert (row["problems"], row["structures"], row["batches"], row["jobs_per_batch"]) == ([], 5, 2, {"1": 2})
    assert check.check_together([row]) == []
    assert check.check_together([row, row | {"seed": 3}]) == ["2 searches at 1.5 GPa", "the searches differ in seed"]
    assert "all there, once" in check.line_of(row)
    assert search.pk in [found.pk for found in check.finished_searches()]
    merged = search.outputs.structures.to_set()
    assert check.differing(merged, [merged]) == 0
    assert check.differing(merged.with_columns(enthalpy=merged.column("enthalpy") + 1e-9), [merged]) == 5


@pytest.fixture(scope="module")
def published(analysis):
    """Tables that agree with the analysis, but for a common shift and an entropy of 12 kB of every phase."""
    pressures = np.array([20.0, 40.0])
    enthalpy = {(r["name"], r["pressure_gpa"]): r["enthalpy_ev_per_formula_unit"] for r in phase_rows(analysis)}
    cold = np.array([[enthalpy.get((name, p), np.nan) / KCAL_PER_MOL for name in NAMES] for p in pressures])
    heated = cold + reference_data.EQUIPARTITION
    gibbs = heated - 12.0 * reference_data.KB_KCAL * 700
    values = {"gibbs_700": gibbs, "enthalpy_700": heated, "enthalpy_0": cold}
    return {key: reference_data.Table(NAMES, pressures, each) for key, each in values.items()}


@pytest.fixture(scope="module")
def data(analysis):
    return read_analysis(analysis)


def test_references_of_a_small_analysis(analysis, data):
    rows = {row["name"]: row for row in tables.references_found(data).rows}
    assert set(rows) == set(NAMES)
    found = {(r["name"], r["pressure_gpa"]): r["found"] for r in phase_rows(analysis) if r["state"] == "found"}
    assert rows["pyrite"]["20"]["fate"] == "found"
    assert rows["pyrite"]["20"]["found"] == found["pyrite", 20.0]
    assert rows["columbite"]["40"]["fate"] == "missed"
    assert rows["fluorite"]["20"]["saddle"]


def test_fates_in_words():
    fate = {"fate": "found", "found": {"2": 3, "4": 1}, "same_as": None, "saddle": False}
    assert tables.fate_text(fate, {}) == "4 (2, 4)"
    assert tables.fate_text(fate | {"saddle": True}, {}) == "4 (2, 4) saddle"
    assert tables.fate_text(fate | {"fate": "missed", "same_as": "newphase-a"}, {"newphase-a": "a"}) == "= a"
    assert tables.fate_text(fate | {"fate": "saddle"}, {}) == "saddle"
    assert tables.fate_text(fate | {"fate": "left", "same_as": "b"}, {}) == "→ b"


def test_all_tables_of_a_small_analysis(data, published):
    results = compare.all_tables(data, published)
    minima = results["minima"].rows
    assert [row["pressure_gpa"] for row in minima] == [20.0, 40.0]
    assert all(row["found_once"] <= row["distinct"] <= row["structures"] for row in minima)
    assert all(0 <= row["above_kcal"] <= tables.WINDOW_KCAL for row in results["new-phases"].rows)
    assert {row["split"] for row in results["surrogate"].rows} == set(tables.SPLITS)
    assert results["faults"].rows == []
    alone = [row for row in results["potentials"].rows if row["estimate"] == "enthalpy" and row["rmse"] is not None]
    assert all(row["rmse"] == pytest.approx(0.0, abs=1e-9) for row in alone)
    stable = {row["source"]: row["phase"] for row in results["stable"].rows}
    assert stable["table, G(700 K)"] == stable["table, H(0 K)"]
    json.dumps(compare.plain({name: result.rows for name, result in results.items()}))


def test_page_is_filled_and_figures_are_drawn(data, published):
    results = compare.all_tables(data, published)
    page = "a\n<!-- table: minima -->\nold\n<!-- end -->\nb\n<!-- table: faults -->\n<!-- end -->\n"
    once = compare.filled(page, results)
    assert "old" not in once
    assert "| 20 | 120 |" in once
    assert compare.filled(once, results) == once
    with pytest.raises(ValueError, match="there is no table 'nothing'"):
        compare.filled("<!-- table: nothing -->\n<!-- end -->", results)
    assert len(compare.potential_figure(data, published).axes) == 2
    assert compare.missed_figure(data) is not None


def test_page_asks_for_tables_that_there_are(data, published):
    text = (EXAMPLE.parents[1] / "docs" / "tio2_paper.md").read_text()
    asked = {match["name"] for match in compare.MARKS.finditer(text)}
    assert asked == set(compare.all_tables(data, published))


def test_entropies_are_matched_by_phase(data, published):
    sample, chosen = thermo_tables.entropy_sample(data, reference_data.entries(published, data.pressures))
    assert len(sample.names) == len(chosen) > 0
    np.testing.assert_allclose(sample.true, 12.0)
    np.testing.assert_allclose(np.diagonal(sample.covariance) > 0, True)


def test_data_file_holds_the_phases():
    assert PHASES.stat().st_size < 5e6
    with gzip.open(PHASES, "rt") as file:
        structures = ase.io.read(file, index=":", format="extxyz")
    found = [atoms for atoms in structures if atoms.info["state"] == "found"]
    assert {atoms.info["pressure_gpa"] for atoms in found} == {0, 20, 40, 60}
    assert all(atoms.get_chemical_formula(empirical=True) == "O2Ti" for atoms in structures)
    for pressure, stable in {0: "rutile", 20: "pyrite", 40: "pyrite", 60: "pyrite"}.items():
        here = [atoms for atoms in found if atoms.info["pressure_gpa"] == pressure]
        lowest = min(here, key=lambda atoms: atoms.info["enthalpy"] / len(atoms))
        assert lowest.info["phase"] == stable
        pairs = [pair for atoms in here for pair in str(atoms.info["found"]).split()]
        assert 1000 < sum(int(pair.split(":")[1]) for pair in pairs) <= 5040
    assert len(read_structures(PHASES)) == len(structures)
