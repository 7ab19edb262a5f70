"""What the commands print: tables for people, JSON for scripts, everything else to standard error."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

from aiida_polymorph.plain import plain

Row = Mapping[str, Any]
Column = tuple[str, str | Callable[[Row], Any], str]
"""Title, key of the row or function of it, format."""

NOTHING = "-"


def say(text: str) -> None:
    """Print progress or a warning to standard error."""
    click.echo(text, err=True)


def print_json(value: Any) -> None:
    """Print JSON on standard output; unknown numbers are null."""
    click.echo(json.dumps(plain(value), indent=2, allow_nan=False))


def print_rows(rows: Sequence[Row], columns: Sequence[Column], as_json: bool) -> None:
    """Print rows as JSON, or as a table for people."""
    print_json(rows) if as_json else click.echo(table(rows, columns))


def table(rows: Iterable[Row], columns: Sequence[Column]) -> str:
    """Return rows as aligned text; numbers to the right, `-` for what is unknown."""
    titles = [title for title, _, _ in columns]
    cells = [[_cell(row, key, form) for _, key, form in columns] for row in rows]
    widths = [max(len(each) for each in column) for column in zip(titles, *cells, strict=True)]
    right = [form[-1:] in "dfeg" and form != "" for _, _, form in columns]
    lines = [_line(titles, widths, right), _line(["-" * width for width in widths], widths, right)]
    return "\n".join(lines + [_line(row, widths, right) for row in cells])


def _cell(row: Row, key: str | Callable[[Row], Any], form: str) -> str:
    value = plain(key(row) if callable(key) else row.get(key))
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format(value, form) if not isinstance(value, str) else value


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()


def counts_text(counts: Mapping[Any, int] | None) -> str:
    """Return counts as text, e.g. `2: 14, 4: 7`; empty for none."""
    return ", ".join(f"{key}: {times}" for key, times in (counts or {}).items() if times)


def duration(seconds: float | None) -> str:
    """Return a duration for people: `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
