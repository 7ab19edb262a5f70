"""Rows of `relax`: structures, relaxed or failed."""

from __future__ import annotations

from typing import Any

from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import space_group
from aiida_polymorph.text_tables import Column

COLUMNS: list[Column] = [
    Column("name", "name"),
    Column("P (GPa)", "pressure_gpa", "g"),
    Column("f.u.", "formula_units", "d"),
    Column("H (eV/f.u.)", "enthalpy_ev_per_formula_unit", ".5f", reason="reason"),
    Column("V (A^3/f.u.)", "volume_a3_per_formula_unit", ".4f"),
    Column("space group", "space_group", reason="reason"),
    Column("max force (eV/A)", "max_force_ev_per_a", ".1e"),
    Column("stress error (GPa)", "max_stress_error_gpa", ".1e"),
    Column("converged", "converged"),
    Column("reason", "reason"),
]


def relaxed_rows(structures: StructureSet, symprec: float) -> list[dict[str, Any]]:
    """Return the entries of `relax`; a failed structure keeps what is known of it."""
    enthalpy, volume = structures.enthalpy_per_formula_unit, structures.volume_per_formula_unit
    converged = structures.column("converged", False).astype(bool)
    names, reasons = structures.column("name", ""), structures.column("reason", "")
    return [
        {
            "name": str(names[i]),
            "pressure_gpa": structures.column("pressure_gpa")[i],
            "formula_units": structures.formula_units[i],
            "enthalpy_ev_per_formula_unit": enthalpy[i],
            "volume_a3_per_formula_unit": volume[i],
            "space_group": space_group(structures[i], symprec) if converged[i] else None,
            "max_force_ev_per_a": structures.column("max_force")[i],
            "max_stress_error_gpa": structures.column("max_stress_error")[i],
            "converged": bool(converged[i]),
            "reason": str(reasons[i]),
        }
        for i in range(len(structures))
    ]
