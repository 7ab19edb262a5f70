"""Methods that take a crystal in its mean cell and compare it with springs: what they share.

The phase is brought to temperature and pressure, its positions are relaxed in the mean cell, and its phonons give the
finite-size term. What lies between is the method's own route.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from ase import Atoms

from aiida_polymorph.lammps.settings import EvaluateSettings, MinimiseSettings
from aiida_polymorph.thermodynamics.free_energy.assembly import (
    assemble,
    digest_phonons,
    in_lammps_frame,
    minimised,
    phonon_cells,
)
from aiida_polymorph.thermodynamics.free_energy.equilibrated import Equilibrated, equilibrate
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import own_springs
from aiida_polymorph.thermodynamics.free_energy.methods import Found, Method, Phase
from aiida_polymorph.thermodynamics.free_energy.outcome import Outcome
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN, FreeEnergy
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import Phonons
from aiida_polymorph.thermodynamics.plan import Runner, Sample, Task


class MeanCellMethod(Method):
    """Compares a crystal in its mean cell with springs."""

    has_curve = True
    is_anchor = True

    @abstractmethod
    def route(self, crystal: Atoms, own: Mapping[str, float], asked: FreeEnergyParameters, runner: Runner) -> Outcome:
        """Return the terms of the Helmholtz energy beside the static one.

        Args:
            crystal: in its mean cell, positions relaxed.
            own: springs with the crystal's own displacements by element, eV/angstrom^2.
            asked: what was asked.
            runner: gives the results of steps.
        """

    def follow(self, phase: Phase, asked: FreeEnergyParameters, runner: Runner) -> Found:
        """Return the Gibbs energy, or why the phase is not metastable."""
        at_rest = equilibrate(phase, asked, runner)
        if at_rest.found is None or at_rest.reason:
            return refuse(asked, at_rest)
        crystal, static = relax_positions(at_rest.found.atoms, runner)
        own = own_springs(at_rest.found.mean_squares, asked.temperature)
        phonons, outcome = runner.side_by_side(
            lambda: compute_phonons(phase, crystal, asked.symprec, runner),
            lambda: self.route(crystal, own, asked, runner),
        )
        return Found(assemble(asked, at_rest.found, crystal, static, outcome, phonons), outcome.curve)


def relax_positions(crystal: Atoms, runner: Runner) -> tuple[Atoms, float]:
    """Return a crystal with its positions relaxed in the same cell, and its energy, eV of the whole cell."""
    task = Task("minimise_in_mean_cell", "minimise", Sample("mean_cell", crystal), MinimiseSettings())
    return minimised(crystal, runner.run(task).arrays)


def compute_phonons(phase: Phase, crystal: Atoms, symprec: float, runner: Runner, suffix: str = "") -> Phonons:
    """Return the phonons of a crystal that is a supercell itself; the suffix makes the step's label unique."""
    _, _, supercell, positions = phonon_cells(crystal, symprec)
    sample = Sample(f"displaced{suffix}", supercell, in_lammps_frame(supercell, positions))
    arrays = runner.run(Task(f"phonons{suffix}", "evaluate", sample, EvaluateSettings())).arrays
    return digest_phonons(crystal, arrays["forces__values"], phase.potential.charges, symprec)


def refuse(asked: FreeEnergyParameters, lost: Equilibrated) -> Found:
    """Return the Gibbs energy of a phase that is not metastable: no number, and the reason."""
    energy = FreeEnergy(
        temperature=asked.temperature,
        pressure_gpa=asked.pressure_gpa,
        method=asked.method,
        convention=asked.convention,
        finite_size="none",
        terms={},
        atoms=len(lost.start.atoms),
        steps=lost.steps,
        volume=UNKNOWN,
        reason=lost.reason,
    )
    return Found(energy, became=None if lost.identity is None else lost.identity.text)
