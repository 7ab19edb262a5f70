"""Enthalpies against pressure from scans, by DFT or by a potential."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiida_polymorph.report.enthalpy_figure import draw_enthalpies
from aiida_polymorph.report.enthalpy_table import enthalpy_table
from aiida_polymorph.report.sections.interface import Picture, Section
from aiida_polymorph.report.tables import Table
from aiida_polymorph.thermodynamics.static.curve_checks import check_curves
from aiida_polymorph.thermodynamics.static.enthalpy_transitions import transitions


class EnthalpiesSection(Section):
    """Scans over pressure; left out where none was given."""

    anchor = "enthalpies"
    heading = "Enthalpies against pressure"

    def texts(self) -> Sequence[str]:
        """Return the transitions, and what does not fit together."""
        found = [
            each.text for sequence in transitions(self.data.enthalpy_curves).values() for each in sequence.transitions
        ]
        wrong = [finding.text for finding in check_curves(self.data.enthalpy_curves)]
        return (
            "Static enthalpies: without vibrations. Only differences within a method mean something.",
            *found,
            *wrong,
        )

    def tables(self) -> Sequence[Table]:
        """Return all points."""
        return (
            (enthalpy_table(self.data.enthalpy_curves, self.data.enthalpy_relative_to),)
            if self.data.enthalpy_curves
            else ()
        )

    def pictures(self) -> Iterator[Picture]:
        """Yield the curves of all methods."""
        if self.data.enthalpy_curves:
            figure = draw_enthalpies(
                self.data.enthalpy_curves,
                self.data.enthalpy_relative_to,
                self.data.formula,
                order=self.data.phase_order,
            )
            caption = (
                f"Enthalpy at 0 K relative to {self.data.enthalpy_relative_to}; the strip shows which phase is lowest."
            )
            yield Picture("enthalpies", "Enthalpy of the phases against pressure", caption, figure)
