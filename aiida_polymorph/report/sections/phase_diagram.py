"""The phase diagram that follows from the chemical potentials."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aiida_polymorph.report.canvas import new_figure
from aiida_polymorph.report.data import ReportData
from aiida_polymorph.report.sections.interface import Picture, Section
from aiida_polymorph.report.thermo_figures import phase_regions
from aiida_polymorph.thermodynamics.diagrams.phase_diagram import PhaseDiagram, phase_diagram

CAPTION = (
    "Phase with the lowest chemical potential. The colour is the paler, the less probable it is that this phase "
    "is the stable one, given the errors. Black lines: coexistence; grey bands: one standard deviation of its "
    "pressure."
)


class PhaseDiagramSection(Section):
    """Which phase is stable over pressure and temperature."""

    anchor = "phase-diagram"
    heading = "Phase diagram"
    missing = "There are no chemical potentials."

    def pictures(self) -> Iterator[Picture]:
        """Yield the diagram."""
        if self.data.potentials is None:
            return
        figure, (ax,) = new_figure(6.4, 4.6)
        phase_regions(diagram_of(self.data), ax)
        caption = CAPTION
        if len(self.data.potentials.pressures) == 1:
            caption += " Only one pressure was searched: the others are extrapolated by V dP."
        yield Picture("phase-diagram", "Phase diagram over pressure and temperature", caption, figure)


def diagram_of(data: ReportData, cells: int = 60) -> PhaseDiagram:
    """Return the phase diagram over the searched pressures, or 10 GPa around the only one.

    Raises:
        ValueError: if the data holds no chemical potentials.
    """
    if data.potentials is None:
        raise ValueError("the report's data holds no chemical potentials, so there is no phase diagram")
    low, high = data.potentials.pressures[[0, -1]]
    if low == high:
        low, high = low - 10.0, high + 10.0
    temperatures = np.linspace(*data.diagram_temperatures, cells + 1)
    return phase_diagram(data.potentials, temperatures, np.linspace(low, high, cells + 1))
