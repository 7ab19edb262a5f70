"""Rows of `search`: what a search was asked for and has found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_polymorph.text_tables import Column, duration

UNDER_WAY = "the search is still under way; `aiida-polymorph status` shows how far it is"
COLUMNS: list[Column] = [
    Column("node", "node", "d"),
    Column("P (GPa)", "pressure_gpa", "g"),
    Column("asked", "asked", "d"),
    Column("relaxed", "relaxed", "d", why=UNDER_WAY),
    Column("failed", "failed", empty="0"),
    Column("force calls", "force_calls_mean", ".0f"),
    Column("CPU", lambda row: duration(row["cpu_seconds"])),
    Column("took", lambda row: duration(row["wall_seconds"])),
]


def search_row(search: orm.ProcessNode) -> dict[str, Any]:
    """Return the entry of one search; what is not known yet is None."""
    statistics: Mapping[str, Any] = search.outputs.statistics.get_dict() if "statistics" in search.outputs else {}
    made = "structures" in search.outputs
    return {
        "node": search.outputs.structures.pk if made else search.pk,
        "pressure_gpa": search.inputs.pressure_gpa.value,
        "asked": search.inputs.number.value,
        "relaxed": statistics.get("relaxed"),
        "failed": statistics.get("failed", {}),
        "force_calls_mean": statistics.get("force_calls_mean"),
        "cpu_seconds": statistics.get("cpu_seconds"),
        "wall_seconds": statistics.get("wall_seconds"),
        "process": search.pk,
    }
