"""`phases`: the table of phases of an analysis."""

from __future__ import annotations

import click

from aiida_polymorph.cli.options import AS_JSON, add_profile, pressure
from aiida_polymorph.cli.output import show


@click.command("phases")
@click.argument("node", required=False, metavar="[NODE]")
@pressure("Show this pressure only.")
@click.option(
    "--temperature",
    "temperature_k",
    type=click.FloatRange(min=0),
    metavar="K",
    help="Add the chemical potentials at this temperature.",
)
@AS_JSON
@add_profile
def phases_command(node: str | None, pressure_gpa: float | None, temperature_k: float | None, as_json: bool) -> None:
    """Show the phases of an analysis, the newest one without NODE.

    \b
    Examples:
      aiida-polymorph phases
      aiida-polymorph phases 211 --pressure 20 --temperature 1600 --json
    """
    from aiida_polymorph.report.columns import PHASE_COLUMNS, THERMAL_COLUMNS
    from aiida_polymorph.results.analysis import find_analysis, phase_rows
    from aiida_polymorph.results.unseen import unseen_lines

    analysis = find_analysis(node)
    rows = phase_rows(analysis, pressure_gpa=pressure_gpa, temperature=temperature_k)
    show(rows, PHASE_COLUMNS if temperature_k is None else PHASE_COLUMNS + THERMAL_COLUMNS, as_json)
    if not as_json:
        click.echo("\n".join(["", *unseen_lines(analysis, pressure_gpa)]))
