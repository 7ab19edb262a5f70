"""The steps of an analysis, each timed, as `calculations/functions` takes them."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from common import Elapsed, timed

from aiida_polymorph.structures import StructureSet

CHOSEN_SAMPLES = 3


def _note(steps: dict[str, dict[str, float]], name: str, elapsed: Elapsed) -> None:
    steps[name] = {"wall": round(elapsed.wall, 3), "cpu": round(elapsed.cpu, 3)}


def analyse(structures: StructureSet, processes: int) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Return wall and CPU seconds of each step, and what the steps gave.

    The surrogate is fitted and tested in three ways, each by retraining (six fits in all); that of the basin entropy
    likewise.
    """
    steps: dict[str, dict[str, float]] = {}
    with timed() as elapsed:
        import dscribe.descriptors  # noqa: F401

        from aiida_polymorph.landscape import clusters, fingerprints, kernel_map
        from aiida_polymorph.landscape.basin_entropy import fit_basin_entropy
        from aiida_polymorph.landscape.surrogate import fit_surrogate
        from aiida_polymorph.landscape.validation import evaluate
    _note(steps, "import", elapsed)
    with timed() as elapsed:
        features = fingerprints.compute_fingerprints(structures, processes=processes, dtype=np.float32)
    _note(steps, "fingerprints", elapsed)
    with timed() as elapsed:
        coordinates = kernel_map.kernel_pca(features).coordinates
    _note(steps, "map", elapsed)
    with timed() as elapsed:
        choice = clusters.choose_eps(coordinates, CHOSEN_SAMPLES)
    _note(steps, "threshold", elapsed)
    with timed() as elapsed:
        labels = clusters.dbscan(coordinates, choice.eps, CHOSEN_SAMPLES)
        distinct = clusters.dbscan(coordinates, choice.eps, 1)
    _note(steps, "clusters", elapsed)
    with timed() as elapsed:
        table = clusters.summarise(structures, labels)
    _note(steps, "symmetry of the phases", elapsed)
    with timed() as elapsed:
        sizes = np.unique(structures.formula_units)
        counts = np.array([[each.found.get(int(n), 0) for n in sizes] for each in table])
        entropy = fit_basin_entropy(counts, sizes, np.array([each.primitive_formula_units or 1 for each in table]))
    _note(steps, "basin entropies", elapsed)
    with timed() as elapsed:
        targets = structures.enthalpy_per_formula_unit
        fit_surrogate(features, targets, groups=distinct)
    _note(steps, "surrogate", elapsed)
    with timed() as elapsed:
        tests = evaluate(features, targets, groups=distinct)
        known = np.isfinite(entropy.entropy)
        rows = np.array([each.representative for each in table])[known]
        if known.sum() >= 8:
            evaluate(
                features[rows], entropy.entropy[known], noise=np.maximum(entropy.error[known], 0.05), min_samples=1
            )
    _note(steps, "tests of the surrogates", elapsed)
    results = {
        "features": features,
        "coordinates": coordinates,
        "labels": labels,
        "eps": choice.eps,
        "minima": int(distinct.max()) + 1,
        "found_once": int(np.sum(np.bincount(distinct) == 1)),
        "phases": len(table),
        "largest": int(np.bincount(distinct).max()),
        "tests": {name: {"mae": score.mae, "rmse": score.rmse} for name, score in tests.items()},
    }
    return steps, results


def total(steps: dict[str, dict[str, float]], without: tuple[str, ...] = ()) -> dict[str, float]:
    """Return the sums of wall and CPU seconds of the steps that are not left out."""
    chosen = [step for name, step in steps.items() if name not in without and "not in the sum" not in name]
    return {kind: round(sum(step[kind] for step in chosen), 2) for kind in ("wall", "cpu")}


def table_of(steps: dict[str, dict[str, float]]) -> str:
    """Return a table of the steps for people."""
    lines = [f"{name:<42} {step['wall']:>8.2f} {step['cpu']:>8.2f}" for name, step in steps.items()]
    return "\n".join([f"{'step':<42} {'wall/s':>8} {'CPU/s':>8}", *lines])


def stamp() -> str:
    """Return today's date."""
    return time.strftime("%Y-%m-%d")
