"""The threshold eps below which two structures are copies of one minimum, chosen from the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_polymorph.landscape.kernel_map import kernel_pca
from aiida_polymorph.landscape.linkage import Linkage, by_first_member, link

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

SINGLE_LINKAGE_SAMPLES = 3
"""Up to so many samples, DBSCAN's clusters are those of single linkage that have as many members: in a chain of three
points the middle one is a core point and the others are its neighbours."""

FEW_POINTS = 4000
"""So few points are linked at any distance, which takes half a second."""


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
        ValueError: if there are no points, or eps or min_samples are out of range.
    """
    _check(points, 1.0 if eps is None else eps, min_samples)
    points = leading_coordinates(points)
    limit = WINDOW * limits[1] if eps is None else _scan_end(eps)
    while True:
        linkage = link(points, limit if len(points) > FEW_POINTS else np.inf)
        chosen, reason = _gap(linkage.heights, limits) if eps is None else (eps, "set by hand")
        first_above = linkage.heights[linkage.heights > chosen][:1]
        if _scan_end(chosen) <= linkage.limit and np.all(np.isfinite(first_above)):
            return _choice(points, linkage, chosen, min_samples, reason)
        limit = max(3 * limit, _scan_end(chosen))


def _check(points: np.ndarray, eps: float, min_samples: int) -> None:
    if len(points) == 0:
        raise ValueError("no structures to cluster: the set is empty or none of it is usable")
    if not eps > 0 or min_samples < 1:
        raise ValueError(f"eps is {eps} and min_samples {min_samples}, must be above 0 and at least 1")


def _scan_end(eps: float) -> float:
    return 1.01 * SCAN_FACTORS[-1] * eps


def _choice(points: np.ndarray, linkage: Linkage, chosen: float, min_samples: int, reason: str) -> EpsChoice:
    heights = linkage.heights
    below, above = heights[heights <= chosen], heights[heights > chosen]
    return EpsChoice(
        eps=float(chosen),
        gap=(float(below.max(initial=-np.inf)) if len(below) else np.nan, float(above[0]) if len(above) else np.nan),
        merges_in_gap=int(_merges_near(heights, np.array([chosen]))[0]),
        merges_below=len(below),
        scan=scan_eps(points, linkage, chosen, min_samples),
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


def scan_eps(points: np.ndarray, linkage: Linkage, eps: float, min_samples: int) -> dict[float, tuple[int, int]]:
    """Return eps -> (clusters, distinct minima) for eps times 0.1 to 10, which the linkage must reach."""
    thresholds = [float(f"{eps * factor:.3g}") for factor in SCAN_FACTORS]
    cores = core_distances(points, min_samples) if min_samples > SINGLE_LINKAGE_SAMPLES else None
    labels = [
        _large_components(linkage, threshold, min_samples)
        if cores is None
        else _clusters_of_cores(points, threshold, cores)
        for threshold in thresholds
    ]
    clusters = [int(each.max()) + 1 for each in labels]
    distinct = [1 + int(np.sum(linkage.heights > threshold)) for threshold in thresholds]
    return dict(zip(thresholds, zip(clusters, distinct, strict=True), strict=True))


def core_distances(points: np.ndarray, min_samples: int) -> np.ndarray:
    """Return each point's distance to the min_samples-th nearest one, itself included, shape (n,); inf without one.

    A point is at the core of a cluster at any eps from there on.
    """
    from scipy.spatial import cKDTree

    return cKDTree(points).query(points, k=[min_samples], workers=-1)[0][:, 0]


def raw_dbscan(points: np.ndarray, eps: float, min_samples: int) -> np.ndarray:
    """Return the labels of DBSCAN, clusters numbered by their first member, and -1 for none.

    The partition is that of scikit-learn, except that a point at the border of two clusters goes to the nearest core
    point. No lists of neighbours are made, so a thousand copies of one minimum take no more memory than others.

    Raises:
        ValueError: if there are no points, or eps or min_samples are out of range.
    """
    _check(points, eps, min_samples)
    points = leading_coordinates(points)
    if min_samples > SINGLE_LINKAGE_SAMPLES:
        return _clusters_of_cores(points, eps, core_distances(points, min_samples))
    return _large_components(link(points, eps), eps, min_samples)


def _large_components(linkage: Linkage, eps: float, min_samples: int) -> np.ndarray:
    labels = linkage.components(eps)
    return _numbered(np.where(np.bincount(labels)[labels] >= min_samples, labels, -1))


def _clusters_of_cores(points: np.ndarray, eps: float, cores: np.ndarray) -> np.ndarray:
    from scipy.spatial import cKDTree

    core = np.flatnonzero(cores <= eps)
    labels = np.full(len(points), -1)
    if len(core) == 0:
        return labels
    labels[core] = link(points[core], eps).components(eps)
    others = np.flatnonzero(cores > eps)
    distance, nearest = cKDTree(points[core]).query(points[others], workers=-1)
    labels[others] = np.where(distance <= eps, labels[core[nearest]], -1)
    return _numbered(labels)


def _numbered(labels: np.ndarray) -> np.ndarray:
    """Number clusters by their first member and leave -1 as it is."""
    numbered = np.full(len(labels), -1)
    numbered[labels >= 0] = by_first_member(labels[labels >= 0])
    return numbered


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
