"""Basin entropies beside thermodynamic ones, before and after the correction s_b - a H (arXiv:1909.08934, figure 2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiida_polymorph.landscape.entropy_correction import CorrectionFit, enthalpy_correction, fit_a
from aiida_polymorph.thermodynamics.diagrams.comparison import (
    FEWEST_CORRELATED,
    Agreement,
    agreement,
    centring,
    comparable,
)

SPARE = 3
"""The correction is fitted where pressures with three phases or more have so many more values than pressures."""


@dataclass(frozen=True, eq=False)
class EntropyPairs:
    """Basin and thermodynamic entropies of the same phases; n of them.

    Attributes:
        names: of the phases.
        pressures_gpa: GPa, shape (n,); entropies of one pressure are relative to each other.
        basin: s_b, kB per formula unit, shape (n,).
        covariance: of `basin`, kB^2, shape (n, n).
        true: thermodynamic entropy S, kB per formula unit, shape (n,).
        true_error: its standard error, shape (n,).
        enthalpy: at 0 K, eV per formula unit, shape (n,).
    """

    names: tuple[str, ...]
    pressures_gpa: np.ndarray
    basin: np.ndarray
    covariance: np.ndarray
    true: np.ndarray
    true_error: np.ndarray
    enthalpy: np.ndarray


@dataclass(frozen=True, eq=False)
class EntropyComparison:
    """Entropies relative to their means at each pressure, and how well they agree; n of them, kB per formula unit.

    Attributes:
        names: of the phases; those alone at their pressure are left out.
        pressures_gpa: GPa, shape (n,).
        true: S, shape (n,).
        true_error: shape (n,).
        basin: s_b, shape (n,).
        basin_error: shape (n,).
        corrected: s_b - a H, shape (n,); None where there are too few phases to fit a.
        before: of s_b with S.
        after: of s_b - a H with S; None as `corrected`.
        fit: of a; None as `corrected`.
    """

    names: tuple[str, ...]
    pressures_gpa: np.ndarray
    true: np.ndarray
    true_error: np.ndarray
    basin: np.ndarray
    basin_error: np.ndarray
    corrected: np.ndarray | None
    before: Agreement
    after: Agreement | None
    fit: CorrectionFit | None


def compare_entropies(pairs: EntropyPairs) -> EntropyComparison:
    """Return the entropies relative to their means at each pressure, before and after the correction."""
    chosen = np.flatnonzero(comparable(pairs.pressures_gpa))
    pressures_gpa, true_error = pairs.pressures_gpa[chosen], pairs.true_error[chosen]
    project = centring(pressures_gpa)
    basin, true, enthalpy = (project @ each[chosen] for each in (pairs.basin, pairs.true, pairs.enthalpy))
    covariance = project @ pairs.covariance[np.ix_(chosen, chosen)] @ project.T
    true_covariance = project @ np.diag(true_error**2) @ project.T
    fit, corrected = None, None
    counted = pressures_gpa[comparable(pressures_gpa, FEWEST_CORRELATED)]
    if len(counted) - len(np.unique(counted)) >= SPARE and np.ptp(enthalpy) > 1e-6:
        fit = fit_a(basin, covariance + true_covariance, enthalpy, true)
        corrected = enthalpy_correction(basin, enthalpy, fit.a)
    return EntropyComparison(
        names=tuple(pairs.names[i] for i in chosen),
        pressures_gpa=pressures_gpa,
        true=true,
        true_error=np.sqrt(np.diag(true_covariance)),
        basin=basin,
        basin_error=np.sqrt(np.diag(covariance).clip(min=0)),
        corrected=corrected,
        before=agreement(basin, true, pressures_gpa),
        after=None if corrected is None else agreement(corrected, true, pressures_gpa),
        fit=fit,
    )
