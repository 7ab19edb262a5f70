"""Rows of coexistence lines, for the tables of `coexistence` and `diagram`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_polymorph.data.lines import line_of, point_entry
from aiida_polymorph.text_tables import Column

LINE_COLUMNS: list[Column] = [
    Column("below", "first"),
    Column("above", "second"),
    Column("T (K)", "temperature_k", ".1f"),
    Column("P (GPa)", "pressure_gpa", ".3f"),
    Column("+-", "error_gpa", ".3f"),
    Column("dP/dT (GPa/K)", "slope_gpa_per_k", ".5f"),
    Column("dS (kB/f.u.)", "entropy_difference_kb", ".4f"),
    Column("dV (A^3/f.u.)", "volume_difference_a3", ".3f"),
]

MOST_ROWS = 7
"""Of the table, for each line, where no temperatures are asked for."""


def table_rows(
    lines: Sequence[Mapping[str, Any]], temperatures: Sequence[float] = ()
) -> tuple[list[dict[str, Any]], int]:
    """Return points of the lines between stable phases for people, and how many other lines there are.

    Args:
        lines: As `find_coexistence` stores them.
        temperatures: K; without them some points of each line, both ends among them.
    """
    shown = [line for line in lines if line["stable"]]
    rows = [
        {**point, "first": line["first"], "second": line["second"]}
        for line in shown
        for point in _points(line, temperatures)
    ]
    return rows, len(lines) - len(shown)


def _points(line: Mapping[str, Any], temperatures: Sequence[float]) -> list[dict[str, Any]]:
    if temperatures:
        return [point_entry(point) for point in line_of(line).at_temperatures(temperatures)]
    return [line["points"][number] for number in spread_out(len(line["points"]), MOST_ROWS)]


def spread_out(number: int, most: int) -> list[int]:
    """Return at most so many numbers from 0 to `number` - 1, evenly, both ends among them."""
    count = min(number, most)
    return [round(each * (number - 1) / max(count - 1, 1)) for each in range(count)]
