"""Calcfunction that integrates over a grid of temperatures and pressures."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_polymorph.calculations.functions.free_energy import parameters_of
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.free_energy import UNKNOWN
from aiida_polymorph.thermodynamics.gibbs_surface import Gibbs, State, gibbs_surface
from aiida_polymorph.thermodynamics.series import Estimate
from aiida_polymorph.units import KB


@calcfunction
def integrate_over_grid(
    structure: orm.StructureData,
    parameters: orm.Dict,
    temperatures: orm.List,
    pressures: orm.List,
    places: orm.Dict,
    **results: orm.Data,
) -> GibbsEnergiesData:
    """Return Gibbs energies at all temperatures and pressures.

    Args:
        structure: gives the composition.
        parameters: gives the convention.
        temperatures: asked for, K.
        pressures: asked for, GPa.
        places: name of a result -> [temperature, pressure].
        results: summaries of equilibrations, `state_...`, and free energies, `reference_...`.
    """
    at = {name: tuple(places[name]) for name in results}
    states = {at[name]: state_of(node) for name, node in results.items() if name.startswith("state_")}
    references = {
        at[name]: Estimate(node.value("gibbs_energy"), node.value("error"))
        for name, node in results.items()
        if name.startswith("reference_")
    }
    numbers = structure.get_ase().numbers
    atoms = len(numbers) // formula_units_of(numbers)
    convention = parameters_of(orm.Dict({**parameters.get_dict(), "temperature": 1.0})).convention
    kinetic_atoms = 0 if convention == "unit" else atoms
    found = gibbs_surface(states, references, temperatures.get_list(), pressures.get_list(), kinetic_atoms)
    points = [point_of(each, atoms) for each in found]
    return GibbsEnergiesData.from_record({}, convention=convention, points=points)


def state_of(summary: orm.Dict) -> State:
    """Return what an equilibration told."""
    if summary["reason"]:
        return State(UNKNOWN, UNKNOWN, summary["reason"])
    return State(Estimate(*summary["enthalpy"]), Estimate(*summary["volume"]))


def point_of(found: Gibbs, atoms: int) -> dict[str, Any]:
    """Return one entry of `GibbsEnergiesData.points`."""
    kinetic = 1.5 * KB * found.temperature * atoms
    return {
        "temperature_k": found.temperature,
        "pressure_gpa": found.pressure_gpa,
        "gibbs_energy": found.value.value if found.value else None,
        "error": found.value.error if found.value else None,
        "enthalpy": found.enthalpy.value + kinetic if found.enthalpy else None,
        "volume": found.volume.value if found.volume else None,
        "gap": found.gap.value if found.gap else None,
        "gap_error": found.gap.error if found.gap else None,
        "metastable": found.value is not None,
        "reason": found.reason,
    }
