"""Free energies on this machine, without AiiDA: the same steps as `polymorph.free_energy` takes through it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps.results import collect
from aiida_polymorph.lammps.settings import EvaluateSettings, MinimiseSettings, Settings, SpringsSettings
from aiida_polymorph.lammps.system import energy_unit
from aiida_polymorph.lammps.tasks import run_task
from aiida_polymorph.potential import Potential
from aiida_polymorph.thermodynamics.assembly import (
    assemble,
    digest_phonons,
    in_lammps_frame,
    minimised,
    phonon_cells,
    relaxation_reason,
)
from aiida_polymorph.thermodynamics.equilibration import Equilibration, digest_equilibration
from aiida_polymorph.thermodynamics.free_energy import FreeEnergy
from aiida_polymorph.thermodynamics.frenkel_ladd import own_springs
from aiida_polymorph.thermodynamics.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.phonons import Phonons
from aiida_polymorph.thermodynamics.routes import (
    Outcome,
    digest_springs,
    digest_switching,
    draws,
    first_springs,
    first_switching,
    next_springs,
    next_switching,
)
from aiida_polymorph.thermodynamics.supercell import near_cubic_supercell

Runner = Callable[..., dict[str, np.ndarray]]


class NotMetastableError(RuntimeError):
    """The crystal did not last at this temperature and pressure."""


@dataclass(frozen=True)
class Machine:
    """Runs tasks in a folder of this machine; `task(name, atoms, settings, positions=None)` returns arrays in eV."""

    folder: Path
    potential: Potential
    executable: str | None = None

    def task(
        self, name: str, atoms: Atoms, settings: Settings, positions: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Run one task."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            texts = run_task(Path(place), name, atoms, self.potential, settings, positions, self.executable)
        return collect(texts, energy_unit(self.potential))


def compute_free_energy(
    atoms: Atoms,
    potential: Potential,
    temperature: float,
    pressure_gpa: float = 0.0,
    *,
    folder: Path | None = None,
    executable: str | None = None,
    **parameters: Any,
) -> FreeEnergy:
    """Return the Gibbs energy of a crystal at a temperature (K) and a pressure (GPa) by Frenkel-Ladd.

    Args:
        atoms: the crystal, any cell of it.
        potential: of LAMMPS.
        temperature: K.
        pressure_gpa: GPa.
        folder: where LAMMPS runs; a temporary one without it.
        executable: LAMMPS; see `lammps.tasks.run_task`.
        parameters: see `FreeEnergyParameters`: method, target_error, target_atoms, convention, seed, ...

    Raises:
        ValueError: if a parameter is not allowed or the potential doesn't fit.
        NotMetastableError: if the crystal transforms or melts.
        LammpsFailedError: if LAMMPS stops.
    """
    asked = FreeEnergyParameters.from_dict({"temperature": temperature, "pressure_gpa": pressure_gpa, **parameters})
    with tempfile.TemporaryDirectory() as temporary:
        machine = Machine(folder or Path(temporary), potential, executable)
        equilibration = equilibrate(machine, atoms, asked)
        crystal, static = minimised(
            equilibration.atoms, machine.task("minimise", equilibration.atoms, MinimiseSettings())
        )
        outcome = ROUTES[asked.method](machine, crystal, own_springs(equilibration.mean_squares, temperature), asked)
        phonons = compute_phonons(machine, crystal, asked.symprec)
    return assemble(asked, equilibration, crystal, static, outcome, phonons)


def equilibrate(machine: Machine, atoms: Atoms, asked: FreeEnergyParameters) -> Equilibration:
    """Return the crystal at temperature and pressure.

    Raises:
        NotMetastableError: if it doesn't last.
    """
    supercell = near_cubic_supercell(atoms, asked.target_atoms, asked.symprec).atoms
    start, perfect = minimised(supercell, machine.task("minimise", supercell, MinimiseSettings(asked.pressure_gpa)))
    reason = relaxation_reason(supercell, start)
    if reason:
        raise NotMetastableError(reason)
    settings = asked.equilibrate_settings()
    arrays = machine.task("equilibrate", start, settings)
    found = digest_equilibration(start, arrays, asked.temperature, asked.pressure_gpa, perfect, settings.total_steps)
    if found.reason:
        raise NotMetastableError(found.reason)
    return found


def run_springs(machine: Machine, crystal: Atoms, own: dict[str, float], asked: FreeEnergyParameters) -> Outcome:
    """Run the equilibrium route until the wanted error is reached or the steps are spent."""
    positions = draws(crystal, own, asked.temperature, asked.seed)
    settings = EvaluateSettings(forces=False, commands="dynamics")
    energies = machine.task("evaluate", crystal, settings, positions)["energies__energy"]
    runs = []
    following: SpringsSettings | None = first_springs(own, asked.temperature, asked.seed, **asked.dynamics)
    while following is not None:
        runs.append((following, machine.task("springs", crystal, following)))
        following = next_springs(crystal, runs, energies, asked.target)
    return digest_springs(crystal, runs, energies)[0]


def run_switching(machine: Machine, crystal: Atoms, own: dict[str, float], asked: FreeEnergyParameters) -> Outcome:
    """Run the switching route until the wanted error is reached or the steps are spent."""
    runs = []
    following = first_switching(own, asked.temperature, asked.seed, **asked.dynamics)
    while following is not None:
        runs.append((following, machine.task("switching", crystal, following)))
        following = next_switching(crystal, runs, asked.target)
    return digest_switching(crystal, runs)


def compute_phonons(machine: Machine, crystal: Atoms, symprec: float = 0.01) -> Phonons:
    """Return the phonons of a crystal that is a supercell itself."""
    _, _, supercell, positions = phonon_cells(crystal, symprec)
    arrays = machine.task("evaluate", supercell, EvaluateSettings(), in_lammps_frame(supercell, positions))
    return digest_phonons(crystal, arrays["forces__values"], machine.potential.charges, symprec)


ROUTES = {"equilibrium": run_springs, "switching": run_switching}
