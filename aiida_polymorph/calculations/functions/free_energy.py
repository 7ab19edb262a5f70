"""Calcfunction that puts a free energy together."""

from __future__ import annotations

from aiida import orm

from aiida_polymorph.calculations.functions.plans import conclude, free_energy_plan, identity_of, look_up
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.thermodynamics.free_energy.registry import load_method
from aiida_polymorph.versioned import calcfunction


@calcfunction
def conclude_free_energy(
    structure: orm.StructureData,
    potential: PotentialData,
    parameters: orm.Dict,
    method: orm.Str | None = None,
    phases: StructureSetData | None = None,
    name: orm.Str | None = None,
    failures: orm.Dict | None = None,
    **results: RecordData,
) -> FreeEnergyData:
    """Return the Gibbs energy, or why there is none.

    Args:
        structure: the phase, any cell of it.
        potential: of LAMMPS.
        parameters: see `FreeEnergyParameters`.
        method: where it is not that of the parameters.
        phases: what a phase that is not metastable is looked up in, see `landscape.recognition.recognise`.
        name: of the phase.
        failures: label -> message of steps that failed.
        results: of the other steps of the method's plan, by label.
    """
    inputs = {"structure": structure, "potential": potential, "parameters": parameters}
    plan = free_energy_plan({**inputs, "method": method, "phases": phases})
    found = conclude(plan, look_up(results, failures))
    identity = identity_of(structure, potential, name)
    source = load_method(found.energy.method).source
    return FreeEnergyData.from_free_energy(found.energy, found.curve, found.became, **identity, source=source)
