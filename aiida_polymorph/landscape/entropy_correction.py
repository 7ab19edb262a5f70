"""The correction s_b - a H, which brings basin entropies nearer to true ones (arXiv:1909.08934, section III B)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def enthalpy_correction(entropy: np.ndarray, enthalpy: np.ndarray, a: float) -> np.ndarray:
    """Return s_b - a H.

    Args:
        entropy: s_b in kB per formula unit, shape (phases,).
        enthalpy: H in eV per formula unit, shape (phases,); only differences matter.
        a: kB per eV; negative where low-enthalpy phases are found more often than their entropy tells.
    """
    return np.asarray(entropy) - a * np.asarray(enthalpy)


@dataclass(frozen=True)
class CorrectionFit:
    """The fitted correction s_b - S = a H + constant.

    Attributes:
        a: kB per eV.
        error: standard deviation of `a`.
        scatter: standard deviation of s_b - a H about S that the errors do not explain, kB per formula unit.
        correlation: Pearson's r between s_b and S.
        corrected_correlation: Pearson's r between s_b - a H and S; nan, like the other one, for constant values.
        phases: how many phases the fit used.
    """

    a: float
    error: float
    scatter: float
    correlation: float
    corrected_correlation: float
    phases: int


def fit_a(entropy: np.ndarray, covariance: np.ndarray, enthalpy: np.ndarray, true_entropy: np.ndarray) -> CorrectionFit:
    """Fit s_b - S = a H + constant by generalised least squares.

    The covariance is that of the basin entropies plus an independent scatter, which is chosen such that chi squared
    equals its degrees of freedom (Paule and Mandel, 1982): basin and true entropy are not the same quantity.

    Args:
        entropy: s_b in kB per formula unit, shape (phases,); phases with nan anywhere are left out.
        covariance: of `entropy` (plus that of `true_entropy`, where known), shape (phases, phases).
        enthalpy: H in eV per formula unit, shape (phases,).
        true_entropy: S in kB per formula unit, shape (phases,).

    Raises:
        ValueError: if fewer than three phases have all values, or these all have the same enthalpy.
    """
    entropy, enthalpy, true_entropy = (np.asarray(each, dtype=float) for each in (entropy, enthalpy, true_entropy))
    known = np.flatnonzero(np.isfinite(entropy + enthalpy + true_entropy))
    if len(known) < 3:
        raise ValueError(f"only {len(known)} phases have basin entropy, enthalpy and true entropy, expected at least 3")
    h, y = enthalpy[known], (entropy - true_entropy)[known]
    if np.ptp(h) < 1e-9:
        raise ValueError("enthalpy: the phases all have the same one, so that a cannot be fitted")
    own = np.asarray(covariance, dtype=float)[np.ix_(known, known)]
    scatter = _extra_scatter(h - h.mean(), y, own)
    a, error, _ = _least_squares(h - h.mean(), y, own, scatter)
    corrected = enthalpy_correction(entropy[known], h, a)
    return CorrectionFit(
        a=a,
        error=error,
        scatter=scatter,
        correlation=_correlation(entropy[known], true_entropy[known]),
        corrected_correlation=_correlation(corrected, true_entropy[known]),
        phases=len(known),
    )


def _least_squares(h: np.ndarray, y: np.ndarray, covariance: np.ndarray, scatter: float) -> tuple[float, float, float]:
    """Return a, its error and chi squared."""
    # The constant absorbs any common shift: adding one to the covariance changes nothing but makes it invertible.
    size = max(np.trace(covariance) / len(h), scatter**2, 1e-12)
    total = covariance + np.eye(len(h)) * (scatter**2 + 1e-9 * size) + size
    design = np.stack([h, np.ones_like(h)], axis=1)
    whitened = np.linalg.solve(np.linalg.cholesky(total), np.column_stack([design, y]))
    solution, *_ = np.linalg.lstsq(whitened[:, :2], whitened[:, 2], rcond=None)
    residual = whitened[:, 2] - whitened[:, :2] @ solution
    variance = np.linalg.inv(whitened[:, :2].T @ whitened[:, :2])[0, 0]
    return float(solution[0]), float(np.sqrt(variance)), float(residual @ residual)


def _extra_scatter(h: np.ndarray, y: np.ndarray, covariance: np.ndarray) -> float:
    """Return the scatter that brings chi squared to its degrees of freedom; 0 where the errors suffice."""
    from scipy.optimize import brentq

    dof = len(h) - 2

    def excess(scatter: float) -> float:
        return _least_squares(h, y, covariance, scatter)[2] - dof

    if excess(0.0) <= 0:
        return 0.0
    high = max(2 * float(np.std(y)), 1e-6)
    while excess(high) > 0:
        high *= 2
    return float(brentq(excess, 0.0, high, xtol=1e-6 * high))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) > 0 and np.ptp(y) > 0 else float("nan")
