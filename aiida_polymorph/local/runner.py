"""Carries out plans on this machine, without AiiDA."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from aiida_polymorph.lammps.output import neighbour_cutoff
from aiida_polymorph.lammps.results import collect
from aiida_polymorph.lammps.system import energy_unit
from aiida_polymorph.lammps.tasks import LOG_FILE, LammpsFailedError, run_task
from aiida_polymorph.potential import Potential
from aiida_polymorph.thermodynamics.plan import (
    Plan,
    Runner,
    StepFailedError,
    SupercellTooSmallError,
    T,
    Task,
    TaskResult,
)


@dataclass(frozen=True)
class LocalRunner(Runner):
    """Runs each step when a plan asks for it, in a folder of this machine.

    Attributes:
        folder: where LAMMPS runs; nothing is left there.
        potential: of LAMMPS.
        executable: LAMMPS; see `lammps.tasks.run_task`.
    """

    folder: Path
    potential: Potential
    executable: str | None = None

    def run(self, task: Task) -> TaskResult:
        """Run a task and return its arrays in eV, angstrom and K.

        Raises:
            StepFailedError: with LAMMPS's own words, if it stops.
            ValueError: if the potential is not one of LAMMPS or doesn't know an element.
        """
        sample = task.sample
        try:
            with tempfile.TemporaryDirectory(dir=self.folder) as folder:
                texts = run_task(
                    Path(folder),
                    task.task,
                    sample.atoms,
                    self.potential,
                    task.settings,
                    sample.positions,
                    self.executable,
                )
        except LammpsFailedError as error:
            raise StepFailedError(task.label, str(error)) from error
        return TaskResult(collect(texts, energy_unit(self.potential)), neighbour_cutoff(texts[LOG_FILE]))

    def carry_out(self, label: str, plan: Plan[T]) -> T:
        """Carry out a plan that is a step of another one.

        Raises:
            StepFailedError: if it gives nothing.
        """
        try:
            return plan.follow(self)
        except (StepFailedError, SupercellTooSmallError) as error:
            raise StepFailedError(label, str(error)) from error


def follow(plan: Plan[T], potential: Potential, folder: Path | None = None, executable: str | None = None) -> T:
    """Return what a plan adds up to, carried out on this machine.

    Args:
        plan: what to compute.
        potential: of LAMMPS.
        folder: where LAMMPS runs; a temporary one without it.
        executable: LAMMPS; see `lammps.tasks.run_task`.

    Raises:
        LammpsFailedError: if LAMMPS stops in a step without which there is no result.
        ValueError: if the potential doesn't fit, or the supercell is too small for it.
    """
    with tempfile.TemporaryDirectory() as temporary:
        try:
            return plan.follow(LocalRunner(folder or Path(temporary), potential, executable))
        except StepFailedError as error:
            raise LammpsFailedError(error.message) from error
