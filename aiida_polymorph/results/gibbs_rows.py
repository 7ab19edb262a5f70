"""Rows of `free-energy` and `integrate`, and the text of a free energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.state_points import state_points
from aiida_polymorph.results.free_energies import result_of
from aiida_polymorph.text_tables import Column, table
from aiida_polymorph.thermodynamics.free_energy.kinetic import kinetic_energy

TERM_COLUMNS: list[Column] = [
    Column("term", "term"),
    Column("eV/f.u.", "value", ".5f"),
    Column("error", "error", ".5f"),
]
NO_LOOP = "the points make no loop, for which two temperatures and two pressures are needed"
INTEGRATE_COLUMNS: list[Column] = [
    Column("name", "name"),
    Column("P (GPa)", "pressure_gpa", "g"),
    Column("T (K)", "temperature_k", "g"),
    Column("G (eV/f.u.)", "gibbs_energy_ev_per_formula_unit", ".5f", reason="reason"),
    Column("error", "error_ev_per_formula_unit", ".5f"),
    Column("H (eV/f.u.)", "enthalpy_ev_per_formula_unit", ".4f", reason="reason"),
    Column("V (A^3/f.u.)", "volume_a3_per_formula_unit", ".3f", reason="reason"),
    Column("closure error", "loop_gap_ev_per_formula_unit", ".5f", why=NO_LOOP),
    Column("its error", "loop_gap_error_ev_per_formula_unit", ".5f"),
    Column("reason", "reason"),
]


def integrate_rows(process: orm.ProcessNode, name: str) -> list[dict[str, Any]]:
    """Return the entries of `integrate` of one phase, by what its process has made; none if it made nothing."""
    if "gibbs_energies" not in process.outputs:
        return []
    result = result_of(process)
    return [
        {
            "name": name,
            "pressure_gpa": point["pressure_gpa"],
            "temperature_k": point["temperature_k"],
            "gibbs_energy_ev_per_formula_unit": point["gibbs_energy"],
            "error_ev_per_formula_unit": point["error"],
            "enthalpy_ev_per_formula_unit": whole_enthalpy(point, result.atoms),
            "volume_a3_per_formula_unit": point["volume"],
            "metastable": point["metastable"],
            "reason": point["reason"],
            "loop_gap_ev_per_formula_unit": point["gap"],
            "loop_gap_error_ev_per_formula_unit": point["gap_error"],
        }
        for point in state_points(result.data, result.atoms)
    ]


def whole_enthalpy(point: Mapping[str, Any], atoms: int) -> float | None:
    """Return the enthalpy of a state point with the kinetic energy, eV per formula unit; None where it is unknown.

    Args:
        point: As `data.state_points` returns it.
        atoms: Number of atoms in a formula unit.
    """
    configurational = point["configurational_enthalpy"]
    return None if configurational is None else configurational + kinetic_energy(point["temperature_k"], atoms)


def free_energy_row(found: FreeEnergyData, name: str) -> dict[str, Any]:
    """Return the entries of `free-energy`."""
    value = found.value
    return {
        "name": name,
        "gibbs_energy_ev_per_formula_unit": value("gibbs_energy"),
        "error_ev_per_formula_unit": value("error"),
        "pressure_gpa": value("pressure_gpa"),
        "temperature_k": value("temperature"),
        "method": value("method"),
        "atoms": value("atoms"),
        "steps": value("steps"),
        "terms": {name: {"value": term[0], "error": term[1]} for name, term in value("terms").items()},
        "metastable": value("metastable"),
        "reason": value("reason"),
        "became": value("became"),
        "convention": value("convention"),
        "finite_size": value("finite_size"),
        "volume_a3_per_formula_unit": value("volume")[0],
        "enthalpy_ev_per_formula_unit": value("enthalpy")[0],
        "remarks": value("remarks"),
        "node": found.pk,
    }


def free_energy_text(row: Mapping[str, Any]) -> str:
    """Return a free energy for people."""
    place = f"{row['temperature_k']:g} K, {row['pressure_gpa']:g} GPa, {row['method']}"
    if not row["metastable"]:
        return f"{place}: no free energy. {row['reason']}"
    terms = [{"term": name, **term} for name, term in row["terms"].items()]
    total = {
        "term": "Gibbs energy",
        "value": row["gibbs_energy_ev_per_formula_unit"],
        "error": row["error_ev_per_formula_unit"],
    }
    lines = [f"{place}: {row['atoms']} atoms, {row['steps']} steps, convention {row['convention']}"]
    lines += [table([*terms, total], TERM_COLUMNS), *(f"Note: {remark}" for remark in row["remarks"])]
    return "\n".join(lines)
