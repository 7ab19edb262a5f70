"""Free energies on this machine, without AiiDA: the same steps as `polymorph.free_energy` takes through it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps.output import neighbour_cutoff
from aiida_polymorph.lammps.results import collect
from aiida_polymorph.lammps.settings import EvaluateSettings, MinimiseSettings, Settings, SpringsSettings
from aiida_polymorph.lammps.system import energy_unit
from aiida_polymorph.lammps.tasks import LOG_FILE, LammpsFailedError, run_task
from aiida_polymorph.potential import Potential
from aiida_polymorph.thermodynamics.free_energy.assembly import (
    assemble,
    digest_phonons,
    in_lammps_frame,
    minimised,
    phonon_cells,
    relaxation_reason,
)
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import own_springs
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy
from aiida_polymorph.thermodynamics.free_energy.routes import (
    Outcome,
    digest_springs,
    digest_switching,
    draws,
    first_springs,
    first_switching,
    next_springs,
    next_switching,
)
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import Phonons
from aiida_polymorph.thermodynamics.phonons.quasi_harmonic import assemble_quasi_harmonic, further
from aiida_polymorph.thermodynamics.phonons.volume_grid import MOST_RUNGS, Rung, ladder, rung_reason
from aiida_polymorph.thermodynamics.sampling.equilibration import Equilibration, digest_equilibration
from aiida_polymorph.thermodynamics.sampling.supercell import near_cubic_supercell, size_problem

SAME_PRESSURE = 1e-6
"""Pressures this near, GPa, are one."""


class NotMetastableError(RuntimeError):
    """The crystal did not last at this temperature and pressure."""


@dataclass(frozen=True)
class Machine:
    """Runs tasks in a folder of this machine."""

    folder: Path
    potential: Potential
    executable: str | None = None

    def task(
        self, name: str, atoms: Atoms, settings: Settings, positions: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Run one task and return its arrays in eV, angstrom and K."""
        return collect(self._run(name, atoms, settings, positions), energy_unit(self.potential))

    def check_size(self, atoms: Atoms) -> None:
        """Refuse a supercell in which atoms would see themselves.

        Raises:
            ValueError: naming the sizes that it has and should have.
        """
        texts = self._run("evaluate", atoms, EvaluateSettings(forces=False), atoms.positions[None])
        problem = size_problem(atoms, self.potential, neighbour_cutoff(texts[LOG_FILE]))
        if problem:
            raise ValueError(f"the supercell is too small: {problem}")

    def _run(self, name: str, atoms: Atoms, settings: Settings, positions: np.ndarray | None) -> dict[str, str]:
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            return run_task(Path(place), name, atoms, self.potential, settings, positions, self.executable)


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
    """Return the Gibbs energy of a crystal at a temperature (K) and a pressure (GPa).

    By Frenkel-Ladd; with `method="harmonic"` as `compute_quasi_harmonic`.

    Args:
        atoms: the crystal, any cell of it.
        potential: of LAMMPS.
        temperature: K.
        pressure_gpa: GPa.
        folder: where LAMMPS runs; a temporary one without it.
        executable: LAMMPS; see `lammps.tasks.run_task`.
        parameters: see `FreeEnergyParameters`: method, target_error, target_atoms, convention, seed, ...

    Raises:
        ValueError: if a parameter is not allowed, the potential doesn't fit, or the supercell is too small for it.
        NotMetastableError: if the crystal transforms or melts.
        LammpsFailedError: if LAMMPS stops.
    """
    asked = FreeEnergyParameters.from_dict({"temperature": temperature, "pressure_gpa": pressure_gpa, **parameters})
    with tempfile.TemporaryDirectory() as temporary:
        machine = Machine(folder or Path(temporary), potential, executable)
        if asked.method == "harmonic":
            return run_quasi_harmonic(machine, atoms, asked)
        machine.check_size(near_cubic_supercell(atoms, asked.target_atoms, asked.symprec).atoms)
        equilibration = equilibrate(machine, atoms, asked)
        crystal, static = minimised(
            equilibration.atoms, machine.task("minimise", equilibration.atoms, MinimiseSettings())
        )
        outcome = ROUTES[asked.method](machine, crystal, own_springs(equilibration.mean_squares, temperature), asked)
        phonons = compute_phonons(machine, crystal, asked.symprec)
    found = assemble(asked, equilibration, crystal, static, outcome, phonons)
    if found.reason:
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
    `thermodynamics.phonons.quasi_harmonic.quasi_harmonic`.

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


def run_quasi_harmonic(machine: Machine, atoms: Atoms, asked: FreeEnergyParameters) -> FreeEnergy:
    """Relax a ladder of cells, longer where the minimum isn't between them yet, and return the Gibbs energy.

    Raises:
        NotMetastableError: if the crystal transforms at 0 K and the pressure.
    """
    supercell = near_cubic_supercell(atoms, asked.target_atoms, asked.symprec).atoms
    first = relax_rung(machine, supercell, asked.pressure_gpa, asked.symprec)
    following = ladder(asked.pressure_gpa, asked.temperature, first.volume / first.atoms_per_unit)
    rungs, failed, tried = [first], [], [asked.pressure_gpa]
    while new := [each for each in following if not np.isclose(tried, each, atol=SAME_PRESSURE).any()]:
        for pressure_gpa in new[: MOST_RUNGS - len(tried)]:
            try:
                rungs.append(relax_rung(machine, first.crystal, pressure_gpa, asked.symprec, rung_reason))
            except (NotMetastableError, LammpsFailedError) as error:
                failed.append(f"no cell at {pressure_gpa:g} GPa: {error}")
        tried += new
        following = further(rungs, asked.temperature, asked.pressure_gpa, asked.convention)
    return assemble_quasi_harmonic(asked, rungs, failed)


def relax_rung(
    machine: Machine,
    start: Atoms,
    pressure_gpa: float,
    symprec: float = 0.01,
    verdict: Callable[[Atoms, Atoms], str] = relaxation_reason,
) -> Rung:
    """Return a crystal relaxed at 0 K and a pressure, with its phonons.

    Raises:
        NotMetastableError: if it is another one afterwards, by `verdict` of before and after.
    """
    crystal, static = minimised(start, machine.task("minimise", start, MinimiseSettings(pressure_gpa)))
    reason = verdict(start, crystal)
    if reason:
        raise NotMetastableError(reason)
    return Rung(pressure_gpa, crystal, static, compute_phonons(machine, crystal, symprec))


def relax_supercell(machine: Machine, atoms: Atoms, asked: FreeEnergyParameters) -> tuple[Atoms, float]:
    """Return a supercell relaxed at 0 K and the pressure, and its energy in eV.

    Raises:
        NotMetastableError: if it is another crystal afterwards.
    """
    supercell = near_cubic_supercell(atoms, asked.target_atoms, asked.symprec).atoms
    start, perfect = minimised(supercell, machine.task("minimise", supercell, MinimiseSettings(asked.pressure_gpa)))
    reason = relaxation_reason(supercell, start)
    if reason:
        raise NotMetastableError(reason)
    return start, perfect


def equilibrate(machine: Machine, atoms: Atoms, asked: FreeEnergyParameters) -> Equilibration:
    """Return the crystal at temperature and pressure.

    Raises:
        NotMetastableError: if it doesn't last.
    """
    start, perfect = relax_supercell(machine, atoms, asked)
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
