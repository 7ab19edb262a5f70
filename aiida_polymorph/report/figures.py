"""Figures of the search: the landscape map, the choice of eps, the test of the surrogate.

Each function takes data and axes, draws, and returns the axes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_polymorph.report.canvas import COLOURS, pretty_formula
from aiida_polymorph.report.data import LandscapeView, SurrogateView
from aiida_polymorph.report.labels import label_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

INSET = 0.34
"""Side of the map's inset, as a fraction of the axes."""


def cluster_sizes(view: LandscapeView) -> np.ndarray:
    """Return the number of structures of each cluster, shape (k,)."""
    labels = view.labels[view.labels >= 0]
    return np.bincount(labels, minlength=len(view.names))


def marker_areas(sizes: np.ndarray) -> np.ndarray:
    """Return marker areas in square points, in proportion to the logarithm of (1 + size)."""
    return 11.0 * np.log1p(np.asarray(sizes, dtype=float))


def labelled_clusters(view: LandscapeView, new_phases: int = 12) -> np.ndarray:
    """Return the clusters that get a name on the map: known phases, and the new ones of lowest enthalpy."""
    order = np.argsort(view.enthalpy[view.representatives], kind="stable")
    known = np.asarray(view.known, dtype=bool)
    return np.sort(np.concatenate([order[known[order]], order[~known[order]][:new_phases]])).astype(int)


def landscape_map(view: LandscapeView, ax: Axes, formula: str = "f.u.", new_phases: int = 12) -> Axes:
    """Draw the map of one search (the paper's figure 1): first two KPCA components.

    One marker for each cluster, its area in proportion to the logarithm of the cluster's size, its colour the
    enthalpy above the lowest one; small dots for the minima that belong to no cluster. References that were found
    have a heavy edge, those that were not are hollow diamonds. The inset shows the same, coloured by volume.
    """
    enthalpy = view.enthalpy - np.nanmin(view.enthalpy) if len(view.enthalpy) else view.enthalpy
    _limits(ax, np.concatenate([view.coordinates[:, :2], np.asarray(view.missing_coordinates)[:, :2]]))
    inset = _inset(ax, view.coordinates)
    _colour_bar(
        ax, _markers(ax, view, enthalpy, "viridis"), f"enthalpy above the lowest, eV per {pretty_formula(formula)}", ax
    )
    _colour_bar(
        inset,
        _markers(inset, view, view.volume, "cividis", 0.35),
        f"volume, Å$^3$ per {pretty_formula(formula)}",
        inset,
    )
    x, y = np.asarray(view.missing_coordinates)[:, :2].T
    ax.scatter(
        x,
        y,
        marker="D",
        s=34,
        facecolors="none",
        edgecolors=COLOURS[1],
        linewidths=1.3,
        zorder=6,
        label="reference, not found",
    )
    _map_labels(ax, view, new_phases)
    ax.set(xlabel="first component of the kernel", ylabel="second component of the kernel")
    _size_key(ax, view)
    return ax


def _limits(ax: Axes, points: np.ndarray) -> None:
    low, high = (points.min(axis=0), points.max(axis=0)) if len(points) else (np.zeros(2), np.ones(2))
    margin = 0.06 * np.maximum(high - low, 1e-6)
    ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))


def _inset(ax: Axes, points: np.ndarray) -> Axes:
    """Make room above the data, and put the inset into the corner that needs less of it."""
    x0, x1 = ax.get_xlim()
    y0, y1 = ax.get_ylim()
    width = (INSET + 0.14) * (x1 - x0)
    tops = [
        points[side, 1].max() if side.any() else y0 for side in (points[:, 0] < x0 + width, points[:, 0] > x1 - width)
    ]
    corner = int(np.argmin(tops))
    ax.set_ylim(y0, max(y1, y0 + (tops[corner] - y0) * 1.04 / (1 - INSET - 0.03)))
    inset = ax.inset_axes((0.015 if corner == 0 else 0.87 - INSET, 0.985 - INSET, INSET, INSET))
    inset.set(xticks=[], yticks=[], xlim=(x0, x1), ylim=(y0, y1))
    return inset


