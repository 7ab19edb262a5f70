"""How well the model of basin entropies fits the frequencies."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_polymorph.report.sections.interface import Section
from aiida_polymorph.report.tables import Table, columns_table
from aiida_polymorph.text_tables import Column

COLUMNS: tuple[Column, ...] = (
    Column("P (GPa)", "pressure_gpa", "g"),
    Column("phases", "phases", "d"),
    Column("connected components", "components", "d"),
    Column("over-dispersion", "overdispersion", ".2f"),
    Column("±", "overdispersion_error", ".2f"),
    Column("χ² per degree of freedom", "chi2_per_dof", ".2f"),
)


class BasinEntropySection(Section):
    """A row for each searched pressure."""

    anchor = "basin-entropy"
    heading = "Basin entropy"
    missing = "No basin entropies were handed over."

    def texts(self) -> Sequence[str]:
        """Return what the columns mean."""
        return (
            "The basin entropy s_b follows from how often each phase was found. Phases can be compared within a "
            "connected component: a group linked by finds in cells of equal size. Over-dispersion is the standard "
            "deviation by which the logarithms of the frequencies scatter beyond counting statistics; zero means "
            "that the model fits.",
        )

    def tables(self) -> Sequence[Table]:
        """Return the fits."""
        return (columns_table(self.data.basin_entropy, COLUMNS),)
