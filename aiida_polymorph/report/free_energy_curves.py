"""What a Frenkel-Ladd free energy is integrated from: the integrand in equilibrium, the force of switching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_polymorph.report.canvas import COLOURS, new_figure, pretty_formula
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import quadrature

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class FreeEnergyView:
    """One free energy with what it was integrated from.

    Attributes:
        phase: its name; "" leaves it out of the title.
        formula: of a formula unit.
        temperature_k: K.
        pressure_gpa: GPa.
        method: `equilibrium`, `switching` or `harmonic`.
        arrays: what `integrand` or `switching_force` draws; nothing of that for harmonic free energies, and for phases
            that turned into something else.
        checks: numbers beside them.
        node: PK of the node.
    """

    phase: str
    formula: str
    temperature_k: float
    pressure_gpa: float
    method: str
    arrays: Mapping[str, np.ndarray]
    checks: Mapping[str, float]
    node: int

    @property
    def has_curve(self) -> bool:
        """Whether there is something to draw."""
        return "integrand" in self.arrays or "force_forward" in self.arrays

    @property
    def title(self) -> str:
        """Phase, temperature, pressure and method."""
        place = f"{self.temperature_k:g} K, {self.pressure_gpa:g} GPa, {self.method}"
        return f"{self.phase}, {place}" if self.phase else place


def free_energy_figure(views: Sequence[FreeEnergyView]) -> Figure:
    """Return the integrands of free energies side by side, leaving out those that have none.

    Raises:
        ValueError: if none of them has one.
    """
    drawn = [view for view in views if view.has_curve]
    if not drawn:
        raise ValueError(
            "there is nothing to draw: only Frenkel-Ladd free energies of phases that are metastable have an integrand"
        )
    figure, axes = new_figure(0.4 + 4.0 * len(drawn), 3.2, len(drawn))
    for ax, view in zip(axes, drawn, strict=True):
        free_energy_curve(view, ax)
        ax.set_title(view.title, fontsize=8.5, loc="left", parse_math=False)
    return figure


def free_energy_curve(view: FreeEnergyView, ax: Axes) -> Axes:
    """Draw what a free energy is integrated from: `integrand` or `switching_force`."""
    if "integrand" in view.arrays:
        return integrand(view.arrays, view.checks["offset"], ax, view.formula)
    return switching_force(view.arrays, view.checks, ax, view.formula)


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
    fine = np.linspace(ends[0], ends[1], 200)
    polynomial = np.polynomial.Polynomial.fit(x, y, len(x) - 1, domain=list(ends))
    ax.fill_between(fine, polynomial(fine), color=COLOURS[0], alpha=0.12, lw=0)
    ax.plot(fine, polynomial(fine), color=COLOURS[0], lw=1.2)
    ax.errorbar(x, y, error, fmt="o", ms=3.5, color=COLOURS[1], elinewidth=1.0, capsize=2.5, zorder=4)
    for place, steps in zip(x, arrays["steps"], strict=True):
        style: dict[str, Any] = {"fontsize": 6.5, "color": "0.35", "ha": "center", "va": "bottom", "rotation": 90}
        ax.text(place, 0.02, f"{int(steps)}", transform=ax.get_xaxis_transform(), **style)
    weights = quadrature(len(x), offset).weights
    area, doubt = weights @ arrays["integrand"], np.sqrt(weights**2 @ arrays["integrand_error"] ** 2)
    note: dict[str, Any] = {"transform": ax.transAxes, "fontsize": 8, "ha": "center"}
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
