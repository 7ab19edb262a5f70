"""Free energies on this machine, without AiiDA: the same plans as `polymorph.free_energy` carries out through it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ase import Atoms

from aiida_polymorph.landscape.recognition import recognise
from aiida_polymorph.local.runner import follow
from aiida_polymorph.potential import Potential
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.free_energy.methods import Phase
from aiida_polymorph.thermodynamics.free_energy.registry import FreeEnergyPlan, checked_parameters
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy


class NotMetastableError(RuntimeError):
    """The crystal is not metastable at this temperature and pressure."""


def compute_free_energy(
    atoms: Atoms,
    potential: Potential,
    temperature: float,
    pressure_gpa: float = 0.0,
    *,
    phases: StructureSet | None = None,
    folder: Path | None = None,
    executable: str | None = None,
    **parameters: Any,
) -> FreeEnergy:
    """Return the Gibbs energy of a crystal at a temperature (K) and a pressure (GPa).

    Args:
        atoms: the crystal, any cell of it.
        potential: of LAMMPS.
        temperature: K.
        pressure_gpa: GPa.
        phases: what a crystal that is not metastable is looked up in, see `landscape.recognition.recognise`.
        folder: where LAMMPS runs; a temporary one without it.
        executable: LAMMPS; see `lammps.tasks.run_task`.
        parameters: see `FreeEnergyParameters`: method, target_error, target_atoms, convention, seed, ...

    Raises:
        ValueError: if a parameter is not allowed, the potential doesn't fit, or the supercell is too small for it.
        NotMetastableError: if the crystal transforms or melts.
        LammpsFailedError: if LAMMPS stops.
    """
    asked = checked_parameters({"temperature": temperature, "pressure_gpa": pressure_gpa, **parameters})
    found = follow(FreeEnergyPlan(phase_of(atoms, potential, phases), asked), potential, folder, executable).energy
    if found.reason and (found.has_value or not found.terms):
        raise NotMetastableError(found.reason)
    return found


def compute_quasi_harmonic(
    atoms: Atoms,
    potential: Potential,
    temperature: float,
    pressure_gpa: float = 0.0,
    *,
    folder: Path | None = None,
    executable: str | None = None,
    **parameters: Any,
) -> FreeEnergy:
    """Return the Gibbs energy of a crystal at a temperature (K) and a pressure (GPa) from phonons of several cells.

    Takes seconds. Where the phonons don't give a number, it is nan with a reason; see
    `thermodynamics.free_energy.quasi_harmonic_gibbs.quasi_harmonic`.

    Args:
        atoms: the crystal, any cell of it.
        potential: of LAMMPS.
        temperature: K.
        pressure_gpa: GPa.
        folder: where LAMMPS runs; a temporary one without it.
        executable: LAMMPS; see `lammps.tasks.run_task`.
        parameters: see `FreeEnergyParameters`: target_atoms, convention, symprec, target_error; a remark names others
            that are given, as they have no meaning here.

    Raises:
        ValueError: if a parameter is not allowed or the potential doesn't fit.
        NotMetastableError: if the crystal transforms when it is relaxed at 0 K and the pressure.
        LammpsFailedError: if LAMMPS stops there.
    """
    given = {**parameters, "method": "harmonic"}
    return compute_free_energy(
        atoms, potential, temperature, pressure_gpa, folder=folder, executable=executable, **given
    )


def phase_of(atoms: Atoms, potential: Potential, phases: StructureSet | None = None) -> Phase:
    """Return a phase, and what one that it turns into is looked up in."""
    return Phase(atoms, potential, partial(recognise, phases=phases))
