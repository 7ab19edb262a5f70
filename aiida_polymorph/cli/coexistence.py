"""`coexistence`: where phases coexist, by molecular dynamics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import AS_JSON, RENAMING, add_profile
from aiida_polymorph.cli.output import Column, print_json, say, table

if TYPE_CHECKING:
    from aiida_polymorph.results.free_energies import Result

COLUMNS: list[Column] = [
    ("below", "first", ""),
    ("above", "second", ""),
    ("T (K)", "temperature_k", ".1f"),
    ("P (GPa)", "pressure_gpa", ".3f"),
    ("+-", "error_gpa", ".3f"),
    ("dP/dT (GPa/K)", "slope_gpa_per_k", ".5f"),
    ("dS (kB/f.u.)", "entropy_difference_kb", ".4f"),
    ("dV (A^3/f.u.)", "volume_difference_a3", ".3f"),
]


MOST_ROWS = 7
"""Of the table, for each line."""


@click.command("coexistence")
@click.argument("nodes", nargs=-1, required=True, metavar="NODES...")
@RENAMING
@click.option(
    "--figure", type=click.Path(dir_okay=False), metavar="FILE", help="Plot the phase diagram into a .svg or .png file."
)
@AS_JSON
@add_profile
def coexistence_command(
    nodes: tuple[str, ...], names: tuple[tuple[str, str], ...], figure: str | None, as_json: bool
) -> None:
    """Where two phases coexist: pressure over temperature, with errors, by Clausius and Clapeyron.

    NODES are processes of `integrate` or their results, one a phase, of the same composition, potential and
    convention. Nothing is extrapolated: a line ends where one of its phases has no Gibbs energies. The table shows some
    points of the lines between stable phases, --json all of them, and the lines on which a third phase is more stable.

    \b
    Examples:
      aiida-polymorph coexistence 211 240 268
      aiida-polymorph coexistence 211 240 --name 211=rutile --figure diagram.svg --json
    """
    from aiida_polymorph.calculations.functions.coexistence import find_coexistence

    results = phases_of(nodes, dict(names))
    inputs = inputs_of(results)
    found = find_coexistence(**inputs)
    for verdict in found.value("verdicts"):
        say(verdict)
    if figure:
        say(f"Figure: {draw_figure(results, figure)}")
    if as_json:
        print_json(found.value("lines"))
        return
    say(f"Node {found.pk}.")
    rows, hidden = table_rows(found.value("lines"))
    click.echo(table(rows, COLUMNS))
    if hidden:
        say(f"{hidden} lines are left out, on which a third phase is more stable; --json shows them.")


def phases_of(nodes: Sequence[str], names: Mapping[str, str]) -> list[Result]:
    """Return the Gibbs energies of the phases that nodes stand for.

    Raises:
        ValueError: if a node holds none, or they can't be compared.
    """
    from aiida_polymorph.cli.nodes import load
    from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
    from aiida_polymorph.results.free_energies import renamed, result_of, the_same

    results = renamed([result_of(load(node)) for node in nodes], names)
    for result in results:
        if not isinstance(result.data, GibbsEnergiesData):
            raise ValueError(f"node {result.data.pk} is the free energy at one place; `integrate` gives what is needed")
    for attribute in ("formula", "potential", "convention"):
        the_same(results, attribute, "coexistence needs the same one for all")
    twice = sorted({each.phase for each in results if [other.phase for other in results].count(each.phase) > 1})
    if twice:
        raise ValueError(f"several nodes are called {', '.join(twice)}; tell them apart with --name PK=PHASE")
    if len(results) < 2:
        raise ValueError("coexistence needs two phases or more")
    return results


def inputs_of(results: Sequence[Result]) -> dict[str, Any]:
    """Return the inputs of the calcfunction."""
    from aiida import orm

    keys = [f"phase_{number:03d}" for number in range(len(results))]
    names = orm.Dict({key: result.phase for key, result in zip(keys, results, strict=True)})
    data = {key: result.data for key, result in zip(keys, results, strict=True)}
    return {"names": names, "atoms": orm.Int(results[0].atoms), **data}


def table_rows(lines: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return some points of the lines between stable phases, ends among them, and how many other lines there are."""
    shown = [line for line in lines if line["stable"]]
    rows = [
        {**line["points"][number], "first": line["first"], "second": line["second"]}
        for line in shown
        for number in spread_out(len(line["points"]), MOST_ROWS)
    ]
    return rows, len(lines) - len(shown)


def spread_out(number: int, most: int) -> list[int]:
    """Return at most so many numbers from 0 to `number` - 1, evenly, both ends among them."""
    count = min(number, most)
    return [round(each * (number - 1) / max(count - 1, 1)) for each in range(count)]


def draw_figure(results: Sequence[Result], file: str) -> Path:
    """Draw the phase diagram and return its path.

    Raises:
        ValueError: if there is one temperature or pressure only, or for an ending that is not known.
    """
    from aiida_polymorph.report.canvas import new_figure, save_figure
    from aiida_polymorph.report.thermo_figures import phase_regions
    from aiida_polymorph.results.diagram import make_diagram
    from aiida_polymorph.results.phase_order import phase_order

    diagram = make_diagram([result.data for result in results], {str(r.data.pk): r.phase for r in results})
    figure, (ax,) = new_figure()
    phase_regions(diagram.to_diagram(), ax, phase_order(results[0].formula))
    return save_figure(figure, file)
