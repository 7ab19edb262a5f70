"""Calcfunction that tells what dynamics at constant temperature and pressure found."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_polymorph.calculations.functions.plans import conclude, equilibration_plan, look_up, structure_node
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.plain import plain
from aiida_polymorph.thermodynamics.free_energy.equilibrated import Equilibrated
from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import State
from aiida_polymorph.versioned import calcfunction

SCALARS = ("volume_spread", "mean_squares", "shift", "lindemann", "strain", "steps")


@calcfunction
def conclude_equilibration(
    structure: orm.StructureData,
    potential: PotentialData,
    parameters: orm.Dict,
    phases: StructureSetData | None = None,
    failures: orm.Dict | None = None,
    **results: RecordData,
) -> dict[str, orm.Data]:
    """Return `summary`: what dynamics told, and why the phase is lost if it is, and crystals.

    `crystal` is the phase in its mean cell, where there was dynamics; `product` what a lost phase turned into.

    Args:
        structure: the phase, any cell of it.
        potential: of LAMMPS.
        parameters: see `FreeEnergyParameters`.
        phases: what a lost phase is looked up in, see `landscape.recognition.recognise`.
        failures: label -> message of steps that failed.
        results: of the other steps, by label.
    """
    inputs = {"structure": structure, "potential": potential, "parameters": parameters, "phases": phases}
    found = conclude(equilibration_plan(inputs), look_up(results, failures))
    crystals = {"crystal": None if found.found is None else found.found.atoms, "product": found.product}
    nodes = {label: structure_node(atoms) for label, atoms in crystals.items() if atoms is not None}
    return {"summary": orm.Dict(plain(summary_of(found))), **nodes}


def summary_of(found: Equilibrated) -> dict[str, Any]:
    """Return what is told of an equilibration, as plain values."""
    summary: dict[str, Any] = {"energy_ev": found.start.static, "reason": found.reason}
    if found.found is not None:
        summary |= {name: getattr(found.found, name) for name in SCALARS}
        summary |= {"volume": list(found.found.volume), "enthalpy": list(found.found.enthalpy)}
    if found.identity is not None:
        summary |= {"became": found.identity.text, "space_group": found.identity.space_group}
    return summary


def state_of(summary: orm.Dict) -> State:
    """Return what an equilibration told."""
    if summary["reason"]:
        return State(UNKNOWN, UNKNOWN, summary["reason"])
    return State(Estimate(*summary["enthalpy"]), Estimate(*summary["volume"]))
