"""Frenkel-Ladd by equilibrium sampling: Helmholtz energy of a crystal from springs that are added and taken away.

A = U0 + A0 + A1 + A2 + translation, whole cell in eV, after Vega et al., J. Phys.: Condens. Matter 20, 153101 (2008):
    U0  energy of the perfect crystal;
    A0  ideal Einstein crystal with fixed centroid, `einstein.einstein_free_energy`;
    A1  interactions switched on while the springs are strong, from displacements drawn directly;
    A2  springs switched off: -integral over lambda from 0 to 1 of <sum_i K_i u_i^2 / 2>.
The integral runs over x = ln(lambda + c), in which the integrand times (lambda + c) is flat for c = the crystal's own
stiffness over that of the springs, by Gauss-Legendre quadrature.

The noise of each stage is cut by what is known exactly: with fixed centroid, <sum_i u_i . F_i> = -3 (N - 1) kB T for
all atoms and, with the centroid's force taken off, -3 (N_s - N_s / N) kB T for the atoms of each element s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aiida_polymorph.thermodynamics.sampling.series import Estimate, SeriesMean, controlled_mean
from aiida_polymorph.units import KB

STIFFNESS = 50.0
"""Full springs are this much stiffer than those with the crystal's own mean-square displacements."""


@dataclass(frozen=True)
class Quadrature:
    """Points and weights for the integral over lambda from 0 to 1; n points.

    Attributes:
        points: lambda, rising, shape (n,).
        weights: shape (n,): integral of f = sum of weights * f(points).
        offset: c, see the module.
    """

    points: np.ndarray
    weights: np.ndarray
    offset: float


def quadrature(number: int, offset: float) -> Quadrature:
    """Return Gauss-Legendre quadrature in ln(lambda + offset) between lambda = 0 and 1.

    Raises:
        ValueError: if there are fewer than 2 points, or the offset is not positive.
    """
    if number < 2 or not offset > 0:
        raise ValueError(f"quadrature with {number} points and offset {offset}: needs 2 or more and a positive offset")
    roots, weights = np.polynomial.legendre.leggauss(number)
    length = np.log((1 + offset) / offset)
    shifted = offset * np.exp(length * (roots + 1) / 2)
    return Quadrature(shifted - offset, weights * length / 2 * shifted, offset)


def truncation_error(rule: Quadrature, integrand: np.ndarray, errors: np.ndarray) -> float:
    """Return how large the quadrature's own error may be, from the decay of the integrand's Legendre coefficients.

    The highest coefficients that the points determine bound those that they don't; up to twice their noise they count
    as zero.

    Args:
        rule: the quadrature.
        integrand: at its points, shape (n,).
        errors: its standard errors, shape (n,).
    """
    number = len(rule.points)
    roots, weights = np.polynomial.legendre.leggauss(number)
    flat = np.asarray(integrand) * (rule.points + rule.offset)
    noise = np.asarray(errors) * (rule.points + rule.offset)
    orders = np.arange(number)
    basis = np.polynomial.legendre.legvander(roots, number - 1) * weights[:, None] * (2 * orders + 1) / 2
    coefficients = np.abs(flat @ basis)
    scatter = np.sqrt(noise**2 @ basis**2)
    last = np.maximum(coefficients - 2 * scatter, 0.0)[-2:].max()
    decay = last / coefficients[0] if coefficients[0] > 0 else 0.0
    length = np.log((1 + rule.offset) / rule.offset)
    return float(length * last * decay)


