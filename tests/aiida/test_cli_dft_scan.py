"""`dft-scan` on argon by a potential, in this process; what it refuses; and points that failed."""

from __future__ import annotations

import json
import re
import tomllib
from functools import partialmethod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.common.links import LinkType
from aiida.manage.manager import Manager
from ase import Atoms
from ase.build import bulk
from click.testing import CliRunner, Result
from fields import SCAN_FIELDS
from plumpy import ProcessState
from test_cli_analysis import pile

from aiida_polymorph.cli import main
from aiida_polymorph.cli.scan_results import show_scans
from aiida_polymorph.cli.scan_settings import Setting, check_kind, put_in
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines import engine_names
from aiida_polymorph.engines.castep import CastepEngine
from aiida_polymorph.engines.quantum_espresso import QuantumEspressoEngine
from aiida_polymorph.results.phase_inputs import find_phases
from aiida_polymorph.results.scan_progress import progress_text
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA

ARGON = {
    "name": "smooth-argon",
    "backend": "ase",
    "species": ["Ar"],
    "calculator": "ase.calculators.lj.LennardJones",
    "arguments": {"sigma": 3.4, "epsilon": 0.0104, "rc": 8.0, "smooth": True},
}
SMALL = {"fcc": bulk("Ar", "fcc", a=5.2, cubic=True), "hcp": bulk("Ar", "hcp", a=3.7), "bcc": bulk("Ar", "bcc", a=4.2)}
PRESSURES = (2.0, 4.0, 6.0)


def invoke(*args: object, exit_code: int = 0) -> Result:
    """Run a command; anything but the expected end, without a traceback, fails."""
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == exit_code, result.output
    assert "Traceback" not in result.output
    return result


class Argon(NamedTuple):
    """Files of argon, and what a scan of them is asked for with."""

    folder: Path
    files: list[str]
    common: list[str]

    @property
    def scan(self) -> list[str]:
        return ["dft-scan", *self.files, "--engine", "lammps", "--relative-to", "hcp", *self.common]


@pytest.fixture(scope="module")
def argon(tmp_path_factory, session_code) -> Argon:
    folder = tmp_path_factory.mktemp("scan")
    potential = folder / "argon.yaml"
    potential.write_text(yaml.safe_dump(ARGON))
    files = [str(folder / f"{name}.extxyz") for name in SMALL]
    for file, atoms in zip(files, SMALL.values(), strict=True):
        atoms.write(file)
    common = ["--potential", str(potential), "--pressure", "2:6:2", "--code", session_code.full_label]
    return Argon(folder, files, common)


