"""`coexistence`: where phases coexist, by molecular dynamics."""

from __future__ import annotations

import click

from aiida_polymorph.cli.options import AS_JSON, RENAMING, Numbers, add_profile, check_figure_file
from aiida_polymorph.cli.output import print_json, say, table


@click.command("coexistence")
@click.argument("nodes", nargs=-1, required=True, metavar="NODES...")
@click.option(
    "--temperature",
    "temperatures",
    type=Numbers(least=1e-6, why=" K, must be positive"),
    default=(),
    help="Show the pressures of the lines at these temperatures in K: 700,1000 or a range 300:1500:100.",
)
@RENAMING
@click.option(
    "--figure", type=click.Path(dir_okay=False), metavar="FILE", help="Plot the phase diagram into a .svg or .png file."
)
@AS_JSON
@add_profile
def coexistence_command(
    nodes: tuple[str, ...],
    temperatures: tuple[float, ...],
    names: tuple[tuple[str, str], ...],
    figure: str | None,
    as_json: bool,
) -> None:
    """Where two phases coexist: pressure over temperature, with errors, by Clausius and Clapeyron.

    NODES are processes of `integrate` or their results, one a phase, of the same composition, potential and
    convention. Nothing is extrapolated: a line ends where one of its phases has no Gibbs energies. The table shows some
    points of the lines between stable phases, --json all of them, and the lines on which a third phase is more stable.

    \b
    Examples:
      aiida-polymorph coexistence 211 240 268
      aiida-polymorph coexistence 211 240 268 --temperature 700:1600:100
      aiida-polymorph coexistence 211 240 --name 211=rutile --figure diagram.svg --json
    """
    from aiida_polymorph.results import coexistence
    from aiida_polymorph.results.free_energies import load_results, warnings_of
    from aiida_polymorph.results.line_rows import LINE_COLUMNS, table_rows

    check_figure_file(figure)
    results = load_results(nodes, dict(names))
    for warning in warnings_of(results):
        say(f"Warning: {warning}")
    found = coexistence.make_coexistence(results, temperatures)
    for verdict in found.value("verdicts"):
        say(verdict)
    if figure:
        from aiida_polymorph.cli.diagram import draw

        say(f"Figure: {draw(coexistence.diagram_of_coexistence(results), figure)}")
    if as_json:
        print_json(coexistence.coexistence_rows(found, temperatures))
        return
    say(f"Node {found.pk}.")
    rows, hidden = table_rows(found.value("lines"), temperatures)
    click.echo(table(rows, LINE_COLUMNS))
    for temperature in coexistence.without_a_line(rows, temperatures):
        say(f"No two stable phases coexist at {temperature:g} K, as far as there are Gibbs energies.")
    if hidden:
        say(f"{hidden} lines are left out, on which a third phase is more stable; --json shows them.")
