"""One phase at one temperature and pressure: relaxed at 0 K, let move, and named where it turned into another one."""

from __future__ import annotations

from dataclasses import dataclass

from ase import Atoms

from aiida_polymorph.lammps.settings import MinimiseSettings
from aiida_polymorph.thermodynamics.free_energy.assembly import final_crystal, minimised
from aiida_polymorph.thermodynamics.free_energy.methods import Phase, Recognised
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN
from aiida_polymorph.thermodynamics.plan import (
    Plan,
    Runner,
    Sample,
    StepFailedError,
    SupercellTooSmallError,
    Task,
)
from aiida_polymorph.thermodynamics.sampling.equilibration import Equilibration, digest_equilibration
from aiida_polymorph.thermodynamics.sampling.relaxed import relaxation_reason
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.sampling.supercell import near_cubic_supercell, size_problem


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A supercell of a phase relaxed at 0 K.

    Attributes:
        atoms: the crystal.
        static: its energy with the potential's accurate commands, eV of the whole cell.
        reason: why this is another crystal than before, "" if it is not.
    """

    atoms: Atoms
    static: float
    reason: str


@dataclass(frozen=True, eq=False)
class Equilibrated:
    """A phase at a temperature and pressure, or what it turned into.

    Attributes:
        start: relaxed at 0 K and the pressure.
        found: what dynamics told; None where the phase was lost at 0 K already.
        reason: why this is not the phase any more, and what it is now; "" if it is the phase.
        product: what a lost phase turned into, relaxed at 0 K; None for a phase that lasts, or if it is unknown.
        identity: what the product was recognised as; None if there is no product, or nobody to recognise it.
    """

    start: Relaxed
    found: Equilibration | None
    reason: str = ""
    product: Atoms | None = None
    identity: Recognised | None = None

    @property
    def enthalpy(self) -> Estimate:
        """Without kinetic energy, eV per formula unit; nan for a phase that does not last."""
        return UNKNOWN if self.found is None or self.reason else self.found.enthalpy

    @property
    def volume(self) -> Estimate:
        """angstrom^3 per formula unit; nan for a phase that does not last."""
        return UNKNOWN if self.found is None or self.reason else self.found.volume

    @property
    def steps(self) -> int:
        """Steps of molecular dynamics."""
        return 0 if self.found is None else self.found.steps


@dataclass(frozen=True, eq=False)
class EquilibrationPlan(Plan[Equilibrated]):
    """One phase at one temperature and pressure."""

    phase: Phase
    asked: FreeEnergyParameters

    def follow(self, runner: Runner) -> Equilibrated:
        """Return the phase at temperature and pressure."""
        return equilibrate(self.phase, self.asked, runner)


def relax_supercell(phase: Phase, asked: FreeEnergyParameters, runner: Runner) -> Relaxed:
    """Return a supercell relaxed at 0 K and the pressure.

    Raises:
        SupercellTooSmallError: if atoms would see themselves in it.
        StepFailedError: if the relaxation failed.
    """
    supercell = near_cubic_supercell(phase.atoms, asked.target_atoms, asked.symprec).atoms
    settings = MinimiseSettings(asked.pressure_gpa)
    result = runner.run(Task("minimise", "minimise", Sample("supercell", supercell), settings))
    problem = size_problem(supercell, phase.potential, result.neighbour_cutoff)
    if problem and not phase.is_finite:
        raise SupercellTooSmallError(problem)
    after, static = minimised(supercell, result.arrays)
    return Relaxed(after, static, relaxation_reason(supercell, after))


def equilibrate(phase: Phase, asked: FreeEnergyParameters, runner: Runner) -> Equilibrated:
    """Return a phase at temperature and pressure.

    Where dynamics has turned it into something else, that is relaxed at 0 K to be recognised.

    Raises:
        SupercellTooSmallError: if atoms would see themselves.
        StepFailedError: if relaxation or dynamics failed.
    """
    start = relax_supercell(phase, asked, runner)
    if start.reason:
        return lost(phase, start, None, start.reason, start.atoms)
    settings = asked.equilibrate_settings()
    arrays = runner.run(Task("equilibrate", "equilibrate", Sample("relaxed", start.atoms), settings)).arrays
    found = digest_equilibration(
        start.atoms, arrays, asked.temperature, asked.pressure_gpa, start.static, settings.total_steps
    )
    if not found.reason:
        return Equilibrated(start, found)
    product = _quenched(final_crystal(start.atoms, arrays), asked, runner)
    return lost(phase, start, found, found.reason, product)


def _quenched(atoms: Atoms, asked: FreeEnergyParameters, runner: Runner) -> Atoms | None:
    """Return atoms relaxed at 0 K and the pressure; None if that failed."""
    task = Task("quench", "minimise", Sample("transformed", atoms), MinimiseSettings(asked.pressure_gpa))
    try:
        return minimised(atoms, runner.run(task).arrays)[0]
    except StepFailedError:
        return None


def lost(phase: Phase, start: Relaxed, found: Equilibration | None, reason: str, product: Atoms | None) -> Equilibrated:
    """Return a phase that is not metastable, with a name for what it turned into."""
    if product is None or phase.recognise is None:
        return Equilibrated(start, found, reason, product)
    identity = phase.recognise(product)
    return Equilibrated(start, found, f"{reason}; now {identity.text}", product, identity)
