"""How well two sets of numbers agree, where only differences within each group (pressure) have a meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from aiida_polymorph.landscape.entropy_correction import enthalpy_correction, fit_a

FEWEST = 4
"""With fewer points a correlation coefficient says nothing."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Phases with basin entropy and true entropy; n of them.

    Attributes:
        names: of the phases.
        groups: pressure of each, GPa, shape (n,); only differences within a group mean something.
        basin: s_b, kB per formula unit, shape (n,).
        covariance: of `basin`, shape (n, n).
        enthalpy: at 0 K, eV per formula unit, shape (n,).
        true: thermodynamic entropy, kB per formula unit, shape (n,).
    """

    names: tuple[str, ...]
    groups: np.ndarray
    basin: np.ndarray
    covariance: np.ndarray
    enthalpy: np.ndarray
    true: np.ndarray

    def select(self, which: np.ndarray) -> Sample:
        """Return the phases of a boolean mask."""
        chosen = np.flatnonzero(which)
        return Sample(
            names=tuple(self.names[i] for i in chosen),
            groups=self.groups[chosen],
            basin=self.basin[chosen],
            covariance=self.covariance[np.ix_(chosen, chosen)],
            enthalpy=self.enthalpy[chosen],
            true=self.true[chosen],
        )

    def centred(self) -> Sample:
        """Return the same phases with the mean of each group taken off all values, and the covariance accordingly."""
        project = centring(self.groups)
        return replace(
            self,
            basin=project @ self.basin,
            covariance=project @ self.covariance @ project.T,
            enthalpy=project @ self.enthalpy,
            true=project @ self.true,
        )


def centring(groups: np.ndarray) -> np.ndarray:
    """Return the matrix that takes the mean of its group off every value, shape (n, n)."""
    same = groups[:, None] == groups[None, :]
    return np.eye(len(groups)) - same / same.sum(axis=1)


def root_mean_square(values: np.ndarray) -> float:
    """Return the root of the mean square; nan for no values."""
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")


def compare_entropies(sample: Sample) -> dict[str, float | int | None]:
    """Return how s_b and s_b - aH agree with the true entropy, after centring each group.

    Returns:
        `phases`; `r` with its 95 % confidence interval `r_low`, `r_high`; `rmse` (kB); `spread`, the standard
        deviation of the true entropies, which an estimate must beat (kB); `a` and `a_error` (kB per eV);
        `corrected_r`, `corrected_rmse`. None for what fewer than four phases can't tell.
    """
    centre = sample.centred()
    names = ("r", "r_low", "r_high", "a", "a_error", "corrected_r", "corrected_rmse")
    result: dict[str, float | int | None] = {
        "phases": len(sample.names),
        "rmse": root_mean_square(centre.basin - centre.true),
        "spread": root_mean_square(centre.true),
        **dict.fromkeys(names),
    }
    if len(sample.names) < FEWEST:
        return result
    test = stats.pearsonr(centre.basin, centre.true)
    interval = test.confidence_interval(0.95)
    fit = fit_a(centre.basin, centre.covariance, centre.enthalpy, centre.true)
    corrected = enthalpy_correction(centre.basin, centre.enthalpy, fit.a)
    return result | {
        "r": float(test.statistic),
        "r_low": float(interval.low),
        "r_high": float(interval.high),
        "a": fit.a,
        "a_error": fit.error,
        "corrected_r": float(stats.pearsonr(corrected, centre.true).statistic),
        "corrected_rmse": root_mean_square(corrected - centre.true),
    }


def compare_potentials(estimate: np.ndarray, reference: np.ndarray) -> dict[str, float | int | None]:
    """Return rank correlations, and the RMSE after a common shift, of chemical potentials of the same phases.

    Args:
        estimate, reference: any unit, the same one for both, shape (n,).

    Returns:
        `phases`, `spearman`, `kendall`, `rmse`, and `largest`, the largest deviation; None with fewer than four.
    """
    if len(estimate) < FEWEST:
        return {"phases": len(estimate), **dict.fromkeys(("spearman", "kendall", "rmse", "largest"))}
    deviation = (estimate - reference) - np.mean(estimate - reference)
    return {
        "phases": len(estimate),
        "spearman": float(stats.spearmanr(estimate, reference).statistic),
        "kendall": float(stats.kendalltau(estimate, reference).statistic),
        "rmse": root_mean_square(deviation),
        "largest": float(np.abs(deviation).max()),
    }


def compare_predictions(predicted: np.ndarray, error: np.ndarray, actual: np.ndarray) -> dict[str, float | int | None]:
    """Return MAE, RMSE, mean deviation and the share within one and two stated errors; None for no values."""
    if len(actual) == 0:
        return {"phases": 0, **dict.fromkeys(("mae", "rmse", "bias", "within_1", "within_2"))}
    residual = predicted - actual
    return {
        "phases": len(actual),
        "mae": float(np.abs(residual).mean()),
        "rmse": root_mean_square(residual),
        "bias": float(residual.mean()),
        "within_1": float(np.mean(np.abs(residual) <= error)),
        "within_2": float(np.mean(np.abs(residual) <= 2 * error)),
    }


def stable_ranges(pressures: np.ndarray, stable: list[str | None]) -> list[dict[str, float | str | None]]:
    """Return which phase is stable from which to which pressure: `phase`, `from_gpa`, `to_gpa`."""
    found: list[dict[str, float | str | None]] = []
    for pressure, name in zip(pressures, stable, strict=True):
        if not found or found[-1]["phase"] != name:
            found.append({"phase": name, "from_gpa": float(pressure), "to_gpa": float(pressure)})
        found[-1]["to_gpa"] = float(pressure)
    return found


def lowest(values: np.ndarray, names: tuple[str, ...]) -> list[str | None]:
    """Return the name of the lowest value of each row, None for a row of nan only; values have shape (rows, names)."""
    known = np.isfinite(values).any(axis=1)
    best = np.argmin(np.where(np.isfinite(values), values, np.inf), axis=1)
    return [names[i] if here else None for i, here in zip(best, known, strict=True)]
