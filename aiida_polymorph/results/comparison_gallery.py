"""The figures of a comparison and of single free energies, with captions, and how they are written to files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.plain import plain
from aiida_polymorph.report import free_energy_figures as figures
from aiida_polymorph.report.canvas import new_figure, save_figure
from aiida_polymorph.report.colours import phase_looks
from aiida_polymorph.report.comparison import Comparison
from aiida_polymorph.results.free_energies import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")


def write_comparison(
    comparison: Comparison,
    results: Sequence[Result],
    summary: dict[str, Any],
    folder: str | Path,
    order: Sequence[str] = (),
) -> list[Path]:
    """Write all figures of a comparison, and `summary.json`, to a folder, which is made if need be.

    Args:
        comparison: What to draw.
        results: Free energies that are drawn one by one.
        summary: Of the comparison.
        folder: Where to write.
        order: Names of all phases of the profile, for their colours.

    Returns:
        The files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "summary.json"]
    written[0].write_text(json.dumps(plain(summary), indent=2, allow_nan=False, ensure_ascii=False) + "\n")
    for stem, figure in comparison_figures(comparison, results, order):
        safe = re.sub(r"[^A-Za-z0-9.-]", "_", stem)
        written += [save_figure(figure, folder / f"{safe}.{form}") for form in FORMATS]
    return written


def comparison_figures(
    comparison: Comparison, results: Sequence[Result], order: Sequence[str] = ()
) -> Iterator[tuple[str, Figure]]:
    """Yield stem and figure of what the comparison suffices for, drawn one by one."""
    for temperature in comparison.temperatures:
        if comparison.sources:
            yield f"chemical-potentials-{temperature:g}K", potential_figure(comparison, temperature, order)
        if comparison.entropies(temperature).before.count > 2:
            yield f"entropies-{temperature:g}K", entropy_figure(comparison, temperature, order)
    for result in results:
        data = result.data
        if isinstance(data, FreeEnergyData) and figures.has_curve(data.to_arrays()):
            yield f"free-energy-{result.phase}-{data.pk}", free_energy_figure([(result.phase, data)], result.formula)


def potential_figure(comparison: Comparison, temperature: float, order: Sequence[str] = ()) -> Figure:
    """Return chemical potentials against pressure, a panel for each source."""
    number = len(comparison.sources)
    figure, axes = new_figure(1.3 + 2.5 * number, 3.6, number)
    axes[0].get_gridspec().update(wspace=0.08)
    figure.subplots_adjust()
    figures.potential_panels(comparison, axes, temperature, order)
    return figure


def entropy_figure(comparison: Comparison, temperature: float, order: Sequence[str] = ()) -> Figure:
    """Return basin entropies, and corrected ones, against entropies by integration."""
    found = comparison.entropies(temperature)
    columns = 1 if found.corrected is None else 2
    figure, axes = new_figure(0.8 + 3.2 * columns, 3.4, columns)
    figures.entropy_panels(found, axes, phase_looks(comparison.phases, order), comparison.formula)
    return figure


def free_energy_figure(entries: Sequence[tuple[str, FreeEnergyData]], formula: str) -> Figure:
    """Return the integrands of free energies, named ones, side by side.

    Raises:
        ValueError: if none of them has one.
    """
    drawn = [(name, data) for name, data in entries if figures.has_curve(data.to_arrays())]
    if not drawn:
        raise ValueError("there is nothing to draw: only Frenkel-Ladd free energies of phases that last have a curve")
    figure, axes = new_figure(0.4 + 4.0 * len(drawn), 3.2, len(drawn))
    for ax, (name, data) in zip(axes, drawn, strict=True):
        figures.free_energy_curve(data.to_arrays(), data.value("checks"), ax, formula)
        place = f"{data.value('temperature'):g} K, {data.value('pressure_gpa'):g} GPa, {data.value('method')}"
        ax.set_title(f"{name}, {place}" if name else place, fontsize=8.5, loc="left", parse_math=False)
    return figure
