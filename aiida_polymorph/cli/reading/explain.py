"""`explain`: where a number comes from."""

from __future__ import annotations

import click

from aiida_polymorph.cli.options import AS_JSON, add_profile, pressure
from aiida_polymorph.cli.output import print_json


@click.command("explain")
@click.argument("phase")
@click.argument("node", required=False, metavar="[NODE]")
@pressure("Pressure.", required=True)
@click.option(
    "--temperature", "temperature_k", type=click.FloatRange(min=0), required=True, metavar="K", help="Temperature."
)
@AS_JSON
@add_profile
def explain_command(phase: str, node: str | None, pressure_gpa: float, temperature_k: float, as_json: bool) -> None:
    """Show how the chemical potential of a phase came about, back to the jobs; from the newest analysis without NODE.

    \b
    Examples:
      aiida-polymorph explain rutile --pressure 20 --temperature 1600
      aiida-polymorph explain 20-a-Pbca 211 --pressure 20 --temperature 700 --json
    """
    from dataclasses import asdict

    from aiida_polymorph.results.analysis import find_analysis
    from aiida_polymorph.results.explain import explain_text
    from aiida_polymorph.results.report_data import explain

    explanation = explain(find_analysis(node), phase, pressure_gpa, temperature_k)
    print_json(asdict(explanation)) if as_json else click.echo(explain_text(explanation))
