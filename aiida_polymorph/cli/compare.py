"""`compare`: chemical potentials from integration, the harmonic approximation and basin entropies side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import AS_JSON, RENAMING, Numbers, add_profile
from aiida_polymorph.cli.output import Column, print_json, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiida import orm

    from aiida_polymorph.report.comparison import Comparison
    from aiida_polymorph.results.free_energies import Result


COLUMNS: list[Column] = [
    ("phase", "name", ""),
    ("P (GPa)", "pressure_gpa", "g"),
    ("T (K)", "temperature_k", "g"),
    ("G (eV/f.u.)", "gibbs_energy_ev_per_formula_unit", ".4f"),
    ("harmonic G", "harmonic_gibbs_energy_ev_per_formula_unit", ".4f"),
    ("mu: integration", "relative_integration_ev_per_formula_unit", ".4f"),
    ("+-", "relative_integration_error_ev_per_formula_unit", ".4f"),
    ("harmonic", "relative_harmonic_ev_per_formula_unit", ".4f"),
    ("+-", "relative_harmonic_error_ev_per_formula_unit", ".4f"),
    ("basin", "relative_basin_ev_per_formula_unit", ".4f"),
    ("+-", "relative_basin_error_ev_per_formula_unit", ".4f"),
    ("S (kB)", "entropy_kb", ".2f"),
    ("s_b (kB)", "basin_entropy_kb", ".2f"),
    ("+-", "basin_entropy_error_kb", ".2f"),
    ("reason", "reason", ""),
]
STABLE: list[Column] = [
    ("T (K)", "temperature_k", "g"),
    ("P (GPa)", "pressure_gpa", "g"),
    ("stable: integration", "integration", ""),
    ("harmonic", "harmonic", ""),
    ("basin", "basin", ""),
]
ENTROPIES: list[Column] = [
    ("T (K)", "temperature_k", "g"),
    ("phases", "phases", "d"),
    ("s_b and S: r", "r", ".2f"),
    ("RMSE (kB)", "rmse_kb", ".3f"),
    ("a (kB/eV)", "a_kb_per_ev", ".2f"),
    ("+-", "a_error_kb_per_ev", ".2f"),
    ("s_b - aH and S: r", "corrected_r", ".2f"),
    ("RMSE (kB)", "corrected_rmse_kb", ".3f"),
]
HARMONIC: list[Column] = [
    ("T (K)", "temperature_k", "g"),
    ("phases", "phases", "d"),
    ("harmonic and integration: r", "r", ".3f"),
    ("RMSE (eV/f.u.)", "rmse_ev_per_formula_unit", ".4f"),
    ("mean difference", "mean_difference_ev_per_formula_unit", ".4f"),
]


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
    from aiida_polymorph.report.comparison import comparison_rows, comparison_summary
    from aiida_polymorph.results.comparison import collect_comparison
    from aiida_polymorph.results.free_energies import load_results, warnings_of

    results = load_results(nodes, dict(names))
    for warning in warnings_of(results):
        say(f"Warning: {warning}")
    comparison = collect_comparison(results, phase_source(phases), temperatures, relative_to)
    for remark in comparison.remarks:
        say(f"Note: {remark}.")
    rows, summary = comparison_rows(comparison), comparison_summary(comparison)
    if as_json:
        print_json(rows)
    else:
        click.echo(comparison_text(rows, summary, comparison.formula))
    if figures is not None:
        write_figures(comparison, results, summary, figures)


def write_figures(comparison: Comparison, results: Sequence[Result], summary: dict[str, Any], folder: str) -> None:
    """Write the figures of a comparison, and its summary, to a folder, and say so."""
    from aiida_polymorph.data.free_energy import FreeEnergyData
    from aiida_polymorph.plain import plain
    from aiida_polymorph.report.comparison_gallery import write_comparison
    from aiida_polymorph.results.free_energy_views import free_energy_view
    from aiida_polymorph.results.phase_order import phase_order

    views = [
        free_energy_view(result.data, result.phase, result.formula)
        for result in results
        if isinstance(result.data, FreeEnergyData)
    ]
    for written in write_comparison(comparison, views, plain(summary), folder, phase_order(comparison.formula)):
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


def comparison_text(rows: list[dict[str, Any]], summary: dict[str, Any], formula: str) -> str:
    """Return a comparison for people."""
    title = (
        f"{formula}, potential {summary['potential']}, convention {summary['convention']}; chemical potentials mu "
        f"relative to {summary['relative_to']}, eV per formula unit."
    )
    parts = [title, table(rows, COLUMNS), table(summary["stable"], STABLE)]
    for key, columns in (("entropies", ENTROPIES), ("harmonic", HARMONIC)):
        known = [row for row in summary[key] if row["phases"]]
        if known:
            parts.append(table(known, columns))
    return "\n\n".join(parts)
