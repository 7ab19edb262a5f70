"""What the searches found, as tables: plain rows for JSON, columns for Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from analysis_data import AnalysisData, Row
from measures import compare_predictions

from aiida_polymorph.units import KCAL_PER_MOL

WINDOW_KCAL = 5.0
"""New phases up to this enthalpy above the ground state are listed, kcal/mol per TiO2."""
NEW_SHOWN = 6
"""So many of them at each pressure in Markdown; JSON has all."""
SPLITS = {"random": "random fifth", "novel": "no copy in training", "cluster": "whole clusters"}

Column = tuple[str, str | Callable[[Row], Any], str]


@dataclass(frozen=True)
class Result:
    """A table: all its rows, the columns that Markdown shows, and which rows it shows (None: all)."""

    rows: list[Row]
    columns: Sequence[Column]
    shown: list[Row] | None = None

    def markdown(self) -> str:
        """Return the table in Markdown."""
        rows = self.rows if self.shown is None else self.shown
        lines = [[header for header, _, _ in self.columns]]
        lines += [["---" if not form or form == "s" else "---:" for _, _, form in self.columns]]
        lines += [[cell(row, key, form) for _, key, form in self.columns] for row in rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(row: Row, key: str | Callable[[Row], Any], form: str) -> str:
    """Return one cell as text; an unknown value as a dash."""
    value = key(row) if callable(key) else row[key]
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "-"
    return format(value, form)


def kcal(value_ev: float | None) -> float | None:
    """Return eV as kcal/mol."""
    return None if value_ev is None else value_ev / KCAL_PER_MOL


def times(found: dict[str, int]) -> str:
    """Return e.g. `12 (2, 4, 6)`: how often in all, and with how many formula units."""
    return f"{sum(found.values())} ({', '.join(found)})" if found else "0"


def references_found(data: AnalysisData) -> Result:
    """Which references were found at which pressure, how often and with how many formula units."""
    short = {name: name.removeprefix("newphase-") for name in data.references}
    fates = {(row["name"], row["pressure_gpa"]): row for row in data.fates}
    order = sorted(data.references, key=lambda name: (name.startswith("newphase"), name))
    rows = [{"name": name} | {f"{pressure:g}": fates[name, pressure] for pressure in data.pressures} for name in order]
    columns: list[Column] = [("phase", lambda row: short[row["name"]], "s")]
    columns += [(f"{pressure:g} GPa", _fate_of(f"{pressure:g}", short), "s") for pressure in data.pressures]
    return Result(rows, columns)


def _fate_of(key: str, short: dict[str, str]) -> Callable[[Row], str]:
    return lambda row: fate_text(row[key], short)


def fate_text(fate: Row, short: dict[str, str]) -> str:
    """Return what became of a reference at one pressure, in a few words."""
    other = short.get(fate["same_as"], fate["same_as"])
    if fate["fate"] == "found":
        return times(fate["found"]) + (" saddle" if fate["saddle"] else "")
    if fate["fate"] == "missed":
        return f"= {other}" if other else "not found"
    if fate["fate"] == "saddle":
        return "saddle" + (f" → {other}" if other else "")
    if fate["fate"] == "left":
        return f"→ {other}" if other else "→ another"
    return "not converged"


def new_phases(data: AnalysisData) -> Result:
    """Phases that no reference names, found at a pressure within the window above its lowest enthalpy."""
    rows, shown = [], []
    for pressure in data.pressures:
        found = [row for row in data.phases if row["pressure_gpa"] == pressure and row["state"] == "found"]
        ground = min(row["enthalpy_ev_per_formula_unit"] for row in found)
        here = [
            row | {"above_kcal": kcal(row["enthalpy_ev_per_formula_unit"] - ground)}
            for row in found
            if not row["known"]
        ]
        here = [row for row in here if row["above_kcal"] <= WINDOW_KCAL]
        rows += here
        shown += here[:NEW_SHOWN]
    columns: list[Column] = [
        ("P (GPa)", "pressure_gpa", "g"),
        ("phase", "name", "s"),
        ("space group", lambda row: f"`{row['space_group']}`", "s"),
        ("H - H(ground state) (kcal/mol)", "above_kcal", ".2f"),
        ("V (Å³)", "volume_a3_per_formula_unit", ".2f"),
        ("f.u. in the primitive cell", "primitive_formula_units", "d"),
        ("found (f.u. in the cell)", lambda row: times(row["found"]), "s"),
    ]
    return Result(rows, columns, shown)


def minima(data: AnalysisData) -> Result:
    """How many structures, clusters and minima; and how many new phases lie low."""
    low = new_phases(data).rows
    rows = [
        row | {"new_low": sum(other["pressure_gpa"] == row["pressure_gpa"] for other in low)} for row in data.minima
    ]
    columns: list[Column] = [
        ("P (GPa)", "pressure_gpa", "g"),
        ("structures", "structures", "d"),
        ("clusters (found ≥ 3 times)", "clusters", "d"),
        ("share of the structures in them", "clustered", ".2f"),
        ("distinct minima", "distinct", "d"),
        ("found once", "found_once", "d"),
        ("eps", "eps", ".1e"),
        (f"new phases within {WINDOW_KCAL:g} kcal/mol", "new_low", "d"),
    ]
    return Result(rows, columns)


def surrogate_tests(data: AnalysisData) -> Result:
    """Test errors of the surrogate's enthalpy in three ways, and coverage of its error bars."""
    rows = []
    for pressure, evaluation in data.evaluations.items():
        for split, test in evaluation.items():
            numbers = {name: kcal(test[name]) for name in ("mae", "rmse")}
            others = {name: test[name] for name in ("tested", "r2", "coverage_68", "coverage_95", "extrapolations")}
            rows.append({"pressure_gpa": pressure, "split": split, **numbers, **others})
    columns: list[Column] = [
        ("P (GPa)", "pressure_gpa", "g"),
        ("held out", lambda row: SPLITS[row["split"]], "s"),
        ("tested", "tested", "d"),
        ("MAE (kcal/mol)", "mae", ".3f"),
        ("RMSE (kcal/mol)", "rmse", ".3f"),
        ("R²", "r2", ".4f"),
        ("within 1 σ", "coverage_68", ".2f"),
        ("within 1.96 σ", "coverage_95", ".2f"),
        ("flagged", "extrapolations", "d"),
    ]
    return Result(rows, columns)


