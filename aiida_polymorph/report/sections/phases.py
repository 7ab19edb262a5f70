"""The table of phases."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_polymorph.report.canvas import pretty_formula
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
            f"A formula unit (f.u.) is {pretty_formula(self.data.formula)}. Found: formula units in the cell, and how "
            "often the phase was found in such cells; a dash means not at all. Prim. f.u.: formula units in the "
            "primitive cell. s_b: basin entropy, unknown where the phase was found too rarely. Saddle: whether a "
            "small displacement lets the structure fall to a lower minimum; checked for known phases.",
            "Basin entropies and chemical potentials of one pressure have a common zero: only differences count.",
        )

    def tables(self) -> Sequence[Table]:
        """Return the phases of all pressures; columns that no row has are left out."""
        return (columns_table(self.data.phases, [*PHASE_COLUMNS, *THERMAL_COLUMNS]),)
