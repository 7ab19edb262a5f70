"""Calcfunction that integrates over temperatures and pressures."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_polymorph.calculations.functions.equilibrate import state_of
from aiida_polymorph.calculations.functions.plans import Inputs, conclude, identity_of, look_up, phase_of
from aiida_polymorph.calculations.functions.sweep import load_sweeps
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.thermodynamics.free_energy.methods import Found
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import Gibbs, State
from aiida_polymorph.thermodynamics.surfaces.integration_plan import IntegrationPlan, Wanted
from aiida_polymorph.thermodynamics.surfaces.sweep_plan import Sweeps
from aiida_polymorph.versioned import calcfunction


@calcfunction
def integrate_over_grid(
    structure: orm.StructureData,
    potential: PotentialData,
    parameters: orm.Dict,
    temperatures: orm.List,
    pressures: orm.List,
    temperature_step: orm.Float,
    pressure_step: orm.Float,
    path_error: orm.Float,
    sweep_steps: orm.Int,
    isobars: orm.Str | None = None,
    name: orm.Str | None = None,
    failures: orm.Dict | None = None,
    **results: orm.Data,
) -> GibbsEnergiesData:
    """Return Gibbs energies at all temperatures and pressures.

    The attribute `problem` says why there are none although the phase is metastable, if so.

    Args:
        structure: the phase, any cell of it.
        potential: of LAMMPS.
        parameters: see `FreeEnergyParameters`, without temperature and pressure.
        temperatures: asked for, K.
        pressures: asked for, GPa.
        temperature_step: see `Wanted`, K.
        pressure_step: see `Wanted`, GPa.
        path_error: see `Wanted`, eV per formula unit.
        sweep_steps: see `Wanted`.
        isobars: see `Wanted`.
        name: of the phase.
        failures: label -> message of steps that failed.
        results: of the other steps by label: summaries of equilibrations, `state_...`, free energies, `anchor_...`,
            and sweeps, `sweep_...`.
    """
    inputs: dict[str, Any] = {
        "structure": structure,
        "potential": potential,
        "parameters": parameters,
        "temperatures": temperatures,
        "pressures": pressures,
        "temperature_step": temperature_step,
        "pressure_step": pressure_step,
        "path_error": path_error,
        "sweep_steps": sweep_steps,
        "isobars": isobars,
    }
    found = conclude(integration_plan(inputs), look_up(results, failures, part_result))
    return GibbsEnergiesData.from_record(
        {},
        convention=found.convention,
        points=[point_of(each) for each in found.points],
        problem=found.problem,
        **identity_of(structure, potential, name),
    )


def integration_plan(inputs: Inputs) -> IntegrationPlan:
    """Return the plan of an integration over temperatures and pressures."""
    numbers = ("temperature_step", "pressure_step", "path_error", "sweep_steps")
    isobars = inputs.get("isobars")
    wanted = Wanted(
        temperatures=tuple(inputs["temperatures"].get_list()),
        pressures_gpa=tuple(inputs["pressures"].get_list()),
        isobars="points" if isobars is None else isobars.value,
        **{name: inputs[name].value for name in numbers},
    )
    return IntegrationPlan(phase_of(inputs), inputs["parameters"].get_dict(), wanted)


def part_result(node: Any) -> State | Found | Sweeps:
    """Return what a process found that is a step of an integration."""
    if isinstance(node, FreeEnergyData):
        return Found(node.to_free_energy(), became=node.value("became"))
    return state_of(node) if isinstance(node, orm.Dict) else load_sweeps(node)


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
