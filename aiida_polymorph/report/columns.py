"""Columns of the table of phases, on the command line and on the page."""

from __future__ import annotations

from aiida_polymorph.text_tables import Column

PHASE_COLUMNS: list[Column] = [
    Column("phase", "name"),
    Column("known", "known"),
    Column("space group", "space_group", why="the phases are interpolated, this pressure was not searched"),
    Column("P (GPa)", "pressure_gpa", "g"),
    Column("H (eV/f.u.)", "enthalpy_ev_per_formula_unit", ".4f", reason="reason"),
    Column("V (A^3/f.u.)", "volume_a3_per_formula_unit", ".3f"),
    Column("prim. f.u.", "primitive_formula_units", "d"),
    Column("found", "found", empty="not found"),
    Column("s_b (kB)", "basin_entropy_kb", ".2f", reason="basin_entropy_reason"),
    Column("+-", "basin_entropy_error_kb", ".2f"),
    Column("saddle", "saddle", reason="saddle_reason"),
]
THERMAL_COLUMNS: list[Column] = [
    Column("mu (eV/f.u.)", "chemical_potential_ev", ".4f", reason="reason"),
    Column("+-", "chemical_potential_error_ev", ".4f"),
    Column("above hull (eV)", "above_hull_ev", ".4f"),
    Column("P(stable)", "probability_stable", ".2f"),
    Column("from", "method"),
]
