"""Enthalpy against pressure by several methods, as a figure (the paper's supplementary figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from aiida_polymorph.report.canvas import STYLE, new_figure, place_in_grid, pretty_formula
from aiida_polymorph.report.colours import phase_looks
from aiida_polymorph.report.enthalpy_legend import enthalpy_legend
from aiida_polymorph.report.enthalpy_panel import CROSS, STRIP, enthalpy_panel, relative, stable_strip
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve, by_method, check_reference
from aiida_polymorph.thermodynamics.static.enthalpy_transitions import transitions
from aiida_polymorph.units import KCAL_PER_MOL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

WINDOW = 0.6
"""How far above the lowest phase the plot reaches, eV per formula unit."""

MOST_IN_A_ROW = 3
"""Panels side by side."""


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
        enthalpy_panel(ax, phases, relative_to, look)
        stable_strip(ax, stable[method], look)
        ax.set_title(method, fontsize=9, loc="left", pad=21, parse_math=False)
    _axis_labels(axes, relative_to, f"eV per {pretty_formula(formula)}")
    enthalpy_legend(axes, methods, relative_to, look)
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
    pressures_gpa = np.concatenate([curve.pressures_gpa for phases in methods.values() for curve in phases.values()])
    low, high = (pressures_gpa.min(), pressures_gpa.max()) if len(pressures_gpa) else (0.0, 1.0)
    margin = 0.03 * (high - low) or 1.0
    ax.set_xlim(low - margin, high + margin)
    if high == low:
        ax.set_xticks([low])
    values = [
        np.array([relative(curve, phases[relative_to], np.unique(pressures_gpa)) for curve in phases.values()])
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


def _axis_labels(axes: Sequence[Axes], relative_to: str, unit: str) -> None:
    """Name the axes at the edges of the figure; kcal/mol at the right of each row."""
    for ax in axes:
        place = place_in_grid(ax)
        if place.is_first_col():
            ax.set_ylabel(f"H \N{MINUS SIGN} H({relative_to}), {unit}", fontsize=8.5, parse_math=False)
        if place.is_last_col() or ax is axes[-1]:
            right = ax.secondary_yaxis("right", functions=(_to_kcal, _to_ev))
            right.set_ylabel(unit.replace("eV", "kcal/mol"), fontsize=8.5)
            right.tick_params(labelsize=8)
        ax.tick_params(labelsize=8)
        if ax.xaxis.get_tick_params()["labelbottom"]:
            ax.set_xlabel("pressure, GPa")


def _to_kcal(energy: ArrayLike) -> np.ndarray:
    return np.asarray(energy) / KCAL_PER_MOL


def _to_ev(energy: ArrayLike) -> np.ndarray:
    return np.asarray(energy) * KCAL_PER_MOL
