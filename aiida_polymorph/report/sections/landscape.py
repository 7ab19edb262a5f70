"""The maps of the minima, and how many of them are probably still missing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from aiida_polymorph.report.canvas import new_figure
from aiida_polymorph.report.data import LandscapeView
from aiida_polymorph.report.figures import landscape_map
from aiida_polymorph.report.sections.interface import Link, Picture, Section
from aiida_polymorph.report.tables import Cell, Table, cell
from aiida_polymorph.search.unseen import UnseenWithin

UNSEEN = (
    "How many minima a search has probably missed follows from how many it found once and twice. Missing is a lower "
    "bound with its standard error (Chao); P(already found) is the probability that the next structure falls into a "
    "minimum already found (Good and Turing). Most minima lie too high to matter; those up to some enthalpy above the "
    "lowest are therefore counted apart. The last column counts minima that a reference or another pressure makes "
    "known and that the search did not find: rare minima are beyond any estimate from counts."
)
HEADS = (
    "P (GPa)",
    "above the lowest (eV)",
    "structures",
    "minima found",
    "found once",
    "found twice",
    "missing, at least",
    "±",
    "P(already found)",
    "known, but not found",
)


class LandscapeSection(Section):
    """A map for each searched pressure, and the estimate of what the search missed."""

    anchor = "landscape"
    heading = "Landscape"
    missing = "No landscapes were handed over."

    def texts(self) -> Sequence[str]:
        """Return why there is no view of single structures, and what the table tells."""
        views = self.data.landscapes
        unknown = [f"{view.pressure_gpa:g} GPa" for view in views if view.unseen is None]
        texts = [self.data.map_note] if self.data.map_note and not self.data.map_link else []
        texts += [UNSEEN] if len(unknown) < len(views) else []
        if unknown:
            texts.append(
                f"How many minima are still missing at {', '.join(unknown)} is not recorded by the version that made "
                "this analysis."
            )
        return texts

    def links(self) -> Sequence[Link]:
        """Return the link to the view of single structures."""
        text = "Open the map in chemiscope: a click on a point shows its structure."
        return (Link(self.data.map_link, text),) if self.data.map_link else ()

    def tables(self) -> Sequence[Table]:
        """Return what is probably missing, a row for each pressure and window of enthalpy."""
        rows = [_row(view, within) for view in self.data.landscapes for within in view.unseen or ()]
        return (Table(HEADS, tuple(rows)),)

    def pictures(self) -> Iterator[Picture]:
        """Yield the maps."""
        for view in self.data.landscapes:
            yield _map(view, self.data.formula)


def _row(view: LandscapeView, within: UnseenWithin) -> tuple[Cell, ...]:
    unseen = within.unseen
    counts = (within.structures, unseen.found, unseen.found_once, unseen.found_twice)
    return (
        cell(view.pressure_gpa, "g"),
        Cell(f"up to {within.window:g}" if math.isfinite(within.window) else "any", "", str(within.window)),
        *(cell(count, "d") for count in counts),
        cell(unseen.missing, ".1f"),
        cell(unseen.missing_error, ".1f"),
        cell(unseen.coverage, ".3f"),
        cell(len(view.known_missed(within.lowest + within.window)), "d"),
    )


def _map(view: LandscapeView, formula: str) -> Picture:
    figure, (ax,) = new_figure(8.6, 6.0)
    landscape_map(view, ax, formula)
    caption = (
        f"Minima found at {view.pressure_gpa:g} GPa, projected onto the first two kernel principal components. A "
        "circle is a phase, its area in proportion to the logarithm of how often it was found; dots are minima found "
        f"fewer than {view.min_samples} times. Heavy edges: known phases; hollow diamonds: references that were not "
        "found; blue names: the new phases of lowest enthalpy. The inset is the same map, coloured by volume."
    )
    return Picture(f"map-{view.pressure_gpa:g}GPa", f"Map of the minima at {view.pressure_gpa:g} GPa", caption, figure)
