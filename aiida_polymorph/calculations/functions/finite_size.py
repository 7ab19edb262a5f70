"""Calcfunction that takes free energies at several sizes to the infinite crystal."""

from __future__ import annotations

from aiida import orm

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.free_energy.result import infinite_size
from aiida_polymorph.versioned import calcfunction


@calcfunction
def extrapolate_sizes(structure: orm.StructureData, **sizes: FreeEnergyData) -> FreeEnergyData:
    """Return the Gibbs energy of the infinite crystal, see `thermodynamics.free_energy.result.infinite_size`.

    Args:
        structure: gives the composition.
        sizes: Gibbs energies at two or more sizes, without a finite-size term.
    """
    numbers = structure.get_ase().numbers
    found = infinite_size([node.to_free_energy() for node in sizes.values()], len(numbers) / formula_units_of(numbers))
    first = next(iter(sizes.values()))
    identity = {name: first.value(name) for name in ("phase", "composition", "potential", "source")}
    return FreeEnergyData.from_free_energy(found, **identity)