@pytest.fixture(scope="module")
def fast_runner():
    """A test profile's runners look for ended children without pause, and so slow them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aiida_polymorph.cli.processes.SECONDS_BETWEEN_LOOKS", 0.05)
        patch.setattr(Manager, "create_runner", partialmethod(Manager.create_runner, poll_interval=0.05))
        yield


@pytest.fixture(scope="module")
def printed(argon: Argon, fast_runner) -> Result:
    """The first run: text, and a figure."""
    return invoke(*argon.scan, "--figure", argon.folder / "scan.svg")


@pytest.fixture(scope="module")
def rows(argon: Argon, printed: Result) -> list[dict[str, Any]]:
    """The same once more, as JSON."""
    again = invoke(*argon.scan, "--json")
    assert "Asked for before" in again.stderr
    assert again.stderr.count("9 of 9 points") == 1
    return json.loads(again.stdout)


@pytest.fixture(scope="module")
def scan(printed: Result) -> orm.WorkChainNode:
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"process_type": {"like": "%polymorph.dft_scan"}})
    return query.order_by({orm.WorkChainNode: {"id": "desc"}}).first(flat=True)


def values(rows: list[dict[str, Any]], name: str, field: str) -> np.ndarray:
    return np.array([row[field] for row in rows if row["name"] == name], dtype=float)


def test_fields_of_every_point(rows) -> None:
    assert [(row["name"], row["pressure_gpa"]) for row in rows] == [
        (name, pressure) for name in SMALL for pressure in PRESSURES
    ]
    for row in rows:
        assert set(row) == SCAN_FIELDS
        assert (row["engine"], row["functional"], row["reason"]) == ("lammps", "smooth-argon", None)
        assert 0 <= row["max_stress_error_gpa"] < 0.01


def test_the_chosen_phase_is_zero(rows) -> None:
    assert values(rows, "hcp", "relative_enthalpy_ev_per_formula_unit").tolist() == [0.0] * 3
    for name in SMALL:
        enthalpy, zero = (values(rows, each, "enthalpy_ev_per_formula_unit") for each in (name, "hcp"))
        relative = values(rows, name, "relative_enthalpy_ev_per_formula_unit")
        np.testing.assert_allclose(relative, enthalpy - zero, atol=1e-12)


def test_volume_is_the_slope_of_the_enthalpy(rows) -> None:
    for name in SMALL:
        enthalpy, volume = (
            values(rows, name, field) for field in ("enthalpy_ev_per_formula_unit", "volume_a3_per_formula_unit")
        )
        assert np.all(np.diff(volume) < 0)
        np.testing.assert_allclose(np.diff(enthalpy) / (2 * GPA), (volume[1:] + volume[:-1]) / 2, rtol=0.01)


def test_the_same_as_relax(argon: Argon, rows) -> None:
    relaxed = json.loads(invoke("relax", *argon.files, *argon.common, "--json").stdout)
    for row, other in zip(rows, relaxed, strict=True):
        assert (row["name"], row["pressure_gpa"]) == (other["name"], other["pressure_gpa"])
        for field, tolerance in (("enthalpy_ev_per_formula_unit", 1e-5), ("volume_a3_per_formula_unit", 0.02)):
            assert row[field] == pytest.approx(other[field], abs=tolerance)


def test_text(printed: Result, rows) -> None:
    lines = printed.stdout.splitlines()
    assert lines[0] == "Enthalpy of Ar relative to hcp, eV per formula unit, by pressure in GPa."
    assert lines[2].split() == ["method", "phase", "2", "4", "6"]
    bcc = values(rows, "bcc", "relative_enthalpy_ev_per_formula_unit")
    assert lines[6].split() == ["lammps", "smooth-argon", "bcc", *(f"{each:.4f}" for each in bcc)]
    assert "Lowest by lammps smooth-argon: " in printed.stdout
    assert "3 points have enthalpy and volume, 4 are needed" in printed.stdout
    assert "without a value" not in printed.stdout
    assert printed.stderr.splitlines()[0].startswith("lammps: 0 of 9 points")


def test_figure(argon: Argon, printed: Result) -> None:
    drawn = argon.folder / "scan.svg"
    assert f"Figure: {drawn}" in printed.stderr
    assert drawn.read_text().count("<svg") == 1


def test_settings_and_cells_reach_the_scan(scan: orm.WorkChainNode) -> None:
    assert scan.inputs.parameters.get_dict()["relaxation"]["force_tolerance"] == 0.001
    assert [len(atoms) for atoms in scan.inputs.phases.to_set()] == [1, 2, 1]
    assert scan.inputs.symmetry.value is True


def test_an_earlier_scan_is_shown_beside(argon: Argon, scan: orm.WorkChainNode, rows) -> None:
    """Here one that lacks a phase."""
    other = argon.folder / "other.yaml"
    other.write_text(yaml.safe_dump({**ARGON, "name": "other-argon"}))
    common = ["--engine", "lammps", *argon.common, "--potential", other, "--pressure", "2,4", "--only", "fcc,hcp"]
    both = json.loads(invoke("dft-scan", *argon.files, *common, "--compare-with", scan.pk, "--json").stdout)
    shown = [row for row in both if row["functional"] == "smooth-argon"]
    assert [row["enthalpy_ev_per_formula_unit"] for row in shown] == [
        row["enthalpy_ev_per_formula_unit"] for row in rows
    ]
    assert [(row["name"], row["pressure_gpa"]) for row in both if row["functional"] == "other-argon"] == [
        (name, pressure) for name in ("fcc", "hcp") for pressure in (2, 4)
    ]
    points = scan.outputs.points.pk
    told = invoke("dft-scan", *argon.files, *common, "--compare-with", points, exit_code=1).stderr
    assert f"node {points} is no scan with results" in told


def test_status_shows_a_scan(scan: orm.WorkChainNode) -> None:
    (row,) = json.loads(invoke("status", scan.pk, "--json").stdout)
    assert (row["process"], row["node"], row["state"]) == (scan.pk, scan.outputs.points.pk, "finished")
    assert (row["asked"], row["relaxed"], row["failed"], row["seconds_left"]) == (9, 9, {}, 0.0)
    assert json.loads(invoke("status", scan.outputs.points.pk, "--json").stdout) == [row]
    assert progress_text(row) == "lammps: 9 of 9 points"
    assert "Ar lammps smooth-argon" in invoke("status", scan.pk).stdout
    under_way = {**row, "relaxed": 4, "failed": {"it was killed": 1}, "seconds_left": 99, "now": list("abcde")}
    assert progress_text(under_way) == "lammps: 5 of 9 points, 1 failed, now a, b, c, 2 more, about 1 min 39 s left"


@pytest.fixture(scope="module")
def argon_analysis(session_code) -> int:
    """An analysis of the two packings of `pile`, without relaxing anything."""
    node = StructureSetData.from_set(pile().with_columns(pressure_gpa=np.zeros(23))).store()
    return json.loads(invoke("analyse", node.pk, "--no-references", "--json").stdout)["node"]


def test_report_shows_a_scan(argon_analysis: int, scan: orm.WorkChainNode, tmp_path) -> None:
    page = tmp_path / "report.html"
    invoke("report", argon_analysis, "--dft-scan", scan.pk, "--relative-to", "fcc", "-o", page)
    text = page.read_text()
    assert 'id="enthalpies"' in text
    assert "smooth-argon" in text
    invoke("report", argon_analysis, "-o", page)
    assert 'id="enthalpies"' not in page.read_text()
    no_scan = invoke("report", argon_analysis, "--dft-scan", argon_analysis, "-o", page, exit_code=1).stderr
    assert f"node {argon_analysis} is no scan with results; `aiida-polymorph dft-scan` makes one" in no_scan
    no_zero = invoke(
        "report", argon_analysis, "--dft-scan", scan.pk, "--relative-to", "x", "-o", page, exit_code=1
    ).stderr
    assert "there is no phase 'x' to compare with, only fcc, hcp, bcc" in no_zero


def test_phases_of_an_analysis_are_what_is_scanned(argon_analysis: int) -> None:
    phases = find_phases([str(argon_analysis)]).as_set(primitive=True).to_set()
    assert phases.columns["name"].tolist() == ["0-a-Fm-3m", "0-b-P63/mmc"]
    assert phases.columns["pressure_gpa"].tolist() == [0.0, 0.0]
    assert [len(atoms) for atoms in phases] == [1, 2]
    few = find_phases([str(argon_analysis)], ["0-b-P63/mmc"]).as_set(primitive=True).to_set()
    assert few.columns["name"].tolist() == ["0-b-P63/mmc"]


def made_up(reasons: dict[tuple[str, float], str], formula: str = "Ar") -> StructureSet:
    """Return points of two phases of one compressibility; those with a reason have failed."""
    columns: dict[str, list] = {name: [] for name in ("name", "pressure_gpa", "enthalpy", "reason")}
    cells = []
    for name, energy, volume in (("fcc", -0.08, 30.0), ("hcp", -0.05, 28.0)):
        for pressure in (0.0, 1.0, 2.0, 3.0, 4.0):
            reason = reasons.get((name, pressure), "")
            smaller = volume * (1 - pressure / 40)
            cells.append(Atoms(formula, cell=[smaller ** (1 / 3)] * 3, pbc=True))
            enthalpy = energy + GPA * volume * pressure * (1 - pressure / 80)
            row = (name, pressure, np.nan if reason else enthalpy, reason)
            for column, value in zip(columns.values(), row, strict=True):
                column.append(value)
    same = {"engine": ["castep"] * 10, "functional": ["PBE"] * 10, "max_stress_error": [0.01] * 10}
    converged = [not reason for reason in columns["reason"]]
    return StructureSet.from_atoms(cells, {**columns, **same, "converged": converged})


def stored_scan(points: StructureSet | None, exit_status: int = 0, parent: orm.WorkChainNode | None = None):
    """Store what a scan would have, or, with a parent, one of its chains."""
    node = orm.WorkChainNode()
    node.set_process_label("PressureChainWorkChain" if parent else "DftScanWorkChain")
    node.label = "bcc PBE" if parent else ""
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(exit_status)
    node.set_exit_message("no point was computed; the points say why" if exit_status else "")
    if parent is not None:
        node.base.links.add_incoming(parent, LinkType.CALL_WORK, "chain_000")
    else:
        inputs = {
            "engine": orm.Str("castep"),
            "functionals": orm.List(["PBE"]),
            "phases": StructureSetData.from_set(pile()),
            "pressures": orm.List(list(PRESSURES)),
        }
        for name, value in inputs.items():
            node.base.links.add_incoming(value.store(), LinkType.INPUT_WORK, name)
    node.store()
    if points is not None:
        StructureSetData.from_set(points).store().base.links.add_incoming(node, LinkType.RETURN, "points")
    return node


ONE_FAILED = {("hcp", 2.0): "CastepCalculation (12): exit code 103, ERROR_SCF_NOT_CONVERGED"}
ALL_FAILED = {(name, float(pressure)): "was killed" for name in ("fcc", "hcp") for pressure in range(5)}


def test_a_failed_point_is_told_with_its_reason(capsys, tmp_path) -> None:
    scan = stored_scan(made_up(ONE_FAILED))
    show_scans([scan], "fcc", str(tmp_path / "one.png"), as_json=True)
    rows = json.loads(capsys.readouterr().out)
    (row,) = [row for row in rows if row["reason"]]
    assert row == {
        "name": "hcp",
        "engine": "castep",
        "functional": "PBE",
        "pressure_gpa": 2.0,
        **dict.fromkeys(("enthalpy_ev_per_formula_unit", "volume_a3_per_formula_unit", "max_stress_error_gpa")),
        "relative_enthalpy_ev_per_formula_unit": None,
        "reason": "CastepCalculation (12): exit code 103, ERROR_SCF_NOT_CONVERGED",
    }
    show_scans([scan], "fcc", None, as_json=False)
    text = capsys.readouterr().out
    assert "castep PBE  hcp    0.0300  0.0177       -  -0.0060  -0.0174\n" in text
    assert "Points without a value:\n  hcp, castep PBE, 2 GPa: CastepCalculation (12): exit code 103" in text
    assert "fcc 0.0 to 2.5 GPa, hcp 2.5 to 4.0 GPa" in text
    assert "1 and 3, a point missing" in text


def test_relative_to_a_point_that_failed_is_unknown(capsys) -> None:
    show_scans([stored_scan(made_up(ONE_FAILED))], "hcp", None, as_json=True)
    rows = {(row["name"], row["pressure_gpa"]): row for row in json.loads(capsys.readouterr().out)}
    assert rows["fcc", 2.0]["relative_enthalpy_ev_per_formula_unit"] is None
    assert rows["fcc", 2.0]["enthalpy_ev_per_formula_unit"] == pytest.approx(-0.08 + GPA * 60 * (1 - 2 / 80))
    assert rows["fcc", 1.0]["relative_enthalpy_ev_per_formula_unit"] is not None


def test_where_all_failed_the_reasons_are_left(capsys, tmp_path) -> None:
    scan = stored_scan(made_up(ALL_FAILED), exit_status=420)
    show_scans([scan], "fcc", str(tmp_path / "none.svg"), as_json=False)
    told = capsys.readouterr()
    assert f"Warning: scan ({scan.pk}): exit code 420, no point was computed; the points say why." in told.err
    assert "Lowest by castep PBE: not known\n  no phase has values" in told.out
    assert told.out.count("GPa: was killed") == 10
    show_scans([scan], "fcc", None, as_json=True)
    assert all(row["reason"] == "was killed" for row in json.loads(capsys.readouterr().out))


def test_a_phase_that_did_not_come_back_is_told(capsys) -> None:
    scan = stored_scan(made_up({}))
    chain = stored_scan(None, exit_status=999, parent=scan)
    show_scans([scan], "fcc", None, as_json=True)
    assert f"Warning: bcc PBE ({chain.pk}): exit code 999" in capsys.readouterr().err
    with pytest.raises(ValueError, match="no scan came to a result"):
        show_scans([stored_scan(None, exit_status=400)], "fcc", None, as_json=True)


def test_report_refuses_another_composition(argon_analysis, tmp_path) -> None:
    scan = stored_scan(made_up({}, formula="Ne"))
    told = invoke("report", argon_analysis, "--dft-scan", scan.pk, "-o", tmp_path / "x.html", exit_code=1).stderr
    assert f"scan {scan.pk} is of Ne, not of Ar" in told


def overlapping(folder: Path) -> str:
    path = folder / "overlap.extxyz"
    Atoms("Ar2", positions=[[0, 0, 0], [0.1, 0, 0]], cell=[5, 5, 5], pbc=True).write(path)
    return str(path)


LAMMPS = ["--engine", "lammps"]
REFUSED = {
    "no files": (["nowhere.res", *LAMMPS], "nowhere.res is neither a file nor a node"),
    "another node": (["{code}", *LAMMPS], "is not a set of structures but InstalledCode"),
    "the same twice": (["{fcc}", "{fcc}", *LAMMPS], "each with a name of its own"),
    "overlapping atoms": (["{overlap}", *LAMMPS], "phase overlap: atoms collapsed (shortest distance 0.10 angstrom)"),
    "not there": (["{fcc}", *LAMMPS, "--only", "bcc"], "--only bcc: there is no such phase; there are fcc"),
    "no zero": (["{fcc}", *LAMMPS, "--relative-to", "bcc"], "--relative-to bcc is none of the phases fcc"),
    "one pressure": (["{fcc}", *LAMMPS, "--pressure", "0"], "pressures is [0.0]: a scan needs at least two"),
    "no engine": (["{fcc}", "--engine", "nobody"], "engine 'nobody' is none of castep, lammps, quantum-espresso"),
    "no name of an engine": (["{fcc}", "--engine", ","], "',' names nothing"),
    "no protocol": (["{fcc}", *LAMMPS, "--protocol", "sloppy"], "'sloppy' is none of fast, moderate, precise, paper"),
    "no setting": (["{fcc}", *LAMMPS, "--set", "x=1"], "--set x: lammps has no such setting, it has relaxation"),
    "no nested setting": (["{fcc}", *LAMMPS, "--set", "relaxation.x=1"], "unknown relaxation parameter x"),
    "no value": (["{fcc}", *LAMMPS, "--set", "x"], "'x' must be NAME=VALUE"),
    "no YAML": (["{fcc}", *LAMMPS, "--set", "x=[1"], "'[1' can't be read as YAML"),
    "setting of another": (["{fcc}", *LAMMPS, "--set", "castep:pseudos=C9"], "engine castep is none of lammps"),
    "no figure": (["{fcc}", *LAMMPS, "--figure", "x.pdf"], "figure file x.pdf must end in .svg or .png"),
    "no code": (["{fcc}", *LAMMPS, "--code", "no@where"], "there is no code no@where"),
    "no potential": (["{fcc}", *LAMMPS, "--potential", ""], "--potential is missing: lammps needs one"),
    "species": (["{fcc}", *LAMMPS, "--potential", "matsui-akaogi"], "doesn't know Ar"),
    "no functional": (["{fcc}", "--engine", "castep"], "--functional is missing: castep has LDA, PBE, PBEsol"),
    "not its functional": (["{fcc}", "--engine", "quantum-espresso", "--functional", "B3LYP"], "no functional 'B3LYP'"),
    "no daemon": (["{fcc}", *LAMMPS, "--no-wait"], "start it with `verdi daemon start`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_a_line(case: str, argon: Argon, session_code, tmp_path) -> None:
    args, message = REFUSED[case]
    places = {"code": session_code.pk, "fcc": argon.files[0], "overlap": overlapping(tmp_path)}
    result = CliRunner().invoke(main, ["dft-scan", *argon.common, *(arg.format(**places) for arg in args)])
    assert result.exit_code in (1, 2), result.output
    assert result.stdout == ""
    line = result.stderr.rstrip().splitlines()[-1]
    assert line.startswith("Error: ")
    assert message in line
    assert "unforeseen" not in line


@pytest.fixture
def pw(aiida_code_installed):
    plugin = "quantumespresso.pw"
    return aiida_code_installed(label="pw-scan", default_calc_job_plugin=plugin, filepath_executable="/bin/true")


def scan_of(argon: Argon, *args: str) -> str:
    return invoke("dft-scan", argon.files[0], "--pressure", "0,2", *args, exit_code=1).stderr.splitlines()[-1]


def test_a_family_that_is_not_installed(argon: Argon, pw) -> None:
    args = ["--engine", "quantum-espresso", "--functional", "pbe", "--code", pw.full_label]
    told = scan_of(argon, *args)
    assert "no pseudopotentials for PBE: the family 'PseudoDojo/0.4/PBE/SR/standard/upf' is not installed" in told
    assert "the family 'my PBE' is not" in scan_of(argon, *args, "--set", "pseudo_family=my {functional}")


def test_codes_that_are_missing_or_too_many(argon: Argon, pw, aiida_code_installed, monkeypatch) -> None:
    args = ["--engine", "quantum-espresso", "--functional", "PBE"]
    monkeypatch.setattr(QuantumEspressoEngine, "code_plugin", "core.transfer")
    assert scan_of(argon, *args).startswith("Error: there is no code for quantum-espresso: set one up with `verdi code")
    wrong = scan_of(argon, *args, "--code", pw.full_label)
    assert f"--code {pw.full_label} is set up for quantumespresso.pw; quantum-espresso needs one for core.tr" in wrong
    for label in ("one", "other"):
        aiida_code_installed(label=label, default_calc_job_plugin="core.transfer", filepath_executable="/bin/true")
    assert "several codes, choose one with --code: one@localhost, other@localhost" in scan_of(argon, *args)


def test_without_setup_lammps_has_no_code(argon: Argon) -> None:
    assert "`aiida-polymorph setup` makes it" in scan_of(argon, *LAMMPS, *argon.common[:2])


def test_a_plugin_that_is_not_installed(argon: Argon, monkeypatch) -> None:
    monkeypatch.setattr(CastepEngine, "process", "castep.missing")
    told = scan_of(argon, "--engine", "castep", "--functional", "PBE")
    assert told.startswith("Error: engine 'castep' needs aiida-castep (Python 3.11 or 3.12) (")


def test_what_means_nothing_to_the_engines_is_told(argon: Argon) -> None:
    args = ["dft-scan", argon.files[0], *LAMMPS, *argon.common, "--functional", "PBE", "--hours", "2", "--no-wait"]
    told = invoke(*args, exit_code=1).stderr
    assert "Warning: --functional is not used: none of lammps takes it." in told
    assert "Warning: --hours is not used" in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cutoff_ry=100", ("cutoff_ry", 100)),
        ("scf_threshold_per_atom=1e-9", ("scf_threshold_per_atom", 1e-9)),
        ("param.write_bib=false", ("param.write_bib", False)),
        ("castep:pseudos=C19", ("castep:pseudos", "C19")),
        ("pseudos={Ti: C19, O: 2|1.5}", ("pseudos", {"Ti": "C19", "O": "2|1.5"})),
        ("namelists.SYSTEM.occupations=null", ("namelists.SYSTEM.occupations", None)),
    ],
)
def test_settings_are_read_as_yaml(text: str, expected: tuple[str, Any]) -> None:
    assert Setting().convert(text, None, None) == expected


def test_settings_are_put_in_their_places() -> None:
    settings: dict[str, Any] = {}
    for path, value in (("a.b.c", 1), ("a.b.d", 2), ("e", 3)):
        put_in(settings, path.split("."), value)
    assert settings == {"a": {"b": {"c": 1, "d": 2}}, "e": 3}
    with pytest.raises(ValueError, match="e was given a value of its own"):
        put_in(settings, ["e", "f"], 4)


@pytest.mark.parametrize(
    ("default", "value", "message"),
    [
        ({"task": 1}, 2, "has several settings there, e.g. --set x.task=VALUE"),
        (0.3, "coarse", "'coarse' is not a number"),
        (0.3, True, "True is not a number"),
        ("C19", None, "castep can't do without"),
    ],
)
def test_settings_of_another_kind_are_refused(default: Any, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_kind(CastepEngine(), "x", default, value)


def test_settings_reach_the_engine_they_are_for(argon: Argon, session_code, pw) -> None:
    args = ["--engine", "quantum-espresso,lammps", "--functional", "PBE", "--code", pw.full_label, *argon.common[:2]]
    told = scan_of(argon, *args, "--set", "cutoff_ry=100")
    assert "--set cutoff_ry: lammps has no such setting, it has relaxation; of several engines name the one" in told
    assert "'x' is not a number" in scan_of(argon, *args, "--set", "quantum-espresso:cutoff_ry=x")


def test_phases_are_taken_as_they_are_or_as_primitive_cells(argon: Argon) -> None:
    as_is, primitive = (find_phases(argon.files).as_set(primitive=each).to_set() for each in (False, True))
    assert [len(atoms) for atoms in as_is] == [4, 2, 1]
    assert [len(atoms) for atoms in primitive] == [1, 2, 1]
    few = find_phases(argon.files, ["bcc", "fcc"]).as_set(primitive=True).to_set()
    assert few.columns["name"].tolist() == ["bcc", "fcc"]


@pytest.fixture
def documented_engine(tmp_path, monkeypatch) -> None:
    """The engine of the page on development, installed as its text says."""
    page = (Path(__file__).parents[2] / "docs" / "development.md").read_text()
    text = page.split("## How to add an engine")[1].split("\n## ")[0]
    blocks = dict(re.findall(r"^```(python|yaml|toml)\n(.*?)^```$", text, re.M | re.S))
    (group, points) = next(iter(tomllib.loads(blocks["toml"])["project"]["entry-points"].items()))
    entries = "".join(f"{name} = {place}\n" for name, place in points.items())
    files = {
        "emt_scan/__init__.py": "",
        "emt_scan/engine.py": blocks["python"],
        "emt_scan/protocols/emt.yaml": blocks["yaml"],
        "emt_scan-0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: emt-scan\nVersion: 0.1\n",
        "emt_scan-0.1.dist-info/entry_points.txt": f"[{group}]\n{entries}",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_the_engine_of_the_documentation_works(documented_engine, fast_runner, session_code, tmp_path) -> None:
    """V0 of copper is that of the page, that at 10 GPa what its B0 and B0' let expect."""
    assert engine_names() == ["castep", "emt", "lammps", "quantum-espresso"]
    bulk("Cu", "fcc", a=3.6).write(tmp_path / "fcc.extxyz")
    args = ["--engine", "emt", "--functional", "emt", "--pressure", "0,10", "--code", session_code.full_label, "--json"]
    rows = json.loads(invoke("dft-scan", tmp_path / "fcc.extxyz", *args).stdout)
    assert [row["functional"] for row in rows] == ["EMT"] * 2
    assert values(rows, "fcc", "volume_a3_per_formula_unit") == pytest.approx([11.565, 10.840], abs=0.01)
