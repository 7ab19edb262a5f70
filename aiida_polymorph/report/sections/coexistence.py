"""Where phases coexist by their Gibbs energies: the phase diagram, its lines and its triple points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aiida_polymorph.report.canvas import new_figure
from aiida_polymorph.report.phase_regions import phase_regions
from aiida_polymorph.report.sections.interface import Picture, Section
from aiida_polymorph.report.tables import Cell, Table, cell
from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram
from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine, CoexistencePoint, triple_points

HEADS = ("below", "above", "T (K)", "P (GPa)", "± P", "dP/dT (GPa/K)", "ΔS (kB)", "ΔV (Å³)")
TRIPLE_HEADS = ("phases", "T (K)", "P (GPa)", "± P")
MOST_POINTS = 7
"""Of a line in the table, its ends among them."""


class CoexistenceSection(Section):
    """Lines between stable phases; left out where no Gibbs energies were given."""

    anchor = "coexistence"
    heading = "Phase diagram by Gibbs energies"

    def texts(self) -> Sequence[str]:
        """Return how to read the lines."""
        return (
            "A line is where two phases have the same Gibbs energy. Its slope is dP/dT = ΔS/ΔV (Clausius and "
            "Clapeyron), differences of the phase above less that below. Nothing is extrapolated: a line ends at a "
            "triple point, or where one of its phases has no Gibbs energies.",
        )

    def tables(self) -> Sequence[Table]:
        """Return points of the lines, and triple points; or why there are none."""
        energies = self.data.energies
        if energies is None:
            return ()
        if energies.diagram is None:
            return (Table(("no phase diagram",), ((Cell(energies.no_diagram),),)),)
        lines = [line for line in energies.diagram.lines if line.stable]
        rows = tuple(_row(line, point) for line in lines for point in _some(line.points))
        triples = tuple(
            (
                Cell(", ".join(each.phases)),
                cell(each.temperature, ".1f"),
                cell(each.pressure_gpa, ".3f"),
                cell(each.error_gpa, ".3f"),
            )
            for each in triple_points(lines)
        )
        return (Table(HEADS, rows, "Coexistence lines."), Table(TRIPLE_HEADS, triples, "Triple points."))

    def pictures(self) -> Iterator[Picture]:
        """Yield the phase diagram."""
        if self.data.energies is not None and self.data.energies.diagram is not None:
            yield _picture(self.data.energies.diagram, self.data.phase_order)


def _some(points: Sequence[CoexistencePoint]) -> list[CoexistencePoint]:
    """Return at most `MOST_POINTS` of them, evenly, both ends among them."""
    count = min(len(points), MOST_POINTS)
    return [points[round(each * (len(points) - 1) / max(count - 1, 1))] for each in range(count)]


def _row(line: CoexistenceLine, point: CoexistencePoint) -> tuple[Cell, ...]:
    return (
        Cell(line.first),
        Cell(line.second),
        cell(point.temperature, ".1f"),
        cell(point.pressure_gpa, ".3f"),
        cell(point.error_gpa, ".3f"),
        cell(point.slope, ".5f"),
        cell(point.entropy_difference, ".3f"),
        cell(point.volume_difference, ".3f"),
    )


def _picture(diagram: PhaseDiagram, order: Sequence[str]) -> Picture:
    figure, (ax,) = new_figure(6.4, 4.6)
    phase_regions(diagram, ax, order)
    caption = (
        "Phase of the lowest Gibbs energy among those given; white where none has a value. The colour is the paler, "
        "the less probable it is that this phase is the stable one. Grey bands: one standard deviation of the pressure "
        "of coexistence."
    )
    return Picture("coexistence", "Phase diagram by Gibbs energies", caption, figure)
