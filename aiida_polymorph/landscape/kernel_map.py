"""Kernel principal component analysis (KPCA) of fingerprints without an N x N matrix."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

BLOCK_ELEMENTS = 2_000_000
"""Kernel entries held at a time."""

WHOLE_KERNEL = 6000
"""Structures up to which the kernel with a power is formed as a matrix (0.3 GB)."""

LANDMARKS = 2000
"""Structures that span the feature space of the power kernel where there are more than `WHOLE_KERNEL`."""

NEGLIGIBLE = 1e-12
"""Share of the largest eigenvalue below which those of the landmarks' kernel are noise."""

RESIDUAL = 1e-13
"""Relative residual at which an eigenpair of the power kernel is converged."""

Apply = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class KernelMap:
    """The map of n structures, and what it takes to put others on it.

    Attributes:
        coordinates: of the n structures along the c leading components, shape (n, c); distances in them approach
            those in the kernel's feature space from below. The largest entry of a component's axis is positive,
            which fixes the sign.
        variances: variance of each coordinate (sum of squares over n), shape (c,), falling.
        total_variance: sum over all components.
        power: exponent of the kernel; nan for a kernel given as a matrix.
        centre: mean of the rows that `project` works on, shape (d,) or, for a power or a matrix, (n,).
        axes: linear map from a centred row to coordinates, shape (d, c) or (n, c).
        features: fingerprints that a power kernel is taken with, shape (n, d); None otherwise. With landmarks n is
            their number in these three.
    """

    coordinates: np.ndarray
    variances: np.ndarray
    total_variance: float
    power: float
    centre: np.ndarray
    axes: np.ndarray
    features: np.ndarray | None = None

    @property
    def explained(self) -> np.ndarray:
        """Share of the total variance in each component, shape (c,); zeros where all structures are alike."""
        return self.variances / self.total_variance if self.total_variance > 0 else np.zeros_like(self.variances)

    def project(self, features: np.ndarray) -> np.ndarray:
        """Return the coordinates of other structures, shape (m, c).

        Args:
            features: their fingerprints, shape (m, d); for a map made from a kernel matrix the rows of the kernel
                between them and the n structures of the map, shape (m, n).

        Raises:
            ValueError: if the rows have the wrong length.
        """
        features = np.atleast_2d(features)
        expected = len(self.centre) if self.features is None else self.features.shape[1]
        if features.shape[1] != expected:
            raise ValueError(f"features have {features.shape[1]} entries a row, the map was made with {expected}")
        if self.features is None:
            return (features - self.centre) @ self.axes
        blocks = _kernel_blocks(features, self.features, self.power)
        return np.concatenate([(block - self.centre) @ self.axes for _, block in blocks])


def kernel_matrix(features: np.ndarray, others: np.ndarray | None = None, power: float = 1) -> np.ndarray:
    """Return the kernel (f . f')^power between all rows, shape (n, m): for small sets and for checks."""
    return _raise(features @ (features if others is None else others).T, power)


def kernel_pca(features: np.ndarray, components: int | float = 10, power: float = 1) -> KernelMap:
    """Return the leading principal components of the centred kernel (f . f')^power.

    For power 1 they are the principal axes of the d features: time grows as n d^2, memory as n d. For another power
    a block Krylov iteration finds those of the kernel matrix, up to 6000 structures; for more, 2000 landmarks span the
    feature space (C. Williams, M. Seeger, NIPS 2000), so that no n x n matrix is formed: time and memory grow as n.

    Args:
        features: fingerprints, shape (n, d).
        components: how many, cut to the number that exists (n - 1 at most, one at least); or, below 1, the share
            of the variance that they must hold (for power 1 only).
        power: exponent, above 0; not an integer only for kernels without negative entries.

    Raises:
        ValueError: if there are no features, they are not finite, or components or power are out of range.
    """
    features = np.asarray(features)
    _check(features, components, power)
    return _linear_map(features, components) if power == 1 else _power_map(features, int(components), power)


def kernel_pca_of_matrix(kernel: np.ndarray, components: int = 10) -> KernelMap:
    """Return the same for a kernel that exists as a matrix only, such as RE-Match, shape (n, n).

    Raises:
        ValueError: if the matrix is empty, not square or not finite.
    """
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1]:
        raise ValueError(f"kernel has shape {kernel.shape}, must be square")
    _check(kernel, components, 1)
    n = len(kernel)
    centre = kernel.mean(axis=0)
    centred = kernel - centre - centre[:, None] + centre.mean()
    kept = _existing(components, n)
    values, vectors = eigh(centred, subset_by_index=[n - kept, n - 1])
    return _from_eigenpairs(values[::-1], vectors[:, ::-1], np.trace(centred), centre, np.nan, None)


def _linear_map(features: np.ndarray, components: int | float) -> KernelMap:
    n, d = features.shape
    centre = features.mean(axis=0, dtype=float)
    values, axes = eigh(sum(block.T @ block for block in _centred(features, centre)))
    values, axes = np.maximum(values[::-1], 0), axes[:, ::-1]
    total = values.sum()
    if components < 1:
        components = int(np.searchsorted(np.cumsum(values), components * total)) + 1
    kept = min(_existing(components, n), d)
    axes = _fix_sign(axes[:, :kept])
    coordinates = np.concatenate([block @ axes for block in _centred(features, centre)])
    return KernelMap(coordinates, values[:kept] / n, float(total / n), 1, centre, axes)


