"""Figures of the comparison: each function takes rows or data and axes, draws, and returns the axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from analysis_data import AnalysisData, Row
from reference_data import TEMPERATURE_K, Table
from tables import kcal

from aiida_polymorph.report.canvas import COLOURS, MARKERS
from aiida_polymorph.report.labels import label_points, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNIT = "kcal/mol per TiO₂"
RELATIVE_TO = "pyrite"
WINDOW_KCAL = 7.0
MOST_CURVES = 10


def entropies(rows: list[Row], values: np.ndarray, ax: Axes, label: str) -> object:
    """Draw an estimate of the entropy against that of the tables (the paper's figure 2), and return the markers.

    Args:
        rows: of `tables.entropy_points`, sound entries only.
        values: the estimate, centred, kB, shape (rows,).
        ax: axes.
        label: of the estimate.
    """
    true, above = np.array([row["true"] for row in rows]), np.array([row["above_kcal"] for row in rows])
    errors = np.array([row["error"] for row in rows])
    ax.axline((0.0, 0.0), slope=1.0, color="0.6", lw=0.8, zorder=1)
    ax.errorbar(true, values, errors, fmt="none", ecolor="0.8", elinewidth=0.8, zorder=2)
    markers = None
    for marker, pressure in zip(MARKERS, dict.fromkeys(row["pressure_gpa"] for row in rows), strict=False):
        here = np.array([row["pressure_gpa"] == pressure for row in rows])
        style = {"cmap": "viridis", "vmin": 0.0, "vmax": float(above.max()), "edgecolors": "black", "linewidths": 0.4}
        markers = ax.scatter(true[here], values[here], c=above[here], s=34, marker=marker, zorder=3, **style)
        ax.scatter([], [], s=34, marker=marker, c="0.8", edgecolors="black", linewidths=0.4, label=f"{pressure:g} GPa")
    ax.set(xlabel="thermodynamic entropy S, $k_B$ per TiO₂", ylabel=f"{label}, $k_B$ per TiO₂")
    return markers


def missed(rows: list[Row], ax: Axes) -> Axes:
    """Draw by how much the surrogate misses the relaxed enthalpies of minima that it has not seen, with its errors.

    Hollow markers are those that it flags as extrapolation.
    """
    for colour, marker, pressure in zip(COLOURS, MARKERS, dict.fromkeys(r["pressure_gpa"] for r in rows), strict=False):
        for flagged, face in ((False, colour), (True, "white")):
            here = [row for row in rows if (row["pressure_gpa"], row["extrapolation"]) == (pressure, flagged)]
            x, y, error = (np.array([row[key] for row in here]) for key in ("relaxed", "residual", "error"))
            style = {"ms": 4.0, "color": colour, "markerfacecolor": face, "elinewidth": 0.6, "alpha": 0.75}
            ax.errorbar(x, y, error, fmt=marker, label=None if flagged else f"{pressure:g} GPa", **style)
    ax.axhline(0.0, color="0.6", lw=0.8, zorder=1)
    ax.set(xlabel=f"relaxed enthalpy above the lowest, {UNIT}", ylabel=f"predicted - relaxed enthalpy, {UNIT}")
    ax.legend(fontsize=7.5, frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax


def missed_points(data: AnalysisData) -> list[Row]:
    """Return the rows that `missed` draws, kcal/mol, enthalpies above the lowest one found."""
    ground = {
        pressure: min(
            row["enthalpy_ev_per_formula_unit"]
            for row in data.phases
            if row["pressure_gpa"] == pressure and row["state"] == "found"
        )
        for pressure in data.pressures
    }
    return [
        {
            "pressure_gpa": row["pressure_gpa"],
            "relaxed": kcal(row["relaxed_ev"] - ground[row["pressure_gpa"]]),
            "residual": kcal(row["predicted_ev"] - row["relaxed_ev"]),
            "error": kcal(row["error_ev"]),
            "extrapolation": row["extrapolation"],
        }
        for row in data.missed
    ]


def table_curves(table: Table, low: float, high: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return name -> (pressures, G relative to one phase) of the published table, kcal/mol per TiO2."""
    inside = (table.pressures >= low) & (table.pressures <= high)
    base = table.values[inside, table.names.index(RELATIVE_TO)]
    return {
        name: (table.pressures[inside], table.values[inside, i] - base)
        for i, name in enumerate(table.names)
        if np.isfinite(table.values[inside, i] - base).any()
    }


def own_curves(data: AnalysisData, names: list[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the same of the chemical potentials h - T s_b."""
    potentials = data.potentials
    grid = np.linspace(potentials.pressures_gpa[0], potentials.pressures_gpa[-1], 121)
    mu = np.array([potentials.evaluate(TEMPERATURE_K, pressure).mu for pressure in grid])
    base = mu[:, potentials.names.index(RELATIVE_TO)]
    known = [name for name in names if name in potentials.names]
    return {name: (grid, kcal(1.0) * (mu[:, potentials.names.index(name)] - base)) for name in known}


def lowest_curves(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[str]:
    """Return the phases that come closest to being stable, closest first."""
    pressures = next(iter(curves.values()))[0]
    values = np.array([curve for _, curve in curves.values()])
    hull = np.nanmin(values, axis=0)
    closest = [np.nanmin(np.append(curve - hull, np.inf)) for curve in values]
    order = np.argsort(closest, kind="stable")[:MOST_CURVES]
    return [list(curves)[i] for i in order] if len(pressures) else []


def potentials(curves: dict[str, tuple[np.ndarray, np.ndarray]], names: list[str], ax: Axes, title: str) -> Axes:
    """Draw chemical potentials relative to one phase against pressure, each named at its right end."""
    low, high = -WINDOW_KCAL, WINDOW_KCAL
    pressures = next(iter(curves.values()))[0]
    ax.set(xlim=(pressures[0], pressures[-1]), ylim=(low, high))
    shown = [(name, COLOURS[rank % len(COLOURS)]) for rank, name in enumerate(names) if name in curves]
    for name, colour in shown:
        ax.plot(*curves[name], color=colour, lw=1.3)
    points = [np.column_stack(curves[name]) for name, _ in shown]
    visible = [each[(each[:, 1] > low) & (each[:, 1] < high)] for each in points]
    named = [i for i, each in enumerate(visible) if len(each)]
    labels = [shown[i][0].removeprefix("newphase-") for i in named]
    _name_curves(ax, [visible[i] for i in named], labels, [shown[i][1] for i in named])
    ax.set(xlabel="pressure, GPa")
    ax.set_title(title, fontsize=9, loc="left")
    return ax


def _name_curves(ax: Axes, curves: list[np.ndarray], labels: list[str], colours: list[str]) -> None:
    """Write names beside the axes where a curve reaches the right end, else near where it is last seen."""
    right = ax.get_xlim()[1]
    outside = [i for i, curve in enumerate(curves) if curve[-1, 0] >= right - 1e-9]
    inside = [i for i in range(len(curves)) if i not in outside]
    low, high = ax.get_ylim()
    heights = spread(np.array([curves[i][-1, 1] for i in outside]), 0.045 * (high - low), low, high)
    for i, height in zip(outside, heights, strict=True):
        ax.annotate(
            labels[i],
            curves[i][-1],
            xytext=(1.03, (height - low) / (high - low)),
            textcoords="axes fraction",
            fontsize=7.5,
            color=colours[i],
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": colours[i], "shrinkA": 0, "shrinkB": 1},
        )
    places = np.array([curves[i][int(0.9 * (len(curves[i]) - 1))] for i in inside]).reshape(-1, 2)
    label_points(ax, places, [labels[i] for i in inside], np.concatenate(curves), [colours[i] for i in inside])
