"""Chemical potentials by several sources against pressure, a panel for each source.

Each function takes data and axes, draws, and returns the axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from aiida_polymorph.landscape.source_comparison import Comparison, along_pressure
from aiida_polymorph.report.canvas import new_figure, pretty_formula
from aiida_polymorph.report.colours import Looks, phase_looks
from aiida_polymorph.report.potential_curves import relative_curves
from aiida_polymorph.thermodynamics.sampling.series import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

TITLES = {"integration": "integration", "harmonic": "harmonic", "basin": "basin entropy"}
POINTS = 241
"""Of a curve over pressure."""

WINDOW = 0.35
"""How far above the reference phase the plot reaches, eV per formula unit."""


class PotentialCurve(NamedTuple):
    """Chemical potential of one phase relative to the reference at m pressures, eV per formula unit.

    Attributes:
        values: nan where unknown, shape (m,).
        errors: shape (m,).
        marks: pressure (GPa) -> value, where there is a node or a search.
    """

    values: np.ndarray
    errors: np.ndarray
    marks: Mapping[float, Estimate]


def sources_at(comparison: Comparison, temperature: float) -> list[str]:
    """Return the sources that tell of more than one phase at a temperature (K)."""
    known = {
        source: [
            phase for phase, values in comparison.relative[source].items() if any(t == temperature for t, _ in values)
        ]
        for source in comparison.sources
    }
    return [source for source, phases in known.items() if len(phases) > 1]


def potential_curves(
    comparison: Comparison, source: str, temperature: float, pressures_gpa: np.ndarray
) -> dict[str, PotentialCurve]:
    """Return the chemical potentials of a source relative to the reference phase, without phases it knows nowhere.

    Args:
        comparison: of all sources.
        source: one of `comparison.SOURCES`.
        temperature: K.
        pressures_gpa: rising, GPa, shape (m,).
    """
    known = {
        phase: {place[1]: value for place, value in values.items() if place[0] == temperature}
        for phase, values in comparison.relative[source].items()
    }
    known = {phase: marks for phase, marks in known.items() if marks}
    if source == "basin":
        return _basin_curves(comparison, temperature, pressures_gpa, known)
    lines = {phase: along_pressure(comparison.measured[source][phase], temperature, pressures_gpa) for phase in known}
    base = lines.get(comparison.relative_to)
    if base is None:
        return {}
    return {
        phase: PotentialCurve(
            values - base[0],
            np.zeros(len(pressures_gpa)) if phase == comparison.relative_to else np.hypot(errors, base[1]),
            known[phase],
        )
        for phase, (values, errors) in lines.items()
    }


def _basin_curves(
    comparison: Comparison, temperature: float, pressures_gpa: np.ndarray, known: Mapping[str, Mapping[float, Estimate]]
) -> dict[str, PotentialCurve]:
    table = comparison.basin
    if table is None or not known:
        return {}
    curves = relative_curves(table, temperature, comparison.relative_to, pressures_gpa)
    base = curves.method[table.names.index(comparison.relative_to)] == "basin"
    searched = set(table.pressures_gpa.tolist())
    found = {}
    for phase, marks in known.items():
        row = table.names.index(phase)
        there = (curves.method[row] == "basin") & base
        found[phase] = PotentialCurve(
            np.where(there, curves.relative[row], np.nan),
            curves.error[row],
            {pressure_gpa: value for pressure_gpa, value in marks.items() if pressure_gpa in searched},
        )
    return found


def potential_panels(
    comparison: Comparison, axes: Sequence[Axes], temperature: float, order: Sequence[str] = ()
) -> Sequence[Axes]:
    """Draw chemical potentials against pressure, a panel for each source (the paper's figure 3a), with shared axes.

    Markers are where there is a node or a search; between them the curves are cubics with the volumes as slopes. Bands
    are one standard deviation of the difference from the reference phase.

    Args:
        comparison: of all sources.
        axes: as many as `sources_at` the temperature, side by side.
        temperature: K.
        order: names of all phases of the profile, for their colours, see `colours.phase_looks`.
    """
    sources = sources_at(comparison, temperature)
    shown = [place for source in sources for values in comparison.relative[source].values() for place in values]
    searched = [pressure_gpa for t, pressure_gpa in shown if t == temperature] or [0.0]
    low, high = min(searched), max(searched)
    pressures_gpa = np.unique([*np.linspace(low, high, POINTS), *searched])
    panels = [potential_curves(comparison, source, temperature, pressures_gpa) for source in sources]
    limits = _limits([curve for curves in panels for curve in curves.values()])
    look = phase_looks(comparison.phases, order)
    for ax, source, curves in zip(axes, sources, panels, strict=True):
        for phase, curve in curves.items():
            _draw_curve(ax, pressures_gpa, curve, *look[phase])
        margin = 0.02 * (high - low) or 1.0
        ax.set(xlim=(low - margin, high + margin), ylim=limits, xlabel="pressure, GPa")
        ax.set_title(f"{TITLES[source]}, {temperature:g} K", fontsize=9, loc="left")
        if ax is not axes[0]:
            ax.tick_params(labelleft=False)
    unit = f"eV per {pretty_formula(comparison.formula)}"
    axes[0].set_ylabel(
        f"chemical potential relative to {comparison.relative_to}, {unit}", fontsize=8.5, parse_math=False
    )
    drawn = sorted(
        {phase for curves in panels for phase in curves}, key=lambda phase: _height(panels, phase), reverse=True
    )
    _phase_legend(axes[-1], {phase: look[phase] for phase in drawn})
    return axes


def _draw_curve(ax: Axes, pressures_gpa: np.ndarray, curve: PotentialCurve, colour: str, marker: str) -> None:
    ax.plot(pressures_gpa, curve.values, color=colour, lw=1.2, zorder=3)
    low, high = curve.values - curve.errors, curve.values + curve.errors
    ax.fill_between(pressures_gpa, low, high, color=colour, alpha=0.18, lw=0, zorder=2)
    at = sorted(curve.marks)
    values, errors = np.array([curve.marks[pressure_gpa] for pressure_gpa in at], dtype=float).reshape(-1, 2).T
    ax.errorbar(at, values, errors, fmt=marker, ms=3.8, color=colour, elinewidth=0.8, mew=0.0, zorder=4)


def _limits(curves: Sequence[PotentialCurve]) -> tuple[float, float]:
    """Return limits that show all that is below the reference phase, and up to `WINDOW` above it."""
    low = min([0.0, *(bound for curve in curves for bound in _bounds(curve, -1))])
    high = max([0.0, *(bound for curve in curves for bound in _bounds(curve, 1))])
    top = min(high, WINDOW)
    margin = 0.05 * (top - low) or 0.05
    return low - margin, top + margin


def _bounds(curve: PotentialCurve, side: int) -> list[float]:
    """Return where error bars and bands end, at finite values."""
    bars = [mark.value + side * mark.error for mark in curve.marks.values()]
    band = curve.values + side * curve.errors
    return [*bars, *band[np.isfinite(band)].tolist()]


def _height(panels: Sequence[Mapping[str, PotentialCurve]], phase: str) -> float:
    """Return where the curve of a phase ends on the right, to name phases in the order of the curves."""
    for curves in panels:
        known = curves[phase].values[np.isfinite(curves[phase].values)] if phase in curves else np.zeros(0)
        if len(known):
            return float(known[-1])
    return -np.inf


def _phase_legend(ax: Axes, look: Looks) -> None:
    """Name the phases to the right of the axes."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colour, marker=marker, ms=3.8, lw=1.2) for colour, marker in look.values()]
    legend = ax.legend(handles, list(look), loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7.5, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def potential_figure(comparison: Comparison, temperature: float, order: Sequence[str] = ()) -> Figure:
    """Return chemical potentials against pressure, a panel for each source."""
    number = len(sources_at(comparison, temperature))
    figure, axes = new_figure(1.3 + 2.5 * number, 3.6, number)
    cast("GridSpec", axes[0].get_gridspec()).update(wspace=0.08)
    figure.subplots_adjust()
    potential_panels(comparison, axes, temperature, order)
    return figure
