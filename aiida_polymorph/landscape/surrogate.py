"""Surrogate: enthalpy or basin entropy of a structure from its fingerprint (arXiv:1909.08934, section III C).

The copies of one phase are one point, since they say the same; what a prediction is wanted for is a phase that was
not found. So regularisation and error bars come from leaving out whole phases, never single copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from aiida_polymorph.landscape.calibration import calibrate, calibrated_error, train_ensemble
from aiida_polymorph.landscape.kernel_ridge import (
    Rows,
    cholesky_factor,
    choose_regularisation,
    solve_and_leave_out,
)
from aiida_polymorph.landscape.sampling import farthest_points, nearest_from_products, squares

METHODS = ("kernel", "ridge", "sparse-kernel")
POWERS = {"kernel": 2, "ridge": 1, "sparse-kernel": 1}
OFFSETS = {"kernel": 1.0, "ridge": 1.0, "sparse-kernel": 0.0}
REPRESENTATIVES = {"kernel": 4000, "ridge": 4000, "sparse-kernel": 200}
MOST_PHASES = 4000
"""Phases to train on at most: the kernel between them is a matrix, and time grows as their number cubed. With more, the
rest is left out by chance, so that the training set looks like what is predicted."""
BLOCK = 2000
"""Structures that are predicted at a time."""
COLUMNS = 64
"""Features that are averaged at a time."""
EXTRAPOLATION_QUANTILE = 0.99
SCALARS = ("method", "power", "offset", "intercept", "regularisation", "extrapolation_distance")


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predictions for n structures.

    Attributes:
        mean: in the unit of the targets, shape (n,).
        error: standard deviation, calibrated for phases that the training set lacks, shape (n,).
        extrapolation: whether the structure lies farther from every training phase than nearly all (99 %) of these
            lie from each other, shape (n,); mean and error can't be trusted there.
    """

    mean: np.ndarray
    error: np.ndarray
    extrapolation: np.ndarray


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A trained surrogate; d features, M representatives, p training phases.

    Attributes:
        method: `kernel`, `ridge` or `sparse-kernel`.
        species: elements that it was trained on, () if not told.
        power: of the kernel.
        centre, scale: features are (f - centre) / scale before the kernel, shape (d,).
        offset: the kernel is (offset + f . f')**power; 1, but 0 in the paper's form.
        representatives: which of the training phases stand in the kernel, indices, shape (M,).
        weights: of the model and of the ensemble's members, shape (1 + members, M).
        intercept: added to every prediction.
        regularisation: lambda.
        phases: features of the training phases, shape (p, d).
        calibration: error^2 = c0^2 + (c1^2 + c2^2 spread^2) min(1, distance / c3)^2, shape (4,), with the spread of
            the members and the distance to the nearest training phase, between features as the kernel takes them.
        extrapolation_distance: distance to the nearest training phase above which a prediction is flagged.
    """

    method: str
    species: tuple[str, ...]
    power: int
    centre: np.ndarray
    scale: np.ndarray
    offset: float
    representatives: np.ndarray
    weights: np.ndarray
    intercept: float
    regularisation: float
    phases: np.ndarray
    calibration: np.ndarray
    extrapolation_distance: float

    def predict(self, features: np.ndarray, species: Sequence[str] | None = None) -> Prediction:
        """Predict the target of structures.

        Args:
            features: fingerprints of the same settings, shape (n, d).
            species: elements of the structures, checked against those of the training set.

        Raises:
            ValueError: if elements or number of features are not those that it was trained on, or a feature is nan.
        """
        features = np.atleast_2d(np.asarray(features))
        self._check(features, species)
        phases = self._transform(self.phases)
        starts = range(0, max(len(features), 1), BLOCK)
        parts = [self._outputs(features[i : i + BLOCK], phases) for i in starts]
        outputs, distance = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Prediction(
            mean=outputs[:, 0] + self.intercept,
            error=calibrated_error(self.calibration, outputs[:, 1:].std(axis=1, ddof=1), distance),
            extrapolation=distance > self.extrapolation_distance,
        )

    def _outputs(self, features: np.ndarray, phases: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inputs = self._transform(features.astype(float))
        products = inputs @ phases.T
        outputs = power_kernel(products[:, self.representatives], self.power, self.offset) @ self.weights.T
        return outputs, nearest_from_products(products, squares(inputs), squares(phases))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return everything as a flat dictionary of arrays."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Surrogate:
        """Rebuild a surrogate from `to_arrays`."""
        values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls)}
        values |= {name: values[name].item() for name in SCALARS}
        return cls(**(values | {"species": tuple(str(symbol) for symbol in values["species"])}))

    def _transform(self, features: np.ndarray) -> np.ndarray:
        return standardised(features, self.centre, self.scale)

    def _check(self, features: np.ndarray, species: Sequence[str] | None) -> None:
        if species is not None and self.species and set(species) != set(self.species):
            known, asked = ", ".join(sorted(self.species)), ", ".join(sorted(set(species)))
            raise ValueError(f"species: the surrogate was trained on {known} and can't predict {asked}")
        if features.shape[1] != self.phases.shape[1]:
            raise ValueError(
                f"features: {features.shape[1]} a structure, but the surrogate was trained on {self.phases.shape[1]}; "
                "the fingerprint settings must be the same"
            )
        if not np.all(np.isfinite(features)):
            raise ValueError(f"features: structure {_first_bad(features)} has values that are not finite")


def fit_surrogate(
    features: np.ndarray,
    targets: np.ndarray,
    *,
    method: str = "kernel",
    groups: np.ndarray | None = None,
    noise: np.ndarray | None = None,
    members: int = 8,
    seed: int = 0,
    power: int | None = None,
    representatives: int | None = None,
    regularisation: float | None = None,
    species: Sequence[str] = (),
) -> Surrogate:
    """Train a surrogate.

    Args:
        features: fingerprints, unit rows, shape (n, d); of more than 4000 phases a random part is trained on.
        targets: enthalpy in eV, or basin entropy in kB, per formula unit, shape (n,).
        method: `kernel`: kernel ridge regression with (1 + f . f')**power and every phase as a representative (the
            default, the most accurate); `ridge`: ridge regression on standardised features; `sparse-kernel`: the
            paper's equation 7 with representatives by farthest-point sampling.
        groups: label of each structure's phase, shape (n,); -1: a phase of its own. None: all are.
        noise: standard deviation of each target, shape (n,), for targets that have one; None: all weigh alike.
        members: models of the ensemble, each trained on half of the phases, in complementary pairs.
        seed: of the halves.
        power: of the kernel; None: 2 for `kernel`, 1 else.
        representatives: at most so many; None: 4000, and 200 for `sparse-kernel`.
        regularisation: lambda; None: the smallest leave-one-phase-out error.
        species: elements that the features describe, to refuse others.

    Raises:
        ValueError: if a target or feature is not finite, the shapes don't match, the method is unknown, there are
            fewer than four phases, or fewer than two members.
    """
    features, targets, noise = _checked(features, targets, noise, method, members)
    labels = group_labels(groups, len(targets))
    kept = most_phases(labels, seed)
    phases, phase_targets, weights = phase_means(features[kept], targets[kept], labels[kept], noise[kept])
    if len(phases) < 4:
        raise ValueError(f"features: only {len(phases)} different phases, a surrogate needs at least 4")
    centre, scale, offset = _standardisation(phases, method)
    inputs = standardised(phases, centre, scale)
    products = inputs @ inputs.T
    power = POWERS[method] if power is None else power
    limit = REPRESENTATIVES[method] if representatives is None else representatives
    chosen = farthest_points(inputs, limit) if limit < len(phases) else np.arange(len(phases))
    intercept = float(np.average(phase_targets, weights=weights))
    kernel = power_kernel(products[:, chosen] if limit < len(phases) else products, power, offset)
    factor = cholesky_factor(kernel[chosen]) if limit < len(phases) else None
    rows = Rows(kernel, phase_targets - intercept, weights, factor)
    strength = choose_regularisation(rows, seed) if regularisation is None else regularisation
    ensemble, outside = train_ensemble(rows, strength, members, seed)
    distance = nearest_from_products(products, squares(inputs), squares(inputs), exclude_self=True)
    model, left_out = solve_and_leave_out(rows, strength)
    return Surrogate(
        method=method,
        species=tuple(species),
        power=power,
        centre=centre,
        scale=scale,
        offset=offset,
        representatives=chosen,
        weights=np.vstack([model, ensemble]),
        intercept=intercept,
        regularisation=strength,
        phases=phases,
        calibration=calibrate(rows, kernel @ model, left_out, outside, distance),
        extrapolation_distance=float(np.quantile(distance, EXTRAPOLATION_QUANTILE)),
    )


def power_kernel(products: np.ndarray, power: int, offset: float) -> np.ndarray:
    """Return (offset + f . f')**power from the products f . f', shape (n, m)."""
    kernel = products + offset
    return kernel if power == 1 else kernel**power


def standardised(features: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return (features - centre) / scale, without a copy where that changes nothing."""
    return features if not centre.any() and np.all(scale == 1) else (features - centre) / scale


def group_labels(groups: np.ndarray | None, number: int) -> np.ndarray:
    """Return labels from 0 on, in which each structure with a negative label is a group of its own."""
    if groups is None:
        return np.arange(number)
    groups = np.asarray(groups)
    if groups.shape != (number,):
        raise ValueError(f"groups has shape {groups.shape}, expected ({number},): one label for each structure")
    own = groups < 0
    labels = np.where(own, groups.max(initial=0) + np.cumsum(own), groups)
    return np.unique(labels, return_inverse=True)[1]


def most_phases(groups: np.ndarray, seed: int) -> np.ndarray | slice:
    """Return which structures to train on: all of them, or those of `MOST_PHASES` phases drawn by chance."""
    number = int(groups.max()) + 1
    if number <= MOST_PHASES:
        return slice(None)
    return np.isin(groups, np.random.default_rng(seed).permutation(number)[:MOST_PHASES])


def phase_means(
    features: np.ndarray, targets: np.ndarray, groups: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean features, mean target and weight (mean 1) of each group, in double precision.

    The weight is the sum of 1 / noise^2 of its members: phases found more often are fitted more closely.
    """
    from scipy.sparse import csr_array

    groups = np.unique(groups, return_inverse=True)[1]
    member_weights = 1 / noise**2
    weights = np.bincount(groups, weights=member_weights)
    mean = csr_array((member_weights / weights[groups], (groups, np.arange(len(groups)))))
    starts = range(0, features.shape[1], COLUMNS)
    means = np.hstack([mean @ features[:, i : i + COLUMNS].astype(float) for i in starts])
    return means, mean @ targets, weights / weights.mean()


def _checked(
    features: np.ndarray, targets: np.ndarray, noise: np.ndarray | None, method: str, members: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    features, targets = np.asarray(features), np.asarray(targets, dtype=float)
    noise = np.ones(targets.shape) if noise is None else np.asarray(noise, dtype=float)
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, must be one of {', '.join(METHODS)}")
    if members < 2:
        raise ValueError(f"members is {members}, must be 2 or more for a spread")
    if features.ndim != 2 or targets.shape != features.shape[:1] or noise.shape != targets.shape:
        raise ValueError(
            f"features, targets and noise have shapes {features.shape}, {targets.shape} and {noise.shape}, "
            "expected (n, d), (n,) and (n,)"
        )
    for name, values in (("targets", targets), ("features", features), ("noise", noise)):
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: structure {_first_bad(values)} has a value that is not finite; leave it out")
    if np.any(noise <= 0):
        raise ValueError("noise must be above 0 for every structure")
    return features, targets, noise


def _first_bad(values: np.ndarray) -> int:
    return int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])


def _standardisation(phases: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray, float]:
    if method != "ridge":
        return np.zeros(phases.shape[1]), np.ones(phases.shape[1]), OFFSETS[method]
    deviation = phases.std(axis=0)
    constant = deviation <= 1e-10 * max(deviation.max(), 1e-300)
    return phases.mean(axis=0), np.where(constant, np.inf, deviation * np.sqrt(phases.shape[1])), OFFSETS[method]
