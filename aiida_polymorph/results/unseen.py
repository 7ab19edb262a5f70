"""How many phases the searches of an analysis have probably missed: rows, and lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.data.landscape import LandscapeData
from aiida_polymorph.plain import plain
from aiida_polymorph.search.unseen import UnseenWithin
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.text_tables import Column, Row, table

NOT_RECORDED = "not recorded by the version that made this analysis; `analyse` the same sets again"
SADDLE = 1

COLUMNS: list[Column] = [
    Column("P (GPa)", "pressure_gpa", "g"),
    Column("above the lowest (eV/f.u.)", lambda row: _up_to_text(row["within_ev_per_formula_unit"])),
    Column("structures", "structures", "d"),
    Column("minima", "found", "d"),
    Column("found once", "found_once", "d"),
    Column("twice", "found_twice", "d"),
    Column("missing", "missing", ".1f"),
    Column("+-", "missing_error", ".1f"),
    Column("P(already found)", "coverage", ".2f"),
    Column("known, not found", lambda row: len(row["known_missed"]), "d"),
]


def _up_to_text(enthalpy: float | None) -> str:
    return "any" if enthalpy is None else f"up to {enthalpy:g}"


def unseen_table(pressures: Sequence[Row]) -> str:
    """Return how many minima each search has probably missed, as a table with its explanation.

    Args:
        pressures: entries with `pressure_gpa` and `unseen`, as the summary of an analysis has them.
    """
    known = [{"pressure_gpa": each["pressure_gpa"], **row} for each in pressures for row in each["unseen"] or ()]
    if not known:
        return f"\nHow many minima are still missing: {NOT_RECORDED}."
    return (
        "\nMinima that are probably still missing (Chao's lower bound), and the probability that the next structure\n"
        f"falls into one already found (Good and Turing):\n\n{table(known, COLUMNS)}"
    )


def unseen_rows(landscape: LandscapeData, phases: StructureSet) -> list[dict[str, Any]] | None:
    """Return what a search has probably missed, an entry for each window of enthalpy above the lowest minimum.

    Args:
        landscape: of one pressure.
        phases: the table of phases of the analysis.

    Returns:
        By rising window, the last entry for all minima: `within_ev_per_formula_unit` (None for all), `structures` that
        fell into minima within the window, `found` (distinct minima), `found_once`, `found_twice`, `coverage`
        (probability that the next structure within the window falls into a minimum already found), `missing` (lower
        bound of the number of minima not found), `missing_error` (see `search.unseen`), and `known_missed`, names of
        phases that a reference or another pressure shows to be minima there, but that this search did not find. None
        for a landscape that an older version made, which did not record them.
    """
    if landscape.unseen is None:
        return None
    missed = known_missed(phases, landscape.pressure_gpa)
    return plain(
        [
            {
                "within_ev_per_formula_unit": each.window,
                "structures": each.structures,
                **asdict(each.unseen),
                "known_missed": _up_to(missed, each),
            }
            for each in landscape.unseen
        ]
    )


def known_missed(phases: StructureSet, pressure_gpa: float) -> dict[str, float]:
    """Return name and enthalpy (eV per formula unit) of minima that are known, but that a search did not find.

    They are those of references and of phases found at other pressures; saddle points are none of them.

    Args:
        phases: the table of phases of an analysis.
        pressure_gpa: of the search.
    """
    missed = (phases.column("pressure_gpa") == pressure_gpa) & (phases.column("state", "") == "missed")
    missed &= phases.column("saddle", -1) != SADDLE
    enthalpies = phases.enthalpy_per_formula_unit
    rows = np.flatnonzero(missed)
    return {str(phases.columns["name"][i]): float(enthalpies[i]) for i in rows[np.argsort(enthalpies[rows])]}


def _up_to(missed: Mapping[str, float], within: UnseenWithin) -> list[str]:
    return [name for name, enthalpy in missed.items() if enthalpy <= within.lowest + within.window]


def unseen_lines(analysis: orm.ProcessNode, pressure_gpa: float | None = None) -> list[str]:
    """Return a line for each searched pressure, or for one of them, on the phases that are probably still missing.

    Args:
        analysis: a finished analysis.
        pressure_gpa: only this one; no line if it was not searched.
    """
    phases = analysis.outputs.phases.to_set()
    nodes = sorted(analysis.outputs.landscapes.values(), key=lambda node: node.pressure_gpa)
    return [
        f"Minima not found at {node.pressure_gpa:g} GPa: {unseen_text(unseen_rows(node, phases))}."
        for node in nodes
        if pressure_gpa is None or node.pressure_gpa == float(pressure_gpa)
    ]


def unseen_text(rows: Sequence[Mapping[str, Any]] | None) -> str:
    """Return what a search has probably missed, for people; with the reason where it is unknown."""
    if rows is None:
        return NOT_RECORDED
    estimates = ", ".join(f"{_number(row)} {_window(row)}" for row in rows)
    widest = max((row for row in rows if row["within_ev_per_formula_unit"]), key=_width, default=None)
    if widest is None or not widest["known_missed"]:
        return f"at least {estimates}"
    names = ", ".join(widest["known_missed"])
    return f"at least {estimates}; known to be missing within {_width(widest):g} eV/f.u.: {names}"


def _width(row: Mapping[str, Any]) -> float:
    return float(row["within_ev_per_formula_unit"])


def _number(row: Mapping[str, Any]) -> str:
    return "unknown" if row["missing"] is None else f"{row['missing']:.1f} +- {row['missing_error']:.1f}"


def _window(row: Mapping[str, Any]) -> str:
    window = row["within_ev_per_formula_unit"]
    return "in all" if window is None else f"within {window:g} eV/f.u. of the lowest"
