"""Nodes that earlier versions made: what commands print of them is what they printed then, and maybe more."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "archives"
ARCHIVES = sorted(FOLDER.glob("*.aiida"))
TOLERANCE = 1e-9
"""Relative: another order of summation may change the last digits."""


def recorded(archive: Path) -> list[dict[str, Any]]:
    return json.loads(archive.with_suffix(".json").read_text())["readings"]


@pytest.fixture(scope="module")
def read_now(tmp_path_factory):
    """Return a function that gives what all commands of an archive print now, in a process and profile of their own."""
    known: dict[Path, list[Any] | str] = {}

    def read(archive: Path) -> list[Any]:
        if archive not in known:
            folder = tmp_path_factory.mktemp("archive")
            environment = {**os.environ, "AIIDA_PATH": str(folder), "HOME": str(folder), "OMP_NUM_THREADS": "1"}
            command = [sys.executable, str(FOLDER / "reading.py"), str(archive)]
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            known[archive] = json.loads(done.stdout) if done.returncode == 0 else done.stderr
        assert isinstance(known[archive], list), known[archive]
        return known[archive]

    return read


def differences(before: Any, now: Any, path: str = "") -> list[str]:
    """Say where something that was recorded is missing or has another value; fields may be new."""
    if isinstance(before, dict) and isinstance(now, dict):
        missing = [f"{path}.{key} is missing" for key in before if key not in now]
        return missing + [
            each for key in before if key in now for each in differences(before[key], now[key], f"{path}.{key}")
        ]
    if isinstance(before, list) and isinstance(now, list):
        number = [f"{path} has {len(now)} entries, had {len(before)}"] if len(now) != len(before) else []
        pairs = enumerate(zip(before, now, strict=False))
        return number + [each for i, (one, other) in pairs for each in differences(one, other, f"{path}[{i}]")]
    if isinstance(before, float) and isinstance(now, int | float):
        return [] if math.isclose(before, now, rel_tol=TOLERANCE, abs_tol=1e-12) else [f"{path} is {now}, was {before}"]
    return [] if before == now else [f"{path} is {now!r}, was {before!r}"]


def test_there_is_an_archive() -> None:
    assert ARCHIVES


@pytest.mark.parametrize(
    ("archive", "number"),
    [(archive, number) for archive in ARCHIVES for number in range(len(recorded(archive)))],
    ids=lambda value: value.stem if isinstance(value, Path) else str(value),
)
def test_old_nodes_read_as_before(read_now, archive, number) -> None:
    reading = recorded(archive)[number]
    found = differences(reading["output"], read_now(archive)[number])
    assert not found, "\n".join([" ".join(reading["arguments"]), *found])


def test_differences_are_seen() -> None:
    before = {"a": [1.0, {"b": "x"}], "c": None}
    assert differences(before, {"a": [1.0, {"b": "x", "new": 1}], "c": None, "new": 2}) == []
    assert differences(before, {"a": [1.1, {"b": "y"}]}) == [
        ".c is missing",
        ".a[0] is 1.1, was 1.0",
        ".a[1].b is 'y', was 'x'",
    ]
    assert differences([1.0], []) == [" has 0 entries, had 1"]
