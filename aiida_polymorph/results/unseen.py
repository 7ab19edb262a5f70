"""How many phases the searches of an analysis have probably missed: rows, and lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aiida import orm

from aiida_polymorph.data.landscape import LandscapeData
from aiida_polymorph.plain import plain

NOT_RECORDED = "not recorded by the version that made this analysis; `analyse` the same sets again"


def unseen_rows(landscape: LandscapeData) -> list[dict[str, Any]] | None:
    """Return what a search has probably missed, an entry for each window of enthalpy above the lowest minimum.

    Returns:
        By rising window, the last entry for all minima: `within_ev_per_formula_unit` (None for all), `structures` that
        fell into minima within the window, `found` (distinct minima), `found_once`, `found_twice`, `coverage`
        (probability that the next structure within the window falls into a minimum already found), `missing` (lower
        bound of the number of minima not found) and `missing_error`; see `search.unseen`. None for a landscape that
        an older version made, which did not record them.
    """
    if landscape.unseen is None:
        return None
    return plain(
        [
            {"within_ev_per_formula_unit": each.window, "structures": each.structures, **asdict(each.unseen)}
            for each in landscape.unseen
        ]
    )


def unseen_lines(analysis: orm.WorkChainNode, pressure_gpa: float | None = None) -> list[str]:
    """Return a line for each searched pressure, or for one of them, on the phases that are probably still missing.

    Args:
        analysis: a finished analysis.
        pressure_gpa: only this one; no line if it was not searched.
    """
    nodes = sorted(analysis.outputs.landscapes.values(), key=lambda node: node.pressure_gpa)
    texts = {node.pressure_gpa: unseen_text(unseen_rows(node)) for node in nodes}
    return [
        f"Probably still missing at {pressure:g} GPa: {text}."
        for pressure, text in texts.items()
        if pressure_gpa is None or pressure == float(pressure_gpa)
    ]


def unseen_text(rows: Sequence[Mapping[str, Any]] | None) -> str:
    """Return what a search has probably missed, for people; with the reason where it is unknown."""
    if rows is None:
        return NOT_RECORDED
    return ", ".join(f"{_number(row)} {_window(row)}" for row in rows)


def _number(row: Mapping[str, Any]) -> str:
    if row["missing"] is None:
        return "unknown"
    return f"at least {row['missing']:.1f} +- {row['missing_error']:.1f}"


def _window(row: Mapping[str, Any]) -> str:
    window = row["within_ev_per_formula_unit"]
    found = f"({row['found']} minima found)"
    return f"in all {found}" if window is None else f"within {window:g} eV/f.u. of the lowest {found}"
