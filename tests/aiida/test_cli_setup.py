"""Setting up a profile: in a folder of its own, once, and with ZeroMQ whatever else runs here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from aiida_polymorph.cli import main; main()"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


def command(home: Path, *args: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess:
    environment = {**os.environ, "HOME": str(home), "AIIDA_PATH": str(home / "aiida")}
    return subprocess.run(
        [*COMMAND, *args], env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )


def test_setup_makes_a_profile_and_then_changes_nothing(home: Path) -> None:
    first = command(home, "setup", "--json")
    assert first.returncode == 0, first.stderr
    made = json.loads(first.stdout)
    assert all(item["made"] for item in made)
    assert any("polymorph-relax@localhost" in item["what"] for item in made)
    config = json.loads((home / "aiida" / ".aiida" / "config.json").read_text())
    profile = config["profiles"]["polymorph"]
    assert profile["process_control"]["backend"] == "core.zeromq"
    assert profile["storage"]["backend"] == "core.sqlite_dos"
    assert profile["options"]["daemon.timeout"] == 20

    second = command(home, "setup")
    assert second.returncode == 0, second.stderr
    assert "made: " not in second.stdout
    assert "Nothing to do." in second.stdout
    assert json.loads((home / "aiida" / ".aiida" / "config.json").read_text()) == config
    assert not (home / ".aiida").exists()


def test_without_a_profile_the_way_to_one_is_told(tmp_path: Path) -> None:
    result = command(tmp_path, "status")
    assert result.returncode == 1
    assert "`aiida-polymorph setup` makes one" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_broken_pipe_is_quiet(home: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = command(home, "search", "--help", stdout=writer)
    finally:
        os.close(writer)
    assert result.stderr == ""
