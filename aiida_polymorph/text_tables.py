"""Tables as text: how a column is described, and rows as aligned lines; needs nothing but Python."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiida_polymorph.plain import plain

Row = Mapping[str, Any]

NOTHING = "-"
MOST_REASONS = 3
"""Different reasons that are listed for an empty column."""


class Column(NamedTuple):
    """One column of a table for people; the same rows are the JSON of a command.

    Attributes:
        title: heading, with the unit.
        field: key of the row, or what makes the value out of the row.
        form: format of numbers; "" for text.
        empty: what stands for an unknown value.
        reason: key of the row that says why a value is unknown; "" for none.
        why: why the column may be empty in all rows, where the rows don't say it; "" where that needs no explanation.
    """

    title: str
    field: str | Callable[[Row], Any]
    form: str = ""
    empty: str = NOTHING
    reason: str = ""
    why: str = ""

    def value(self, row: Row) -> Any:
        """Return the value of a row as JSON has it, None for one that is unknown."""
        return plain(self.field(row) if callable(self.field) else row.get(self.field))

    def is_known(self, row: Row) -> bool:
        """Return whether a row has a value, text without a letter being none."""
        return self.value(row) not in (None, "", {}, [])

    def text(self, row: Row) -> str:
        """Return the value of a row as text."""
        value = self.value(row)
        if value is None:
            return self.empty
        if isinstance(value, Mapping):
            return counts_text(value) or self.empty
        if isinstance(value, bool):
            return "yes" if value else "no"
        return format(value, self.form) if not isinstance(value, str) else value


def table(rows: Iterable[Row], columns: Sequence[Column | tuple[Any, ...]]) -> str:
    """Return rows as aligned text; numbers to the right, `-` for what is unknown."""
    described = [Column(*column) for column in columns]
    cells = [[column.text(row) for column in described] for row in rows]
    titles = [column.title for column in described]
    widths = [max(len(each) for each in column) for column in zip(titles, *cells, strict=True)]
    right = [column.form[-1:] in "dfeg" and column.form != "" for column in described]
    lines = [_line(titles, widths, right), _line(["-" * width for width in widths], widths, right)]
    return "\n".join(lines + [_line(row, widths, right) for row in cells])


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    ]
    return "  ".join(padded).rstrip()


def empty_columns(rows: Sequence[Row], columns: Sequence[Column | tuple[Any, ...]]) -> list[str]:
    """Return a line for columns without any value that says why they are empty; columns of one reason share a line."""
    described = [Column(*column) for column in columns]
    titles: dict[str, list[str]] = {}
    for column in described:
        why = reason_of(rows, column)
        if rows and why and not any(column.is_known(row) for row in rows):
            titles.setdefault(why, []).append(column.title)
    return [f"No value of {', '.join(names)}: {why}." for why, names in titles.items()]


def reason_of(rows: Sequence[Row], column: Column) -> str:
    """Return why a column has no values: the most frequent reasons of its rows, else what the column says of itself."""
    given = Counter(str(row[column.reason]).rstrip(".") for row in rows if column.reason and row.get(column.reason))
    if not given:
        return column.why
    listed = [reason for reason, _ in given.most_common(MOST_REASONS)]
    left = len(given) - len(listed)
    return "; ".join(listed) + (f"; and {left} other reasons" if left > 1 else "; and another reason" if left else "")


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
