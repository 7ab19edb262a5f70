"""Kernel ridge regression with few or all points as representatives, solved stably.

The weights minimise sum_i w_i (y_i - sum_B c_B K(i, B))^2 + lambda c' K_MM c, whose solution is equation 7 of
arXiv:1909.08934 with the diagonal matrix lambda / w_i. They are found without forming K_MN K_NM: with the Cholesky
factor K_MM = L L', the rows K_NM inv(L)' make an ordinary ridge regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

JITTER = 1e-11
"""Added to K_MM, relative to its mean diagonal, where only few points are representatives."""
REGULARISATIONS = np.logspace(-12, 1, 27)
"""Candidates for lambda, relative to the number of points times the mean diagonal of the kernel."""
LARGEST_SEARCH = 800
"""With more points, lambda is chosen on a random part of this size."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Points to learn from.

    Attributes:
        kernel: K_NM, or K_NN where every point is a representative, shape (N, M).
        targets: y about their mean, shape (N,).
        weights: w, mean 1, shape (N,).
        factor: the Cholesky factor L of K_MM, shape (M, M); None where every point is a representative.
    """

    kernel: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    factor: np.ndarray | None = None

    def select(self, chosen: np.ndarray) -> Rows:
        """Return some of the points."""
        kernel = self.kernel[np.ix_(chosen, chosen)] if self.factor is None else self.kernel[chosen]
        return Rows(kernel, self.targets[chosen], self.weights[chosen], self.factor)

    @property
    def scale(self) -> float:
        """Size of the kernel's largest eigenvalue: what a relative lambda is relative to."""
        size = self.kernel if self.factor is None else self.factor @ self.factor.T
        return float(len(self.kernel) * np.mean(np.diagonal(size)))


def cholesky_factor(kernel: np.ndarray) -> np.ndarray:
    """Return L of K_MM with the jitter that makes it positive."""
    return np.linalg.cholesky(kernel + JITTER * np.mean(np.diagonal(kernel)) * len(kernel) * np.eye(len(kernel)))


def solve(rows: Rows, regularisation: float) -> np.ndarray:
    """Return the weights of the representatives at lambda = `regularisation`, shape (M,)."""
    from scipy.linalg import cho_solve, solve_triangular

    root = np.sqrt(rows.weights)
    if rows.factor is None:
        return root * cho_solve((_cholesky(rows, regularisation), True), root * rows.targets)
    basis = _basis(rows)
    stacked = np.vstack([basis, np.sqrt(regularisation) * np.eye(basis.shape[1])])
    orthogonal, triangle = np.linalg.qr(stacked)
    coefficients = solve_triangular(triangle, orthogonal[: len(basis)].T @ (root * rows.targets))
    return solve_triangular(rows.factor, coefficients, lower=True, trans="T")


def choose_regularisation(rows: Rows, seed: int) -> float:
    """Return the lambda with the smallest leave-one-out error (mean absolute value).

    All the leave-one-out residuals for all lambda come from one eigendecomposition.
    """
    if len(rows.targets) > LARGEST_SEARCH:
        part = np.sort(np.random.default_rng(seed).permutation(len(rows.targets))[:LARGEST_SEARCH])
        return choose_regularisation(rows.select(part), seed) * len(rows.targets) / LARGEST_SEARCH
    root = np.sqrt(rows.weights)
    vectors, values = _eigenpairs(rows, root)
    candidates = REGULARISATIONS * rows.scale
    errors = [np.abs(_left_out(vectors, values, root * rows.targets, each)).mean() for each in candidates]
    return float(candidates[int(np.argmin(errors))])


def solve_and_leave_out(rows: Rows, regularisation: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights, and what each target is off from the prediction by all the other points, shape (N,)."""
    from scipy.linalg import cho_solve
    from scipy.linalg.lapack import dpotri

    root = np.sqrt(rows.weights)
    if rows.factor is not None:
        vectors, values = _eigenpairs(rows, root)
        return solve(rows, regularisation), _left_out(vectors, values, root * rows.targets, regularisation) / root
    factor = _cholesky(rows, regularisation)
    solution = cho_solve((factor, True), root * rows.targets)
    inverse, _ = dpotri(factor, lower=1)
    return root * solution, solution / np.diagonal(inverse) / root


def _cholesky(rows: Rows, regularisation: float) -> np.ndarray:
    from scipy.linalg import cholesky

    root = np.sqrt(rows.weights)
    matrix = rows.kernel * root * root[:, None]
    matrix[np.diag_indices_from(matrix)] += regularisation
    return cholesky(matrix, lower=True, overwrite_a=True, check_finite=False)


def _basis(rows: Rows) -> np.ndarray:
    from scipy.linalg import solve_triangular

    return np.sqrt(rows.weights)[:, None] * solve_triangular(rows.factor, rows.kernel.T, lower=True).T


def _eigenpairs(rows: Rows, root: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if rows.factor is None:
        values, vectors = np.linalg.eigh(rows.kernel * np.outer(root, root))
        return vectors, np.maximum(values, 0)
    vectors, singular, _ = np.linalg.svd(_basis(rows), full_matrices=False)
    return vectors, singular**2


def _left_out(vectors: np.ndarray, values: np.ndarray, targets: np.ndarray, regularisation: float) -> np.ndarray:
    kept = regularisation / (values + regularisation)
    residual = vectors @ (kept * (vectors.T @ targets))
    freedom = vectors**2 @ kept
    if vectors.shape[0] > vectors.shape[1]:
        residual += targets - vectors @ (vectors.T @ targets)
        freedom += 1 - np.sum(vectors**2, axis=1)
    return residual / np.maximum(freedom, 1e-300)
