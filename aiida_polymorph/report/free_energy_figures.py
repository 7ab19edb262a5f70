"""Figures of free energies: chemical potentials by several sources, entropies, and what a free energy is integrated of.

Each function takes data and axes, draws, and returns the axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from aiida_polymorph.landscape.entropy_comparison import EntropyComparison
from aiida_polymorph.report.canvas import COLOURS, MARKERS, pretty_formula
from aiida_polymorph.report.colours import Looks, phase_looks
from aiida_polymorph.report.comparison import Comparison, along_pressure
from aiida_polymorph.report.thermo_figures import relative_curves
from aiida_polymorph.thermodynamics.diagrams.comparison import Agreement
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import quadrature
from aiida_polymorph.thermodynamics.sampling.series import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLES = {"integration": "integration", "harmonic": "harmonic", "basin": "basin entropy"}
POINTS = 241
"""Of a curve over pressure."""

WINDOW = 0.35
"""How far above the reference phase the plot reaches, eV per formula unit."""


class Curve(NamedTuple):
    """Chemical potential of one phase relative to the reference at m pressures, eV per formula unit.

    Attributes:
        values: nan where unknown, shape (m,).
        errors: shape (m,).
        marks: pressure (GPa) -> value, where there is a node or a search.
    """

    values: np.ndarray
    errors: np.ndarray
    marks: Mapping[float, Estimate]


def potential_curves(
    comparison: Comparison, source: str, temperature: float, pressures: np.ndarray
) -> dict[str, Curve]:
    """Return the chemical potentials of a source relative to the reference phase, without phases it knows nowhere.

    Args:
        comparison: of all sources.
        source: one of `comparison.SOURCES`.
        temperature: K.
        pressures: rising, GPa, shape (m,).
    """
    known = {
        phase: {place[1]: value for place, value in values.items() if place[0] == temperature}
        for phase, values in comparison.relative[source].items()
    }
    known = {phase: marks for phase, marks in known.items() if marks}
    if source == "basin":
        return _basin_curves(comparison, temperature, pressures, known)
    lines = {phase: along_pressure(comparison.measured[source][phase], temperature, pressures) for phase in known}
    base = lines.get(comparison.relative_to)
    if base is None:
        return {}
    return {
        phase: Curve(
            values - base[0],
            np.zeros(len(pressures)) if phase == comparison.relative_to else np.hypot(errors, base[1]),
            known[phase],
        )
        for phase, (values, errors) in lines.items()
    }


def _basin_curves(
    comparison: Comparison, temperature: float, pressures: np.ndarray, known: Mapping[str, Mapping[float, Estimate]]
) -> dict[str, Curve]:
    if not known:
        return {}
    table = comparison.basin
    curves = relative_curves(table, temperature, comparison.relative_to, pressures)
    base = curves.method[table.names.index(comparison.relative_to)] == "basin"
    searched = set(table.pressures.tolist())
    found = {}
    for phase, marks in known.items():
        row = table.names.index(phase)
        there = (curves.method[row] == "basin") & base
        found[phase] = Curve(
            np.where(there, curves.relative[row], np.nan),
            curves.error[row],
            {pressure: value for pressure, value in marks.items() if pressure in searched},
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
        axes: as many as `comparison.sources`, side by side.
        temperature: K.
        order: names of all phases of the profile, for their colours, see `colours.phase_looks`.
    """
    shown = [
        place for source in comparison.sources for values in comparison.relative[source].values() for place in values
    ]
    searched = [pressure for t, pressure in shown if t == temperature] or [0.0]
    low, high = min(searched), max(searched)
    pressures = np.unique([*np.linspace(low, high, POINTS), *searched])
    panels = [potential_curves(comparison, source, temperature, pressures) for source in comparison.sources]
    limits = _limits([curve for curves in panels for curve in curves.values()])
    look = phase_looks(comparison.phases, order)
    for ax, source, curves in zip(axes, comparison.sources, panels, strict=True):
        for phase, curve in curves.items():
            _draw_curve(ax, pressures, curve, *look[phase])
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


def _draw_curve(ax: Axes, pressures: np.ndarray, curve: Curve, colour: str, marker: str) -> None:
    ax.plot(pressures, curve.values, color=colour, lw=1.2, zorder=3)
    low, high = curve.values - curve.errors, curve.values + curve.errors
    ax.fill_between(pressures, low, high, color=colour, alpha=0.18, lw=0, zorder=2)
    at = sorted(curve.marks)
    values, errors = np.array([curve.marks[pressure] for pressure in at], dtype=float).reshape(-1, 2).T
    ax.errorbar(at, values, errors, fmt=marker, ms=3.8, color=colour, elinewidth=0.8, mew=0.0, zorder=4)


