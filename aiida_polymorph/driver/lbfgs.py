"""Limited-memory BFGS: the quasi-Newton direction from the last steps."""

from __future__ import annotations

from collections import deque

import numpy as np


class LimitedMemory:
    """Inverse Hessian from pairs of steps and gradient changes (Nocedal and Wright, algorithm 7.4).

    Args:
        size: how many pairs are kept.
        curvature: second derivative assumed before the first pair. Afterwards, along directions that no pair tells
            of, it is that of the last pair (ibid., equation 7.20).
    """

    def __init__(self, size: int, curvature: float) -> None:
        self.curvature = curvature
        self._pairs: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=size)

    def add(self, step: np.ndarray, change: np.ndarray) -> None:
        """Learn from a step and the change of the gradient over it; a pair of negative curvature is left out."""
        product = float(step @ change)
        if product > 1e-10 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            self._pairs.append((step, change, 1.0 / product))
            self.curvature = float(change @ change) / product

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Return the quasi-Newton step, minus the inverse Hessian times the gradient."""
        q = gradient.copy()
        weights = []
        for step, change, inverse in reversed(self._pairs):
            weight = inverse * float(step @ q)
            q -= weight * change
            weights.append(weight)
        q /= self.curvature
        for (step, change, inverse), weight in zip(self._pairs, reversed(weights), strict=True):
            q += (weight - inverse * float(change @ q)) * step
        return -q
