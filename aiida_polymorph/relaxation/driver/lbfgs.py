"""Limited-memory BFGS: the quasi-Newton direction from the last steps."""

from __future__ import annotations

import numpy as np


class LimitedMemory:
    """Inverse Hessian from pairs of steps and gradient changes, in the compact form that needs no loop over pairs.

    With the steps s_i and changes y_i as rows of S and Y, R the upper triangle of s_i . y_j, D its diagonal and c the
    curvature, the inverse Hessian is 1/c + S^T R^-T (D + Y Y^T / c) R^-1 S - (S^T R^-T Y + Y^T R^-1 S) / c (Byrd,
    Nocedal and Schnabel, Math. Program. 63, 129 (1994), theorem 2.2). R^-1 grows by a column with each pair and
    loses the first row and column when the oldest pair goes.

    Args:
        size: how many pairs are kept.
        curvature: second derivative assumed before the first pair. Afterwards, along directions that no pair tells
            of, it is that of the last pair (Nocedal and Wright, Numerical Optimization, equation 7.20).
    """

    def __init__(self, size: int, curvature: float) -> None:
        self.curvature = curvature
        self._size = size
        self._count = 0
        self._steps = self._changes = np.zeros((size, 0))
        self._diagonal = np.zeros(size)
        self._inverse = np.zeros((size, size))
        self._products = np.zeros((size, size))

    def add(self, step: np.ndarray, change: np.ndarray) -> None:
        """Learn from a step and the change of the gradient over it; a pair of negative curvature is left out."""
        product, square = float(step @ change), float(change @ change)
        if product <= 1e-10 * float(step @ step) ** 0.5 * square**0.5:
            return
        if not self._count:
            self._steps, self._changes = np.zeros((2, self._size, len(step)))
        if self._count == self._size:
            self._forget_oldest()
        k = self._count
        self._inverse[:k, k] = self._inverse[:k, :k] @ (self._steps[:k] @ change) / -product
        self._inverse[k, k] = 1.0 / product
        self._steps[k], self._changes[k], self._diagonal[k] = step, change, product
        self._products[k, : k + 1] = self._products[: k + 1, k] = self._changes[: k + 1] @ change
        self.curvature = square / product
        self._count = k + 1

    def direction(self, gradient: np.ndarray) -> np.ndarray:
        """Return the quasi-Newton step, minus the inverse Hessian times the gradient."""
        k, c = self._count, self.curvature
        if not k:
            return gradient / -c
        steps, changes, inverse = self._steps[:k], self._changes[:k], self._inverse[:k, :k]
        w = inverse @ (steps @ gradient)
        v = (self._diagonal[:k] * w + (self._products[:k, :k] @ w - changes @ gradient) / c) @ inverse
        return (w @ changes - gradient) / c - v @ steps

    def _forget_oldest(self) -> None:
        for rows in (self._steps, self._changes, self._diagonal):
            rows[:-1] = rows[1:]
        for square in (self._inverse, self._products):
            square[:-1, :-1] = square[1:, 1:]
        self._inverse[-1] = 0.0
        self._count -= 1
