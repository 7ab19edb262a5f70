"""Calcfunction that integrates over a grid of temperatures and pressures."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_polymorph.calculations.functions.free_energy import parameters_of
from aiida_polymorph.calculations.functions.sweep import load_sweeps
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import Gibbs, Place, State, gibbs_surface
from aiida_polymorph.thermodynamics.surfaces.swept_surface import swept_surface
from aiida_polymorph.versioned import calcfunction


@calcfunction
def integrate_over_grid(
    structure: orm.StructureData,
    parameters: orm.Dict,
    temperatures: orm.List,
    pressures: orm.List,
    places: orm.Dict,
    failures: orm.List | None = None,
    **results: orm.Data,
) -> GibbsEnergiesData:
    """Return Gibbs energies at all temperatures and pressures.

    Args:
        structure: gives the composition.
        parameters: gives the convention.
        temperatures: asked for, K.
        pressures: asked for, GPa.
        places: name of a result -> [temperature, pressure]; of sweeps the highest temperature.
        failures: [highest temperature, pressure, reason] of sweeps without a result; given only where there are sweeps
            along the isobars instead of points.
        results: summaries of equilibrations, `state_...`, free energies, `reference_...`, and sweeps, `sweep_...`.
    """
    nodes = {kind: nodes_at(kind, places, results) for kind in ("state", "reference", "sweep")}
    states = {place: state_of(node) for place, node in nodes["state"].items()}
    references = {
        place: Estimate(node.value("gibbs_energy"), node.value("error")) for place, node in nodes["reference"].items()
    }
    numbers = structure.get_ase().numbers
    atoms = len(numbers) // formula_units_of(numbers)
    convention = parameters_of(orm.Dict({**parameters.get_dict(), "temperature": 1.0})).convention
    kinetic_atoms = 0 if convention == "unit" else atoms
    grid = temperatures.get_list(), pressures.get_list(), kinetic_atoms
    if failures is None:
        found = gibbs_surface(states, references, *grid)
    else:
        sweeps = {place: load_sweeps(node) for place, node in nodes["sweep"].items() if not node.value("reason")}
        broken = {place: node.value("reason") for place, node in nodes["sweep"].items() if place not in sweeps}
        failed = {(reach, pressure): reason for reach, pressure, reason in failures.get_list()}
        found = swept_surface(states, references, sweeps, broken | failed, *grid)
    points = [point_of(each) for each in found]
    return GibbsEnergiesData.from_record({}, convention=convention, points=points)


def nodes_at(kind: str, places: orm.Dict, results: dict[str, Any]) -> dict[Place, Any]:
    """Return the results of one kind by temperature and pressure."""
    return {tuple(places[name]): node for name, node in results.items() if name.startswith(f"{kind}_")}


def state_of(summary: orm.Dict) -> State:
    """Return what an equilibration told."""
    if summary["reason"]:
        return State(UNKNOWN, UNKNOWN, summary["reason"])
    return State(Estimate(*summary["enthalpy"]), Estimate(*summary["volume"]))


def point_of(found: Gibbs) -> dict[str, Any]:
    """Return one entry of `GibbsEnergiesData.points`."""
    return {
        "temperature_k": found.temperature,
        "pressure_gpa": found.pressure_gpa,
        "gibbs_energy": found.value.value if found.value else None,
        "error": found.value.error if found.value else None,
        "configurational_enthalpy": found.enthalpy.value if found.enthalpy else None,
        "volume": found.volume.value if found.volume else None,
        "gap": found.gap.value if found.gap else None,
        "gap_error": found.gap.error if found.gap else None,
        "metastable": found.value is not None,
        "reason": found.reason,
    }