def _markers(ax: Axes, view: LandscapeView, values: np.ndarray, palette: str, scale: float = 1.0) -> PathCollection:
    """Draw dots and clusters coloured by a property; the few highest values share one colour."""
    finite = values[np.isfinite(values)]
    low, high = (np.min(finite), np.percentile(finite, 98)) if len(finite) else (0.0, 1.0)
    style: dict[str, Any] = {"cmap": palette, "vmin": low, "vmax": max(high, low + 1e-6)}
    loose = view.labels < 0
    x, y = view.coordinates[:, :2].T
    ax.scatter(x[loose], y[loose], c=values[loose], s=4 * scale, lw=0, alpha=0.55, rasterized=True, **style)
    order = np.argsort(-cluster_sizes(view), kind="stable")
    centres = np.asarray(view.representatives, dtype=int)[order]
    known = np.asarray(view.known, dtype=bool)[order]
    return ax.scatter(
        x[centres],
        y[centres],
        c=values[centres],
        s=marker_areas(cluster_sizes(view)[order]) * scale,
        edgecolors="black",
        linewidths=np.where(known, 1.4, 0.3) * scale**0.5,
        zorder=5,
        **style,
    )


def _colour_bar(ax: Axes, markers: PathCollection, label: str, beside: Axes) -> None:
    bar = ax.figure.colorbar(markers, cax=beside.inset_axes((1.02, 0.0, 0.03, 1.0)), extend="max")
    bar.set_label(label, fontsize=7 if beside is not ax or len(label) < 30 else 8)
    bar.ax.tick_params(labelsize=7)


def _map_labels(ax: Axes, view: LandscapeView, new_phases: int) -> None:
    clusters = labelled_clusters(view, new_phases)
    known = np.asarray(view.known, dtype=bool)
    clusters = clusters[np.argsort(~known[clusters], kind="stable")]
    centres = view.coordinates[np.asarray(view.representatives, dtype=int), :2]
    missing = np.asarray(view.missing_coordinates, dtype=float).reshape(-1, np.shape(view.missing_coordinates)[-1])
    label_points(
        ax,
        np.concatenate([centres[clusters], missing[:, :2]]),
        [view.names[i] for i in clusters] + list(view.missing_names),
        np.concatenate([centres, missing[:, :2], view.coordinates[:, :2]]),
        ["black" if known[i] else COLOURS[0] for i in clusters] + [COLOURS[1]] * len(missing),
    )


def _size_key(ax: Axes, view: LandscapeView) -> None:
    """Write below the axes what the markers mean."""
    largest = max(int(cluster_sizes(view).max(initial=1)), view.min_samples)
    shown = sorted({view.min_samples, int(np.sqrt(view.min_samples * largest)), largest})
    for size in shown:
        area = marker_areas(np.array(size))
        ax.scatter([], [], s=area, facecolors="0.8", edgecolors="black", linewidths=0.3, label=f"found {size} times")
    ax.scatter([], [], s=30, facecolors="0.8", edgecolors="black", linewidths=1.4, label="known phase")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=5, fontsize=7.5, handletextpad=0.2, frameon=False)


def eps_scan(view: LandscapeView, ax: Axes) -> Axes:
    """Draw the number of clusters against DBSCAN's radius, with the one that was chosen."""
    ax.plot(view.scan_eps, view.scan_clusters, "o-", color=COLOURS[0], ms=3, lw=1.2)
    ax.axvline(view.eps, color=COLOURS[1], ls="--", lw=1.2)
    ax.set_xscale("log")
    ax.set_ylim(0, 1.12 * max(np.max(view.scan_clusters, initial=1), 1))
    ax.annotate(
        f"chosen: {view.eps:.2g}",
        (view.eps, 0.02),
        xycoords=("data", "axes fraction"),
        xytext=(4, 0),
        textcoords="offset points",
        color=COLOURS[1],
        fontsize=8,
    )
    ax.set(xlabel="eps, distance of normalised fingerprints", ylabel=f"clusters of at least {view.min_samples}")
    ax.set_title(f"{view.pressure_gpa:g} GPa", fontsize=9)
    return ax


def surrogate_parity(view: SurrogateView, ax: Axes, formula: str = "f.u.") -> Axes:
    """Draw predictions against values held out from the training, with stated errors where known."""
    unit = f"eV per {pretty_formula(formula)}" if view.target == "enthalpy" else f"$k_B$ per {pretty_formula(formula)}"
    both = np.concatenate([view.actual, view.predicted])
    low, high = (both.min(), both.max()) if len(both) else (0.0, 1.0)
    ax.plot([low, high], [low, high], color="0.6", lw=0.8, zorder=1)
    if view.error is not None:
        ax.errorbar(view.actual, view.predicted, view.error, fmt="none", ecolor="0.75", elinewidth=0.6, zorder=2)
    ax.scatter(view.actual, view.predicted, s=9, color=COLOURS[0], alpha=0.6, lw=0, rasterized=True, zorder=3)
    ax.set(xlabel=f"{view.target}, {unit}", ylabel=f"predicted {view.target}, {unit}")
    ax.set_title(f"{view.pressure_gpa:g} GPa, held-out structures", fontsize=9)
    ax.set_aspect("equal", adjustable="datalim")
    return ax
