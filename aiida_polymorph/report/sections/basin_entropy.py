"""How well the model of basin entropies fits the frequencies."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_polymorph.report.sections.interface import Section
from aiida_polymorph.report.tables import Table, mapping_table


class BasinEntropySection(Section):
    """A row for each searched pressure."""

    anchor = "basin-entropy"
    heading = "Basin entropy"
    missing = "No basin entropies were handed over."

    def texts(self) -> Sequence[str]:
        """Return what the columns mean."""
        return (
            "The basin entropy s_b follows from how often each phase was found. Phases are compared within groups that "
            "were found in cells of equal size (components). Over-dispersion: by how much the logarithms of the "
            "frequencies scatter beyond counting statistics; zero means that the model fits.",
        )

    def tables(self) -> Sequence[Table]:
        """Return the fits."""
        return (mapping_table(self.data.basin_entropy),)
