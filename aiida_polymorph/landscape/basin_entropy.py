"""Basin entropies from how often each phase was found (arXiv:1909.08934, section III B).

The model is N_A(n) ~ Poisson(mu), ln mu = n s_A + C_n + sigma x, with x standard normal: s_A is the basin entropy of
phase A in kB per formula unit, C_n a constant for each number n of formula units, and sigma the scatter that the
paper's two assumptions leave beyond Poisson noise. Zeros count wherever the phase could have appeared, that is where n
is a multiple of its primitive count.

Adding d to every s and subtracting n d from every C_n changes nothing: within one connected component one constant is
free, and exactly one. It is fixed so that the entropies of the component have mean zero; only differences mean
something, and the covariance matrix gives their errors.

Limit: a phase enters only when found often enough to be a cluster, so that entropies of phases with few finds are
biased upwards, by up to about their error.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aiida_polymorph.landscape.connected import components_of
from aiida_polymorph.landscape.poisson_lognormal import log_likelihood

PRIOR_SCATTER = 1.0
"""Scale of the half-normal prior of sigma: it matters only where the counts hardly determine sigma."""
COARSE_GRID = np.array([0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0])
FINE_POINTS = 11
NEWTON_STEPS = 100
LONGEST_STEP = 3.0
CONVERGED = 1e-5


@dataclass(frozen=True, eq=False)
class BasinEntropy:
    """Basin entropies with everything that is needed to use them.

    Attributes:
        entropy: kB per formula unit relative to the mean of the main component, shape (phases,); nan where the counts
            do not determine it.
        error: standard deviation of `entropy`, shape (phases,).
        covariance: of `entropy`, shape (phases, phases); singular, since the mean is fixed. The variance of the
            difference of phases a and b is cov[a, a] + cov[b, b] - 2 cov[a, b].
        constants: C_n in that gauge, shape (sizes,); nan for sizes outside the main component.
        component: label of the connected component of each phase, 0 the main one, shape (phases,).
        overdispersion: sigma, the extra standard deviation of ln N (its mean over the likelihood).
        overdispersion_error: its standard deviation; 0 where it was given.
        chi2_per_dof: Pearson's chi squared per degree of freedom at Poisson noise alone, which tests the model;
            nan without degrees of freedom.
        reason: why the entropy is nan, "" where it is not, one for each phase.
    """

    entropy: np.ndarray
    error: np.ndarray
    covariance: np.ndarray
    constants: np.ndarray
    component: np.ndarray
    overdispersion: float
    overdispersion_error: float
    chi2_per_dof: float
    reason: tuple[str, ...]

    @property
    def components(self) -> int:
        """How many groups of phases there are that cannot be compared with each other."""
        return int(self.component.max()) + 1

    def difference(self, a: int, b: int) -> tuple[float, float]:
        """Return s_a - s_b and its error, kB per formula unit."""
        variance = self.covariance[a, a] + self.covariance[b, b] - 2 * self.covariance[a, b]
        return float(self.entropy[a] - self.entropy[b]), float(np.sqrt(max(variance, 0.0)))


def fit_basin_entropy(
    counts: np.ndarray,
    sizes: np.ndarray,
    primitive: np.ndarray,
    overdispersion: float | None = None,
    log_multiplicity: np.ndarray | None = None,
) -> BasinEntropy:
    """Estimate basin entropies from how often each phase was found at each number of formula units.

    The errors include the over-dispersion and how well it is known: entropies and covariance are averaged over its
    likelihood, with the entropies integrated out (Laplace), so that the many phases with few finds do not bias it.

    Args:
        counts: finds, integers, shape (phases, sizes).
        sizes: numbers of formula units n, shape (sizes,), each once.
        primitive: formula units of each phase's primitive cell, shape (phases,). A phase found at a size that this
            does not divide was found there all the same (an impure cluster, a tolerance): the find is used.
        overdispersion: sigma, when it shall not be fitted; 0 gives plain Poisson errors.
        log_multiplicity: part of ln mu that is no entropy, shape (phases, sizes), such as the number of distinct cells
            of a phase; None, as in the paper, for none.

    Raises:
        ValueError: if the table is empty, not of matching shapes, has negative entries or a phase never found.
    """
    counts, sizes, primitive = _checked(counts, sizes, primitive)
    offset = np.zeros(counts.shape) if log_multiplicity is None else np.asarray(log_multiplicity, dtype=float)
    if offset.shape != counts.shape or not np.all(np.isfinite(offset)):
        raise ValueError(f"log_multiplicity must be finite numbers of shape {counts.shape}, as the counts")
    if overdispersion is not None and not overdispersion >= 0:
        raise ValueError(f"overdispersion is {overdispersion}, expected a number >= 0 or None to fit it")
    component, size_component = components_of(counts)
    rows, columns = np.flatnonzero(component == 0), np.flatnonzero(size_component == 0)
    here = np.ix_(rows, columns)
    table = _Table(counts[here], sizes[columns], primitive[rows], offset[here])
    grid = _likely_scatter(table) if overdispersion is None else np.array([overdispersion])
    fits = _fits(table, grid)
    weights = _probabilities(grid, fits)
    entropy = np.average([fit.entropy for fit in fits], axis=0, weights=weights)
    between = np.array([fit.entropy - entropy for fit in fits])
    covariance = (weights[:, None] * between).T @ between
    for weight, fit in zip(weights, fits, strict=True):
        covariance += weight * _covariance(table.sizes, fit.information)
    sigma = float(weights @ grid)
    return BasinEntropy(
        entropy=_scatter(entropy, rows, len(counts)),
        error=_scatter(np.sqrt(np.diagonal(covariance)), rows, len(counts)),
        covariance=_scatter(covariance, rows, len(counts)),
        constants=_scatter(np.average([fit.constants for fit in fits], axis=0, weights=weights), columns, len(sizes)),
        component=component,
        overdispersion=sigma,
        overdispersion_error=float(np.sqrt(weights @ (grid - sigma) ** 2)),
        chi2_per_dof=_chi2_per_dof(table),
        reason=tuple("" if label == 0 else _not_connected(counts[i], sizes) for i, label in enumerate(component)),
    )


@dataclass(frozen=True, eq=False)
class _Table:
    """Counts of one connected component."""

    counts: np.ndarray
    sizes: np.ndarray
    primitive: np.ndarray
    offset: np.ndarray

    @cached_property
    def possible(self) -> np.ndarray:
        return (self.sizes % self.primitive[:, None] == 0) | (self.counts > 0)


@dataclass(frozen=True, eq=False)
class _Fit:
    """The most likely entropies and constants at one sigma; `information`: minus the second derivatives by ln mu."""

    entropy: np.ndarray
    constants: np.ndarray
    information: np.ndarray
    log_evidence: float


def _checked(counts: np.ndarray, sizes: np.ndarray, primitive: np.ndarray) -> tuple[np.ndarray, ...]:
    counts, sizes, primitive = np.asarray(counts), np.asarray(sizes), np.asarray(primitive)
    if counts.ndim != 2 or counts.size == 0:
        raise ValueError(f"counts has shape {counts.shape}, expected (phases, sizes) with at least one of each")
    if sizes.shape != counts.shape[1:] or primitive.shape != counts.shape[:1]:
        raise ValueError(
            f"sizes has shape {sizes.shape} and primitive {primitive.shape}, "
            f"expected {counts.shape[1:]} and {counts.shape[:1]} from the counts"
        )
    if not np.all(np.isfinite(counts)) or np.any(counts < 0) or np.any(counts != np.round(counts)):
        raise ValueError("counts must be whole numbers >= 0")
    if len(np.unique(sizes)) < len(sizes) or np.any(sizes < 1) or np.any(primitive < 1):
        raise ValueError("sizes must be different numbers of formula units >= 1, and primitive >= 1")
    never = np.flatnonzero(counts.sum(axis=1) == 0)
    if len(never):
        raise ValueError(f"counts: phase {never[0]} was never found; leave such phases out, they have no estimate")
    return counts.astype(float), sizes.astype(float), primitive.astype(float)


def _likely_scatter(table: _Table) -> np.ndarray:
    """Return evenly spaced values of sigma that cover the likely ones."""
    probabilities = _probabilities(COARSE_GRID, _fits(table, COARSE_GRID))
    likely = np.flatnonzero(probabilities > probabilities.max() * 1e-2)
    low, high = max(likely[0] - 1, 0), min(likely[-1] + 1, len(COARSE_GRID) - 1)
    return np.linspace(COARSE_GRID[low], COARSE_GRID[high], FINE_POINTS)


def _probabilities(grid: np.ndarray, fits: list[_Fit]) -> np.ndarray:
    log_posterior = np.array([fit.log_evidence for fit in fits]) - (grid / PRIOR_SCATTER) ** 2 / 2
    weights = np.exp(log_posterior - log_posterior.max())
    return weights / weights.sum()


def _fits(table: _Table, grid: np.ndarray) -> list[_Fit]:
    """Fit at each sigma, from the fit at the one before."""
    fits: list[_Fit] = []
    for scatter in grid:
        fits.append(_fit(table, scatter, fits[-1] if fits else None))
    return fits


def _fit(table: _Table, scatter: float, start: _Fit | None = None) -> _Fit:
    """Maximise the concave likelihood by Newton steps, cut where they are long or lead downwards."""
    entropy = start.entropy if start else np.zeros(len(table.counts))
    constants = start.constants if start else np.log(table.counts.sum(axis=0) / table.possible.sum(axis=0))
    value, first, weights = _evaluate(table, entropy, constants, scatter)
    for _ in range(NEWTON_STEPS):
        d_entropy, d_constants = _newton_step(table.sizes, first, weights)
        change = np.abs(table.sizes * d_entropy[:, None] + d_constants).max()
        step = min(1.0, LONGEST_STEP / max(change, CONVERGED))
        trial = _evaluate(table, entropy + step * d_entropy, constants + step * d_constants, scatter)
        while trial[0] < value - 1e-9 * abs(value):
            step /= 2
            trial = _evaluate(table, entropy + step * d_entropy, constants + step * d_constants, scatter)
        entropy, constants = entropy + step * d_entropy, constants + step * d_constants
        value, first, weights = trial
        if change < CONVERGED:
            break
    own, _, information = _schur(table.sizes, weights)
    log_determinant = np.log(own).sum() + np.linalg.slogdet(information)[1]
    mean = entropy.mean()
    return _Fit(entropy - mean, constants + table.sizes * mean, weights, value - log_determinant / 2)


def _evaluate(
    table: _Table, entropy: np.ndarray, constants: np.ndarray, scatter: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log-likelihood, its first derivatives and minus its second ones by ln mu, (phases, sizes)."""
    possible = table.possible
    log_mean = (table.sizes * entropy[:, None] + constants + table.offset)[possible]
    value, slope, curvature = log_likelihood(table.counts[possible], log_mean, scatter)
    first, weights = np.zeros(possible.shape), np.zeros(possible.shape)
    first[possible], weights[possible] = slope, np.maximum(-curvature, 1e-12)
    return value.sum(), first, weights


