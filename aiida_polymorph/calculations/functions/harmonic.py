"""Calcfunctions around the two jobs that give the quasi-harmonic Gibbs energies of many phases."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.data.evaluations import EvaluationsData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.thermodynamics.free_energy.quasi_harmonic_grid import HarmonicGrid, quasi_harmonic_grid
from aiida_polymorph.thermodynamics.phonons.cell_sets import (
    HarmonicSettings,
    cells_at,
    displaced_cells,
    grid_cells,
    lost_cells,
)
from aiida_polymorph.thermodynamics.phonons.volume_grid import ZERO_POINT, GridCell, grid_pressures
from aiida_polymorph.thermodynamics.surfaces.region import Region
from aiida_polymorph.versioned import calcfunction


@calcfunction
def plan_cells(phases: StructureSetData, settings: orm.Dict, region: orm.Dict) -> StructureSetData:
    """Return the cells to relax: each phase at pressures from below to above a region.

    Args:
        phases: one primitive cell of each, with the columns `name` and `space_group`.
        settings: of `HarmonicSettings`.
        region: of `Region`.
    """
    chosen, asked = HarmonicSettings.from_dict(settings.get_dict()), Region.from_dict(region.get_dict())
    table = phases.to_set()
    volume = float(np.median(table.volumes / table.lengths))
    zero_point = ZERO_POINT if chosen.convention == "quantum" else 0.0
    pressures_gpa = grid_pressures(asked.pressures_gpa, asked.temperatures, volume, chosen.cells, zero_point)
    return StructureSetData.from_set(cells_at(table, pressures_gpa))


@calcfunction
def displace_cells(phases: StructureSetData, cells: StructureSetData, settings: orm.Dict) -> dict[str, orm.Data]:
    """Return the cells that are still their phase, and the displaced supercells that their phonons need.

    Returns:
        `kept`: those cells. `displaced`: see `cell_sets.displaced_cells`; left out if no cell is kept. `lost`: a list
        of `name`, `pressure_gpa` and `reason` of the other cells.
    """
    table, relaxed, chosen = phases.to_set(), cells.to_set(), HarmonicSettings.from_dict(settings.get_dict())
    names, groups = (table.column(name, "").astype(str).tolist() for name in ("name", "space_group"))
    reasons = lost_cells(relaxed, dict(zip(names, groups, strict=True)))
    kept = relaxed.select(np.array([not reason for reason in reasons], dtype=bool))
    lost = [
        {"name": str(name), "pressure_gpa": float(pressure), "reason": reason}
        for name, pressure, reason in zip(
            relaxed.column("name", ""), relaxed.column("pressure_gpa"), reasons, strict=True
        )
        if reason
    ]
    found: dict[str, orm.Data] = {"kept": StructureSetData.from_set(kept), "lost": orm.List(lost)}
    if len(kept):
        found["displaced"] = StructureSetData.from_set(displaced_cells(table, kept, chosen))
    return found


@calcfunction
def harmonic_energies(
    phases: StructureSetData,
    cells: StructureSetData,
    displaced: StructureSetData,
    evaluations: EvaluationsData,
    potential: PotentialData,
    settings: orm.Dict,
    region: orm.Dict,
) -> dict[str, orm.Data]:
    """Return the quasi-harmonic Gibbs energies of each phase over a region, `phase_000`, `phase_001`, ...

    Args:
        phases: as given to `plan_cells`.
        cells: those that are still their phase.
        displaced: what `displace_cells` returned for them.
        evaluations: forces on these.
        potential: that they come from, for its charges.
        settings: of `HarmonicSettings`.
        region: of `Region`.
    """
    table, kept, chosen = phases.to_set(), cells.to_set(), HarmonicSettings.from_dict(settings.get_dict())
    model = potential.to_potential()
    forces = forces_by_cell(displaced, evaluations)
    found = grid_cells(table, kept, forces, model.charges, chosen)
    owners, asked = kept.column("phase"), Region.from_dict(region.get_dict())
    identity = {"composition": table.composition, "potential": model.name}
    nodes: dict[str, orm.Data] = {}
    for row, name in enumerate(table.column("name", "").astype(str)):
        own = [cell for cell, owner in zip(found, owners, strict=True) if owner == row]
        good = [cell for cell in own if isinstance(cell, GridCell)]
        failed = [cell for cell in own if isinstance(cell, str)]
        nodes[f"phase_{row:03d}"] = energies_node(str(name), good, failed, chosen, asked, identity)
    return nodes


def forces_by_cell(displaced: StructureSetData, evaluations: EvaluationsData) -> dict[int, np.ndarray]:
    """Return for each cell the forces on its displaced supercells, eV/angstrom, shape (d, N, 3)."""
    structures, forces = displaced.to_set(), evaluations.to_evaluations().forces
    owners = structures.column("cell").astype(int)
    found = {}
    for owner in np.unique(owners):
        runs = np.flatnonzero(owners == owner)
        first, last = structures.offsets[runs[0]], structures.offsets[runs[-1] + 1]
        found[int(owner)] = forces[first:last].reshape(len(runs), -1, 3)
    return found


def energies_node(
    name: str,
    cells: list[GridCell],
    failed: list[str],
    settings: HarmonicSettings,
    region: Region,
    identity: dict[str, Any],
) -> GibbsEnergiesData:
    """Return the unstored node of one phase; without cells all its points say why there is nothing."""
    temperatures, pressures_gpa = region.grid()
    told = {
        "convention": settings.convention,
        "phase": name,
        "problem": "",
        "source": "harmonic",
        "cells": [
            {"pressure_gpa": c.pressure_gpa, "volume": c.volume, "imaginary": c.phonons.soft_bulk} for c in cells
        ],
        **identity,
    }
    if not cells:
        reason = "; ".join(dict.fromkeys(failed)) or "lost at all pressures at which it was relaxed"
        points = [_point(t, p, reason) for t in temperatures for p in pressures_gpa]
        return GibbsEnergiesData.from_record({}, points=points, remarks=[], **told)
    grid = quasi_harmonic_grid(cells, temperatures, pressures_gpa, settings.convention)
    remarks = [*grid.remarks, *dict.fromkeys(failed)]
    return GibbsEnergiesData.from_record({}, points=_points(grid), remarks=remarks, **told)


def _points(grid: HarmonicGrid) -> list[dict[str, Any]]:
    places = np.ndindex(grid.gibbs_energy.shape)
    return [
        _point(
            grid.temperatures[i],
            grid.pressures_gpa[j],
            str(grid.reasons[i, j]),
            gibbs_energy=float(grid.gibbs_energy[i, j]),
            error=float(grid.error[i, j]),
            configurational_enthalpy=float(grid.enthalpy[i, j]),
            volume=float(grid.volume[i, j]),
        )
        for i, j in places
    ]


def _point(temperature: float, pressure_gpa: float, reason: str, **values: float) -> dict[str, Any]:
    """Return a state point as `GibbsEnergiesData` holds it; numbers that are nan are stored as None."""
    unknown = dict.fromkeys(("gibbs_energy", "error", "configurational_enthalpy", "volume", "gap", "gap_error"))
    return {
        "temperature_k": float(temperature),
        "pressure_gpa": float(pressure_gpa),
        **unknown,
        **values,
        "metastable": not reason,
        "reason": reason,
    }
