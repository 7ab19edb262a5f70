"""Calcfunction of the quasi-harmonic approximation."""

from __future__ import annotations

from aiida import orm

from aiida_polymorph.calculations.functions.free_energy import parameters_of
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.thermodynamics.free_energy.assembly import digest_phonons
from aiida_polymorph.thermodynamics.phonons.quasi_harmonic import assemble_quasi_harmonic
from aiida_polymorph.thermodynamics.phonons.volume_grid import Rung
from aiida_polymorph.versioned import calcfunction


@calcfunction
def combine_harmonic(
    parameters: orm.Dict, potential: PotentialData, failed: orm.List, pressures: orm.Dict, **rungs: orm.Data
) -> FreeEnergyData:
    """Return the quasi-harmonic Gibbs energy.

    Args:
        parameters: what was asked.
        potential: gives the charges.
        failed: why cells of the ladder are missing.
        pressures: `crystal_00` -> GPa, ...
        rungs: of each cell `crystal_00`, `minimum_00` (its energy) and `forces_00`, ...
    """
    asked, charges = parameters_of(parameters), potential.to_potential().charges
    numbers = sorted(name.removeprefix("crystal_") for name in rungs if name.startswith("crystal_"))
    cells = []
    for number in numbers:
        crystal, minimum = rungs[f"crystal_{number}"].get_ase(), rungs[f"minimum_{number}"]
        forces = rungs[f"forces_{number}"].get_array("forces__values")
        phonons = digest_phonons(crystal, forces, charges, asked.symprec)
        cells.append(Rung(pressures[f"crystal_{number}"], crystal, minimum["energy_ev"], phonons))
    return FreeEnergyData.from_free_energy(assemble_quasi_harmonic(asked, cells, failed.get_list()))
