"""The phase diagram as a figure: regions of the stable phases, and the lines between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_polymorph.report.colours import phase_looks
from aiida_polymorph.report.labels import label_points
from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def phase_regions(diagram: PhaseDiagram, ax: Axes, order: Sequence[str] = ()) -> Axes:
    """Draw the phase diagram: regions of the stable phases, named inside, paler where less certain.

    Black lines are coexistence, their grey bands one standard deviation of the pressure of coexistence.

    Args:
        diagram: what to draw.
        ax: axes.
        order: names of all phases of the profile, for their colours, see `colours.phase_looks`.
    """
    present = [int(i) for i in np.unique(diagram.stable) if i >= 0]
    looks = phase_looks((diagram.names[i] for i in present), order or diagram.names)
    image = _shades(diagram, {i: looks[diagram.names[i]][0] for i in present})
    ax.pcolormesh(diagram.pressures_gpa, diagram.temperatures, image, shading="nearest", rasterized=True)
    ax.set(
        xlim=(diagram.pressures_gpa[0], diagram.pressures_gpa[-1]),
        ylim=(diagram.temperatures[0], diagram.temperatures[-1]),
    )
    for line in diagram.lines:
        error = np.where(np.isfinite(line.errors_gpa), line.errors_gpa, 0.0)
        rising = np.argsort(line.temperatures, kind="stable")
        t, p, e = line.temperatures[rising], line.pressures_gpa[rising], error[rising]
        ax.fill_betweenx(t, p - e, p + e, color="black", alpha=0.13, lw=0)
        ax.plot(line.pressures_gpa, line.temperatures, color="black", lw=1.2)
    centres = np.array([_centre(diagram, i) for i in present]).reshape(-1, 2)
    _region_labels(ax, diagram, centres, [diagram.names[i] for i in present])
    ax.set(xlabel="pressure, GPa", ylabel="temperature, K")
    return ax


def _shades(diagram: PhaseDiagram, colours: Mapping[int, str]) -> np.ndarray:
    """Return RGB of each cell: the phase's colour, mixed with white by one minus its probability."""
    from matplotlib.colors import to_rgb

    image = np.ones((*diagram.stable.shape, 3))
    for i, colour in colours.items():
        cells = diagram.stable == i
        strength = 0.10 + 0.45 * np.nan_to_num(diagram.probability[cells])[:, None]
        image[cells] = 1 - strength * (1 - np.array(to_rgb(colour)))
    return image


def _centre(diagram: PhaseDiagram, phase: int) -> tuple[float, float]:
    """Return pressure and temperature of the cell deepest inside the phase's region."""
    from scipy.ndimage import distance_transform_edt

    cells = np.pad(diagram.stable == phase, 1)
    depth = distance_transform_edt(cells)[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(diagram.pressures_gpa[column]), float(diagram.temperatures[row])


def _region_labels(ax: Axes, diagram: PhaseDiagram, centres: np.ndarray, names: Sequence[str]) -> None:
    """Write names inside regions where they fit, level or upright, beside the others with a line to them."""
    narrow = []
    for centre, name in zip(centres, names, strict=True):
        for rotation, size in ((0, 9), (0, 7.5), (90, 9), (90, 7.5)):
            style: dict[str, Any] = {
                "ha": "center",
                "va": "center",
                "fontsize": size,
                "rotation": rotation,
                "zorder": 9,
            }
            text = ax.text(centre[0], centre[1], name, parse_math=False, **style)
            corners = ax.transData.inverted().transform(text.get_window_extent().get_points())
            if _inside(diagram, corners, list(diagram.names).index(name)):
                break
            text.remove()
        else:
            narrow.append((centre, name))
    points = np.array([centre for centre, _ in narrow]).reshape(-1, 2)
    ax.plot(*points.T, ".", color="black", ms=3)
    label_points(ax, points, [name for _, name in narrow], centres, fontsize=8)


def _inside(diagram: PhaseDiagram, corners: np.ndarray, phase: int) -> bool:
    """Whether a box of the plot shows nothing but that phase."""
    margin = np.array([np.diff(diagram.pressures_gpa).max(), np.diff(diagram.temperatures).max()])
    (p0, t0), (p1, t1) = corners + np.outer([-1, 1], margin)
    columns = np.flatnonzero((diagram.pressures_gpa >= p0) & (diagram.pressures_gpa <= p1))
    rows = np.flatnonzero((diagram.temperatures >= t0) & (diagram.temperatures <= t1))
    fits = p0 >= diagram.pressures_gpa[0] and p1 <= diagram.pressures_gpa[-1]
    fits &= t0 >= diagram.temperatures[0] and t1 <= diagram.temperatures[-1]
    return bool(fits and (diagram.stable[np.ix_(rows, columns)] == phase).all())
