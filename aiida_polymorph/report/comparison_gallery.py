"""The figures of a comparison and of single free energies, and how they are written to files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_polymorph.landscape.source_comparison import Comparison
from aiida_polymorph.report.canvas import save_figure
from aiida_polymorph.report.entropy_panels import entropy_figure
from aiida_polymorph.report.free_energy_curves import FreeEnergyView, free_energy_figure
from aiida_polymorph.report.potential_panels import potential_figure, sources_at

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")
LEAST_ENTROPIES = 3
"""Points of a figure of entropies."""


def write_comparison(
    comparison: Comparison,
    views: Sequence[FreeEnergyView],
    summary: Mapping[str, Any],
    folder: str | Path,
    order: Sequence[str] = (),
) -> list[Path]:
    """Write all figures of a comparison, and `summary.json`, to a folder, which is made if need be.

    Args:
        comparison: of all sources.
        views: free energies, whose integrands are drawn.
        summary: values that JSON knows.
        folder: its path.
        order: names of all phases of the profile, for their colours, see `colours.phase_looks`.

    Returns:
        The files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "summary.json"]
    written[0].write_text(json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    for stem, figure in comparison_figures(comparison, views, order):
        safe = re.sub(r"[^A-Za-z0-9.-]", "_", stem)
        written += [save_figure(figure, folder / f"{safe}.{form}") for form in FORMATS]
    return written


def comparison_figures(
    comparison: Comparison, views: Sequence[FreeEnergyView], order: Sequence[str] = ()
) -> Iterator[tuple[str, Figure]]:
    """Yield stem and figure of what the comparison suffices for, drawn one by one."""
    for temperature in comparison.temperatures:
        if sources_at(comparison, temperature):
            yield f"chemical-potentials-{temperature:g}K", potential_figure(comparison, temperature, order)
        if comparison.entropies(temperature).before.count >= LEAST_ENTROPIES:
            yield f"entropies-{temperature:g}K", entropy_figure(comparison, temperature, order)
    for view in views:
        if view.has_curve:
            yield f"free-energy-{view.phase}-{view.node}", free_energy_figure([view])
