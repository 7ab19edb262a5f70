"""The demo: a profile of its own, a daemon that is gone afterwards, and little to do the second time."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PROGRAM = [sys.executable, "-c", "from aiida_polymorph.cli import main; main()"]
NUMBER, COUNTED = "40", "60"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


def run(home: Path, *args: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "HOME": str(home), "AIIDA_PATH": str(home / ".demo"), "OMP_NUM_THREADS": "1"}
    return subprocess.run([*PROGRAM, *args], env=environment, capture_output=True, text=True, check=False, cwd=home)


def demo(home: Path) -> subprocess.CompletedProcess:
    small = ("--number", NUMBER, "--counted", COUNTED, "--pressure", "0,20")
    result = run(home, "demo", "--folder", str(home / ".demo"), *small)
    assert result.returncode == 0, result.stderr
    return result


def processes(home: Path) -> int:
    query = (
        "from aiida import load_profile, orm; load_profile(); print(orm.QueryBuilder().append(orm.ProcessNode).count())"
    )
    environment = {**os.environ, "HOME": str(home), "AIIDA_PATH": str(home / ".demo")}
    return int(subprocess.check_output([sys.executable, "-c", query], env=environment, text=True))


def test_demo_from_composition_to_report(home: Path) -> None:
    result = demo(home)
    page = Path(re.search(r"Report: (.*)", result.stdout)[1])
    assert page == home / ".demo" / "report.html"
    assert "rutile" in page.read_text()
    picture = Path(re.search(r"Phase diagram: (.*)", result.stdout)[1])
    assert picture == home / ".demo" / "diagram.png"
    assert picture.stat().st_size > 10_000
    assert "The estimate of arXiv:1909.08934" in result.stdout


def test_rutile_and_pyrite_are_stable_in_the_right_order(home: Path) -> None:
    """The line lies at 15.0 GPa by molecular dynamics at 700 K, see docs/tio2_free_energies.md."""
    stdout = demo(home).stdout
    rows = [line.split() for line in stdout.splitlines() if re.match(r"rutile +pyrite +\d", line)]
    assert rows
    for _, _, temperature, pressure, *_ in rows:
        if float(temperature) < 1200:
            assert abs(float(pressure) - 15.0) < 1.0
    stable = [line for line in stdout.splitlines() if re.match(r" *300 +rutile", line)]
    assert stable
    assert "columbite" not in stable[0]


def test_no_other_profile_is_touched_and_no_daemon_is_left(home: Path) -> None:
    assert not (home / ".aiida").exists()
    profile = json.loads((home / ".demo" / ".aiida" / "config.json").read_text())["profiles"]["demo"]
    assert profile["process_control"]["backend"] == "core.zeromq"
    assert not list((home / ".demo" / ".aiida" / "daemon").glob("*.pid"))


def test_results_are_there_for_the_other_commands(home: Path) -> None:
    rows = json.loads(run(home, "status", "--json").stdout)
    searches = [row for row in rows if row.get("asked") == int(COUNTED)]
    assert [(row["state"], row["relaxed"]) for row in searches] == [("finished", int(COUNTED))] * 4
    rows = json.loads(run(home, "phases", "--pressure", "20", "--temperature", "1600", "--json").stdout)
    assert {row["pressure_gpa"] for row in rows} == {20.0}
    stable = min((row for row in rows if row["above_hull_ev"] is not None), key=lambda row: row["above_hull_ev"])
    explanation = run(home, "explain", stable["name"], "--pressure", "20", "--temperature", "1600")
    assert explanation.returncode == 0, explanation.stderr
    assert stable["name"] in explanation.stdout
    assert str(searches[1]["process"]) in explanation.stdout


def test_a_second_time_nothing_is_computed_again(home: Path) -> None:
    before = processes(home)
    demo(home)
    assert processes(home) == before
