"""Scans of enthalpy over pressure for people: relative enthalpies, transitions, agreement, equations of state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.text_tables import Column, table
from aiida_polymorph.thermodynamics.static.enthalpy_curves import method_name


def _method(row: Mapping[str, Any]) -> str:
    return method_name(row["engine"], row["functional"])


def _between(row: Mapping[str, Any]) -> str:
    return " and ".join(f"{each:g}" for each in row["between"]) + (", a point missing" if row["across_missing"] else "")


def _tau_text(row: Mapping[str, Any]) -> str:
    pairs = zip(row["pressures_gpa"], row["tau"], strict=True)
    return ", ".join(f"{pressure:g}: {tau:.2f}" for pressure, tau in pairs if tau is not None)


TRANSITIONS: list[Column] = [
    Column("method", "method"),
    Column("from", "first"),
    Column("to", "second"),
    Column("P (GPa)", "pressure_gpa", ".2f"),
    Column("error", "error_gpa", ".2f"),
    Column("dV (A^3/f.u.)", "volume_change", ".3f"),
    Column("interpolation", "interpolation"),
    Column("between (GPa)", _between),
]
AGREEMENT: list[Column] = [
    Column("Kendall's tau", lambda row: " - ".join(row["methods"])),
    Column("mean", "mean", ".2f"),
    Column("at each pressure (GPa)", _tau_text),
]
EQUATIONS: list[Column] = [
    Column("phase", "name"),
    Column("method", "method"),
    Column("V0 (A^3/f.u.)", "volume", ".3f"),
    Column("B0 (GPa)", "bulk_modulus_gpa", ".1f"),
    Column("B0'", "bulk_modulus_derivative", ".2f"),
    Column("P rms (GPa)", "pressure_rms_gpa", ".3f"),
    Column("H rms (eV)", "enthalpy_rms", ".5f"),
    Column("reason", "reason"),
]


def scan_text(rows: Sequence[Mapping[str, Any]], summary: RecordData, formula: str) -> str:
    """Return scans for people: relative enthalpies, transitions, agreement, equations of state, and what is wrong."""
    relative_to = summary.value("relative_to")
    parts = [f"Enthalpy of {formula} relative to {relative_to}, eV per formula unit, by pressure in GPa."]
    parts += [enthalpy_text(rows)]
    found = summary.value("transitions")
    parts += [table(found, TRANSITIONS)] if found else []
    for method, stable in summary.value("stable").items():
        ranges = ", ".join(range_text(each) for each in stable["phases"]) or "not known"
        parts.append("\n".join([f"Lowest by {method}: {ranges}", *(f"  {remark}" for remark in stable["remarks"])]))
    agreement = [row for row in summary.value("agreement") if row["mean"] is not None]
    parts += [table(agreement, AGREEMENT)] if agreement else []
    parts.append(table(summary.value("equations_of_state"), EQUATIONS))
    failed = [
        f"{row['name']}, {_method(row)}, {row['pressure_gpa']:g} GPa: {row['reason']}" for row in rows if row["reason"]
    ]
    findings = [finding["text"] for finding in summary.value("findings")]
    for title, texts in (("Points without a value:", failed), ("To be looked at:", findings)):
        parts += ["\n".join([title, *(f"  {text}" for text in texts)])] if texts else []
    return "\n\n".join(parts)


def range_text(stable_range: Mapping[str, Any]) -> str:
    """Return e.g. `rutile 0.0 to 14.4 GPa`, or `rutile at 0 GPa` where it is known at one pressure only."""
    low, high = stable_range["low_gpa"], stable_range["high_gpa"]
    return (
        f"{stable_range['phase']} at {low:g} GPa"
        if low == high
        else f"{stable_range['phase']} {low:.1f} to {high:.1f} GPa"
    )


def enthalpy_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table with a line for each method and phase, and a column for each pressure."""
    pressures = sorted({row["pressure_gpa"] for row in rows})
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault((_method(row), row["name"]), {"method": _method(row), "phase": row["name"]})
        line[f"{row['pressure_gpa']:g}"] = row["relative_enthalpy_ev_per_formula_unit"]
    columns = [Column("method", "method"), Column("phase", "phase")]
    return table(list(lines.values()), [*columns, *(Column(f"{each:g}", f"{each:g}", ".4f") for each in pressures)])
