"""Enthalpy against pressure by several methods, as a figure (the paper's supplementary figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from aiida_polymorph.report.canvas import STYLE, new_figure, pretty_formula
from aiida_polymorph.report.colours import Looks, phase_looks
from aiida_polymorph.report.labels import spread
from aiida_polymorph.thermodynamics.static.enthalpy_curves import (
    EnthalpyCurve,
    by_method,
    check_reference,
)
from aiida_polymorph.thermodynamics.static.enthalpy_transitions import StableSequence, transitions
from aiida_polymorph.units import KCAL_PER_MOL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

WINDOW = 0.6
"""How far above the lowest phase the plot reaches, eV per formula unit."""

POINTS = 24
"""Of a curve between two pressures."""

STRIP = 0.045
"""Height of the strip that shows the stable phase, as a part of the axes."""

NARROWEST, SINGLE = 0.004, 0.04
"""Width of a stretch in it that is narrower, and of one known at a single pressure, likewise."""

CROSS = 0.028
"""Height of a row of crosses, likewise."""

MOST_IN_A_ROW = 3
"""Panels side by side."""

LEGEND_INCHES = 0.6
"""From the last panel to the legend; the axis at the right is between."""


def draw_enthalpies(
    curves: Sequence[EnthalpyCurve],
    relative_to: str,
    formula: str = "f.u.",
    window: float = WINDOW,
    order: Sequence[str] = (),
) -> Figure:
    """Return a figure of enthalpies relative to one phase against pressure, a panel for each method, with shared axes.

    Markers are computed points, hollow where that of the reference phase is missing and its curve taken instead.
    Lines are the interpolation with the volumes as slopes, dashed across points that failed, which crosses in a row
    above the axis stand for. The strip along the axis has the colour of the phase of lowest enthalpy, thin lines and
    numbers above are the pressures of transitions.

    Args:
        curves: of all phases and methods.
        relative_to: name of the phase that is the zero.
        formula: for the axis.
        window: how far above the lowest phase the plot reaches, eV per formula unit.
        order: names of all phases of the profile, for their colours, see `colours.phase_looks`.

    Raises:
        ValueError: if no method has that phase, or a phase has two curves by one method.
    """
    check_reference(curves, relative_to)
    methods = by_method(curves)
    look = phase_looks((curve.name for curve in curves), order or [curve.name for curve in curves])
    figure, axes = _panels(len(methods))
    _limits(axes[0], methods, relative_to, window)
    stable = transitions(curves)
    for ax, (method, phases) in zip(axes, methods.items(), strict=True):
        _panel(ax, phases, relative_to, look)
        _strip(ax, stable[method], look)
        ax.set_title(method, fontsize=9, loc="left", pad=21, parse_math=False)
    _axis_labels(axes, relative_to, f"eV per {pretty_formula(formula)}")
    _legend(axes, methods, relative_to, look)
    return figure


def _panels(number: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels in rows, of the same limits."""
    from matplotlib import rc_context

    rows = -(-number // MOST_IN_A_ROW)
    columns = -(-number // rows)
    figure, (whole,) = new_figure(1.6 + 2.5 * columns, 0.6 + 3.5 * rows)
    whole.remove()
    space = {"wspace": 0.09, "hspace": 0.32}
    with rc_context(STYLE):
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False, gridspec_kw=space)
    for spare in grid.flat[number:]:
        spare.remove()
    for above in grid.flat[max(number - columns, 0) : number]:
        above.tick_params(labelbottom=True)
    return figure, list(grid.flat[:number])


def _limits(ax: Axes, methods: Mapping[str, Mapping[str, EnthalpyCurve]], relative_to: str, window: float) -> None:
    """Show all that is below the reference phase and `window` above the lowest, with room for strip and crosses."""
    pressures = np.concatenate([curve.pressures_gpa for phases in methods.values() for curve in phases.values()])
    low, high = (pressures.min(), pressures.max()) if len(pressures) else (0.0, 1.0)
    margin = 0.03 * (high - low) or 1.0
    ax.set_xlim(low - margin, high + margin)
    if high == low:
        ax.set_xticks([low])
    values = [
        np.array([_relative(curve, phases[relative_to], np.unique(pressures)) for curve in phases.values()])
        for phases in methods.values()
        if relative_to in phases
    ]
    known = np.concatenate([each[np.isfinite(each)] for each in values] or [np.zeros(1)])
    hull = [np.nanmin(each[:, np.isfinite(each).any(axis=0)], axis=0) for each in values]
    lowest = np.concatenate([*hull, np.zeros(0)])
    bottom = min(0.0, known.min(initial=0.0))
    top = max(0.0, min(known.max(initial=0.0), lowest.max(initial=0.0) + window))
    height = (top - bottom) or 0.1
    below = STRIP + CROSS * (_most_crosses(methods) + 1.0)
    ax.set_ylim(bottom - height * below / (1 - below - 0.04), top + height * 0.04 / (1 - below - 0.04))


def _most_crosses(methods: Mapping[str, Mapping[str, EnthalpyCurve]]) -> int:
    """Return how many phases have failed at one pressure by one method at most."""
    counts = [0]
    for phases in methods.values():
        failed = np.concatenate([curve.pressures_gpa[~curve.known] for curve in phases.values()])
        counts += np.unique(failed, return_counts=True)[1].tolist()
    return max(counts)


def _relative(curve: EnthalpyCurve, base: EnthalpyCurve, pressures: np.ndarray) -> np.ndarray:
    return curve.interpolate(pressures) - base.interpolate(pressures)


def _panel(ax: Axes, phases: Mapping[str, EnthalpyCurve], relative_to: str, look: Looks) -> None:
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
        ax.plot(at, _relative(curve, base, at), "--" if across else "-", color=colour, lw=1.1, zorder=3)


def _spans(curve: EnthalpyCurve, failed: np.ndarray, low: float, high: float) -> bool:
    """Whether the neighbours in a curve that a stretch lies between have a failed point between them."""
    known = curve.pressures_gpa[curve.known]
    start, stop = known[known <= low].max(initial=-np.inf), known[known >= high].min(initial=np.inf)
    mine = np.isin(failed, curve.pressures_gpa[~curve.known])
    return bool(np.any(mine & (failed > start) & (failed < stop)))


def _points(ax: Axes, curve: EnthalpyCurve, base: EnthalpyCurve, colour: str, marker: str) -> None:
    pressures = curve.pressures_gpa[curve.known]
    values = _relative(curve, base, pressures)
    exact = np.isfinite(base.at(pressures))
    for chosen, fill in ((exact, colour), (~exact, "white")):
        style = {"ms": 3.8, "color": colour, "markerfacecolor": fill, "mew": 0.8}
        ax.plot(pressures[chosen], values[chosen], marker, zorder=4, **style)


def _crosses(ax: Axes, phases: Mapping[str, EnthalpyCurve], look: Looks) -> None:
    """Mark points that failed above the strip, those at the same pressure on top of each other."""
    rows: dict[float, int] = {}
    for name, curve in phases.items():
        for pressure in curve.pressures_gpa[~curve.known]:
            rows[pressure] = rows.get(pressure, 0) + 1
            place = STRIP + CROSS * rows[pressure]
            style = {"ms": 3.4, "mew": 1.1, "color": look[name][0], "clip_on": False}
            ax.plot(pressure, place, "x", transform=ax.get_xaxis_transform(), zorder=5, **style)


def _strip(ax: Axes, stable: StableSequence, look: Looks) -> None:
    """Draw the colours of the stable phases along the axis, and the pressures of the transitions."""
    from matplotlib.patches import Rectangle

    low, high = ax.get_xlim()
    for stretch in stable.stretches:
        length = stretch.high_gpa - stretch.low_gpa
        width = max(length, (NARROWEST if length else SINGLE) * (high - low))
        start = (stretch.low_gpa + stretch.high_gpa - width) / 2
        style = {"color": look[stretch.phase][0], "lw": 0, "zorder": 2, "transform": ax.get_xaxis_transform()}
        ax.add_patch(Rectangle((start, 0.0), width, STRIP, label=stretch.phase, **style))
    gap = 21 / 72 / (ax.get_window_extent().width / ax.figure.dpi) * (high - low)
    pressures = np.array([each.pressure_gpa for each in stable.transitions])
    for change, place in zip(stable.transitions, spread(pressures, gap, low, high), strict=True):
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


def _axis_labels(axes: Sequence[Axes], relative_to: str, unit: str) -> None:
    """Name the axes at the edges of the figure; kcal/mol at the right of each row."""
    for ax in axes:
        spec = ax.get_subplotspec()
        if spec.is_first_col():
            ax.set_ylabel(f"H \N{MINUS SIGN} H({relative_to}), {unit}", fontsize=8.5, parse_math=False)
        if spec.is_last_col() or ax is axes[-1]:
            right = ax.secondary_yaxis("right", functions=(_to_kcal, _to_ev))
            right.set_ylabel(unit.replace("eV", "kcal/mol"), fontsize=8.5)
            right.tick_params(labelsize=8)
        ax.tick_params(labelsize=8)
        if ax.xaxis.get_tick_params()["labelbottom"]:
            ax.set_xlabel("pressure, GPa")


def _to_kcal(energy: np.ndarray) -> np.ndarray:
    return np.asarray(energy) / KCAL_PER_MOL


def _to_ev(energy: np.ndarray) -> np.ndarray:
    return np.asarray(energy) * KCAL_PER_MOL


def _legend(
    axes: Sequence[Axes], methods: Mapping[str, Mapping[str, EnthalpyCurve]], relative_to: str, look: Looks
) -> None:
    """Name the phases and the signs that occur to the right of the first row."""
    order = sorted(look, key=lambda name: _height(methods, relative_to, name), reverse=True)
    handles = [_sign(color=look[name][0], marker=look[name][1]) for name in order]
    signs = _signs(methods, relative_to)
    last = next(ax for ax in reversed(axes) if ax.get_subplotspec().rowspan.start == 0)
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
            values = _relative(phases[name], phases[relative_to], phases[name].pressures_gpa)
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


def _sign(**style: object) -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D([], [], **{"ms": 3.8, "lw": 1.1, **style})
