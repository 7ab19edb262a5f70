"""The legend of the figure of enthalpies: phases as they lie, and the signs that occur."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_polymorph.report.canvas import place_in_grid
from aiida_polymorph.report.colours import Looks
from aiida_polymorph.report.enthalpy_panel import relative
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

LEGEND_INCHES = 0.6
"""From the last panel to the legend; the axis at the right is between."""


def enthalpy_legend(
    axes: Sequence[Axes], methods: Mapping[str, Mapping[str, EnthalpyCurve]], relative_to: str, look: Looks
) -> None:
    """Name the phases and the signs that occur to the right of the first row."""
    order = sorted(look, key=lambda name: _height(methods, relative_to, name), reverse=True)
    handles = [_sign(color=look[name][0], marker=look[name][1]) for name in order]
    signs = _signs(methods, relative_to)
    last = next(ax for ax in reversed(axes) if place_in_grid(ax).rowspan.start == 0)
    beside = 1 + LEGEND_INCHES / (last.get_window_extent().width / last.figure.dpi)
    legend = last.legend(
        [*handles, *signs.values()],
        [*order, *signs],
        loc="upper left",
        bbox_to_anchor=(beside, 1.04),
        fontsize=7.5,
        frameon=False,
        ncols=1 if len(order) <= 16 else 2,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _height(methods: Mapping[str, Mapping[str, EnthalpyCurve]], relative_to: str, name: str) -> float:
    """Return where a phase ends on the right in the first panel that has it, to name phases as they lie."""
    for phases in methods.values():
        if name in phases and relative_to in phases:
            values = relative(phases[name], phases[relative_to], phases[name].pressures_gpa)
            if np.isfinite(values).any():
                return float(values[np.isfinite(values)][-1])
    return -np.inf


def _signs(methods: Mapping[str, Mapping[str, EnthalpyCurve]], relative_to: str) -> dict[str, Line2D]:
    """Return what else the legend explains, as far as it occurs."""
    signs = {"lowest in enthalpy": _sign(color="0.6", lw=5.0, solid_capstyle="butt")}
    curves = [curve for phases in methods.values() for curve in phases.values()]
    if not all(curve.known.all() for curve in curves):
        signs["failed"] = _sign(color="0.4", ls="", marker="x", ms=3.4, mew=1.1)
        signs["across failed points"] = _sign(color="0.4", ls="--")
    bases = [(phases[relative_to], phases) for phases in methods.values() if relative_to in phases]
    if any(
        np.isnan(base.at(curve.pressures_gpa[curve.known])).any() for base, phases in bases for curve in phases.values()
    ):
        signs[f"{relative_to} interpolated"] = _sign(color="0.4", ls="", marker="o", markerfacecolor="white")
    return signs


def _sign(**style: Any) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D([], [], **{"ms": 3.8, "lw": 1.1, **style})
