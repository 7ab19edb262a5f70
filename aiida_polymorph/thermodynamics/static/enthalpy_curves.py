"""Enthalpies of phases against pressure at 0 K, by several methods: curves, and what lies between their points.

A method is an engine with a functional or a potential. Enthalpies have a different zero in each, so they are compared
within a method only, per formula unit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.hermite import Departures, departures
from aiida_polymorph.units import GPA

if TYPE_CHECKING:
    from scipy.interpolate import PPoly

SAME_PRESSURE = 1e-6
"""GPa within which two pressures count as the same."""

CENTRAL, NOISE = 0.3, 0.005
"""Part of the change of the volume over a step, and part of the volume, by which (H2 - H1) / (P2 - P1) may differ from
the mean of the volumes at both ends for these to serve as slopes; for crystals it is a fifth of the change at most."""

NEEDED = ("name", "functional", "engine", "pressure_gpa", "enthalpy")


@dataclass(frozen=True, eq=False)
class Interpolant:
    """The enthalpy between the known points of a curve: s cubics or straight lines.

    Attributes:
        enthalpy: eV per formula unit over GPa.
        doubt: how far it may be off, with its sign, likewise; nan where there is nothing to tell it from.
        hermite: which pieces are cubics with the volumes as slopes, shape (s,); the others are straight.
    """

    enthalpy: PPoly
    doubt: PPoly
    hermite: np.ndarray

    def piece(self, pressure_gpa: float) -> int:
        """Return the number of the piece that a pressure lies in."""
        inner = self.enthalpy.x[1:-1]
        return int(np.searchsorted(inner, pressure_gpa))


@dataclass(frozen=True, eq=False)
class EnthalpyCurve:
    """Enthalpy of one phase at k pressures by one method, at 0 K without vibrations.

    Attributes:
        name: of the phase.
        method: engine and functional, e.g. `castep PBE`.
        pressures_gpa: rising, GPa, shape (k,).
        enthalpies: E + P V, eV per formula unit, nan where a point failed, shape (k,).
        volumes: angstrom^3 per formula unit, nan where unknown, shape (k,).
        stress_errors_gpa: largest component of stress + P that was left over, nan where unknown, shape (k,).

    Raises:
        ValueError: if the shapes don't fit together, or the pressures don't rise.
    """

    name: str
    method: str
    pressures_gpa: np.ndarray
    enthalpies: np.ndarray
    volumes: np.ndarray
    stress_errors_gpa: np.ndarray

    def __post_init__(self) -> None:
        for field in ("pressures_gpa", "enthalpies", "volumes", "stress_errors_gpa"):
            values = np.asarray(getattr(self, field), dtype=float)
            object.__setattr__(self, field, values)
            if values.shape != self.pressures_gpa.shape or values.ndim != 1:
                raise ValueError(f"{self.label}: {field} has shape {values.shape}, not that of the pressures")
        if not np.all(np.diff(self.pressures_gpa) > SAME_PRESSURE):
            raise ValueError(f"{self.label}: pressures must rise, each given once; got {self.pressures_gpa.tolist()}")

    @property
    def label(self) -> str:
        """Phase and method for messages."""
        return f"{self.name} ({self.method})"

    @property
    def known(self) -> np.ndarray:
        """Which points have an enthalpy, shape (k,)."""
        return np.isfinite(self.enthalpies)

    @property
    def range_gpa(self) -> tuple[float, float]:
        """Lowest and highest pressure with an enthalpy; nan without any."""
        known = self.pressures_gpa[self.known]
        return (float(known[0]), float(known[-1])) if len(known) else (np.nan, np.nan)

    def at(self, pressures_gpa: np.ndarray, quantity: str = "enthalpies") -> np.ndarray:
        """Return a quantity of the points at these pressures (GPa), nan where there is none, shape (...)."""
        wanted = np.asarray(pressures_gpa, dtype=float)
        if not len(self.pressures_gpa):
            return np.full(wanted.shape, np.nan)
        nearest = np.abs(self.pressures_gpa - wanted[..., None]).argmin(axis=-1)
        same = np.abs(self.pressures_gpa[nearest] - wanted) <= SAME_PRESSURE
        return np.where(same, getattr(self, quantity)[nearest], np.nan)

    @cached_property
    def interpolant(self) -> Interpolant | None:
        """What lies between the known points; None for fewer than two.

        Between two neighbours it is the cubic Hermite polynomial with dH/dP = V as slopes; a straight line where a
        volume is unknown or rises with pressure, or the mean volume on the way, (H2 - H1) / (P2 - P1), is not about
        halfway between both (`CENTRAL`, `NOISE`).

        The doubt of a cubic is half the difference of the parabolas that leave out the slope at one end each: of third
        order, where the error is of fourth, so that it also tells of volumes that don't fit the enthalpies. That of a
        line is the difference from a parabola through a third point next to it. Doubts of two phases have the same sign
        and largely cancel.
        """
        return _interpolant(self) if self.known.sum() > 1 else None

    def interpolate(self, pressures_gpa: np.ndarray) -> np.ndarray:
        """Return enthalpies by `interpolant`, eV per formula unit, nan outside of the known points, shape (...).

        Args:
            pressures_gpa: GPa, shape (...).
        """
        wanted = np.asarray(pressures_gpa, dtype=float)
        if self.interpolant is None:
            return self.at(wanted)
        low, high = self.range_gpa
        inside = (wanted >= low - SAME_PRESSURE) & (wanted <= high + SAME_PRESSURE)
        return np.where(inside, self.interpolant.enthalpy(wanted), np.nan)


def _interpolant(curve: EnthalpyCurve) -> Interpolant:
    from scipy.interpolate import PPoly

    p, h, v = (values[curve.known] for values in (curve.pressures_gpa, curve.enthalpies, curve.volumes))
    step, rise = np.diff(p), np.diff(h)
    mean = rise / (step * GPA)
    allowed = CENTRAL * np.maximum(v[:-1] - v[1:], 0.0) + NOISE * np.abs(mean)
    hermite = (np.abs(mean - (v[:-1] + v[1:]) / 2) <= allowed) & (v[1:] - v[:-1] <= NOISE * np.abs(mean))
    known = departures(rise, v[:-1] * GPA * step, v[1:] * GPA * step)
    used = Departures(np.where(hermite, known.left, 0.0), np.where(hermite, known.right, 0.0))
    cubic = used.coefficients(h[:-1], rise)
    bend = np.where(hermite, (used.right - used.left) / 2, -_second_difference(p, h) * step**2)
    doubt = [np.zeros_like(step), -bend, bend, np.zeros_like(step)]
    powers = step ** np.array([[3], [2], [1], [0]])
    return Interpolant(PPoly(cubic / powers, p), PPoly(np.array(doubt) / powers, p), hermite)


def _second_difference(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return f[x0, x1, x2] of each interval and a point beside it, the larger of two; nan for two points in all."""
    if len(x) < 3:
        return np.full(len(x) - 1, np.nan)
    slopes = np.diff(y) / np.diff(x)
    curvature = np.diff(slopes) / (x[2:] - x[:-2])
    below, above = np.append(curvature[0], curvature), np.append(curvature, curvature[-1])
    return np.where(np.abs(below) > np.abs(above), below, above)


