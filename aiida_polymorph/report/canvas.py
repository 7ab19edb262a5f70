"""Figures without pyplot: made, saved and encoded here, safe in threads and on machines without a screen."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.typing import RcKeyType

COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"),
    *("#332288", "#117733", "#DDCC77", "#882255", "#661100"),
)
"""Okabe and Ito's palette without its yellow, then five of Tol's muted one; chosen so that any two of them can be told
apart with each kind of colour blindness."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
"""Second sign beside the colour, for more phases than colours."""

STYLE: dict[RcKeyType, Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "svg.hashsalt": "aiida-polymorph",
}


def new_figure(width: float = 7.0, height: float = 4.6, columns: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure of the given size in inches, and its axes side by side."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=100)
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, columns, squeeze=False, gridspec_kw={"wspace": 0.34})[0]
    return figure, list(axes)


def place_in_grid(ax: Axes) -> SubplotSpec:
    """Return the row and column of axes in the grid of their figure.

    Raises:
        ValueError: for axes that are not in a grid.
    """
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError("these axes are not in a grid")
    return place


def pretty_formula(formula: str) -> str:
    """Return the formula with its numbers as subscripts."""
    return formula.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def encode_figure(figure: Figure, form: str = "svg", dpi: int = 180) -> bytes:
    """Return the figure as the bytes of a `svg` or `png` file, the same bytes for the same figure."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context(STYLE):
        metadata = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(buffer, format=form, dpi=dpi, metadata=metadata, bbox_inches="tight", pad_inches=0.08)
    return buffer.getvalue()


def save_figure(figure: Figure, path: str | Path, dpi: int = 180) -> Path:
    """Write the figure to a file; its ending, `.svg` or `.png`, says the format.

    Raises:
        ValueError: for another ending.
    """
    path = Path(path)
    form = path.suffix.lstrip(".").lower()
    if form not in ("svg", "png"):
        raise ValueError(f"figure file {path.name!r} ends in {path.suffix!r}, expected .svg or .png")
    path.write_bytes(encode_figure(figure, form, dpi))
    return path
