"""`compare`: chemical potentials from integration, the harmonic approximation and basin entropies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_polymorph.cli.options import AS_JSON, RENAMING, Numbers, add_profile
from aiida_polymorph.cli.output import print_json, say

if TYPE_CHECKING:
    from aiida import orm

    from aiida_polymorph.results.comparison import Compared


@click.command("compare")
@click.argument("nodes", nargs=-1, required=True, metavar="NODES...")
@click.option(
    "--phases",
    metavar="FILE|ANALYSIS",
    help="Enthalpies and basin entropies: an analysis, or a file that `export` made of one.",
)
@click.option(
    "--temperature",
    "temperatures",
    type=Numbers(least=1e-6, why=" K, must be positive"),
    help="Show these temperatures (K) only.",
)
@click.option(
    "--relative-to",
    metavar="PHASE",
    help="Phase whose chemical potential is taken as zero; if left out, the one that is stable at most state points.",
)
@RENAMING
@click.option(
    "--figures", type=click.Path(file_okay=False), metavar="FOLDER", help="Folder for the figures and the summary."
)
@AS_JSON
@add_profile
def compare_command(
    nodes: tuple[str, ...],
    phases: str | None,
    temperatures: tuple[float, ...] | None,
    relative_to: str | None,
    names: tuple[tuple[str, str], ...],
    figures: str | None,
    as_json: bool,
) -> None:
    """Chemical potentials from integration, the harmonic approximation and basin entropies side by side.

    NODES are processes of `integrate` and `free-energy`, or their results. A phase has the name of the file that it
    was read from, up to an `@`. Chemical potentials are relative to one phase, since those by basin entropy, h - T s_b,
    mean nothing else.

    \b
    Examples:
      aiida-polymorph compare 211 240 268 --phases phases.extxyz.gz --relative-to pyrite --figures figures
      aiida-polymorph compare 211 240 --phases 184 --temperature 1600 --name 211=rutile --json
    """
    from aiida_polymorph.results.comparison import make_comparison
    from aiida_polymorph.results.free_energies import load_results, warnings_of

    results = load_results(nodes, dict(names))
    for warning in warnings_of(results):
        say(f"Warning: {warning}")
    found = make_comparison(results, phase_source(phases), temperatures, relative_to)
    for remark in found.comparison.remarks:
        say(f"Note: {remark}.")
    if as_json:
        print_json(found.rows())
    else:
        say(f"Node {found.node.pk}.")
        click.echo(found.text())
    if figures is not None:
        write_figures(found, figures)


def write_figures(found: Compared, folder: str) -> None:
    """Write the figures of a comparison, and its summary, to a folder, and say so."""
    from aiida_polymorph.data.free_energy import FreeEnergyData
    from aiida_polymorph.plain import plain
    from aiida_polymorph.report.comparison_gallery import write_comparison
    from aiida_polymorph.results.free_energy_views import free_energy_view
    from aiida_polymorph.results.phase_order import phase_order

    views = [
        free_energy_view(result.data, result.phase, result.formula)
        for result in found.results
        if isinstance(result.data, FreeEnergyData)
    ]
    order = phase_order(found.comparison.formula)
    for written in write_comparison(found.comparison, views, plain(found.summary()), folder, order):
        say(f"Written: {written}")


def phase_source(phases: str | None) -> str | orm.ProcessNode | None:
    """Return the file or the analysis that `--phases` names.

    Raises:
        ValueError: if it is neither.
    """
    from aiida_polymorph.results.analysis import find_analysis

    if phases is None or Path(phases).is_file():
        return phases
    if Path(phases).suffix or "/" in phases:
        raise ValueError(f"file {phases} is not there; --phases takes a file that `export` made, or an analysis")
    return find_analysis(phases)
