"""Fields of `--json` that scripts rely on, as the design promises them: some may be added, none renamed."""

from __future__ import annotations

SEARCH_FIELDS = {
    "node",
    "pressure_gpa",
    "asked",
    "relaxed",
    "failed",
    "force_calls_mean",
    "cpu_seconds",
    "wall_seconds",
}
RELAX_FIELDS = {
    "name",
    "pressure_gpa",
    "formula_units",
    "enthalpy_ev_per_formula_unit",
    "volume_a3_per_formula_unit",
    "space_group",
    "max_force_ev_per_a",
    "max_stress_error_gpa",
    "converged",
    "reason",
}
SUMMARY_FIELDS = {"node", "structures", "phases", "found_once", "eps", "surrogate", "basin_entropy"}
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
FREE_ENERGY_FIELDS = {
    "gibbs_energy_ev_per_formula_unit",
    "error_ev_per_formula_unit",
    "pressure_gpa",
    "temperature_k",
    "method",
    "atoms",
    "steps",
    "terms",
    "metastable",
    "reason",
}
INTEGRATE_FIELDS = {
    "name",
    "pressure_gpa",
    "temperature_k",
    "gibbs_energy_ev_per_formula_unit",
    "error_ev_per_formula_unit",
    "enthalpy_ev_per_formula_unit",
    "volume_a3_per_formula_unit",
    "metastable",
    "reason",
}
DIAGRAM_FIELDS = {"node", "lines", "stable", "phases", "undecided", "cpu_seconds"}
STATUS_FIELDS = {
    "process",
    "node",
    "composition",
    "pressure_gpa",
    "state",
    "asked",
    "relaxed",
    "failed",
    "jobs",
    "jobs_finished",
    "rate_per_second",
    "seconds",
    "seconds_left",
}
SCAN_FIELDS = {
    "name",
    "engine",
    "functional",
    "pressure_gpa",
    "enthalpy_ev_per_formula_unit",
    "volume_a3_per_formula_unit",
    "max_stress_error_gpa",
    "relative_enthalpy_ev_per_formula_unit",
    "reason",
}
FIELDS = {
    "search": SEARCH_FIELDS,
    "relax": RELAX_FIELDS,
    "import": {"node", "count"},
    "analyse": SUMMARY_FIELDS,
    "phases": PHASE_FIELDS | THERMAL_FIELDS,
    "free-energy": FREE_ENERGY_FIELDS,
    "integrate": INTEGRATE_FIELDS,
    "diagram": DIAGRAM_FIELDS,
    "predict": DIAGRAM_FIELDS,
    "status": STATUS_FIELDS,
    "dft-scan": SCAN_FIELDS,
}
"""Command -> fields. The tests of each command compare them with what it prints."""
