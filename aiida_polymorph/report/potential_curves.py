"""Chemical potentials by basin entropy against pressure, relative to one phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from aiida_polymorph.report.canvas import pretty_formula
from aiida_polymorph.report.colours import phase_looks
from aiida_polymorph.report.labels import label_points, spread
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINES = {"basin": "-", "surrogate": "--", "extrapolated": ":", "absent": ""}


@dataclass(frozen=True, eq=False)
class Curves:
    """Chemical potentials relative to one phase at one temperature: f phases, p pressures.

    Attributes:
        pressures_gpa: GPa, shape (p,).
        relative: eV per formula unit, shape (f, p).
        error: of the difference, shape (f, p).
        method: shape (f, p).
        above_hull: eV per formula unit, shape (f, p).
    """

    pressures_gpa: np.ndarray
    relative: np.ndarray
    error: np.ndarray
    method: np.ndarray
    above_hull: np.ndarray


def relative_curves(
    potentials: ChemicalPotentials, temperature: float, relative_to: str, pressures_gpa: np.ndarray
) -> Curves:
    """Return the chemical potentials of all phases relative to one of them.

    Raises:
        ValueError: if that phase is not among the names.
    """
    if relative_to not in potentials.names:
        raise ValueError(f"phase {relative_to!r} is not among {', '.join(potentials.names)}")
    phase = list(potentials.names).index(relative_to)
    at = [potentials.evaluate(temperature, pressure_gpa) for pressure_gpa in pressures_gpa]
    return Curves(
        pressures_gpa=np.asarray(pressures_gpa, dtype=float),
        relative=np.array([e.mu - e.mu[phase] for e in at]).T,
        error=np.array([e.error_relative_to(phase) for e in at]).T,
        method=np.array([e.method for e in at]).T,
        above_hull=np.array([e.above_hull for e in at]).T,
    )


def reference_phase(potentials: ChemicalPotentials, temperature: float, preferred: str | None = None) -> str:
    """Return the phase to draw relative to: the preferred one, else one known everywhere and lowest in the mean."""
    if preferred in potentials.names:
        return str(preferred)
    at = [potentials.evaluate(temperature, pressure_gpa) for pressure_gpa in potentials.pressures_gpa]
    above = np.array([e.above_hull for e in at])
    found = (potentials.method == "basin").sum(axis=1)
    mean = np.where(np.isfinite(above).any(axis=0), np.nansum(above, axis=0), np.inf)
    known = np.isfinite(above).sum(axis=0)
    return potentials.names[int(np.lexsort((mean, -found, -known))[0])]


def chemical_potentials(
    potentials: ChemicalPotentials,
    ax: Axes,
    temperature: float,
    relative_to: str | None = None,
    phases: Sequence[str] | None = None,
    grey: Sequence[str] = (),
    window: float = 0.35,
    most: int = 12,
    formula: str = "f.u.",
    order: Sequence[str] = (),
) -> Axes:
    """Draw chemical potentials against pressure, relative to one phase (the paper's figure 3b).

    Solid lines and filled markers where the phase was found, dashed and hollow where the surrogate speaks, dotted
    where extrapolated from another pressure; bands are one standard deviation of the difference from the reference.

    Args:
        potentials: of all phases.
        ax: axes, whose right margin must have room for the names.
        temperature: K.
        relative_to: phase at zero; see `reference_phase`.
        phases: to draw in colour; None for all of them.
        grey: to draw in grey and without names, as a background.
        window: how far above the stable phase the plot reaches, eV per formula unit.
        most: draw at most so many in colour, those that come closest to being stable.
        formula: for the axis.
        order: names of all phases of the profile, for their colours, see `colours.phase_looks`.
    """
    reference = reference_phase(potentials, temperature, relative_to)
    lowest, highest = potentials.pressures_gpa[[0, -1]]
    if lowest == highest:
        lowest, highest = lowest - 5.0, highest + 5.0
    curves = relative_curves(potentials, temperature, reference, np.linspace(lowest, highest, 121))
    marks = relative_curves(potentials, temperature, reference, potentials.pressures_gpa)
    names = list(potentials.names)
    drawn = [names.index(name) for name in (phases if phases is not None else names) if name in names]
    closest = {i: np.nanmin(np.append(curves.above_hull[i], np.inf)) for i in drawn}
    drawn = [i for i in sorted(drawn, key=closest.__getitem__) if closest[i] <= window][:most]
    _window(ax, curves, window)
    for name in grey:
        _curve(ax, curves, names.index(name), "0.75", 0.8)
    looks = phase_looks((names[i] for i in drawn), order or names)
    for i in drawn:
        colour, marker = looks[names[i]]
        _curve(ax, curves, i, colour, 1.4, band=True)
        _marks(ax, marks, i, colour, marker)
    _curve_labels(ax, curves, drawn, [names[i] for i in drawn], [looks[names[i]][0] for i in drawn])
    ax.set_xlabel("pressure, GPa")
    ax.set_ylabel(f"chemical potential relative to {reference}, eV per {pretty_formula(formula)}", parse_math=False)
    ax.set_title(f"{temperature:g} K", fontsize=9, loc="left")
    return ax


def _window(ax: Axes, curves: Curves, window: float) -> None:
    """Set limits that show all of the hull and `window` above it."""
    hull = curves.relative - curves.above_hull
    low, high = (np.nanmin(hull), np.nanmax(hull)) if np.isfinite(hull).any() else (0.0, 0.0)
    low, high = low - 0.08 * window, max(high, low + 0.3 * window) + window
    ax.set(xlim=(curves.pressures_gpa[0], curves.pressures_gpa[-1]), ylim=(low, high))


def _curve(ax: Axes, curves: Curves, phase: int, colour: str, width: float, band: bool = False) -> None:
    """Draw one curve in parts of the same method, each joined to the next."""
    y, error = curves.relative[phase], curves.error[phase]
    start = 0
    for method, run in groupby(curves.method[phase]):
        stop = start + len(list(run))
        part = slice(start, min(stop + 1, len(y)))
        ax.plot(
            curves.pressures_gpa[part], y[part], LINES[method] or "-", color=colour, lw=width, zorder=3 if band else 1
        )
        start = stop
    if band:
        ax.fill_between(curves.pressures_gpa, y - error, y + error, color=colour, alpha=0.13, lw=0, zorder=2)


def _marks(ax: Axes, marks: Curves, phase: int, colour: str, marker: str) -> None:
    """Draw the searched pressures: filled where found, hollow where predicted."""
    low, high = ax.get_ylim()
    found = marks.method[phase] == "basin"
    inside = (marks.relative[phase] >= low) & (marks.relative[phase] <= high)
    for chosen, fill in ((found & inside, colour), (~found & inside, "white")):
        x, y = marks.pressures_gpa[chosen], marks.relative[phase][chosen]
        ax.plot(x, y, marker, ms=4.5, color=colour, markerfacecolor=fill, markeredgewidth=1.0, clip_on=False, zorder=4)


def _curve_labels(ax: Axes, curves: Curves, drawn: Sequence[int], names: Sequence[str], colours: Sequence[str]) -> None:
    """Name each curve at its right end, beside the axes; a curve that leaves the plot, where it is last seen."""
    low, high = ax.get_ylim()
    visible = [np.flatnonzero((curves.relative[i] >= low) & (curves.relative[i] <= high)) for i in drawn]
    last = len(curves.pressures_gpa) - 1
    ends = [k for k, seen in enumerate(visible) if len(seen) and seen[-1] == last]
    inner = [k for k, seen in enumerate(visible) if len(seen) and seen[-1] < last]
    gap = 9.5 / 72 / (ax.get_window_extent().height / ax.figure.dpi) * (high - low)
    heights = spread(np.array([curves.relative[drawn[k]][last] for k in ends]), gap, low, high)
    for k, height in zip(ends, heights, strict=True):
        ax.annotate(
            names[k],
            (curves.pressures_gpa[last], curves.relative[drawn[k]][last]),
            xytext=(1.045, (height - low) / (high - low)),
            textcoords="axes fraction",
            fontsize=7.5,
            color=colours[k],
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.6, "color": colours[k], "shrinkA": 0, "shrinkB": 1},
            parse_math=False,
        )
    places = [visible[k][int(0.92 * (len(visible[k]) - 1))] for k in inner]
    obstacles = [
        np.column_stack([curves.pressures_gpa, curves.relative[i]])[np.isfinite(curves.relative[i])] for i in drawn
    ]
    points = np.array(
        [[curves.pressures_gpa[p], curves.relative[drawn[k]][p]] for k, p in zip(inner, places, strict=True)]
    )
    label_points(
        ax,
        points.reshape(-1, 2),
        [names[k] for k in inner],
        np.concatenate(obstacles) if obstacles else np.zeros((0, 2)),
        [colours[k] for k in inner],
    )
