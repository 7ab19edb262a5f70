"""The phase diagram that follows from the chemical potentials."""

from __future__ import annotations

from collections.abc import Iterator

from aiida_polymorph.report.canvas import new_figure
from aiida_polymorph.report.phase_regions import phase_regions
from aiida_polymorph.report.sections.interface import Picture, Section

CAPTION = (
    "Phase with the lowest chemical potential by enthalpies and basin entropies of the searches. The colour is the "
    "paler, the less probable it is that this phase is the stable one, given the errors. Black lines: coexistence; "
    "grey bands: one standard deviation of its pressure."
)


class PhaseDiagramSection(Section):
    """Which phase is stable over pressure and temperature."""

    anchor = "phase-diagram"
    heading = "Phase diagram by basin entropies"
    missing = "There are no chemical potentials."

    def pictures(self) -> Iterator[Picture]:
        """Yield the diagram."""
        if self.data.diagram is None:
            return
        figure, (ax,) = new_figure(6.4, 4.6)
        phase_regions(self.data.diagram, ax, self.data.phase_order)
        caption = CAPTION
        if self.data.potentials is not None and len(self.data.potentials.pressures_gpa) == 1:
            caption += " Only one pressure was searched: the others are extrapolated by V dP."
        yield Picture("phase-diagram", "Phase diagram over pressure and temperature", caption, figure)
