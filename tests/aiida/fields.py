"""Fields of `phases --json`, as the documentation promises them."""

from __future__ import annotations

PHASE_FIELDS = {
    "name",
    "known",
    "space_group",
    "pressure_gpa",
    "enthalpy_ev_per_formula_unit",
    "volume_a3_per_formula_unit",
    "primitive_formula_units",
    "found",
    "basin_entropy_kb",
    "basin_entropy_error_kb",
    "saddle",
}
THERMAL_FIELDS = {
    "chemical_potential_ev",
    "chemical_potential_error_ev",
    "above_hull_ev",
    "probability_stable",
    "method",
}
