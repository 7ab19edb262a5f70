"""Labels inside plots: beside points and at the ends of curves, without overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Bbox

ANGLES = np.deg2rad(np.arange(0, 360, 22.5))
RADII = (7.0, 13.0, 21.0, 31.0, 44.0, 60.0, 80.0)


def spread(positions: np.ndarray, gap: float, lowest: float = -np.inf, highest: float = np.inf) -> np.ndarray:
    """Return positions moved as little as possible (least squares) so that they lie at least `gap` apart.

    They keep their order and stay between `lowest` and `highest` as long as there is room. This is isotonic
    regression of the positions less their rank times the gap.
    """
    positions = np.asarray(positions, dtype=float)
    order = np.argsort(positions, kind="stable")
    ranks = np.arange(len(positions)) * gap
    blocks: list[list[float]] = []
    for value in positions[order] - ranks:
        blocks.append([value, 1.0])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            value_b, size_b = blocks.pop()
            value_a, size_a = blocks.pop()
            blocks.append([(value_a * size_a + value_b * size_b) / (size_a + size_b), size_a + size_b])
    flat = np.concatenate([np.full(int(size), value) for value, size in blocks] or [np.zeros(0)])
    moved = np.empty(len(positions))
    room = highest - (len(positions) - 1) * gap
    moved[order] = np.clip(flat, lowest, max(room, lowest)) + ranks
    return moved


def label_points(
    ax: Axes,
    points: np.ndarray,
    texts: Sequence[str],
    obstacles: np.ndarray,
    colours: Sequence[str] | None = None,
    fontsize: float = 7.5,
) -> list[Annotation]:
    """Write each text beside its point, away from the other texts and from the obstacles as far as there is room.

    Args:
        ax: axes whose size and limits are final.
        points: data coordinates, shape (l, 2).
        texts: l of them.
        obstacles: data coordinates that should stay visible, shape (o, 2).
        colours: of the texts; black without.
        fontsize: points.
    """
    pixels = ax.transData.transform(obstacles) if len(obstacles) else np.zeros((0, 2))
    taken: list[np.ndarray] = []
    labels = []
    for i, (point, text) in enumerate(zip(points, texts, strict=True)):
        label = ax.annotate(
            text,
            point,
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=fontsize,
            color=colours[i] if colours else "black",
            ha="center",
            va="center",
            annotation_clip=True,
            zorder=10,
            arrowprops={"arrowstyle": "-", "lw": 0.5, "color": "0.35", "shrinkA": 0, "shrinkB": 2},
            parse_math=False,
        )
        offset, box = _best_place(ax, label, point, pixels, taken)
        label.set_position(offset)
        taken.append(box)
        labels.append(label)
    return labels


def _best_place(
    ax: Axes, label: Annotation, point: np.ndarray, pixels: np.ndarray, taken: list[np.ndarray]
) -> tuple[tuple[float, float], np.ndarray]:
    """Return the offset (points) and box (pixels) with the least overlap, nearer ones first."""
    from matplotlib.text import Text

    scale = ax.figure.dpi / 72
    extent = Text.get_window_extent(label)  # that of an annotation includes its arrow
    half = np.array([extent.width, extent.height]) / 2 + 1.5
    centre, frame = ax.transData.transform(point), ax.get_window_extent()
    best, place = np.inf, None
    for radius in RADII:
        if best <= radius / 20:
            break
        for angle in ANGLES:
            direction = np.array([np.cos(angle), np.sin(angle)])
            offset = direction * (radius * scale + half * np.abs(direction))
            box = np.array([centre + offset - half, centre + offset + half])
            cost = _cost(box, pixels, taken, frame) + radius / 20
            if cost < best:
                best, place = cost, (tuple(offset / scale), box)
    return place  # type: ignore[return-value]


def _cost(box: np.ndarray, pixels: np.ndarray, taken: list[np.ndarray], frame: Bbox) -> float:
    """Return how much a box covers: other labels and the outside of the frame weigh most, then points."""
    covered = np.count_nonzero(((pixels > box[0]) & (pixels < box[1])).all(axis=1))
    sides = [np.minimum(box[1], other[1]) - np.maximum(box[0], other[0]) for other in taken]
    overlap = sum(float(np.prod(side)) for side in sides if (side > 0).all())
    low, high = np.array([frame.x0, frame.y0]), np.array([frame.x1, frame.y1])
    outside = np.maximum(low - box[0], 0).sum() + np.maximum(box[1] - high, 0).sum()
    return float(min(covered, 40)) + 20.0 * overlap + 20.0 * float(outside)
