"""Calcfunctions of a scan: from what the engines gave to one set of points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines import load_engine
from aiida_polymorph.landscape.candidates import rattle
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.static.cell_extrapolation import extrapolate_cell
from aiida_polymorph.versioned import calcfunction

SEED = 20191124
"""Of the displacements that break a symmetry: the same start gives the same one."""


@calcfunction
def displace_atoms(structure: orm.StructureData, amplitude: orm.Float) -> orm.StructureData:
    """Return the structure with each atom displaced at random, so that no symmetry holds it on a saddle point.

    Displacements are normal with a standard deviation of `amplitude` angstrom in each direction, always the same.
    """
    displaced = rattle(StructureSet.from_atoms([structure.get_ase()]), amplitude.value, SEED)
    return orm.StructureData(ase=displaced[0])


@calcfunction
def squeeze_cell(nearest: orm.StructureData, before: orm.StructureData, pressures_gpa: orm.List) -> orm.StructureData:
    """Return the nearest structure in the cell that it may have at another pressure, its fractions kept.

    Args:
        nearest: at the nearer pressure.
        before: at the one before that.
        pressures_gpa: of both, and the one that is wanted.
    """
    atoms = nearest.get_ase()
    cell = extrapolate_cell(atoms.cell.array, np.asarray(before.cell), *pressures_gpa.get_list())
    atoms.set_cell(cell, scale_atoms=True)
    return orm.StructureData(ase=atoms)


@calcfunction
def collect_points(
    structure: orm.StructureData, scan: orm.Dict, failures: orm.Dict, **outputs: orm.Data
) -> StructureSetData:
    """Return the points of one phase and functional as a set, those that failed with their reason.

    Args:
        structure: start of the scan, which stands in for the structure of a point that failed.
        scan: `engine`, `functional`, `name` of the phase and `pressures_gpa`.
        failures: index of a pressure, as text -> reason.
        outputs: outputs of the engine, as `point_00_output_parameters`.

    The columns are those of a relaxed set, and `name` (also as `phase`, which exported files keep), `engine` and
    `functional`; the enthalpy of a point that failed is nan, and its structure the start.
    """
    engine = load_engine(scan["engine"])
    rows = []
    for index, pressure_gpa in enumerate(scan["pressures_gpa"]):
        prefix = f"point_{index:02d}_"
        nodes = {name.removeprefix(prefix): node for name, node in outputs.items() if name.startswith(prefix)}
        failure = failures.get_dict().get(str(index))
        rows.append(_failed(structure, failure) if failure else _read(engine, nodes, pressure_gpa, structure))
    return StructureSetData.from_set(_as_set(rows, scan.get_dict()))


@calcfunction
def join_points(**parts: StructureSetData) -> StructureSetData:
    """Return the points of several phases and functionals as one set, in the order of the names of the parts."""
    return StructureSetData.from_set(StructureSet.concatenate([parts[name].to_set() for name in sorted(parts)]))


def _read(engine: Any, nodes: Mapping[str, orm.Data], pressure_gpa: float, start: orm.StructureData) -> dict[str, Any]:
    try:
        reading = engine.read(nodes, pressure_gpa)
    except (KeyError, ValueError) as error:
        return _failed(start, f"not readable: {error}")
    return {
        "atoms": reading.atoms,
        "enthalpy": reading.enthalpy,
        "max_stress_error": reading.stress_error(pressure_gpa),
        "converged": True,
        "reason": "",
    }


def _failed(start: orm.StructureData, reason: str) -> dict[str, Any]:
    unknown = {"enthalpy": np.nan, "max_stress_error": np.nan, "converged": False}
    return {"atoms": start.get_ase(), "reason": reason, **unknown}


def _as_set(rows: list[dict[str, Any]], scan: Mapping[str, Any]) -> StructureSet:
    same = {name: [scan[name]] * len(rows) for name in ("name", "engine", "functional")}
    same["phase"] = same["name"]
    told = {name: [row[name] for row in rows] for name in ("enthalpy", "max_stress_error", "converged", "reason")}
    columns = {**same, "pressure_gpa": [float(each) for each in scan["pressures_gpa"]], **told}
    return StructureSet.from_atoms([row["atoms"] for row in rows], columns)
