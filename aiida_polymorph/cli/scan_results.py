"""What `dft-scan` shows of finished scans, and of earlier ones beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from aiida import orm

from aiida_polymorph.cli.output import print_json, say


def find_scans(identifiers: Sequence[str], formula: str) -> list[orm.ProcessNode]:
    """Return earlier scans of a composition.

    Raises:
        ValueError: if a node is none with results, or of another composition.
    """
    from aiida_polymorph.results.nodes import load
    from aiida_polymorph.results.report_data import points_of

    scans: list[Any] = [load(identifier) for identifier in identifiers]
    for scan in scans:
        points_of(scan, formula)
    return scans


def show_scans(nodes: Sequence[orm.ProcessNode], relative_to: str, figure: str | None, as_json: bool) -> None:
    """Print the points of finished scans and what they say together, and draw them.

    Raises:
        ValueError: if no scan came to a result, or none of them has the phase.
    """
    from aiida_polymorph.calculations.functions.dft_scan import compare_scans, curves_of_scans
    from aiida_polymorph.report.canvas import save_figure
    from aiida_polymorph.report.enthalpy_figure import draw_enthalpies
    from aiida_polymorph.results.once import make_once
    from aiida_polymorph.results.phase_order import phase_order
    from aiida_polymorph.results.scan_progress import chains_of
    from aiida_polymorph.results.scan_text import scan_text
    from aiida_polymorph.results.scans import scan_rows
    from aiida_polymorph.structures import StructureSet
    from aiida_polymorph.workflows.reasons import why_not

    for node in nodes:
        lost = [node for node in chains_of(node) if "points" not in node.outputs]
        for process in [*lost, *([] if node.is_finished_ok else [node])]:
            say(f"Warning: {process.label or 'scan'} ({process.pk}): {why_not(process)}.")
    scans = {f"scan_{i:02d}": node.outputs.points for i, node in enumerate(nodes) if "points" in node.outputs}
    if not scans:
        raise ValueError("no scan came to a result")
    sets = [scan.to_set() for scan in scans.values()]
    curves, points = curves_of_scans(sets), StructureSet.concatenate(sets)
    rows = scan_rows(points, curves, relative_to)
    if figure is not None:
        save_figure(
            draw_enthalpies(curves, relative_to, points.composition, order=phase_order(points.composition)), figure
        )
        say(f"Figure: {figure}")
    if as_json:
        print_json(rows)
        return
    summary = make_once(compare_scans, relative_to=orm.Str(relative_to), **scans)
    click.echo(scan_text(rows, summary, points.composition))
    say(f"Scans {', '.join(str(node.pk) for node in nodes)}, comparison {summary.pk}.")
