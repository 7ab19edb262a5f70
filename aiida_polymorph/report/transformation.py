"""What happened to a phase that turned into something else: how its volume and atoms moved, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from aiida_polymorph.report.canvas import COLOURS, STYLE, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RADII = 0.5
"""Atoms are drawn with this part of their covalent radii."""


@dataclass(frozen=True, eq=False)
class Motion:
    """How volume and atoms moved, at m times.

    Attributes:
        time_ps: shape (m,).
        volume: angstrom^3 per formula unit, shape (m,).
        displacement: element -> root mean square displacement less the drift of the crystal, angstrom, shape (m,).
    """

    time_ps: np.ndarray
    volume: np.ndarray
    displacement: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class TransformationView:
    """A phase that turned into something else.

    Attributes:
        phase: its name.
        temperature_k: K.
        pressure_gpa: GPa.
        became: what is left, for people.
        before: the crystal, relaxed.
        after: what is left of it, relaxed.
        motion: in molecular dynamics; None where the phase was lost when it was relaxed at 0 K.
    """

    phase: str
    temperature_k: float
    pressure_gpa: float
    became: str
    before: Atoms
    after: Atoms
    motion: Motion | None


def transformation_figure(view: TransformationView) -> Figure:
    """Return volume and displacements over time where the phase moved at all, the crystal before, and what is left."""
    moved = view.motion is not None
    figure, axes = new_figure(11.0 if moved else 7.0, 3.6, 3 if moved else 2)
    if view.motion is not None:
        _draw_motion(axes[0], view.motion)
    how = f"after {view.temperature_k:g} K" if moved else "relaxed at 0 K"
    became = view.became.replace(", ", ",\n", 1)
    _draw_crystal(axes[-2], view.before, f"{view.phase} at {view.pressure_gpa:g} GPa")
    _draw_crystal(axes[-1], view.after, f"{how}: {became}")
    return figure


def _draw_motion(ax: Axes, motion: Motion) -> None:
    for colour, (symbol, values) in zip(COLOURS[1:], motion.displacement.items(), strict=False):
        ax.plot(motion.time_ps, values, color=colour, lw=1.0, label=f"displacement of {symbol}")
    ax.set(xlabel="time (ps)", ylabel="root mean square displacement (Å)", ylim=(0, None))
    other = ax.twinx()
    other.spines["right"].set_visible(True)
    other.plot(motion.time_ps, motion.volume, color=COLOURS[0], lw=1.0)
    other.set_ylabel("volume (Å³/f.u.)", color=COLOURS[0])
    ax.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0.0, 1.0))


def _draw_crystal(ax: Axes, atoms: Atoms, title: str) -> None:
    from ase.visualize.plot import plot_atoms
    from matplotlib import rc_context

    shown: Any = atoms.copy()
    shown.wrap()
    with rc_context(STYLE):
        plot_atoms(shown, ax, radii=RADII, rotation="-80x,10y,0z")
    ax.set(title=title, xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
