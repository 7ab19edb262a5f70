"""Basin entropies, and corrected ones, against entropies by integration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_polymorph.landscape.entropy_comparison import EntropyComparison
from aiida_polymorph.landscape.source_comparison import Comparison
from aiida_polymorph.report.canvas import MARKERS, new_figure, pretty_formula
from aiida_polymorph.report.colours import Looks, phase_looks
from aiida_polymorph.thermodynamics.diagrams.comparison import Agreement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def entropy_panels(
    found: EntropyComparison, axes: Sequence[Axes], look: Looks, formula: str = "f.u."
) -> Sequence[Axes]:
    """Draw s_b, and beside it s_b - a H, against S, relative to their means at each pressure (the paper's figure 2).

    Colours are phases, markers pressures; error bars are one standard deviation.

    Args:
        found: of one temperature.
        axes: one, or two where the correction could be fitted.
        look: colour and marker of each phase.
        formula: for the axes.
    """
    unit = f"$k_B$ per {pretty_formula(formula)}"
    panels = [("basin entropy $s_b$", found.basin, found.before)]
    if found.corrected is not None and found.fit is not None and found.after is not None:
        a = f"$a = {found.fit.a:.2f}({_digits(found.fit.error)})$ $k_B$/eV"
        panels.append((f"$s_b - aH$, {a}", found.corrected, found.after))
    for ax, (title, values, agreement) in zip(axes, panels, strict=False):
        ax.axline((0.0, 0.0), slope=1.0, color="0.6", lw=0.8, zorder=1)
        for marker, pressure_gpa in zip(MARKERS, np.unique(found.pressures_gpa), strict=False):
            for i in np.flatnonzero(found.pressures_gpa == pressure_gpa):
                style: dict[str, Any] = {
                    "color": look[found.names[i]][0],
                    "ms": 5.0,
                    "elinewidth": 0.7,
                    "mec": "white",
                    "mew": 0.4,
                }
                ax.errorbar(found.true[i], values[i], found.basin_error[i], found.true_error[i], fmt=marker, **style)
        ax.set(xlabel=f"$S - \\langle S\\rangle$, {unit}", ylabel=f"relative to its mean, {unit}")
        ax.set_title(f"{title}\n{agreement_text(agreement, '$k_B$')}", fontsize=8.5, loc="left")
        _equal_limits(ax, found, values)
    _entropy_legend(axes[-1], found, look)
    return axes


def _digits(error: float) -> str:
    """Return an error in units of the last of two decimals."""
    return f"{round(error * 100)}" if error < 1 else f"{error:.2f}"


def agreement_text(agreement: Agreement, unit: str) -> str:
    """Return r and RMSE for people."""
    r = f"r = {agreement.r:.2f}, ".replace("-", "\N{MINUS SIGN}") if np.isfinite(agreement.r) else ""
    return f"{r}RMSE = {agreement.rmse:.2f} {unit}, n = {agreement.count}"


def _equal_limits(ax: Axes, found: EntropyComparison, values: np.ndarray) -> None:
    reach = np.concatenate([np.abs(found.true) + found.true_error, np.abs(values) + found.basin_error, [0.05]]).max()
    ax.set(xlim=(-1.05 * reach, 1.05 * reach), ylim=(-1.05 * reach, 1.05 * reach))
    ax.set_aspect("equal")


def _entropy_legend(ax: Axes, found: EntropyComparison, look: Looks) -> None:
    """Name phases and pressures to the right of the axes."""
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(found.names))
    handles = [Line2D([], [], ls="", marker="o", ms=5.0, color=look[name][0], mew=0.0) for name in names]
    pressures_gpa = np.unique(found.pressures_gpa)
    handles += [
        Line2D([], [], ls="", marker=marker, ms=5.0, color="0.5", mew=0.0)
        for marker, _ in zip(MARKERS, pressures_gpa, strict=False)
    ]
    labels = [*names, *(f"{pressure_gpa:g} GPa" for pressure_gpa in pressures_gpa)]
    legend = ax.legend(handles, labels, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7.5, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


def entropy_figure(comparison: Comparison, temperature: float, order: Sequence[str] = ()) -> Figure:
    """Return basin entropies, and corrected ones, against entropies by integration."""
    found = comparison.entropies(temperature)
    columns = 1 if found.corrected is None else 2
    figure, axes = new_figure(0.8 + 3.2 * columns, 3.4, columns)
    entropy_panels(found, axes, phase_looks(comparison.phases, order), comparison.formula)
    return figure
