"""Equation of state of a phase from its relaxed points at several pressures."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aiida_polymorph.thermodynamics.static.birch_murnaghan import FiniteStrain, equilibrium, fit_pressures
from aiida_polymorph.thermodynamics.static.curve_checks import volume_findings
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve
from aiida_polymorph.units import GPA

FEWEST_POINTS = 4
"""Three parameters, and one point to tell how well they fit."""

SMALLEST_COMPRESSION = 0.01
"""Relative range of volumes, below which B0 and B0' can't be told from what optimisations leave."""

LARGEST_EXPANSION = 1.5
"""V0 over the largest volume; beyond, no point tells of it."""


@dataclass(frozen=True, eq=False)
class EquationOfState:
    """Third-order Birch-Murnaghan equation of state, per formula unit; all numbers nan where there is a reason.

    Attributes:
        name: of the phase.
        method: of its curve.
        volume: V0, at zero pressure, angstrom^3.
        bulk_modulus_gpa: B0.
        bulk_modulus_derivative: B0'.
        energy: E0 at V0, eV.
        pressure_rms_gpa: root mean square of what the fit is off in pressure.
        enthalpy_rms: likewise in E + P V at given P and V, eV.
        points: how many were fitted.
        range_gpa: lowest and highest pressure of these; V0 is extrapolated where 0 is outside.
        reason: why there are no numbers, "" if there are.
        strain: the polynomial.
    """

    name: str
    method: str
    volume: float = np.nan
    bulk_modulus_gpa: float = np.nan
    bulk_modulus_derivative: float = np.nan
    energy: float = np.nan
    pressure_rms_gpa: float = np.nan
    enthalpy_rms: float = np.nan
    points: int = 0
    range_gpa: tuple[float, float] = (np.nan, np.nan)
    reason: str = ""
    strain: FiniteStrain | None = None

    def pressures_at(self, volumes: np.ndarray) -> np.ndarray:
        """Return the pressure (GPa) at volumes (angstrom^3 per formula unit), nan without a fit."""
        return np.full(np.shape(volumes), np.nan) if self.strain is None else self.strain.pressure_gpa(volumes)

    def energies_at(self, volumes: np.ndarray) -> np.ndarray:
        """Return the energy (eV per formula unit) at volumes (angstrom^3 per formula unit), nan without a fit."""
        if self.strain is None:
            return np.full(np.shape(volumes), np.nan)
        return self.energy + self.strain.energy(volumes) - self.strain.energy(np.array(self.volume))


def equation_of_state(curve: EnthalpyCurve) -> EquationOfState:
    """Fit the third-order Birch-Murnaghan equation of state to the points that have enthalpy and volume.

    V0, B0 and B0' are by least squares of the pressures at the volumes, all points with the same weight; E0 is the mean
    of what E = H - P V lies above the integral of -P dV. There are no numbers, but a reason, for fewer than
    `FEWEST_POINTS` points, volumes that span less than `SMALLEST_COMPRESSION`, a phase that changes along the curve
    (`curve_checks.volume_findings`), and a fit without a minimum of positive V0 and B0, or far from all points.

    Source: F. Birch, Phys. Rev. 71, 809 (1947).

    Args:
        curve: of one phase by one method.
    """
    chosen = curve.known & np.isfinite(curve.volumes)
    p, v, h = (each[chosen] for each in (curve.pressures_gpa, curve.volumes, curve.enthalpies))
    blank = EquationOfState(curve.name, curve.method, points=len(p))
    reason = _reason_before(curve, v)
    if reason:
        return replace(blank, reason=reason)
    strain = fit_pressures(p, v)
    found = equilibrium(strain)
    if found is None:
        return replace(blank, reason="the fit has no minimum of the energy, and so no V0 with a positive B0")
    volume, modulus, derivative = found
    if volume > LARGEST_EXPANSION * v.max() or volume < v.min() / LARGEST_EXPANSION:
        return replace(blank, reason=f"the fit has V0 at {volume:.4g} angstrom^3, far from all points")
    above = h - p * GPA * v - (strain.energy(v) - strain.energy(np.array(volume)))
    return replace(
        blank,
        volume=volume,
        bulk_modulus_gpa=modulus,
        bulk_modulus_derivative=derivative,
        energy=float(above.mean()),
        pressure_rms_gpa=float(np.sqrt(np.mean((strain.pressure_gpa(v) - p) ** 2))),
        enthalpy_rms=float(above.std()),
        range_gpa=(float(p[0]), float(p[-1])),
        strain=strain,
    )


def _reason_before(curve: EnthalpyCurve, volumes: np.ndarray) -> str:
    """Return why the points can't be fitted, "" if they can."""
    if len(volumes) < FEWEST_POINTS:
        return f"{len(volumes)} points have enthalpy and volume, {FEWEST_POINTS} are needed"
    span = float(volumes.max() / volumes.min() - 1)
    if not span >= SMALLEST_COMPRESSION:
        return f"the range is too small: volumes span {span:.2%}, {SMALLEST_COMPRESSION:.0%} is needed"
    return "; ".join(finding.text for finding in volume_findings(curve))
