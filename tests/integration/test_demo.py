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
NUMBER = "60"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo")


def run(home: Path, *args: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "HOME": str(home), "AIIDA_PATH": str(home / ".demo"), "OMP_NUM_THREADS": "1"}
    return subprocess.run([*PROGRAM, *args], env=environment, capture_output=True, text=True, check=False, cwd=home)


def demo(home: Path) -> subprocess.CompletedProcess:
    result = run(home, "demo", "--folder", str(home / ".demo"), "--number", NUMBER, "--pressure", "0,20")
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
    assert "Lowest phases at 20 GPa" in result.stdout
    assert not (home / ".aiida").exists()
    profile = json.loads((home / ".demo" / ".aiida" / "config.json").read_text())["profiles"]["demo"]
    assert profile["process_control"]["backend"] == "core.zeromq"
    assert not list((home / ".demo" / ".aiida" / "daemon").glob("*.pid"))


def test_results_are_there_for_the_other_commands(home: Path) -> None:
    searches = json.loads(run(home, "status", "--json").stdout)
    assert [(row["state"], row["relaxed"]) for row in searches] == [("finished", int(NUMBER))] * 2
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
