"""`analyse`, `phases`, `explain` and `report` on an imported set: argon, close-packed in two ways."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from click.testing import CliRunner
from fields import PHASE_FIELDS, THERMAL_FIELDS

import aiida_polymorph
from aiida_polymorph.cli import main
from aiida_polymorph.formats import write_structures
from aiida_polymorph.structures import StructureSet


def run(*args: object) -> str:
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result.stdout


def pile() -> StructureSet:
    """Both packings, each in cells of 2 and 4 atoms, found as often as 6, 5, 4 and 8 times."""
    fcc, hcp = bulk("Ar", "fcc", a=5.3), bulk("Ar", "hcp", a=5.3 / 2**0.5, c=5.3 / 2**0.5 * (8 / 3) ** 0.5)
    cells = [make_supercell(fcc, np.diag([2, 1, 1]))] * 6 + [make_supercell(fcc, np.diag([2, 2, 1]))] * 5
    cells += [hcp] * 4 + [make_supercell(hcp, np.diag([2, 1, 1]))] * 8
    per_atom = [-0.08] * 11 + [-0.079] * 12
    enthalpy = [energy * len(atoms) for energy, atoms in zip(per_atom, cells, strict=True)]
    return StructureSet.from_atoms(cells, {"enthalpy": enthalpy})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("analysis")


@pytest.fixture
def analysis(folder) -> dict:
    """The summary of the analysis; asked for again, it is the same one."""
    path = folder / "argon.extxyz"
    write_structures(pile(), path, "extxyz")
    known = folder / "known.json"
    if not known.exists():
        known.write_text(run("import", path, "--pressure", "0", "--json"))
    return json.loads(run("analyse", json.loads(known.read_text())["node"], "--no-references", "--json"))


def test_summary(analysis: dict) -> None:
    assert (analysis["structures"], analysis["phases"], analysis["found_once"]) == (23, 2, 0)
    assert set(analysis["surrogate"]) == {"random", "novel", "cluster"}
    assert all(set(errors) >= {"mae", "rmse", "r2"} for errors in analysis["surrogate"].values())
    assert set(analysis["basin_entropy"]) >= {"components", "overdispersion"}
    assert analysis["eps"] > 0
    assert [entry["found"] for entry in analysis["unseen"]] == [2, 2, 2]
    assert {(entry["missing"], entry["coverage"]) for entry in analysis["unseen"]} == {(0.0, 1.0)}


def test_phases(analysis: dict) -> None:
    rows = json.loads(run("phases", analysis["node"], "--json"))
    assert all(set(row) >= PHASE_FIELDS and not set(row) & THERMAL_FIELDS for row in rows)
    assert {row["name"]: row["found"] for row in rows} == {
        "0-a-Fm-3m": {"2": 6, "4": 5},
        "0-b-P63/mmc": {"2": 4, "4": 8},
    }
    warm = json.loads(run("phases", "--pressure", "0", "--temperature", "300", "--json"))
    assert all(set(row) >= PHASE_FIELDS | THERMAL_FIELDS for row in warm)
    text = run("phases", analysis["node"])
    assert "Fm-3m" in text
    assert "Minima not found at 0 GPa: at least 0.0 +- 0.0 within 0.1 eV/f.u. of the lowest, 0.0 +- 0.0 within" in text


def test_what_an_older_version_did_not_record_is_said_so(analysis: dict) -> None:
    from aiida import orm

    from aiida_polymorph.data.landscape import LandscapeData
    from aiida_polymorph.results.unseen import NOT_RECORDED, unseen_rows, unseen_text

    (landscape,) = orm.load_node(analysis["node"]).outputs.landscapes.values()
    older = LandscapeData.from_record({}, **{k: v for k, v in landscape.base.attributes.items() if k == "structures"})
    assert unseen_rows(older, StructureSet.from_atoms([])) is None
    assert unseen_text(None) == NOT_RECORDED


def test_explain(analysis: dict) -> None:
    args = ["explain", "0-a-Fm-3m", analysis["node"], "--pressure", "0", "--temperature", "100"]
    assert "0-a-Fm-3m" in run(*args)
    answer = json.loads(run(*args, "--json"))
    assert (answer["phase"], answer["pressure_gpa"], answer["temperature_k"]) == ("0-a-Fm-3m", 0.0, 100.0)
    assert "aiida-polymorph 0.1.0, code not recorded" not in run(*args)
    for step in answer["steps"]:
        if step["process"] != "StructureSetData":
            assert step["version"] == aiida_polymorph.__version__
            assert step["made_with"] == f"aiida-polymorph {step['version']}, code {step['code'][:8]}"
            assert step["made_with"] in run(*args)
    wrong = CliRunner().invoke(main, ["explain", "rutile", "--pressure", "0", "--temperature", "100"])
    assert wrong.exit_code == 1
    assert "rutile" in wrong.stderr


def test_report(analysis: dict, folder) -> None:
    path = folder / "pages" / "argon.html"
    answer = json.loads(run("report", analysis["node"], "-o", path, "--json"))
    assert answer == {"node": analysis["node"], "file": str(path)}
    assert "0-b-P6" in path.read_text()
    assert f"aiida-polymorph {aiida_polymorph.__version__}, code " in path.read_text()
    assert "not recorded" not in path.read_text()
