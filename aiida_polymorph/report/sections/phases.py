"""The table of phases."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_polymorph.report.columns import PHASE_COLUMNS, THERMAL_COLUMNS
from aiida_polymorph.report.sections.interface import Section
from aiida_polymorph.report.tables import Table, columns_table


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
        return (columns_table(self.data.phases, [*PHASE_COLUMNS, *THERMAL_COLUMNS]),)
