"""`report`: an analysis as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_polymorph.cli.options import AS_JSON, add_profile
from aiida_polymorph.cli.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida import orm


@click.command("report")
@click.argument("node", required=False, metavar="[NODE]")
@click.option(
    "--dft-scan",
    "scans",
    multiple=True,
    metavar="NODE",
    help="Show a scan of enthalpies over pressure as well. May be given again.",
)
@click.option("--relative-to", metavar="PHASE", help="Phase whose enthalpy is taken as zero in the scans.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="report.html", show_default=True, help="File to write."
)
@AS_JSON
@add_profile
def report_command(
    node: str | None, scans: tuple[str, ...], relative_to: str | None, output: str, as_json: bool
) -> None:
    """Write the report of an analysis, of the newest one without NODE, as one page that needs no network.

    \b
    Examples:
      aiida-polymorph report 211 -o report.html
      aiida-polymorph report 211 --dft-scan 312 --dft-scan 498 --relative-to rutile
    """
    from aiida_polymorph.results.analysis import find_analysis
    from aiida_polymorph.results.nodes import load

    analysis = find_analysis(node)
    say("Drawing the report ...")
    written = write_page(analysis, output, [load(scan) for scan in scans], relative_to)
    print_json({"node": analysis.pk, "file": written}) if as_json else click.echo(f"Report: {written}")


def write_page(
    analysis: orm.ProcessNode, output: str, scans: Sequence[orm.ProcessNode] = (), relative_to: str | None = None
) -> str:
    """Write the report of an analysis, with scans of enthalpies in it, and return the absolute path."""
    from aiida_polymorph.report.html import write_report
    from aiida_polymorph.results.report_data import report_data

    path = Path(output).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_report(report_data(analysis, scans, relative_to), path)
    return str(path)
