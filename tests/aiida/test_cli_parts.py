"""Parts of the command line: numbers, tables, JSON, options that take several files."""

from __future__ import annotations

import json

import click
import numpy as np
import pytest
from click.testing import CliRunner

from aiida_polymorph.cli import main
from aiida_polymorph.cli.analyse import repeat_option
from aiida_polymorph.cli.options import Numbers
from aiida_polymorph.cli.output import counts_text, duration, print_json, table
from aiida_polymorph.cli.root import COMMANDS, message_of
from aiida_polymorph.cli.watch import searches_text
from aiida_polymorph.plain import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20", (20.0,)),
        ("0,20, 40", (0.0, 20.0, 40.0)),
        ("0:60:20", (0.0, 20.0, 40.0, 60.0)),
        ("0:1:0.1", tuple(i / 10 for i in range(11))),
        ("0:50:20", (0.0, 20.0, 40.0)),
        ("0:40:20,40,60", (0.0, 20.0, 40.0, 60.0)),
        ("-2", (-2.0,)),
    ],
)
def test_numbers(text: str, expected: tuple[float, ...]) -> None:
    assert Numbers().convert(text, None, None) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "a", "0:10", "0:10:0", "10:0:1", "0:10:-1", "nan", "inf", "0:1e9:1", "1,,2"])
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write numbers as"):
        Numbers().convert(text, None, None)


def test_whole_numbers_and_bounds() -> None:
    assert Numbers(int, least=1).convert("2,3,4:8:2", None, None) == (2, 3, 4, 6, 8)
    with pytest.raises(click.BadParameter, match="is not a whole number"):
        Numbers(int).convert("2.5", None, None)
    with pytest.raises(click.BadParameter, match="0 is less than 1"):
        Numbers(int, least=1).convert("0,2", None, None)


def test_an_option_takes_the_files_that_follow(tmp_path) -> None:
    a, b = str(tmp_path / "a.res"), str(tmp_path / "b.res")
    for path in (a, b):
        (tmp_path / path).touch()
    option = "--references"
    assert repeat_option(option, ["12", option, a, b, "--json"]) == ["12", option, a, option, b, "--json"]
    assert repeat_option(option, [option, a, b, "12", "13"]) == [option, a, option, b, "12", "13"]
    assert repeat_option(option, [option, a, option, b]) == [option, a, option, b]
    by_name = [option, "rutile", option, a, option, "TiO2/anatase", "12"]
    assert repeat_option(option, [option, "rutile", a, "TiO2/anatase", "12"]) == by_name
    assert repeat_option(option, ["12", "--eps", "0.1"]) == ["12", "--eps", "0.1"]


def test_json_is_plain_and_without_nan(capsys) -> None:
    value = {
        2: np.float64("nan"),
        "a": [np.int64(3), float("inf")],
        "b": np.array([1.5, np.nan]),
        "c": (np.True_, None),
    }
    print_json(value)
    expected = {"2": None, "a": [3, None], "b": [1.5, None], "c": [True, None]}
    assert json.loads(capsys.readouterr().out) == expected
    assert plain({"x": "text"}) == {"x": "text"}


@pytest.mark.parametrize("name", main.list_commands(None))
def test_each_option_says_what_it_is(name: str) -> None:
    command = main.get_command(None, name)
    assert command.help
    assert command.help.strip()[0].isupper()
    for option in (each for each in command.params if isinstance(each, click.Option)):
        assert option.help, option.opts
        assert option.help[0].isupper() or option.help.split()[0].rstrip(",") in ("equilibrium", "fast"), option.opts


def test_table_aligns_and_shows_what_is_unknown() -> None:
    rows = [{"name": "rutile", "h": -39.81, "found": {2: 14, 4: 7}}, {"name": "x", "h": float("nan"), "found": {}}]
    columns = [("phase", "name", ""), ("H", "h", ".3f"), ("found", lambda row: counts_text(row["found"]), "")]
    assert table(rows, columns).splitlines() == [
        "phase         H  found",
        "------  -------  -----------",
        "rutile  -39.810  2: 14, 4: 7",
        "x             -",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (float("nan"), "-")]
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_progress_of_several_searches() -> None:
    row = {"pressure_gpa": 0.0, "relaxed": 90, "asked": 200, "failed": {"exploded": 10}, "rate_per_second": 2.0}
    finished = {**row, "pressure_gpa": 20.0, "relaxed": 200, "failed": {}, "state": "finished"}
    text = searches_text([{**row, "state": "under way"}, finished])
    assert text == "0 GPa 90 of 200, 20 GPa 200 of 200; 10 failed; 2.0 a second, 50 s left"
    assert searches_text([{**row, "state": "under way"}], asked=400).endswith("2.0 a second, 2 min 30 s left")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert "Examples:" in result.stdout or command == "demo"


def test_messages_of_errors() -> None:
    assert message_of(ValueError("the pressure is wrong")) == "the pressure is wrong"
    assert message_of(KeyError("x")).startswith("KeyError: 'x' (unforeseen")
