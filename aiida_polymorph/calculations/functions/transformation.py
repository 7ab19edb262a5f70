"""Calcfunctions that find out what a phase that does not last has turned into."""

from __future__ import annotations

from aiida import orm

from aiida_polymorph.calculations.functions.free_energy import structure_node
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.landscape.recognition import recognise
from aiida_polymorph.plain import plain
from aiida_polymorph.thermodynamics.free_energy.assembly import final_crystal
from aiida_polymorph.versioned import calcfunction


@calcfunction
def take_final(crystal: orm.StructureData, results: RecordData) -> orm.StructureData:
    """Return the atoms where dynamics at constant pressure left them."""
    return structure_node(final_crystal(crystal.get_ase(), results.to_arrays()))


@calcfunction
def name_product(summary: orm.Dict, product: orm.StructureData, phases: StructureSetData | None = None) -> orm.Dict:
    """Return a summary whose reason says what the phase became.

    Args:
        summary: of the relaxation or equilibration that the phase did not survive.
        product: what is left, relaxed at 0 K.
        phases: what it may be, see `landscape.recognition.recognise`.
    """
    found = recognise(product.get_ase(), phases.to_set() if phases is not None else None)
    entries = {
        "became": found.text,
        "space_group": found.space_group,
        "reason": f"{summary['reason']}; now {found.text}",
    }
    return orm.Dict(plain({**summary.get_dict(), **entries}))
