"""Tables of the report: columns and cells, ready for the template, which escapes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from aiida_polymorph.text_tables import Column

UNKNOWN = "–"


@dataclass(frozen=True)
class Cell:
    """Text of one cell, its class (`number`, `unknown` or none), its key for sorting and where it leads to."""

    text: str
    kind: str = ""
    sort: str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Table:
    """Headings and rows, and what stands above them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Whether each column holds a number, so that it is aligned to the right."""
        return tuple(any(row[i].kind == "number" for row in self.rows) for i in range(len(self.columns)))


def cell(value: Any, form: str = "") -> Cell:
    """Return a cell: numbers aligned and formatted, unknown values as a dash that sorts last."""
    if value is None or value == "" or (isinstance(value, float | np.floating) and not math.isfinite(value)):
        return Cell(UNKNOWN, "unknown", "")
    if isinstance(value, bool | np.bool_):
        return Cell("yes" if value else "no")
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{key}: {each}" for key, each in value.items())
        return Cell(pairs or UNKNOWN, "" if pairs else "unknown", _total(value))
    if isinstance(value, int | float | np.number):
        return Cell(format(int(value) if form == "d" else value, form), "number", repr(float(value)))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Cell(", ".join(str(each) for each in value) or UNKNOWN)
    return Cell(str(value))


def _total(counts: Mapping[Any, Any]) -> str:
    numbers = [each for each in counts.values() if isinstance(each, int | float)]
    return str(sum(numbers)) if numbers else ""


def columns_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], caption: str = "") -> Table:
    """Return rows as a table; columns whose field is in no row are left out.

    Args:
        rows: mappings.
        columns: field, title and format of each column.
        caption: what stands above the table.
    """
    shown = [column for column in columns if any(column.field in row for row in rows)]
    cells = tuple(tuple(cell(row.get(str(column.field)), column.form) for column in shown) for row in rows)
    return Table(tuple(typeset(column.title) for column in shown), cells, caption)


def typeset(title: str) -> str:
    """Return a title of the command line with the signs that a page can show."""
    for plain, shown in (("A^3", "Å³"), ("+-", "±"), ("mu ", "μ ")):
        title = title.replace(plain, shown)
    return title


def settings_table(settings: Mapping[str, Any]) -> Table:
    """Return all settings, nested ones with their path."""
    rows = tuple((Cell(" / ".join(path)), Cell(str(value))) for path, value in _flatten(settings))
    return Table(("setting", "value"), rows)


def _flatten(settings: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flatten(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def safe_link(link: str | None) -> str | None:
    """Return the link unless following it would run a script."""
    return link if link and urlsplit(link.strip()).scheme.lower() in ("", "file", "http", "https") else None
