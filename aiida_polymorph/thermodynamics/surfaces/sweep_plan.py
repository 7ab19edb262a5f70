"""One phase at one pressure, heated at an even pace and cooled again: which steps that takes."""

from __future__ import annotations

from dataclasses import dataclass

from aiida_polymorph.thermodynamics.free_energy.equilibrated import relax_supercell
from aiida_polymorph.thermodynamics.free_energy.methods import Phase
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.plan import Plan, Runner, Sample, Task
from aiida_polymorph.thermodynamics.surfaces.sweep import Sweep, digest_sweeps, sweep_settings


@dataclass(frozen=True, eq=False)
class Sweeps:
    """What two sweeps of the temperature told.

    Attributes:
        ways: up and down; None where the phase was lost at 0 K already.
        reason: why the crystal is another one afterwards, "" if it is not.
        broken_at: temperature below which it is not seen to be another one, K; None if there is none.
        steps: of molecular dynamics.
    """

    ways: tuple[Sweep, Sweep] | None
    reason: str = ""
    broken_at: float | None = None
    steps: int = 0


@dataclass(frozen=True, eq=False)
class SweepPlan(Plan[Sweeps]):
    """A sweep up and down.

    Attributes:
        phase: the phase.
        asked: gives pressure and lowest temperature, supercell and settings of dynamics.
        highest: temperature of the turn, K.
        sweep_steps: one way.
    """

    phase: Phase
    asked: FreeEnergyParameters
    highest: float
    sweep_steps: int

    def follow(self, runner: Runner) -> Sweeps:
        """Return what the sweeps told."""
        settings = sweep_settings(self.asked, self.highest, self.sweep_steps)
        start = relax_supercell(self.phase, self.asked, runner)
        if start.reason:
            return Sweeps(None, start.reason)
        arrays = runner.run(Task("sweep", "sweep", Sample("relaxed", start.atoms), settings)).arrays
        up, down = digest_sweeps(start.atoms, arrays, settings, start.static)
        reason, broken_at = next(((way.reason, way.broken_at) for way in (up, down) if way.reason), ("", None))
        steps = 2 * (settings.sweep_steps + settings.equilibration_steps)
        return Sweeps((up, down), reason, broken_at, steps)
