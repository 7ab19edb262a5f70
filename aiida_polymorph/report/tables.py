"""Tables of the report: columns and cells, ready for the template, which escapes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from aiida_polymorph.report.data import LandscapeView, NodeRecord, ReportData, SurrogateView

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
    """Headings and rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


PHASE_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("name", "phase", ""),
    ("pressure_gpa", "P, GPa", "g"),
    ("space_group", "space group", ""),
    ("known", "known", ""),
    ("saddle", "saddle", ""),
    ("enthalpy_ev_per_formula_unit", "h, eV", ".4f"),
    ("volume_a3_per_formula_unit", "V, Å³", ".3f"),
    ("primitive_formula_units", "Z primitive", "d"),
    ("found", "found (Z: times)", ""),
    ("basin_entropy_kb", "s_b, kB", ".2f"),
    ("basin_entropy_error_kb", "± s_b", ".2f"),
    ("temperature_k", "T, K", "g"),
    ("chemical_potential_ev", "μ, eV", ".4f"),
    ("chemical_potential_error_ev", "± μ", ".4f"),
    ("above_hull_ev", "above hull, eV", ".4f"),
    ("probability_stable", "P(stable)", ".3f"),
    ("method", "method", ""),
)


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


def phase_table(data: ReportData) -> Table:
    """Return the phases of all pressures; columns that no row has are left out."""
    columns = [column for column in PHASE_COLUMNS if any(column[0] in row for row in data.phases)]
    rows = tuple(tuple(cell(row.get(key), form) for key, _, form in columns) for row in data.phases)
    return Table(tuple(heading for _, heading, _ in columns), rows)


def search_table(views: Sequence[LandscapeView]) -> Table:
    """Return what each search brought."""
    heads = ("P, GPa", "relaxed", "failed, by reason", "phases", "known phases", "minima found once", "eps")
    rows = tuple(
        (
            cell(view.pressure_gpa, "g"),
            cell(len(view.labels) if view.relaxed is None else view.relaxed, "d"),
            Cell("none") if not view.failed else cell(view.failed),
            cell(len(view.names), "d"),
            cell(int(np.sum(view.known)), "d"),
            cell(view.found_once, "d"),
            cell(view.eps, ".2g"),
        )
        for view in views
    )
    return Table(heads, rows)


SPLITS = {
    "random": "random split",
    "novel": "no copy of the phase in training",
    "cluster": "whole clusters held out",
}


def surrogate_table(views: Sequence[SurrogateView]) -> Table:
    """Return the test errors of the surrogates, a row for each way of splitting."""
    heads = ("P, GPa", "target", "test", "MAE", "RMSE", "R²")
    rows = tuple(
        (
            cell(view.pressure_gpa, "g"),
            Cell(f"{view.target}, {'eV' if view.target == 'enthalpy' else 'kB'}"),
            Cell(SPLITS.get(split, split)),
            *(cell(errors.get(key), ".3g") for key in ("mae", "rmse", "r2")),
        )
        for view in views
        for split, errors in view.evaluation.items()
    )
    return Table(heads, rows)


def mapping_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return a table of mappings with the same keys; the keys become headings."""
    keys = list(dict.fromkeys(key for record in records for key in record))
    rows = tuple(tuple(cell(record.get(key), ".4g") for key in keys) for record in records)
    return Table(tuple("P, GPa" if key == "pressure_gpa" else key.replace("_", " ") for key in keys), rows)


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


def node_table(nodes: Sequence[NodeRecord]) -> Table:
    """Return the nodes that the numbers came from."""
    rows = tuple(
        (
            Cell(node.role),
            Cell(str(node.pk), "number", str(node.pk), safe_link(node.link)),
            Cell(node.uuid),
            cell(node.kind),
            cell(node.created),
        )
        for node in nodes
    )
    return Table(("gives", "pk", "uuid", "kind", "created"), rows)


def safe_link(link: str | None) -> str | None:
    """Return the link unless following it would run a script."""
    return link if link and urlsplit(link.strip()).scheme.lower() in ("", "file", "http", "https") else None