def missed_summary(data: AnalysisData) -> Result:
    """Predicted against relaxed enthalpies of minima that the search missed, by pressure and kind."""
    kinds: dict[str, Callable[[Row], bool]] = {
        "all": lambda row: not row["extrapolation"],
        "references": lambda row: row["known"] and not row["extrapolation"],
        "flagged as extrapolation": lambda row: row["extrapolation"],
    }
    rows = []
    for pressure in data.pressures:
        for kind, chosen in kinds.items():
            here = [row for row in data.missed if row["pressure_gpa"] == pressure and chosen(row)]
            values = [np.array([kcal(row[key]) for row in here]) for key in ("predicted_ev", "error_ev", "relaxed_ev")]
            rows.append({"pressure_gpa": pressure, "kind": kind, **compare_predictions(*values)})
    columns: list[Column] = [
        ("P (GPa)", "pressure_gpa", "g"),
        ("missed phases", "kind", "s"),
        ("number", "phases", "d"),
        ("MAE (kcal/mol)", "mae", ".2f"),
        ("RMSE (kcal/mol)", "rmse", ".2f"),
        ("mean deviation", "bias", "+.2f"),
        ("within 1 σ", "within_1", ".2f"),
        ("within 2 σ", "within_2", ".2f"),
    ]
    return Result(rows, columns)


def missed_references(data: AnalysisData) -> Result:
    """The same one by one for the references, relative to the lowest enthalpy found at that pressure."""
    rows = []
    for row in data.missed:
        if row["known"]:
            here = [each for each in data.phases if each["pressure_gpa"] == row["pressure_gpa"]]
            ground = min(each["enthalpy_ev_per_formula_unit"] for each in here if each["state"] == "found")
            energies = {key: kcal(row[f"{key}_ev"] - ground) for key in ("relaxed", "predicted")}
            rows.append(row | energies | {"error": kcal(row["error_ev"])})
    columns: list[Column] = [
        ("P (GPa)", "pressure_gpa", "g"),
        ("phase", lambda row: row["name"].removeprefix("newphase-"), "s"),
        ("relaxed H (kcal/mol)", "relaxed", ".2f"),
        ("predicted H", "predicted", ".2f"),
        ("±", "error", ".2f"),
        ("flagged", lambda row: "yes" if row["extrapolation"] else "", "s"),
    ]
    return Result(rows, columns)