def _limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return limits that show all that is below the reference phase, and up to `WINDOW` above it."""
    low = min([0.0, *(bound for curve in curves for bound in _bounds(curve, -1))])
    high = max([0.0, *(bound for curve in curves for bound in _bounds(curve, 1))])
    top = min(high, WINDOW)
    margin = 0.05 * (top - low) or 0.05
    return low - margin, top + margin


def _bounds(curve: Curve, side: int) -> list[float]:
    """Return where error bars and bands end, at finite values."""
    bars = [mark.value + side * mark.error for mark in curve.marks.values()]
    band = curve.values + side * curve.errors
    return [*bars, *band[np.isfinite(band)].tolist()]


def _height(panels: Sequence[Mapping[str, Curve]], phase: str) -> float:
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


# --- entropies -------------------------------------------------------------------------------------------------------


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
    if found.corrected is not None:
        a = f"$a = {found.fit.a:.2f}({_digits(found.fit.error)})$ $k_B$/eV"
        panels.append((f"$s_b - aH$, {a}", found.corrected, found.after))
    for ax, (title, values, agreement) in zip(axes, panels, strict=False):
        ax.axline((0.0, 0.0), slope=1.0, color="0.6", lw=0.8, zorder=1)
        for marker, pressure in zip(MARKERS, np.unique(found.pressures), strict=False):
            for i in np.flatnonzero(found.pressures == pressure):
                style = {"color": look[found.names[i]][0], "ms": 5.0, "elinewidth": 0.7, "mec": "white", "mew": 0.4}
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
    pressures = np.unique(found.pressures)
    handles += [
        Line2D([], [], ls="", marker=marker, ms=5.0, color="0.5", mew=0.0)
        for marker, _ in zip(MARKERS, pressures, strict=False)
    ]
    labels = [*names, *(f"{pressure:g} GPa" for pressure in pressures)]
    legend = ax.legend(handles, labels, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7.5, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)


# --- one free energy -------------------------------------------------------------------------------------------------


def has_curve(arrays: Mapping[str, np.ndarray]) -> bool:
    """Return whether a free energy has something to draw: harmonic ones, and those of phases that don't last, don't."""
    return "integrand" in arrays or "force_forward" in arrays


def free_energy_curve(arrays: Mapping[str, np.ndarray], checks: Mapping[str, float], ax: Axes, formula: str) -> Axes:
    """Draw what a Frenkel-Ladd free energy is integrated of: `integrand` or `switching_force`.

    Args:
        arrays: of the node.
        checks: of the node.
        ax: axes.
        formula: for the axis.
    """
    if "integrand" in arrays:
        return integrand(arrays, checks["offset"], ax, formula)
    return switching_force(arrays, checks, ax, formula)


def integrand(arrays: Mapping[str, np.ndarray], offset: float, ax: Axes, formula: str = "f.u.") -> Axes:
    """Draw the energy of the springs against their strength, in the variable of the quadrature.

    The area under the curve, the polynomial through the points, is the integral over lambda, with its statistical
    error. Under each point stands how many steps of dynamics it has.

    Args:
        arrays: `points` (lambda), `integrand` and `integrand_error` (eV per formula unit), `steps`, shape (n,) each.
        offset: c of the variable ln(lambda + c).
        ax: axes.
        formula: for the axis.
    """
    shifted = arrays["points"] + offset
    x, y, error = np.log(shifted), arrays["integrand"] * shifted, arrays["integrand_error"] * shifted
    ends = np.log([offset, 1 + offset])
    fine = np.linspace(*ends, 200)
    polynomial = np.polynomial.Polynomial.fit(x, y, len(x) - 1, domain=list(ends))
    ax.fill_between(fine, polynomial(fine), color=COLOURS[0], alpha=0.12, lw=0)
    ax.plot(fine, polynomial(fine), color=COLOURS[0], lw=1.2)
    ax.errorbar(x, y, error, fmt="o", ms=3.5, color=COLOURS[1], elinewidth=1.0, capsize=2.5, zorder=4)
    for place, steps in zip(x, arrays["steps"], strict=True):
        style = {"fontsize": 6.5, "color": "0.35", "ha": "center", "va": "bottom", "rotation": 90}
        ax.text(place, 0.02, f"{int(steps)}", transform=ax.get_xaxis_transform(), **style)
    weights = quadrature(len(x), offset).weights
    area, doubt = weights @ arrays["integrand"], np.sqrt(weights**2 @ arrays["integrand_error"] ** 2)
    note = {"transform": ax.transAxes, "fontsize": 8, "ha": "center"}
    ax.text(0.5, 0.45, f"area {area:.5f} ± {doubt:.5f} eV", **note)
    ax.text(0.5, 0.15, "steps of dynamics at each point:", color="0.35", **{**note, "fontsize": 6.5})
    unit = f"eV per {pretty_formula(formula)}"
    ax.set(xlabel=r"$\ln(\lambda + c)$", ylabel=rf"$(\lambda + c)\,\langle\Sigma K u^2/2\rangle$, {unit}", xlim=ends)
    top = max(float((y + error).max()), float(polynomial(fine).max()))
    ax.set_ylim(0.0, 1.25 * top)
    return ax


def switching_force(
    arrays: Mapping[str, np.ndarray], checks: Mapping[str, float], ax: Axes, formula: str = "f.u."
) -> Axes:
    """Draw the generalised force of switching, springs less interactions, against lambda, there and back.

    Args:
        arrays: `lambda_forward`, `force_forward`, and `..._backward`, eV per formula unit; `forward`: the works.
        checks: `dissipation` and `dissipation_error`, eV per formula unit.
        ax: axes.
        formula: for the axis.
    """
    for way, colour, label in (("forward", COLOURS[0], "there"), ("backward", COLOURS[1], "back")):
        ax.plot(arrays[f"lambda_{way}"], arrays[f"force_{way}"], color=colour, lw=0.8, alpha=0.85, label=label)
    unit = f"eV per {pretty_formula(formula)}"
    ax.set(xlabel=r"$\lambda$", ylabel=rf"$\partial U/\partial\lambda$, {unit}", xlim=(0.0, 1.0))
    number = len(arrays["forward"])
    pairs = "1 pair" if number == 1 else f"{number} pairs"
    dissipation = f"{checks['dissipation']:.2g} ± {checks['dissipation_error']:.1g}"
    ax.legend(
        fontsize=7.5,
        frameon=False,
        title=f"{pairs}, dissipation {dissipation} eV",
        title_fontsize=7.5,
    )
    return ax
