"""One panel of the figure of enthalpies: lines, points, crosses of failed points, and the strip of stable phases."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_polymorph.report.colours import Looks
from aiida_polymorph.report.labels import spread
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve
from aiida_polymorph.thermodynamics.static.enthalpy_transitions import StableSequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 24
"""Of a curve between two pressures."""

STRIP = 0.045
"""Height of the strip that shows the stable phase, as a part of the axes."""

NARROWEST, SINGLE = 0.004, 0.04
"""Width of a range in it that is narrower, and of one known at a single pressure, likewise."""

CROSS = 0.028
"""Height of a row of crosses, likewise."""


def relative(curve: EnthalpyCurve, base: EnthalpyCurve, pressures_gpa: np.ndarray) -> np.ndarray:
    """Return the enthalpy of a phase less that of another one, eV per formula unit, interpolated where need be."""
    return curve.interpolate(pressures_gpa) - base.interpolate(pressures_gpa)


def enthalpy_panel(ax: Axes, phases: Mapping[str, EnthalpyCurve], relative_to: str, look: Looks) -> None:
    """Draw lines, points and crosses of one method."""
    _crosses(ax, phases, look)
    base = phases.get(relative_to)
    if base is None or not base.known.any():
        ax.text(0.5, 0.5, f"no values of {relative_to}", transform=ax.transAxes, ha="center", parse_math=False)
        return
    for name, curve in phases.items():
        _line(ax, curve, base, look[name][0])
        _points(ax, curve, base, *look[name])


def _line(ax: Axes, curve: EnthalpyCurve, base: EnthalpyCurve, colour: str) -> None:
    """Draw the interpolation piece by piece, dashed across points that failed."""
    known = curve.pressures_gpa[curve.known]
    failed = np.union1d(curve.pressures_gpa[~curve.known], base.pressures_gpa[~base.known])
    nodes = np.union1d(known, base.pressures_gpa[base.known])
    for low, high in pairwise(nodes):
        at = np.linspace(low, high, POINTS)
        across = _spans(curve, failed, low, high) or _spans(base, failed, low, high)
        ax.plot(at, relative(curve, base, at), "--" if across else "-", color=colour, lw=1.1, zorder=3)


def _spans(curve: EnthalpyCurve, failed: np.ndarray, low: float, high: float) -> bool:
    """Whether the neighbours in a curve that a range lies between have a failed point between them."""
    known = curve.pressures_gpa[curve.known]
    start, stop = known[known <= low].max(initial=-np.inf), known[known >= high].min(initial=np.inf)
    mine = np.isin(failed, curve.pressures_gpa[~curve.known])
    return bool(np.any(mine & (failed > start) & (failed < stop)))


def _points(ax: Axes, curve: EnthalpyCurve, base: EnthalpyCurve, colour: str, marker: str) -> None:
    pressures_gpa = curve.pressures_gpa[curve.known]
    values = relative(curve, base, pressures_gpa)
    exact = np.isfinite(base.at(pressures_gpa))
    for chosen, fill in ((exact, colour), (~exact, "white")):
        style: dict[str, Any] = {"ms": 3.8, "color": colour, "markerfacecolor": fill, "mew": 0.8}
        ax.plot(pressures_gpa[chosen], values[chosen], marker, zorder=4, **style)


def _crosses(ax: Axes, phases: Mapping[str, EnthalpyCurve], look: Looks) -> None:
    """Mark points that failed above the strip, those at the same pressure on top of each other."""
    rows: dict[float, int] = {}
    for name, curve in phases.items():
        for pressure_gpa in curve.pressures_gpa[~curve.known]:
            rows[pressure_gpa] = rows.get(pressure_gpa, 0) + 1
            place = STRIP + CROSS * rows[pressure_gpa]
            style: dict[str, Any] = {"ms": 3.4, "mew": 1.1, "color": look[name][0], "clip_on": False}
            ax.plot(pressure_gpa, place, "x", transform=ax.get_xaxis_transform(), zorder=5, **style)


def stable_strip(ax: Axes, stable: StableSequence, look: Looks) -> None:
    """Draw the colours of the stable phases along the axis, and the pressures of the transitions."""
    from matplotlib.patches import Rectangle

    low, high = ax.get_xlim()
    for stable_range in stable.ranges:
        length = stable_range.high_gpa - stable_range.low_gpa
        width = max(length, (NARROWEST if length else SINGLE) * (high - low))
        start = (stable_range.low_gpa + stable_range.high_gpa - width) / 2
        style: dict[str, Any] = {
            "color": look[stable_range.phase][0],
            "lw": 0,
            "zorder": 2,
            "transform": ax.get_xaxis_transform(),
        }
        ax.add_patch(Rectangle((start, 0.0), width, STRIP, label=stable_range.phase, **style))
    gap = 21 / 72 / (ax.get_window_extent().width / ax.figure.dpi) * (high - low)
    pressures_gpa = np.array([each.pressure_gpa for each in stable.transitions])
    for change, place in zip(stable.transitions, spread(pressures_gpa, gap, low, high), strict=True):
        ax.axvline(change.pressure_gpa, color="0.55", lw=0.6, zorder=1)
        about = "\N{ALMOST EQUAL TO}" if change.across_missing else ""
        ax.annotate(
            f"{about}{change.pressure_gpa:.{1 if change.error_gpa < 1 else 0}f}",
            (change.pressure_gpa, 1.0),
            xycoords=ax.get_xaxis_transform(),
            xytext=(place, 1.055),
            textcoords=ax.get_xaxis_transform(),
            fontsize=6.5,
            color="0.3",
            ha="center",
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.6, "color": "0.55", "shrinkA": 0, "shrinkB": 0},
        )
