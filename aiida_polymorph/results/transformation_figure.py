"""What happened to a phase that did not last, as a figure: how its volume and atoms moved, and what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from aiida import orm
from ase import Atoms

from aiida_polymorph.calculations.functions.free_energy import parameters_of
from aiida_polymorph.lammps.results import part
from aiida_polymorph.report.canvas import COLOURS, STYLE, new_figure
from aiida_polymorph.structures import formula_units_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RADII = 0.5
"""Atoms are drawn with this part of their covalent radii."""


def transformation_figure(process: orm.ProcessNode) -> Figure:
    """Return the figure of a `polymorph.equilibrate` process whose phase did not last.

    Volume and root mean square displacements over time where the phase moved at all, the crystal before, and what is
    left.

    Raises:
        ValueError: if the phase lasted, or the process failed in another way.
    """
    if "product" not in process.outputs:
        raise ValueError(f"process {process.pk} has no phase that turned into something else")
    labels = {link.link_label: link.node for link in process.base.links.get_outgoing().all()}
    jobs = {label: node for label, node in labels.items() if isinstance(node, orm.WorkChainNode)}
    before, after = jobs["minimise"].inputs.crystal.get_ase(), process.outputs.product.get_ase()
    moved = "equilibrate" in jobs
    figure, axes = new_figure(11.0 if moved else 7.0, 3.6, 3 if moved else 2)
    asked = parameters_of(process.inputs.parameters)
    if moved:
        arrays, settings = jobs["equilibrate"].outputs.results.to_arrays(), jobs["equilibrate"].inputs.parameters
        _draw_motion(axes[0], part(arrays, "npt"), before, settings["settings"]["timestep_fs"])
    name = process.inputs.structure.label or process.inputs.structure.get_formula()
    how = f"after {asked.temperature:g} K" if moved else "relaxed at 0 K"
    became = str(process.outputs.summary["became"]).replace(", ", ",\n", 1)
    _draw_crystal(axes[-2], before, f"{name} at {asked.pressure_gpa:g} GPa")
    _draw_crystal(axes[-1], after, f"{how}: {became}")
    return figure


def _draw_motion(ax: Axes, npt: dict[str, np.ndarray], atoms: Atoms, timestep_fs: float) -> None:
    time = npt["step"] * timestep_fs / 1000
    symbols = np.array(atoms.get_chemical_symbols())
    drift = sum(npt[f"drift_{axis}"] ** 2 for axis in "xyz")
    for colour, symbol in zip(COLOURS[1:], np.unique(symbols), strict=False):
        squares = npt[f"square_{symbol}"] / np.sum(symbols == symbol) - drift
        ax.plot(time, np.sqrt(np.maximum(squares, 0.0)), color=colour, lw=1.0, label=f"displacement of {symbol}")
    ax.set(xlabel="time (ps)", ylabel="root mean square displacement (Å)", ylim=(0, None))
    other = ax.twinx()
    other.spines["right"].set_visible(True)
    other.plot(time, npt["volume"] / formula_units_of(atoms.numbers), color=COLOURS[0], lw=1.0)
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
