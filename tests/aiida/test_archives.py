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
"""Relative: another order of summation, or another machine, may change the last digits."""
DRAWN, DRAWS_ERROR = ("probability",), 0.05
"""Fields that come from 1000 draws, and by how much two of them may differ: three standard errors. The draws go along
the eigenvectors of a covariance, whose signs differ from machine to machine."""


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
        least = DRAWS_ERROR if path.endswith(DRAWN) else 1e-12
        return [] if math.isclose(before, now, rel_tol=TOLERANCE, abs_tol=least) else [f"{path} is {now}, was {before}"]
    if isinstance(before, str) and isinstance(now, str):
        return text_differences(before, now, path)
    return [] if before == now else [f"{path} is {now!r}, was {before!r}"]


def text_differences(before: str, now: str, path: str) -> list[str]:
    """Say where texts differ, line by line; numbers in them are compared as numbers."""
    lines, other = ([line.split() for line in text.splitlines()] for text in (before, now))
    if len(lines) != len(other):
        return [f"{path} has {len(other)} lines, had {len(lines)}"]
    if len(lines) < 2 or before == now:
        return [] if before == now else [f"{path} is {now!r}, was {before!r}"]
    values = ([[number_or_word(word) for word in line] for line in each] for each in (lines, other))
    return differences(*values, f"{path} line ")


def number_or_word(word: str) -> float | str:
    """Return a word of a text as a number if it is one."""
    try:
        return float(word)
    except ValueError:
        return word


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
    assert differences("a 1.00000000000001\nb 2", "a 1.0\nb 2") == []
    assert differences("a 1.0\nb 2", "a 1.1\nc 2") == [" line [0][1] is 1.1, was 1.0", " line [1][0] is 'c', was 'b'"]
    assert differences("a 1.0\nb 2", "a 1.0") == [" has 1 lines, had 2"]
    assert differences([{"probability": 0.99}], [{"probability": 0.985}]) == []
    assert differences([{"probability": 0.99}], [{"probability": 0.5}]) == ["[0].probability is 0.5, was 0.99"]
    before = {"a": [1.0, {"b": "x"}], "c": None}
    assert differences(before, {"a": [1.0, {"b": "x", "new": 1}], "c": None, "new": 2}) == []
    assert differences(before, {"a": [1.1, {"b": "y"}]}) == [
        ".c is missing",
        ".a[0] is 1.1, was 1.0",
        ".a[1].b is 'y', was 'x'",
    ]
    assert differences([1.0], []) == [" has 0 entries, had 1"]