def own_springs(mean_squares: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Return the constants of springs with the crystal's own mean-square displacements: 3 kB T / <u^2>.

    Args:
        mean_squares: <u^2> by element, angstrom^2.
        temperature: K.

    Raises:
        ValueError: if one is not positive.
    """
    for symbol, square in mean_squares.items():
        if not square > 0:
            raise ValueError(f"mean-square displacement of {symbol} is {square}, must be positive")
    return {symbol: 3 * KB * temperature / square for symbol, square in mean_squares.items()}


def stage_mean(
    series: Mapping[str, np.ndarray],
    strength: float,
    springs: Mapping[str, float],
    counts: Mapping[str, int],
    temperature: float,
) -> SeriesMean:
    """Return <sum_i K_i u_i^2 / 2> of one stage, whole cell in eV.

    Args:
        series: `square_X`, `virial_X`, `sum_x_X`, `sum_y_X`, `sum_z_X` of each element X: sums over its atoms of u^2
            (angstrom^2), u . F (eV, forces of the springs included) and u (angstrom), shape (n,) each.
        strength: lambda.
        springs: full constants K by element, eV/angstrom^2.
        counts: atoms by element.
        temperature: K.

    Raises:
        ValueError: if there are too few samples.
    """
    wanted = np.sum([k / 2 * series[f"square_{symbol}"] for symbol, k in springs.items()], axis=0)
    return controlled_mean(wanted, virial_controls(series, strength, springs, counts, temperature))


def virial_controls(
    series: Mapping[str, np.ndarray],
    strength: float,
    springs: Mapping[str, float],
    counts: Mapping[str, int],
    temperature: float,
) -> np.ndarray:
    """Return quantities of mean zero, eV, shape (n, elements); arguments as of `stage_mean`."""
    total = sum(counts.values())
    sums = {symbol: np.stack([series[f"sum_{axis}_{symbol}"] for axis in "xyz"], axis=1) for symbol in springs}
    force = -strength * sum(springs[symbol] * sums[symbol] for symbol in springs)
    return np.stack(
        [
            series[f"virial_{symbol}"]
            - np.sum(sums[symbol] * force, axis=1) / total
            + 3 * KB * temperature * counts[symbol] * (1 - 1 / total)
            for symbol in springs
        ],
        axis=1,
    )


def interaction_term(energies: np.ndarray, perfect: float, temperature: float) -> Estimate:
    """Return A1, without the energy of the perfect crystal, whole cell in eV.

    -kB T ln <exp(-(U - U0) / kB T)> over displacements drawn from the ideal Einstein crystal, its error by the
    jackknife.

    Args:
        energies: U of the samples, eV, shape (n,).
        perfect: U0, eV.
        temperature: K.

    Raises:
        ValueError: if there are fewer than 8 samples, or they spread over so much energy that few would count.
    """
    reduced = (np.asarray(energies, dtype=float) - perfect) / (KB * temperature)
    number = len(reduced)
    if number < 8 or not np.isfinite(reduced).all():
        raise ValueError(f"the interaction term needs 8 finite energies or more, got {number}")
    if reduced.std() > 5:
        raise ValueError(
            f"energies of the drawn displacements spread over {reduced.std():.1f} kB T: the springs are too soft"
        )
    factors = np.exp(-(reduced - reduced.min()))
    value = reduced.min() - np.log(factors.mean())
    left_out = reduced.min() - np.log((factors.sum() - factors) / (number - 1))
    error = np.sqrt((number - 1) / number * np.sum((left_out - left_out.mean()) ** 2))
    return Estimate(float(KB * temperature * value), float(KB * temperature * error))


def springs_term(rule: Quadrature, means: Sequence[Estimate]) -> Estimate:
    """Return A2 and its statistical error, whole cell in eV.

    Args:
        rule: the quadrature.
        means: <sum_i K_i u_i^2 / 2> at its points.
    """
    values, errors = np.array([tuple(each[:2]) for each in means]).T
    return Estimate(float(-rule.weights @ values), float(np.sqrt(rule.weights**2 @ errors**2)))


def allot_steps(
    rule: Quadrature, errors: np.ndarray, steps: np.ndarray, target: float, limit: int, least: int = 100
) -> np.ndarray:
    """Return how many more steps each point needs for the error of A2 to reach a target.

    Points get steps in proportion to what their noise contributes, so that the sum is smallest.

    Args:
        rule: the quadrature.
        errors: of the integrand after `steps`, eV, shape (n,).
        steps: done so far, shape (n,).
        target: wanted error of A2, eV.
        limit: of all steps together that may still be done.
        least: a run shorter than this doesn't pay; 0 or at least so many are given.
    """
    noise = rule.weights * errors * np.sqrt(steps)
    wanted = noise * noise.sum() / target**2
    more = np.maximum(wanted - steps, 0.0)
    if more.sum() > limit:
        more *= limit / more.sum()
    more = np.where(more > 0, np.maximum(more, least), 0.0)
    return (10 * np.ceil(more / 10)).astype(int)
