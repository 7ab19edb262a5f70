"""Error bars: an ensemble on halves of the phases, its spread calibrated on phases that were left out."""

from __future__ import annotations

import numpy as np

from aiida_polymorph.landscape.kernel_ridge import Rows, solve


def calibrated_error(calibration: np.ndarray, spread: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the error of predictions from the members' spread and the distance to the nearest training phase."""
    floor, constant, factor, reach = calibration
    near = np.minimum(1, distance / reach)
    return np.sqrt(floor**2 + (constant**2 + (factor * spread) ** 2) * near**2)


def train_ensemble(rows: Rows, strength: float, members: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the members' weights, (members, M), and the spread over those that had not seen each phase, (p,)."""
    rng = np.random.default_rng(seed)
    number = len(rows.targets)
    weights = np.zeros((members, rows.kernel.shape[1]))
    unseen = np.zeros((members, number), dtype=bool)
    order = np.arange(number)
    for member in range(members):
        order = order[::-1] if member % 2 else rng.permutation(number)
        half = np.sort(order[: (number + 1) // 2])
        solution = solve(rows.select(half), strength)
        weights[member, half if rows.factor is None else slice(None)] = solution
        unseen[member, np.setdiff1d(order, half)] = True
    outputs: np.ma.MaskedArray = np.ma.masked_array(weights @ rows.kernel.T, mask=~unseen)
    spread = outputs.std(axis=0, ddof=1) if members > 3 else np.ma.masked_all(number)
    return weights, np.ma.filled(spread, np.nan)


def calibrate(
    rows: Rows, fitted: np.ndarray, left_out: np.ndarray, spread: np.ndarray, distance: np.ndarray
) -> np.ndarray:
    """Fit the error model such that the residuals of left-out phases have unit variance in units of it."""
    from scipy.optimize import minimize

    spread = np.where(np.isfinite(spread), spread, 0.0)
    floor = np.sqrt(np.mean((rows.targets - fitted) ** 2))
    reach = np.median(distance)
    size = max(np.sqrt(np.mean(left_out**2)), 1e-12)
    near = np.maximum(np.minimum(1, distance / max(reach, 1e-12)), 1e-3)

    def surprise(logs: np.ndarray) -> float:
        error = calibrated_error(np.array([floor, *(np.exp(logs) * [size, 1]), 1.0]), spread, near) + 1e-9 * size
        return float(np.mean(np.log(error) + (left_out / error) ** 2 / 2))

    constant, factor = np.exp(minimize(surprise, np.zeros(2), method="Nelder-Mead").x) * [size, 1]
    trial = calibrated_error(np.array([floor, constant, factor, 1.0]), spread, near) + 1e-9 * size
    stretch = np.sqrt(np.mean((left_out / trial) ** 2))
    return np.array([floor, constant * stretch, factor * stretch, max(reach, 1e-12)])
