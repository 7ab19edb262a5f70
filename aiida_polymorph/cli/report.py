"""`report`: an analysis as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import AS_JSON, RENAMING, add_profile
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
@click.option(
    "--free-energies",
    multiple=True,
    metavar="NODES",
    help="Show Gibbs energies as well: processes of `integrate` and `free-energy`, separated by commas, or `all` for "
    "those of the profile that have the composition and the potential of the analysis. May be given again.",
)
@click.option(
    "--diagram",
    metavar="NODE",
    help="The phase diagram of these Gibbs energies, as `diagram` made it; made anew if left out.",
)
@RENAMING
@click.option(
    "--relative-to",
    metavar="PHASE",
    help="Phase whose enthalpy and chemical potential are taken as zero in scans and free energies.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), default="report.html", show_default=True, help="File to write."
)
@AS_JSON
@add_profile
def report_command(
    node: str | None,
    scans: tuple[str, ...],
    free_energies: tuple[str, ...],
    diagram: str | None,
    names: tuple[tuple[str, str], ...],
    relative_to: str | None,
    output: str,
    as_json: bool,
) -> None:
    """Write the report of an analysis, of the newest one without NODE, as one page that needs no network.

    \b
    Examples:
      aiida-polymorph report 211 -o report.html
      aiida-polymorph report 211 --dft-scan 312 --dft-scan 498 --relative-to rutile
      aiida-polymorph report 211 --free-energies 520,533,561 --diagram 580
    """
    from aiida_polymorph.results.analysis import find_analysis
    from aiida_polymorph.results.nodes import load

    if diagram and not free_energies:
        raise ValueError("--diagram shows the phase diagram of Gibbs energies: name these with --free-energies")
    if names and not free_energies:
        raise ValueError("--name renames the phases of Gibbs energies: name these with --free-energies")
    analysis = find_analysis(node)
    beside = {
        "scans": [load(scan) for scan in scans],
        "free_energies": energy_nodes(free_energies, analysis),
        "diagram": load(diagram) if diagram else None,
        "names": dict(names),
        "relative_to": relative_to,
    }
    say("Drawing the report ...")
    written = write_page(analysis, output, **beside)
    print_json({"node": analysis.pk, "file": written}) if as_json else click.echo(f"Report: {written}")


def energy_nodes(identifiers: Sequence[str], analysis: orm.ProcessNode) -> list[orm.Node]:
    """Return the nodes of `--free-energies`.

    Raises:
        ValueError: if there is no such node, or `all` finds none.
    """
    from aiida_polymorph.results.energies_view import energies_in_profile
    from aiida_polymorph.results.nodes import load

    found: list[orm.Node] = []
    for identifier in (each.strip() for given in identifiers for each in given.split(",") if each.strip()):
        if identifier != "all":
            found.append(load(identifier))
            continue
        known = energies_in_profile(analysis)
        if not known:
            raise ValueError(
                f"--free-energies all: the profile has no Gibbs energies with the composition and the potential of "
                f"analysis {analysis.pk}; `integrate` and `free-energy` make some"
            )
        say(f"Gibbs energies of the profile: {', '.join(str(process.pk) for process in known)}.")
        found += known
    return found


def write_page(analysis: orm.ProcessNode, output: str, **beside: Any) -> str:
    """Write the report of an analysis and return the absolute path.

    Args:
        analysis: of searches.
        output: path of the page.
        beside: what else to show, see `results.report_data.report_data`.
    """
    from aiida_polymorph.report.html import write_report
    from aiida_polymorph.results.report_data import report_data

    path = Path(output).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_report(report_data(analysis, **beside), path)
    return str(path)
