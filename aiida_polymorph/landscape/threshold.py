"""The threshold eps below which two structures are copies of one minimum, chosen from the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_polymorph.landscape.kernel_map import kernel_pca

FALLBACK_EPS = 1e-3
"""Where the data show no gap; right for structures relaxed to 1e-3 eV/angstrom."""

LIMITS = (3e-5, 5e-3)
"""Where the gap may lie: below, copies differ by what a relaxation leaves; above, different phases merge."""

TREE_COMPONENTS = 32
WINDOW = 2.0
STEPS_PER_DECADE = 40
STRAY_SHARE = 0.002
"""Share of all merges that may lie in the gap: flat minima whose copies relaxed less alike."""

SCAN_FACTORS = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)


@dataclass(frozen=True)
class EpsChoice:
    """The threshold below which two neighbours are copies of one minimum.

    Attributes:
        eps: the choice, a distance of unit vectors.
        gap: heights of the last merge below and of the first above eps; nan where there is none.
        merges_in_gap: merges within a factor of two of eps on either side: the fewer, the clearer the gap.
        merges_below: structures that are copies of another one at this eps.
        scan: eps -> (clusters of at least min_samples, distinct minima) around the choice: how little they change.
        reason: how eps was chosen, or why the data could not tell it.
    """

    eps: float
    gap: tuple[float, float]
    merges_in_gap: int
    merges_below: int
    scan: dict[float, tuple[int, int]]
    reason: str


def choose_eps(
    points: np.ndarray, min_samples: int = 3, eps: float | None = None, limits: tuple[float, float] = LIMITS
) -> EpsChoice:
    """Choose eps in the gap between copies of a minimum and different minima.

    Single linkage joins copies at the distance that the relaxation's tolerance leaves, and different minima at
    distances larger by orders of magnitude. eps is the middle, on a logarithmic scale and within `limits`, of the
    widest stretch where hardly any merges lie within a factor of two and that has copies below it.

    Args:
        points: fingerprints or the map's coordinates, ten components or more, shape (n, c).
        min_samples: for the clusters that the scan counts.
        eps: set by hand; the gap and the scan around it are reported all the same.
        limits: where the gap may lie.

    Raises:
        ValueError: if there are no points or eps is not above 0.
    """
    if len(points) == 0:
        raise ValueError("no structures to cluster: the set is empty or none of it is usable")
    points = leading_coordinates(points)
    heights = merge_heights(points)
    if eps is None:
        chosen, reason = _gap(heights, limits)
    else:
        chosen, reason = eps, "set by hand"
    below, above = heights[heights <= chosen], heights[heights > chosen]
    return EpsChoice(
        eps=float(chosen),
        gap=(float(below.max(initial=-np.inf)) if len(below) else np.nan, float(above[0]) if len(above) else np.nan),
        merges_in_gap=int(_merges_near(heights, np.array([chosen]))[0]),
        merges_below=len(below),
        scan=scan_eps(points, heights, chosen, min_samples),
        reason=reason,
    )


def leading_coordinates(points: np.ndarray) -> np.ndarray:
    """Return points with more than 32 columns along their 32 leading principal axes, others as they are.

    Trees are of no use in hundreds of dimensions. Distances of copies stay, and those of different minima shrink
    little: ten components give the same clusters as all of them.
    """
    if points.shape[1] <= TREE_COMPONENTS:
        return points
    return kernel_pca(points, TREE_COMPONENTS).coordinates


def scan_eps(points: np.ndarray, heights: np.ndarray, eps: float, min_samples: int) -> dict[float, tuple[int, int]]:
    """Return eps -> (clusters, distinct minima) for eps times 0.1 to 10."""
    thresholds = [float(f"{eps * factor:.3g}") for factor in SCAN_FACTORS]
    clusters = [int(raw_dbscan(points, threshold, min_samples).max()) + 1 for threshold in thresholds]
    distinct = [1 + int(np.sum(heights > threshold)) for threshold in thresholds]
    return dict(zip(thresholds, zip(clusters, distinct, strict=True), strict=True))


def merge_heights(points: np.ndarray) -> np.ndarray:
    """Return the distances at which single linkage joins the points, ascending, shape (n - 1,).

    They are the edges of the minimum spanning tree, found by Prim's algorithm: memory n, time n^2.
    """
    n = len(points)
    heights = np.empty(n - 1)
    current, remaining = np.asarray(points[0], dtype=float), np.array(points[1:], dtype=float)
    distances = np.full(n - 1, np.inf)
    for step in range(n - 1):
        difference = remaining - current
        np.minimum(distances, np.einsum("ij,ij->i", difference, difference), out=distances)
        nearest = int(np.argmin(distances))
        heights[step], current = distances[nearest], remaining[nearest].copy()
        remaining[nearest], distances[nearest] = remaining[-1], distances[-1]
        remaining, distances = remaining[:-1], distances[:-1]
    return np.sort(np.sqrt(heights))


def raw_dbscan(points: np.ndarray, eps: float, min_samples: int) -> np.ndarray:
    """Return scikit-learn's labels, by a k-d tree.

    Raises:
        ValueError: if there are no points, or eps or min_samples are out of range.
    """
    from sklearn.cluster import DBSCAN

    if len(points) == 0:
        raise ValueError("no structures to cluster: the set is empty or none of it is usable")
    if not eps > 0 or min_samples < 1:
        raise ValueError(f"eps is {eps} and min_samples {min_samples}, must be above 0 and at least 1")
    points = leading_coordinates(points)
    return DBSCAN(eps=eps, min_samples=min_samples, algorithm="kd_tree").fit_predict(points)


def _gap(heights: np.ndarray, limits: tuple[float, float]) -> tuple[float, str]:
    low, high = limits
    if not np.any(heights < high):
        return FALLBACK_EPS, "no minimum was found twice, so the data show no gap: the default"
    grid = np.geomspace(low, high, 1 + round(np.log10(high / low) * STEPS_PER_DECADE))
    grid = grid[grid > heights[0]]
    near = _merges_near(heights, grid)
    fewest = near.min()
    start, end = _widest_run(near <= fewest + np.sqrt(fewest) + STRAY_SHARE * len(heights))
    crowded = _merges_near(heights, heights[heights < grid[start]]).max(initial=0)
    if crowded <= 2 * fewest:
        return FALLBACK_EPS, "the merge distances show no gap: the default"
    return float(f"{np.sqrt(grid[start] * grid[end]):.2g}"), "the widest gap in the merge distances"


def _merges_near(heights: np.ndarray, eps: np.ndarray) -> np.ndarray:
    return np.searchsorted(heights, eps * WINDOW) - np.searchsorted(heights, eps / WINDOW)


def _widest_run(flags: np.ndarray) -> tuple[int, int]:
    """First and last index of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    runs = edges.reshape(-1, 2)
    start, end = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return int(start), int(end) - 1
