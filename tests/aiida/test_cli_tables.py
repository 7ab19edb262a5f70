"""Rows and columns of the commands: what an empty column says, the fields of JSON, and how a command is added."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from fields import FIELDS

from aiida_polymorph.cli import main, reading
from aiida_polymorph.cli.output import show
from aiida_polymorph.cli.root import command_modules
from aiida_polymorph.report.columns import PHASE_COLUMNS, THERMAL_COLUMNS
from aiida_polymorph.results import gibbs_rows, relaxations, searches
from aiida_polymorph.text_tables import Column, empty_columns, table

DOCS = Path(__file__).parents[2] / "docs" / "commands.md"


@pytest.mark.parametrize("command", FIELDS)
def test_fields_are_documented(command: str) -> None:
    """Each field of a command stands in the paragraph about it."""
    text = DOCS.read_text().split("## Fields of `--json`")[1]
    (paragraph,) = re.findall(rf"^`{command}`\n: (.*?)(?=^`[\w-]+`$|^## |\Z)", text, re.M | re.S)
    assert {field for field in FIELDS[command] if f"`{field}`" not in paragraph} == set()


@pytest.mark.parametrize(
    ("command", "columns"),
    [
        ("search", searches.COLUMNS),
        ("relax", relaxations.COLUMNS),
        ("phases", [*PHASE_COLUMNS, *THERMAL_COLUMNS]),
        ("integrate", gibbs_rows.INTEGRATE_COLUMNS),
    ],
)
def test_columns_show_fields_of_the_rows(command: str, columns: list[Column]) -> None:
    """What people see is in the JSON; a column whose value is made of a field is of no concern here."""
    shown = {column.field for column in columns if isinstance(column.field, str)}
    assert {field for field in shown if field not in FIELDS[command]} <= {
        "loop_gap_ev_per_formula_unit",
        "loop_gap_error_ev_per_formula_unit",
    }


def test_every_command_that_shows_something_has_json() -> None:
    without = {
        name
        for name in command_modules()
        if not any("--json" in option.opts for option in main.get_command(click.Context(main), name).params)
    }
    assert without == {"demo", "export"}


COLUMNS = [
    Column("phase", "name"),
    Column("s_b (kB)", "entropy", ".2f", reason="why"),
    Column("+-", "error", ".2f"),
    Column("loop", "loop", ".2f", why="there is one temperature only"),
    Column("counts", "found", empty="none"),
]


def row(name: str, entropy: float | None, why: str | None = None, **more: object) -> dict[str, object]:
    return {"name": name, "entropy": entropy, "error": entropy, "why": why, "loop": None, "found": {}, **more}


def test_an_empty_column_says_why() -> None:
    rows = [row("a", None, "not found"), row("b", float("nan"), "not found."), row("c", None, "too rare")]
    assert empty_columns(rows, COLUMNS) == [
        "No value of s_b (kB): not found; too rare.",
        "No value of loop: there is one temperature only.",
    ]


def test_a_column_with_a_value_says_nothing() -> None:
    rows = [row("a", 0.0), row("b", None, "not found", loop=1.0)]
    assert empty_columns(rows, COLUMNS) == []
    assert empty_columns([], COLUMNS) == []
    assert table(rows, COLUMNS).splitlines()[2:] == [
        "a          0.00  0.00     -  none",
        "b             -     -  1.00  none",
    ]


def test_many_reasons_are_counted() -> None:
    rows = [row(str(number), None, f"reason {number}", loop=1.0) for number in range(6)]
    (line,) = empty_columns(rows, COLUMNS)
    assert line == "No value of s_b (kB): reason 0; reason 1; reason 2; and 3 other reasons."


def test_json_has_no_such_lines(capsys) -> None:
    show([row("a", None, "not found")], COLUMNS, as_json=True)
    assert json.loads(capsys.readouterr().out) == [row("a", None, "not found")]
    show([row("a", None, "not found")], COLUMNS, as_json=False)
    assert "No value of s_b (kB): not found." in capsys.readouterr().out


ROWS = '''
"""Rows of `volumes`: how much room the structures of a set take."""

from aiida_polymorph.results.nodes import structure_set
from aiida_polymorph.text_tables import Column

COLUMNS = [Column("structure", "index", "d"), Column("V (A^3/f.u.)", "volume_a3_per_formula_unit", ".2f")]


def volume_rows(identifier):
    """Return the entries of `volumes`."""
    structures = structure_set(identifier).to_set()
    volumes = structures.volume_per_formula_unit.tolist()
    return [{"index": i, "volume_a3_per_formula_unit": volume} for i, volume in enumerate(volumes)]
'''
COMMAND = '''
"""`volumes`: how much room the structures of a set take."""

import click

from aiida_polymorph.cli.options import AS_JSON, add_profile
from aiida_polymorph.cli.output import show


@click.command("volumes")
@click.argument("node")
@AS_JSON
@add_profile
def volumes_command(node, as_json):
    """Show the volumes of the structures in NODE."""
    from aiida_polymorph.results.volumes import COLUMNS, volume_rows

    show(volume_rows(node), COLUMNS, as_json)
'''


@pytest.fixture
def new_command(tmp_path, monkeypatch):
    """A reading command as somebody would add it: two new files, and no change to another."""
    import aiida_polymorph.results

    for package, text in ((aiida_polymorph.results, ROWS), (reading, COMMAND)):
        folder = tmp_path / package.__name__.rpartition(".")[2]
        folder.mkdir()
        (folder / "volumes.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    yield
    for package in (aiida_polymorph.results, reading):
        sys.modules.pop(f"{package.__name__}.volumes", None)


def test_a_new_reading_command_is_two_files(new_command, store_set, argon) -> None:
    assert "Show the volumes of the structures in NODE." in CliRunner().invoke(main, ["--help"]).stdout
    node = store_set(argon)
    result = CliRunner().invoke(main, ["volumes", str(node.pk), "--json"])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [entry["volume_a3_per_formula_unit"] for entry in rows] == pytest.approx(argon.volume_per_formula_unit)
    assert CliRunner().invoke(main, ["volumes", str(node.pk)]).stdout.splitlines()[0] == "structure  V (A^3/f.u.)"


def test_without_it_there_is_none() -> None:
    assert "volumes" not in command_modules()
    assert "No such command 'volumes'" in CliRunner().invoke(main, ["volumes", "1"]).output
