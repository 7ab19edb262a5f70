"""Farthest-point sampling: a few points that are as diverse as possible."""

from __future__ import annotations

import numpy as np


def farthest_points(points: np.ndarray, number: int, first: int = 0) -> np.ndarray:
    """Choose points one by one, each the farthest from those already chosen (arXiv:1909.08934, section III C).

    Args:
        points: shape (n, d).
        number: how many; fewer come back where the points have fewer distinct places.
        first: index of the point to begin with.

    Returns:
        Indices in the order of choice, shape (number,) or less.

    Raises:
        ValueError: if there are no points, or fewer than one is asked for.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or len(points) == 0 or number < 1:
        raise ValueError(f"farthest points: {number} of points of shape {points.shape}, expected some of each")
    squares = np.einsum("ij,ij->i", points, points)
    nearest = np.full(len(points), np.inf)
    chosen = [first]
    for _ in range(min(number, len(points)) - 1):
        last = chosen[-1]
        nearest = np.minimum(nearest, squares + squares[last] - 2 * points @ points[last])
        nearest[last] = 0
        following = int(np.argmax(nearest))
        if nearest[following] <= 1e-14 * squares.max():
            break
        chosen.append(following)
    return np.array(chosen)


def nearest_distance(points: np.ndarray, others: np.ndarray, exclude_self: bool = False) -> np.ndarray:
    """Return each point's distance to the nearest of the others, shape (n,).

    With `exclude_self` both are the same list, and a point is not its own neighbour.
    """
    squared = np.einsum("ij,ij->i", points, points)[:, None] + np.einsum("ij,ij->i", others, others)
    squared -= 2 * points @ others.T
    if exclude_self:
        np.fill_diagonal(squared, np.inf)
    return np.sqrt(np.maximum(squared.min(axis=1), 0))
