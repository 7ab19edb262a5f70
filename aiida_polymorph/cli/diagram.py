"""`diagram`: the phase diagram over temperature and pressure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import AS_JSON, RENAMING, Choices, Numbers, add_profile, check_figure_file
from aiida_polymorph.cli.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida_polymorph.data.phase_diagram import PhaseDiagramData

SOURCES = ("integration", "anharmonic", "harmonic", "basin")


@click.command("diagram")
@click.argument("nodes", nargs=-1, metavar="[NODES]...")
@click.option(
    "--source",
    "sources",
    type=Choices(SOURCES),
    help="Only Gibbs energies of these sources: integration, anharmonic, harmonic or basin, or several, e.g. "
    "integration,harmonic.",
)
@click.option(
    "--temperature", "temperatures", type=Numbers(least=0.0), help="Temperatures of the grid in K, e.g. 300:2000:50."
)
@click.option("--pressure", "pressures", type=Numbers(), help="Pressures of the grid in GPa, e.g. 0:70:1.")
@click.option(
    "--error",
    "error_gpa",
    type=float,
    metavar="GPA",
    help="Standard error of a line's pressure above which the line counts as undecided.  [0.5]",
)
@RENAMING
@click.option("--figure", type=click.Path(dir_okay=False), metavar="FILE", help="Draw the diagram: .svg or .png.")
@AS_JSON
@add_profile
def diagram_command(
    nodes: tuple[str, ...], names: tuple[tuple[str, str], ...], figure: str | None, as_json: bool, **settings: Any
) -> None:
    """Phase diagram: the stable phase over temperature and pressure, and the lines between phases.

    NODES are an analysis (enthalpies and basin entropies), or processes of `integrate` and of `free-energy` (one phase
    each, several of the same phase if need be), or a diagram that was made before. Without NODES it is the newest
    analysis. Of each phase the best source counts: integration, then
    anharmonic (harmonic with corrections by dynamics), then harmonic. Chemical potentials by basin entropy
    have a zero of their own and are never mixed with the others. Nothing is extrapolated beyond the Gibbs energies
    given; basin entropies between pressures are interpolated.

    \b
    Examples:
      aiida-polymorph diagram
      aiida-polymorph diagram 211 240 268 --figure diagram.svg
      aiida-polymorph diagram 211 240 268 301 --source harmonic --temperature 300:2000:50 --pressure 0:70:1 --json
    """
    from aiida_polymorph.results.diagram import diagram_record, diagram_text

    check_figure_file(figure)
    node = find_or_make(nodes, dict(names), settings)
    if figure:
        say(f"Figure: {draw(node, figure)}")
    if as_json:
        print_json(diagram_record(node))
        return
    click.echo(diagram_text(node))


def find_or_make(nodes: Sequence[str], names: dict[str, str], settings: dict[str, Any]) -> PhaseDiagramData:
    """Return the diagram that a node is, or the one of several nodes.

    Raises:
        ValueError: If there is no such node, or the nodes can't be put into one diagram.
    """
    from aiida_polymorph.cli.nodes import load
    from aiida_polymorph.data.phase_diagram import PhaseDiagramData
    from aiida_polymorph.results.analysis import find_analysis
    from aiida_polymorph.results.diagram import make_diagram

    found = [load(node) for node in nodes] if nodes else [find_analysis(None)]
    diagrams = [node for node in found if isinstance(node, PhaseDiagramData)]
    if not diagrams:
        return make_diagram(found, names, **settings)
    if len(found) > 1 or names or any(value is not None for value in settings.values()):
        raise ValueError(f"node {diagrams[0].pk} is a finished diagram: give it alone, and without other options")
    return diagrams[0]


def draw(node: PhaseDiagramData, file: str) -> str:
    """Draw a diagram and return the path of the figure."""
    from aiida_polymorph.report.canvas import new_figure, save_figure
    from aiida_polymorph.report.phase_regions import phase_regions
    from aiida_polymorph.results.phase_order import phase_order

    figure, (ax,) = new_figure()
    phase_regions(node.to_diagram(), ax, phase_order(node.value("composition")))
    return str(save_figure(figure, file))
