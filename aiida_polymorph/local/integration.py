"""Gibbs energies over temperatures and pressures on this machine, without AiiDA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from aiida_polymorph.lammps.settings import SweepSettings
from aiida_polymorph.lammps.tasks import LammpsFailedError
from aiida_polymorph.local.free_energy import phase_of
from aiida_polymorph.local.runner import follow
from aiida_polymorph.potential import Potential
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import Gibbs
from aiida_polymorph.thermodynamics.surfaces.integration_plan import IntegrationPlan, Wanted


def compute_gibbs_energies(
    atoms: Atoms,
    potential: Potential,
    temperatures: Sequence[float],
    pressures_gpa: Sequence[float],
    *,
    temperature_step: float = 450.0,
    pressure_step_gpa: float = 10.0,
    path_error: float = 0.002,
    isobars: str = "points",
    sweep_steps: int = SweepSettings.sweep_steps,
    phases: StructureSet | None = None,
    folder: Path | None = None,
    executable: str | None = None,
    **parameters: Any,
) -> list[Gibbs]:
    """Return the Gibbs energies of a crystal at several temperatures (K) and pressures (GPa).

    The same plan as `polymorph.integrate` carries out through AiiDA. Where the crystal is not metastable, an entry has
    a reason instead of a value.

    Args:
        atoms: the crystal, any cell of it.
        potential: of LAMMPS.
        temperatures: K; free energies are computed at the lowest.
        pressures_gpa: GPa.
        temperature_step: largest distance of the first points along an isobar, K.
        pressure_step_gpa: largest distance of the first points along the isotherm, GPa.
        path_error: wanted error of each path, eV per formula unit.
        isobars: to higher temperatures by `points`, or by `sweeps`.
        sweep_steps: of a sweep, one way.
        phases: what a crystal that is not metastable is looked up in, see `landscape.recognition.recognise`.
        folder: where LAMMPS runs; a temporary one without it.
        executable: LAMMPS; see `lammps.tasks.run_task`.
        parameters: see `FreeEnergyParameters`: method, target_error, target_atoms, convention, seed, ...

    Raises:
        ValueError: if a parameter is not allowed or the potential doesn't fit.
        LammpsFailedError: if no free energy could be computed although the crystal is metastable.
    """
    wanted = Wanted(
        temperatures=tuple(temperatures),
        pressures_gpa=tuple(pressures_gpa),
        temperature_step=temperature_step,
        pressure_step=pressure_step_gpa,
        path_error=path_error,
        isobars=isobars,
        sweep_steps=sweep_steps,
    )
    plan = IntegrationPlan(phase_of(atoms, potential, phases), parameters, wanted)
    found = follow(plan, potential, folder, executable)
    if found.problem:
        raise LammpsFailedError(f"no free energy could be computed: {found.problem}")
    return list(found.points)