def method_name(engine: str, functional: str) -> str:
    """Return what a method is called: engine and functional, or potential, e.g. `castep PBE`."""
    return f"{engine} {functional}".strip()


def curves_of(structures: StructureSet) -> list[EnthalpyCurve]:
    """Return the curves of a set with one row a point, by method and phase in the order in which they first occur.

    A point has failed where its `reason` is not empty or its `enthalpy` is nan. Its geometry is only what it started
    from, so its volume is nan, as are its enthalpy and its stress.

    Args:
        structures: in any order, with the columns `name`, `engine`, `functional` (or name of the potential),
            `pressure_gpa` (GPa), `enthalpy` (eV of the whole cell), and, where known, `max_stress_error` (GPa) and
            `reason`.

    Raises:
        ValueError: if a column is missing, the structures have different compositions, or a point occurs twice.
    """
    missing = [name for name in NEEDED if name not in structures.columns]
    if missing:
        raise ValueError(f"enthalpy curves need the columns {', '.join(missing)}")
    _ = structures.composition  # one that all share, or it raises
    engines, functionals = structures.columns["engine"], structures.columns["functional"]
    methods = [method_name(engine, functional) for engine, functional in zip(engines, functionals, strict=True)]
    rows: dict[tuple[str, str], list[int]] = {}
    for row, key in enumerate(zip(methods, map(str, structures.columns["name"]), strict=True)):
        rows.setdefault(key, []).append(row)
    failed = np.array([str(reason) != "" for reason in structures.column("reason", "")], dtype=bool)
    failed |= ~np.isfinite(structures.enthalpy_per_formula_unit)
    values = (
        structures.enthalpy_per_formula_unit,
        structures.volume_per_formula_unit,
        structures.column("max_stress_error"),
    )
    columns = [np.where(failed, np.nan, each) for each in values]
    curves = []
    for (method, name), which in rows.items():
        pressures_gpa = np.asarray(structures.columns["pressure_gpa"], dtype=float)[which]
        order = np.array(which)[np.argsort(pressures_gpa, kind="stable")]
        curves.append(EnthalpyCurve(name, method, np.sort(pressures_gpa), *(each[order] for each in columns)))
    return curves


def by_method(curves: Iterable[EnthalpyCurve]) -> dict[str, dict[str, EnthalpyCurve]]:
    """Return method -> phase -> curve, in the order in which they first occur.

    Raises:
        ValueError: if a phase has two curves by one method.
    """
    found: dict[str, dict[str, EnthalpyCurve]] = {}
    for curve in curves:
        phases = found.setdefault(curve.method, {})
        if curve.name in phases:
            raise ValueError(f"there are two curves of {curve.label}")
        phases[curve.name] = curve
    return found


def relative_enthalpies(curves: Sequence[EnthalpyCurve], relative_to: str) -> dict[tuple[str, str], np.ndarray]:
    """Return (method, phase) -> H - H of a chosen phase by the same method at the same pressure.

    Nothing is interpolated.

    Args:
        curves: of all phases and methods.
        relative_to: name of the phase that is the zero.

    Returns:
        eV per formula unit at the pressures of each curve, shape (k,); nan where either of both points failed or
        is not there, so all over a method that lacks the chosen phase.

    Raises:
        ValueError: if there is no such phase by any method, or a phase has two curves by one method.
    """
    methods = by_method(curves)
    check_reference(curves, relative_to)
    return {
        (method, name): curve.enthalpies - _base(phases.get(relative_to), curve.pressures_gpa)
        for method, phases in methods.items()
        for name, curve in phases.items()
    }


def _base(curve: EnthalpyCurve | None, pressures_gpa: np.ndarray) -> np.ndarray:
    return np.full(len(pressures_gpa), np.nan) if curve is None else curve.at(pressures_gpa)


def check_reference(curves: Sequence[EnthalpyCurve], relative_to: str) -> None:
    """Refuse a reference phase that no method has.

    Raises:
        ValueError: naming the phases that there are.
    """
    names = list(dict.fromkeys(curve.name for curve in curves))
    if relative_to not in names:
        others = f"only {', '.join(names)}" if names else "nor any other"
        raise ValueError(f"there is no phase {relative_to!r} to compare with, {others}")
