"""Gibbs energies of several phases, from several sources, side by side.

Only differences between phases at one temperature and pressure decide which of them is stable, and some sources give
nothing else. So everything here is relative: to one phase, or to the mean over the phases of a group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from aiida_polymorph.thermodynamics.hermite import departures
from aiida_polymorph.thermodynamics.sampling.series import Estimate, difference
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import StatePoint
from aiida_polymorph.units import GPA, KB

Surfaces = Mapping[str, Mapping[StatePoint, Estimate]]
"""Phase -> place -> Gibbs energy, eV per formula unit; what is unknown is left out."""

FEWEST_CORRELATED = 3
"""Values that a group needs to count in a correlation."""


class Agreement(NamedTuple):
    """How well an estimate agrees with a reference, both relative to the means of their groups.

    Attributes:
        count: Number of values in groups of two or more.
        r: Pearson's correlation coefficient over the groups of three or more; nan where there is no such group, or no
            spread. Relative to their mean, two values of a group lie on a line whatever they are, so that groups of
            two say nothing about a correlation.
        rmse: Root mean square of the difference over all groups of two or more; nan for no values.
    """

    count: int  # type: ignore[assignment]  # a tuple has a method of this name
    r: float
    rmse: float


def relative_to(
    surfaces: Surfaces, reference: str, base: Mapping[StatePoint, Estimate]
) -> dict[str, dict[StatePoint, Estimate]]:
    """Return all Gibbs energies less that of one phase at the same place, where both are known.

    Errors count as independent; the phase itself is zero without an error.

    Args:
        surfaces: Gibbs energies.
        reference: the phase.
        base: its Gibbs energies, wherever they are known.
    """
    return {
        phase: {
            place: Estimate(0.0, 0.0) if phase == reference else difference(value, base[place])
            for place, value in values.items()
            if place in base
        }
        for phase, values in surfaces.items()
    }


def lowest(surfaces: Surfaces) -> dict[StatePoint, str]:
    """Return the phase of lowest Gibbs energy at each place where two or more are known, among these."""
    times = Counter(place for values in surfaces.values() for place in values)
    return {
        place: min((values[place].value, phase) for phase, values in surfaces.items() if place in values)[1]
        for place, number in times.items()
        if number > 1
    }


def most_often_lowest(surfaces: Surfaces) -> str | None:
    """Return the phase that is lowest at most places, of several such the one known at most; None for no phase."""
    times = Counter(lowest(surfaces).values())
    order = sorted(surfaces, key=lambda phase: (-times[phase], -len(surfaces[phase]), phase))
    return order[0] if order else None


def entropy(gibbs_energy: Estimate, enthalpy: Estimate, temperature: float) -> Estimate:
    """Return S = (H - G) / T in kB per formula unit.

    Args:
        gibbs_energy: eV per formula unit.
        enthalpy: eV per formula unit, that of Gibbs and Helmholtz, see `free_energy.kinetic`. An unknown error counts
            as none.
        temperature: K.

    Raises:
        ValueError: if the temperature is not positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature} K, must be positive")
    error = np.hypot(gibbs_energy.error, np.nan_to_num(enthalpy.error))
    return Estimate(
        (enthalpy.value - gibbs_energy.value) / (KB * temperature),
        float(error / (KB * temperature)),
    )


def between(
    pressures_gpa: np.ndarray, values: np.ndarray, errors: np.ndarray, volumes: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Gibbs energies between pressures and their errors, shape (m,) each.

    Cubics through both ends with the slopes dG/dP = V; see `thermodynamics.hermite`. The error is that of the ends, and
    the cubic's own doubt: what the curve may do in between.

    Args:
        pressures_gpa: rising, GPa, shape (n,).
        values: eV, nan where unknown, shape (n,).
        errors: of the values, shape (n,).
        volumes: angstrom^3, nan where unknown, shape (n,).
        at: pressures wanted, GPa, shape (m,); outside of the given ones, and next to unknown values, the result is nan.
    """
    result, doubt = np.full(len(at), np.nan), np.full(len(at), np.nan)
    for low in range(len(pressures_gpa) - 1):
        inside = (at >= pressures_gpa[low]) & (at <= pressures_gpa[low + 1])
        step = pressures_gpa[low + 1] - pressures_gpa[low]
        x, rise = (at[inside] - pressures_gpa[low]) / step, values[low + 1] - values[low]
        slopes = departures(rise, *(volumes[low : low + 2] * GPA * step))
        result[inside] = values[low] + x * rise + slopes.bend(x)
        ends = (1 - x) * errors[low] + x * errors[low + 1]
        doubt[inside] = np.hypot(ends, slopes.doubt(x))
    exact = np.searchsorted(pressures_gpa, at).clip(max=len(pressures_gpa) - 1)
    hit = pressures_gpa[exact] == at
    result[hit], doubt[hit] = values[exact[hit]], errors[exact[hit]]
    return result, doubt


def centring(groups: np.ndarray) -> np.ndarray:
    """Return the matrix that takes the mean of its group off every value, shape (n, n)."""
    same = groups[:, None] == groups[None, :]
    return np.eye(len(groups)) - same / same.sum(axis=1, keepdims=True)


def comparable(groups: np.ndarray, least: int = 2) -> np.ndarray:
    """Return which values are in a group of at least so many values, as a mask of shape (n,)."""
    return (groups[:, None] == groups[None, :]).sum(axis=1) >= least


def agreement(estimate: np.ndarray, reference: np.ndarray, groups: np.ndarray) -> Agreement:
    """Return how well an estimate agrees with a reference after taking off the mean of each group.

    Args:
        estimate: shape (n,).
        reference: same unit, shape (n,).
        groups: of each value, e.g. its pressure, shape (n,).
    """
    chosen = comparable(groups)
    groups = groups[chosen]
    project = centring(groups)
    x, y = project @ estimate[chosen], project @ reference[chosen]
    rmse = float(np.sqrt(np.mean((x - y) ** 2))) if len(groups) else float("nan")
    counted = comparable(groups, FEWEST_CORRELATED)
    x, y = x[counted], y[counted]
    spread = counted.any() and np.ptp(x) > 0 and np.ptp(y) > 0
    return Agreement(len(groups), float(np.corrcoef(x, y)[0, 1]) if spread else float("nan"), rmse)
