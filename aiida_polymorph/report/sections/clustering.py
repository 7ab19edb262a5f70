"""How the radius of the clustering was chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiida_polymorph.report.canvas import new_figure
from aiida_polymorph.report.figures import eps_scan
from aiida_polymorph.report.sections.interface import Picture, Section


class ClusteringSection(Section):
    """The number of clusters against DBSCAN's radius."""

    anchor = "clustering"
    heading = "Choice of eps"
    missing = "The scan of eps was not handed over."
    side_by_side = True

    def texts(self) -> Sequence[str]:
        """Return how to read the figures."""
        return (
            "eps is the distance of fingerprints below which two structures count as the same minimum (the radius of "
            "DBSCAN). The number of clusters is flat where eps separates phases.",
        )

    def pictures(self) -> Iterator[Picture]:
        """Yield a figure for each pressure."""
        for view in self.data.landscapes:
            if len(view.scan_eps):
                figure, (ax,) = new_figure(4.6, 3.4)
                eps_scan(view, ax)
                at = f"at {view.pressure_gpa:g} GPa"
                caption = f"How many clusters DBSCAN finds {at}, by its radius eps; dashed: the one used."
                yield Picture(f"eps-{view.pressure_gpa:g}GPa", f"Number of clusters against eps {at}", caption, figure)
