"""Gibbs energies along an isobar on this machine, without AiiDA: Frenkel-Ladd at its lower end and two sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from aiida_polymorph.lammps.settings import SweepSettings
from aiida_polymorph.local.free_energy import NotMetastableError, compute_free_energy, phase_of
from aiida_polymorph.local.runner import follow
from aiida_polymorph.potential import Potential
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.free_energy.registry import checked_parameters
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.sweep import SweptPoint, isobar_from_sweeps
from aiida_polymorph.thermodynamics.surfaces.sweep_plan import SweepPlan


def compute_isobar(
    atoms: Atoms,
    potential: Potential,
    temperatures: Sequence[float],
    pressure_gpa: float = 0.0,
    *,
    sweep_steps: int = SweepSettings.sweep_steps,
    start: Estimate | None = None,
    folder: Path | None = None,
    executable: str | None = None,
    **parameters: Any,
) -> list[SweptPoint]:
    """Return the Gibbs energies of a crystal at several temperatures (K) and one pressure (GPa).

    Args:
        atoms: the crystal, any cell of it.
        potential: of LAMMPS.
        temperatures: two or more, K.
        pressure_gpa: GPa.
        sweep_steps: of molecular dynamics from one end to the other, each way.
        start: Gibbs energy at the lowest temperature, eV per formula unit; by Frenkel-Ladd without it.
        folder: where LAMMPS runs; a temporary one without it.
        executable: LAMMPS; see `lammps.tasks.run_task`.
        parameters: see `FreeEnergyParameters`: target_error, target_atoms, convention (`unit` or `mass`), ...

    Raises:
        ValueError: if a parameter is not allowed, the potential doesn't fit, or a sweep is too short.
        NotMetastableError: if the crystal transforms or melts.
        LammpsFailedError: if LAMMPS stops.
    """
    lowest, highest = min(temperatures), max(temperatures)
    asked = checked_parameters({"temperature": lowest, "pressure_gpa": pressure_gpa, **parameters})
    if not highest > lowest or asked.convention == "quantum":
        raise ValueError(f"an isobar needs two temperatures and a classical convention, got {list(temperatures)} K")
    if start is None:
        known = compute_free_energy(
            atoms, potential, lowest, pressure_gpa, folder=folder, executable=executable, **parameters
        )
        start = Estimate(known.gibbs_energy, known.error)
    sweeps = follow(SweepPlan(phase_of(atoms, potential), asked, highest, sweep_steps), potential, folder, executable)
    if sweeps.ways is None or sweeps.reason:
        raise NotMetastableError(sweeps.reason)
    kinetic_atoms = len(atoms) // formula_units_of(atoms.numbers) if asked.convention == "mass" else 0
    return isobar_from_sweeps(*sweeps.ways, start, temperatures, kinetic_atoms)
