"""Judge estimates of the entropy by leaving phases out: plain functions on arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Judgement:
    """How an estimate does on phases that were left out when its parameters were fitted.

    Attributes:
        phases: how many entries (phase and pressure) were judged.
        correlation: Pearson's r of estimate and truth, both relative to their pressure's mean.
        rmse: root mean squared error, kB per formula unit.
        parameters: fitted to all phases.
    """

    phases: int
    correlation: float
    rmse: float
    parameters: tuple[float, ...]


def judge(
    known: np.ndarray, variables: np.ndarray, truth: np.ndarray, names: np.ndarray, pressures: np.ndarray
) -> Judgement:
    """Judge the estimate `known` + parameters . `variables` + a constant for each pressure.

    Each phase is left out in turn, at all pressures at once, and parameters and constants are fitted to the others by
    least squares. Entries at a pressure that no other phase has are not judged, nor are those with nan.

    Args:
        known: the part of the estimate without parameters, kB per formula unit, shape (n,).
        variables: what the parameters multiply, shape (n, v); v may be 0.
        truth: entropy, kB per formula unit, shape (n,).
        names: phase of each entry, shape (n,).
        pressures: of each entry, shape (n,).
    """
    entries = np.isfinite(known + variables.sum(axis=1) + truth)
    known, variables, truth, names, pressures = (each[entries] for each in (known, variables, truth, names, pressures))
    levels = (pressures[:, None] == np.unique(pressures)).astype(float)
    design = np.column_stack([variables, levels])
    target = truth - known
    predicted = np.full(len(truth), np.nan)
    for name in np.unique(names):
        out = names == name
        covered = levels[~out].sum(axis=0) > 0
        judged = out & (levels[:, ~covered].sum(axis=1) == 0)
        solution = np.linalg.lstsq(design[~out], target[~out], rcond=None)[0]
        predicted[judged] = known[judged] + design[judged] @ solution
    use = np.isfinite(predicted)
    whole = np.linalg.lstsq(design, target, rcond=None)[0][: variables.shape[1]]
    return Judgement(
        phases=int(use.sum()),
        correlation=_correlation(known + variables @ whole, truth, pressures),
        rmse=float(np.sqrt(np.mean((predicted - truth)[use] ** 2))),
        parameters=tuple(float(each) for each in whole),
    )


def centred(values: np.ndarray, pressures: np.ndarray) -> np.ndarray:
    """Return the values relative to the mean of their pressure."""
    result = np.array(values, dtype=float)
    for pressure in np.unique(pressures):
        here = pressures == pressure
        result[here] -= result[here].mean()
    return result


def _correlation(x: np.ndarray, y: np.ndarray, pressures: np.ndarray) -> float:
    x, y = centred(x, pressures), centred(y, pressures)
    if np.ptp(x) < 1e-9 or np.ptp(y) < 1e-9:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])
