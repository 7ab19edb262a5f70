"""What each search brought."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aiida_polymorph.report.data import LandscapeView
from aiida_polymorph.report.sections.interface import Section
from aiida_polymorph.report.tables import Cell, Table, cell

HEADS = ("P (GPa)", "relaxed", "failed, by reason", "phases", "known phases", "minima found once", "eps")


class SearchesSection(Section):
    """A row for each searched pressure."""

    anchor = "searches"
    heading = "Searches"
    missing = "No searches were handed over."

    def tables(self) -> Sequence[Table]:
        """Return the searches."""
        return (Table(HEADS, tuple(_row(view) for view in self.data.landscapes)),)


def _row(view: LandscapeView) -> tuple[Cell, ...]:
    return (
        cell(view.pressure_gpa, "g"),
        cell(len(view.labels) if view.relaxed is None else view.relaxed, "d"),
        Cell("none") if not view.failed else cell(view.failed),
        cell(len(view.names), "d"),
        cell(int(np.sum(view.known)), "d"),
        cell(view.found_once, "d"),
        cell(view.eps, ".2g"),
    )
