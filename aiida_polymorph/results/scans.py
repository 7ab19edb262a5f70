"""What there is to tell of scans of enthalpy over pressure: rows, and the table of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve, method_name, relative_enthalpies


def scan_rows(points: StructureSet, curves: Sequence[EnthalpyCurve], relative_to: str) -> list[dict[str, Any]]:
    """Return the entries of `dft-scan`, one a point.

    Args:
        points: of all scans, with the columns of polymorph.dft_scan.
        curves: of the same points.
        relative_to: phase whose enthalpy is zero.
    """
    relative = relative_enthalpies(curves, relative_to)
    zeroed = {
        (curve.method, curve.name, pressure): value
        for curve in curves
        for pressure, value in zip(curve.pressures_gpa, relative[curve.method, curve.name], strict=True)
    }
    rows = []
    for i in range(len(points)):
        engine, functional, name = (str(points.columns[key][i]) for key in ("engine", "functional", "name"))
        pressure, reason = float(points.columns["pressure_gpa"][i]), str(points.columns["reason"][i])
        rows.append(
            {
                "name": name,
                "engine": engine,
                "functional": functional,
                "pressure_gpa": pressure,
                "enthalpy_ev_per_formula_unit": float(points.enthalpy_per_formula_unit[i]),
                "volume_a3_per_formula_unit": None if reason else float(points.volume_per_formula_unit[i]),
                "max_stress_error_gpa": None if reason else float(points.columns["max_stress_error"][i]),
                "relative_enthalpy_ev_per_formula_unit": float(zeroed[method_name(engine, functional), name, pressure]),
                "reason": reason or None,
            }
        )
    return rows
