"""Mean and error of correlated samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

WINDOW = 5.0
"""The sum over the autocorrelation ends after this many correlation times (Sokal 1997)."""


class Estimate(NamedTuple):
    """A value with its standard error."""

    value: float
    error: float


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Return the first less the second of two independent estimates."""
    return Estimate(one.value - other.value, float(np.hypot(one.error, other.error)))


class SeriesMean(NamedTuple):
    """Mean of a series.

    Attributes:
        value: the mean.
        error: its standard error; never 0 for fewer than two independent samples, where it is the spread.
        inefficiency: how many samples count as one, 1 or more.
        effective: number of independent samples.
    """

    value: float
    error: float
    inefficiency: float
    effective: float


def statistical_inefficiency(series: np.ndarray) -> float:
    """Return 1 + 2 sum of the autocorrelation, at least 1, with Sokal's automatic window.

    Args:
        series: equidistant samples, shape (n,), n of 2 or more.
    """
    centred = series - series.mean()
    n = len(centred)
    transform = np.fft.rfft(centred, 2 * n)
    correlation = np.fft.irfft(np.abs(transform) ** 2)[:n]
    if correlation[0] <= 0:
        return 1.0
    correlation = correlation / correlation[0]
    times = 1 + 2 * np.cumsum(correlation[1:])
    lags = np.arange(1, n)
    enough = np.flatnonzero(lags >= WINDOW * times / 2)
    window = int(enough[0]) if len(enough) else n - 2
    return float(max(1.0, times[window])) if n > 2 else 1.0


def series_mean(series: np.ndarray, parameters: int = 0) -> SeriesMean:
    """Return the mean of correlated samples and its standard error.

    The variance of a short series about its own mean is too small by 1 - 1 / (independent samples), which is put
    right, as is what fitted parameters take away.

    Args:
        series: equidistant samples, shape (n,).
        parameters: how many coefficients were fitted to the same samples.

    Raises:
        ValueError: if there are fewer than 4 samples, or one is not finite.
    """
    series = np.asarray(series, dtype=float)
    if series.ndim != 1 or len(series) < 4 or not np.isfinite(series).all():
        raise ValueError(f"a series needs 4 finite samples or more for an error, this one has {series.size}")
    inefficiency = statistical_inefficiency(series)
    effective = len(series) / inefficiency
    left = max(effective - 1 - parameters, 0.5)
    return SeriesMean(float(series.mean()), float(np.sqrt(series.var() / left)), inefficiency, effective)


def controlled_mean(series: np.ndarray, controls: np.ndarray) -> SeriesMean:
    """Return the mean of a series, less noisy by quantities whose mean is known to be zero.

    The coefficients are those of least squares.

    Args:
        series: shape (n,).
        controls: correlated with it, of mean zero in the ensemble, shape (n, c).

    Raises:
        ValueError: as `series_mean`.
    """
    centred = controls - controls.mean(axis=0)
    coefficients, *_ = np.linalg.lstsq(centred, series - series.mean(), rcond=None)
    return series_mean(series - controls @ coefficients, parameters=controls.shape[1])
