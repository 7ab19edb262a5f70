"""How far two methods agree in the order of phases by enthalpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from aiida_polymorph.thermodynamics.static.enthalpy_curves import SAME_PRESSURE, EnthalpyCurve, by_method

FEWEST = 3
"""Phases that a rank correlation needs: of two, it is 1 or -1 whatever they are."""


@dataclass(frozen=True)
class RankCorrelation:
    """Kendall's rank correlation of the enthalpies of the same phases by two methods.

    Attributes:
        tau: tau-b, 1 for the same order, -1 for the opposite one; None where there is none.
        p_value: two-sided, of no association; None where there is none.
        phases: which were compared, by name.
        reason: why there is no correlation, "" if there is one.
    """

    tau: float | None
    p_value: float | None
    phases: tuple[str, ...]
    reason: str = ""


@dataclass(frozen=True)
class RankingAgreement:
    """How far two methods agree at all pressures that both have.

    Attributes:
        methods: both.
        pressures_gpa: common ones, rising, shape (p,).
        correlations: at each of them.
        mean: of tau over the pressures that have one; None for none.
        reason: why there is no mean, "" if there is one.
    """

    methods: tuple[str, str]
    pressures_gpa: tuple[float, ...]
    correlations: tuple[RankCorrelation, ...]
    mean: float | None
    reason: str = ""


def kendall_tau(a: Mapping[str, float], b: Mapping[str, float]) -> RankCorrelation:
    """Return Kendall's tau-b of the enthalpies of the phases that both methods have.

    tau-b = (C - D) / sqrt((C + D + A) (C + D + B)) with C pairs of phases in the same order, D in the opposite one,
    A and B tied by one method only (M. G. Kendall, Biometrika 33, 239 (1945)). Only differences within a method count,
    so that their zeros may differ.

    Args:
        a: phase -> enthalpy per formula unit by one method at one pressure; nan where unknown.
        b: likewise by another method, in any unit and with any zero.
    """
    from scipy.stats import kendalltau

    phases = tuple(sorted(name for name in a if name in b and np.isfinite(a[name]) and np.isfinite(b[name])))
    if len(phases) < FEWEST:
        return RankCorrelation(None, None, phases, f"{len(phases)} phases in common, {FEWEST} are needed")
    result = kendalltau([a[name] for name in phases], [b[name] for name in phases], variant="b")
    if not np.isfinite(result.statistic):
        return RankCorrelation(None, None, phases, "all enthalpies of one method are equal")
    return RankCorrelation(float(result.statistic), float(result.pvalue), phases)


def ranking_agreement(curves: Sequence[EnthalpyCurve]) -> list[RankingAgreement]:
    """Return `kendall_tau` of all pairs of methods at all pressures that both have, and the mean over these.

    Points are compared as they are, nothing is interpolated. The mean has no p-value: pressures are not independent.

    Args:
        curves: of all phases and methods.

    Raises:
        ValueError: if a phase has two curves by one method.
    """
    methods = by_method(curves)
    return [_agreement(one, other, methods) for one, other in combinations(methods, 2)]


def _agreement(one: str, other: str, methods: Mapping[str, Mapping[str, EnthalpyCurve]]) -> RankingAgreement:
    pressures_gpa = _common(_pressures(methods[one]), _pressures(methods[other]))
    correlations = tuple(
        kendall_tau(_at(methods[one], pressure_gpa), _at(methods[other], pressure_gpa))
        for pressure_gpa in pressures_gpa
    )
    known = [each.tau for each in correlations if each.tau is not None]
    reason = "" if known else correlations[0].reason if correlations else "no pressure in common"
    return RankingAgreement(
        (one, other), tuple(pressures_gpa.tolist()), correlations, float(np.mean(known)) if known else None, reason
    )


def _pressures(phases: Mapping[str, EnthalpyCurve]) -> np.ndarray:
    """Return the pressures at which any phase has an enthalpy, rising, each once."""
    pressures_gpa = np.unique(np.concatenate([curve.pressures_gpa[curve.known] for curve in phases.values()]))
    return pressures_gpa[np.diff(pressures_gpa, prepend=-np.inf) > SAME_PRESSURE]


def _common(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return one[(np.abs(one[:, None] - other) <= SAME_PRESSURE).any(axis=1)]


def _at(phases: Mapping[str, EnthalpyCurve], pressure_gpa: float) -> dict[str, float]:
    return {name: float(curve.at(np.array(pressure_gpa))) for name, curve in phases.items()}
