"""Enthalpies against pressure by several methods, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_polymorph.report.tables import Cell, Table, cell
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve, by_method, relative_enthalpies


def enthalpy_table(curves: Sequence[EnthalpyCurve], relative_to: str) -> Table:
    """Return all points, a row each, by method and phase; numbers are per formula unit.

    Args:
        curves: of all phases and methods.
        relative_to: name of the phase that is the zero of the relative enthalpies.

    Raises:
        ValueError: if no method has that phase, or a phase has two curves by one method.
    """
    relative = relative_enthalpies(curves, relative_to)
    heads = (
        "method",
        "phase",
        "P, GPa",
        "h, eV",
        f"h \N{MINUS SIGN} h({relative_to}), eV",
        "V, Å³",
        "stress left, GPa",
    )
    rows = tuple(
        (
            Cell(curve.method),
            Cell(curve.name),
            cell(curve.pressures_gpa[i], "g"),
            cell(curve.enthalpies[i], ".4f"),
            cell(relative[curve.method, curve.name][i], ".4f"),
            cell(curve.volumes[i], ".3f"),
            cell(curve.stress_errors_gpa[i], ".2g"),
        )
        for phases in by_method(curves).values()
        for curve in phases.values()
        for i in range(len(curve.pressures_gpa))
    )
    return Table(heads, rows)
