"""The table of phases."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_polymorph.report.sections.interface import Section
from aiida_polymorph.report.tables import Table, columns_table

COLUMNS: tuple[tuple[str, str, str], ...] = (
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


class PhasesSection(Section):
    """All phases at all pressures, with filters."""

    anchor = "phases"
    heading = "Phases"
    missing = "No phases were handed over."
    searchable = True

    def texts(self) -> Sequence[str]:
        """Return units, and what the numbers are relative to."""
        return (
            f"Energies are in eV, volumes in Å³ and entropies in kB, all per {self.data.formula}.",
            "Basin entropies and chemical potentials of one pressure have a common zero: only differences count.",
        )

    def tables(self) -> Sequence[Table]:
        """Return the phases of all pressures; columns that no row has are left out."""
        return (columns_table(self.data.phases, COLUMNS),)