def _centred(features: np.ndarray, centre: np.ndarray) -> Iterator[np.ndarray]:
    """Yield blocks of rows less the centre, in double precision."""
    step = max(1, BLOCK_ELEMENTS // features.shape[1])
    return (features[i : i + step] - centre for i in range(0, len(features), step))


def _power_map(features: np.ndarray, components: int, power: float) -> KernelMap:
    features = features.astype(float)
    if len(features) > WHOLE_KERNEL:
        return _landmark_map(features, components, power)
    kernel = kernel_matrix(features, power=power)
    n, sums, diagonal = len(features), kernel.sum(axis=1), np.trace(kernel)

    def apply(vectors: np.ndarray) -> np.ndarray:
        product = kernel @ (vectors - vectors.mean(axis=0))
        return product - product.mean(axis=0)

    values, vectors = _leading_eigenpairs(apply, n, _existing(components, n))
    return _from_eigenpairs(values, vectors, diagonal - sums.sum() / n, sums / n, power, features)


def _landmark_map(features: np.ndarray, components: int, power: float) -> KernelMap:
    """Nystroem's approximation: the kernel's feature space is spanned by landmarks drawn by chance (seed 0).

    The rows of the kernel with the landmarks, times the inverse root of the landmarks' own kernel, are then features
    of which the map is the linear one.
    """
    landmarks = np.sort(np.random.default_rng(0).choice(len(features), LANDMARKS, replace=False))
    chosen = features[landmarks]
    values, vectors = eigh(kernel_matrix(chosen, power=power))
    kept = values > NEGLIGIBLE * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept])
    sums, products, squares = np.zeros(LANDMARKS), np.zeros((kept.sum(), kept.sum())), 0.0
    for rows, block in _kernel_blocks(features, chosen, power):
        sums += block.sum(axis=0)
        squares += np.sum(np.einsum("ij,ij->i", features[rows], features[rows]) ** power)
        block = block @ root
        products += block.T @ block
    n, centre = len(features), sums / len(features)
    mean = centre @ root
    values, axes = eigh(products - n * np.outer(mean, mean))
    values, axes = np.maximum(values[::-1][:components], 0), root @ axes[:, ::-1][:, :components]
    axes = _fix_sign(axes)
    coordinates = np.concatenate([(block - centre) @ axes for _, block in _kernel_blocks(features, chosen, power)])
    return KernelMap(coordinates, values / n, float(squares / n - mean @ mean), power, centre, axes, chosen)


def _leading_eigenpairs(apply: Apply, n: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Block Krylov iteration with full orthogonalisation and a Rayleigh-Ritz step, from a fixed random start."""
    start = np.random.default_rng(0).standard_normal((n, min(n, count + 5)))
    basis, images = np.empty((n, 0)), np.empty((n, 0))
    block = start
    while True:
        block = _orthonormal_to(basis, block)
        image = apply(block)
        basis, images = np.hstack([basis, block]), np.hstack([images, image])
        values, rotation = eigh(basis.T @ images)
        values, rotation = values[::-1][:count], rotation[:, ::-1][:, :count]
        vectors = basis @ rotation
        residual = np.linalg.norm(images @ rotation - vectors * values, axis=0).max()
        if residual <= RESIDUAL * max(values[0], 1e-300) * np.sqrt(n) or basis.shape[1] >= n:
            return values, vectors
        block = image


def _orthonormal_to(basis: np.ndarray, block: np.ndarray) -> np.ndarray:
    for _ in range(2):
        block, _ = np.linalg.qr(block - basis @ (basis.T @ block))
    return block[:, : basis.shape[0] - basis.shape[1]]


def _from_eigenpairs(
    values: np.ndarray,
    vectors: np.ndarray,
    trace: float,
    centre: np.ndarray,
    power: float,
    features: np.ndarray | None,
) -> KernelMap:
    """Vectors sum to zero, so that centring a kernel row by the rows' mean is enough."""
    n = len(vectors)
    roots = np.sqrt(np.maximum(values, 0))
    vectors = _fix_sign(vectors - vectors.mean(axis=0))
    axes = np.divide(vectors, roots, out=np.zeros_like(vectors), where=roots > 1e-9 * max(roots[0], 1e-300))
    return KernelMap(vectors * roots, roots**2 / n, float(trace / n), power, centre, axes, features)


def _kernel_blocks(rows: np.ndarray, columns: np.ndarray, power: float) -> Iterator[tuple[slice, np.ndarray]]:
    step = max(1, BLOCK_ELEMENTS // len(columns))
    for i in range(0, len(rows), step):
        yield slice(i, min(i + step, len(rows))), _raise(rows[i : i + step] @ columns.T, power)


def _raise(kernel: np.ndarray, power: float) -> np.ndarray:
    return kernel if power == 1 else np.power(kernel, int(power) if float(power).is_integer() else power)


def _fix_sign(axes: np.ndarray) -> np.ndarray:
    largest = axes[np.argmax(np.abs(axes), axis=0), np.arange(axes.shape[1])]
    return axes * np.where(largest < 0, -1.0, 1.0)


def _existing(components: int | float, n: int) -> int:
    return max(1, min(int(components), n - 1))


def _check(features: np.ndarray, components: int | float, power: float) -> None:
    if features.ndim != 2 or features.size == 0:
        raise ValueError("no fingerprints to make a map of")
    if not np.isfinite(features).all():
        raise ValueError("fingerprints are not finite; leave out failed structures first (fingerprints.usable)")
    if not power > 0:
        raise ValueError(f"kernel power is {power}, must be above 0")
    if not components > 0 or (components < 1 and power != 1):
        raise ValueError(f"components is {components}, must be a number from 1 on, or a share below 1 for power 1")
