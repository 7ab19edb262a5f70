"""Whether the points of enthalpy curves fit together.

dH/dP = V, volumes that fall smoothly, stress that vanished, phases that are still apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from aiida_polymorph.thermodynamics.static.birch_murnaghan import fit_pressures
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve
from aiida_polymorph.units import GPA

ENERGY_TOLERANCE = 0.002
"""eV per formula unit that H may change otherwise than by the integral of V from one point to the next."""

STRESS_TOLERANCE = 0.2
"""GPa of stress that may be left over."""

JUMP_TOLERANCE = 0.01
"""Relative change of the volume beyond what the points around lead to expect."""

VOLUME_NOISE = 1e-4
"""Relative: what minimisers leave of the volume."""

SAME_ENTHALPY, SAME_VOLUME = 0.003, 0.003
"""eV per formula unit and relative volume within which two phases may be the same: what coarse k-points leave."""

STIFFENING = (2.0, 6.0)
"""Least and largest rise of the bulk modulus with pressure, where there are no points on the other side."""


@dataclass(frozen=True)
class Finding:
    """Something about a point, or about the step up to it from the one before, that does not fit.

    Attributes:
        name: of the phase.
        method: of its curve.
        pressure_gpa: of the point, of the upper one for a step, of the lowest of several.
        kind: `stress`, `volume rises`, `volume jumps`, `enthalpy` or `same phase`.
        amount: of stress (GPa), of relative volume, or of enthalpy (eV per formula unit).
        text: what was found, in a sentence.
    """

    name: str
    method: str
    pressure_gpa: float
    kind: str
    amount: float
    text: str


def check_consistency(
    curve: EnthalpyCurve,
    energy_tolerance: float = ENERGY_TOLERANCE,
    stress_tolerance_gpa: float = STRESS_TOLERANCE,
    jump_tolerance: float = JUMP_TOLERANCE,
) -> list[Finding]:
    """Return what does not fit along a curve, by pressure; nothing for points without a volume.

    Checked are the stress that was left over, whether volumes fall with pressure, whether one jumps (see
    `volume_findings`), and dH/dP = V (see `enthalpy_findings`).

    Args:
        curve: of one phase by one method.
        energy_tolerance: eV per formula unit.
        stress_tolerance_gpa: GPa.
        jump_tolerance: relative.
    """
    findings = stress_findings(curve, stress_tolerance_gpa) + volume_findings(curve, jump_tolerance)
    findings += enthalpy_findings(curve, energy_tolerance)
    return sorted(findings, key=lambda finding: finding.pressure_gpa)


def check_curves(curves: Sequence[EnthalpyCurve]) -> list[Finding]:
    """Return what does not fit in any of the curves, then which phases fall together."""
    return [finding for curve in curves for finding in check_consistency(curve)] + same_phase_findings(curves)


def same_phase_findings(
    curves: Sequence[EnthalpyCurve], enthalpy: float = SAME_ENTHALPY, volume: float = SAME_VOLUME
) -> list[Finding]:
    """Return the pairs of phases that by the same method have the same enthalpy and volume somewhere, one for a pair.

    Relaxed, one may have become the other. Where curves only cross, the volumes differ.

    Args:
        curves: of any phases and methods.
        enthalpy: largest difference, eV per formula unit.
        volume: largest relative difference.
    """
    findings = []
    for first, second in combinations(curves, 2):
        if first.method != second.method:
            continue
        pressures_gpa, i, j = np.intersect1d(first.pressures_gpa, second.pressures_gpa, return_indices=True)
        apart = np.abs(first.enthalpies[i] - second.enthalpies[j])
        same = (apart < enthalpy) & (np.abs(first.volumes[i] / second.volumes[j] - 1) < volume)
        same &= first.known[i] & second.known[j]
        if same.any():
            where = ", ".join(f"{pressure_gpa:g}" for pressure_gpa in pressures_gpa[same])
            text = f"enthalpy and volume are those of {second.name} at {where} GPa: they may have become the same phase"
            findings.append(_finding(first, pressures_gpa[same][0], "same phase", apart[same].max(), text))
    return findings


def stress_findings(curve: EnthalpyCurve, tolerance_gpa: float = STRESS_TOLERANCE) -> list[Finding]:
    """Return the points with a known enthalpy where more than `tolerance_gpa` (GPa) of stress was left over."""
    return [
        _finding(curve, pressure_gpa, "stress", error, f"{error:.2g} GPa of stress left over at {pressure_gpa:g} GPa")
        for pressure_gpa, error, known in zip(curve.pressures_gpa, curve.stress_errors_gpa, curve.known, strict=True)
        if known and error > tolerance_gpa
    ]


def volume_findings(curve: EnthalpyCurve, tolerance: float = JUMP_TOLERANCE) -> list[Finding]:
    """Return the steps over which the volume does not fall, or falls much more than elsewhere: another phase, likely.

    A volume jumps where ln V falls by `tolerance` and by half more than expected from the bulk moduli of the steps on
    both sides, -dP / d ln V, interpolated in pressure; at an end from the one step beside it and the
    `STIFFENING` that lets expect more.

    Args:
        curve: of one phase by one method.
        tolerance: relative change of volume.
    """
    p, v, _ = _points(curve)
    if len(v) < 2:
        return []
    fall = -np.diff(np.log(v))
    excess = fall - _expected_fall(p, fall)
    findings = []
    for (low, high), down, more in zip(pairwise(p), fall, excess, strict=True):
        where = f"from {low:g} to {high:g} GPa"
        if down < -VOLUME_NOISE:
            findings.append(_finding(curve, high, "volume rises", -down, f"the volume rises by {-down:.2%} {where}"))
        elif more > max(tolerance, (down - more) / 2):
            text = f"the volume falls by {down:.1%} {where}, {more:.1%} more than expected: the phase may have changed"
            findings.append(_finding(curve, high, "volume jumps", more, text))
    return findings


def _expected_fall(p: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """Return the fall of ln V over each step as the steps beside it let expect, nan where there is none, shape (k,)."""
    step, middle = np.diff(p), (p[1:] + p[:-1]) / 2
    moduli = step / np.maximum(fall, VOLUME_NOISE)
    expected = np.full(len(step), np.nan)
    for i in range(len(step)):
        beside = [j for j in (i - 1, i + 1) if 0 <= j < len(step)]
        if len(beside) == 2:
            expected[i] = step[i] / np.interp(middle[i], middle[beside], moduli[beside])
        elif beside:
            other = beside[0]
            modulus = moduli[other] + STIFFENING[int(i < other)] * (middle[i] - middle[other])
            expected[i] = step[i] / max(modulus, moduli[other] / 3)
    return expected


def enthalpy_findings(curve: EnthalpyCurve, tolerance: float = ENERGY_TOLERANCE) -> list[Finding]:
    """Return the steps over which H(P2) - H(P1) is not the integral of V from P1 to P2.

    The integral is that of the third-order Birch-Murnaghan equation of state through both points and a third one, on
    either side: of fourth order in the step, exact for a phase that obeys it. The better of both sides counts, so that
    one bad point is not told of thrice; points beyond a jump of the volume don't. Where there is no third point, it is
    that with B0' = 4, and the trapezium's difference from it is added to the tolerance: as much as B0' may be off.

    Args:
        curve: of one phase by one method.
        tolerance: eV per formula unit.
    """
    p, v, h = _points(curve)
    breaks = {finding.pressure_gpa for finding in volume_findings(curve)}
    part = np.cumsum([pressure_gpa in breaks for pressure_gpa in p])
    findings = []
    for i, rise in enumerate(np.diff(h)):
        off, doubt = _mismatch(p, v, h, part, i)
        if abs(off) > tolerance + doubt:
            text = (
                f"from {p[i]:g} to {p[i + 1]:g} GPa the enthalpy changes by {rise:.4f} eV per formula unit, which is "
                f"{off:+.4f} ({abs(off / rise):.2%}) off the integral of the volume (dH/dP = V)"
            )
            findings.append(_finding(curve, p[i + 1], "enthalpy", abs(off), text))
    return findings


def _mismatch(p: np.ndarray, v: np.ndarray, h: np.ndarray, part: np.ndarray, i: int) -> tuple[float, float]:
    """Return H2 - H1 less the integral of V over step i, and how far the integral may be off; parts are between jumps.

    Of two estimates it is the smaller one.
    """
    ends = slice(i, i + 2)
    rise = float(h[i + 1] - h[i])
    trapezium = float((p[i + 1] - p[i]) * GPA * v[ends].mean())
    if v[i + 1] >= v[i]:
        return rise - trapezium, 0.0
    triples = [slice(start, start + 3) for start in (i - 1, i) if start >= 0 and start + 3 <= len(p)]
    smooth = [triple for triple in triples if part[triple][0] == part[triple][-1]]
    if not smooth:
        integral = _integral(p[ends], v[ends], p[ends], v[ends])
        return rise - integral, abs(trapezium - integral)
    offs = [rise - _integral(p[triple], v[triple], p[ends], v[ends]) for triple in smooth]
    return min(offs, key=abs), 0.0


def _integral(p: np.ndarray, v: np.ndarray, pressures_gpa: np.ndarray, volumes: np.ndarray) -> float:
    """Return the integral of V dP between two points in eV, by the equation of state through points p, v."""
    strain = fit_pressures(p, v)
    first, last = strain.energy(volumes) + pressures_gpa * GPA * volumes
    return float(last - first)


def _points(curve: EnthalpyCurve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pressures, volumes and enthalpies of the points that have both."""
    chosen = curve.known & np.isfinite(curve.volumes)
    return curve.pressures_gpa[chosen], curve.volumes[chosen], curve.enthalpies[chosen]


def _finding(curve: EnthalpyCurve, pressure_gpa: float, kind: str, amount: float, text: str) -> Finding:
    return Finding(curve.name, curve.method, float(pressure_gpa), kind, float(amount), f"{curve.label}: {text}")