def _schur(sizes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the phases' own information, their pull on the constants and the constants' information.

    The last has the free direction, which is along `sizes`, filled in.
    """
    own = weights @ sizes**2
    pull = weights * sizes / own[:, None]
    constants = np.diag(weights.sum(axis=0)) - (weights * sizes).T @ pull
    return own, pull, constants + np.outer(sizes, sizes)


def _newton_step(sizes: np.ndarray, first: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    own, pull, information = _schur(sizes, weights)
    gradient = first @ sizes
    d_constants = np.linalg.solve(information, first.sum(axis=0) - pull.T @ gradient)
    return gradient / own - pull @ d_constants, d_constants


def _covariance(sizes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the covariance of the entropies about their mean."""
    own, pull, information = _schur(sizes, weights)
    covariance = np.diag(1 / own) + pull @ np.linalg.solve(information, pull.T)
    covariance = covariance - covariance.mean(axis=0)
    covariance -= covariance.mean(axis=1, keepdims=True)
    return (covariance + covariance.T) / 2


def _chi2_per_dof(table: _Table) -> float:
    possible = table.possible
    dof = possible.sum() - sum(table.counts.shape) + 1
    if dof <= 0:
        return np.nan
    fit = _fit(table, 0.0)
    mean = np.exp(table.sizes * fit.entropy[:, None] + fit.constants + table.offset)
    return float(((table.counts - mean) ** 2 / mean)[possible].sum() / dof)


def _scatter(values: np.ndarray, where: np.ndarray, length: int) -> np.ndarray:
    """Put values into an array of nan, along each axis."""
    full = np.full((length,) * values.ndim, np.nan)
    full[np.ix_(*[where] * values.ndim)] = values
    return full


def _not_connected(counts: np.ndarray, sizes: np.ndarray) -> str:
    found = ", ".join(str(int(size)) for size in sizes[counts > 0])
    return f"found only with {found} formula units, which no chain of phases connects to the other sizes"
