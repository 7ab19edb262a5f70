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
    lengths = squares(points)
    nearest = np.full(len(points), np.inf)
    chosen = [first]
    for _ in range(min(number, len(points)) - 1):
        last = chosen[-1]
        nearest = np.minimum(nearest, lengths + lengths[last] - 2 * points @ points[last])
        nearest[last] = 0
        following = int(np.argmax(nearest))
        if nearest[following] <= 1e-14 * lengths.max():
            break
        chosen.append(following)
    return np.array(chosen)


def nearest_distance(points: np.ndarray, others: np.ndarray, exclude_self: bool = False) -> np.ndarray:
    """Return each point's distance to the nearest of the others, shape (n,).

    With `exclude_self` both are the same list, and a point is not its own neighbour.
    """
    return nearest_from_products(points @ others.T, squares(points), squares(others), exclude_self)


def squares(points: np.ndarray) -> np.ndarray:
    """Return the squared length of each point, shape (n,)."""
    return np.einsum("ij,ij->i", points, points)


def nearest_from_products(
    products: np.ndarray, own: np.ndarray, others: np.ndarray, exclude_self: bool = False
) -> np.ndarray:
    """Return what `nearest_distance` does, from scalar products (n, m) and squared lengths (n,) and (m,)."""
    squared = own[:, None] + others - 2 * products
    if exclude_self:
        np.fill_diagonal(squared, np.inf)
    return np.sqrt(np.maximum(squared.min(axis=1), 0))
