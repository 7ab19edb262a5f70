"""Settings of the scripts, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

MAY_BE_ZERO = ("seed", "equilibration_steps", "nvt_steps", "npt_steps")


@dataclass(frozen=True)
class Settings:
    """What the settings of all tasks share.

    Raises:
        ValueError: naming the setting, its value and what is allowed.
    """

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "pressure_gpa" or not isinstance(value, int | float):
                continue
            if not math.isfinite(value) or value < 0 or (value == 0 and each.name not in MAY_BE_ZERO):
                raise ValueError(f"{each.name} is {value}, must be a positive number")

    def to_dict(self) -> dict[str, Any]:
        """Return all settings as plain values; `from_dict` takes them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Self:
        """Build from plain values, defaults for what is left out.

        Raises:
            ValueError: if a key is unknown, missing or its value not allowed.
        """
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(entries) - set(known))
        if unknown:
            raise ValueError(f"unknown setting {', '.join(unknown)}; known are {', '.join(known)}")
        try:
            return cls(**entries)
        except TypeError as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True)
class MinimiseSettings(Settings):
    """Relaxation at 0 K: of the cell too where a pressure is given, of the positions alone where it is None.

    Attributes:
        pressure_gpa: GPa, or None.
        force_tolerance: eV/angstrom, where the minimiser may stop.
        max_steps: of the minimiser.
    """

    pressure_gpa: float | None = None
    force_tolerance: float = 1e-5
    max_steps: int = 5000


@dataclass(frozen=True)
class EquilibrateSettings(Settings):
    """Constant pressure and temperature, then constant volume at the mean cell.

    Attributes:
        temperature: K.
        pressure_gpa: GPa.
        equilibration_steps: that are left out of the averages.
        npt_steps: with the cell moving.
        nvt_steps: with the mean cell.
        timestep_fs: fs.
        damping_fs: of the Langevin thermostat, fs.
        barostat_fs: period of the cell's motion and of its own thermostat, fs.
        interval: steps between two samples.
        seed: of velocities and thermostat.
    """

    temperature: float
    pressure_gpa: float
    equilibration_steps: int = 2000
    npt_steps: int = 6000
    nvt_steps: int = 2000
    timestep_fs: float = 1.0
    damping_fs: float = 50.0
    barostat_fs: float = 300.0
    interval: int = 5
    seed: int = 1

    @property
    def total_steps(self) -> int:
        """Steps of molecular dynamics, all together."""
        return self.equilibration_steps + self.npt_steps + self.nvt_steps + min(self.equilibration_steps, 500)


@dataclass(frozen=True)
class SweepSettings(Settings):
    """Constant pressure while the temperature goes up at an even pace, and down again.

    Attributes:
        temperature: K, at the beginning and at the end.
        final_temperature: K, at the turn.
        pressure_gpa: GPa.
        equilibration_steps: at both ends, left out.
        sweep_steps: one way.
        timestep_fs: fs.
        damping_fs: of the Langevin thermostat, fs.
        barostat_fs: period of the cell's motion, fs.
        interval: steps between two samples.
        seed: of velocities and thermostat.
    """

    temperature: float
    final_temperature: float
    pressure_gpa: float
    equilibration_steps: int = 2000
    sweep_steps: int = 20_000
    timestep_fs: float = 1.0
    damping_fs: float = 50.0
    barostat_fs: float = 300.0
    interval: int = 5
    seed: int = 1


@dataclass(frozen=True)
class SpringsSettings(Settings):
    """Runs with springs of several strengths added to the interactions.

    Attributes:
        temperature: K.
        springs: full constant by element, eV/angstrom^2.
        stages: (lambda, steps) of each run; lambda scales the constants.
        equilibration_steps: before each run.
        timestep_fs: fs.
        damping_fs: of the Langevin thermostat, fs.
        interval: steps between two samples.
        seed: of velocities and thermostat.
    """

    temperature: float
    springs: Mapping[str, float]
    stages: tuple[tuple[float, int], ...]
    equilibration_steps: int = 200
    timestep_fs: float = 2.0
    damping_fs: float = 20.0
    interval: int = 2
    seed: int = 1


@dataclass(frozen=True)
class SwitchingSettings(Settings):
    """Nonequilibrium switching between the crystal and independent springs, forward and backward.

    Attributes:
        temperature: K.
        springs: constant by element, eV/angstrom^2.
        pairs: how many times forward and backward.
        switching_steps: one way.
        equilibration_steps: at both ends.
        timestep_fs: fs.
        damping_fs: of the Langevin thermostat, fs.
        seed: of velocities and thermostat.
    """

    temperature: float
    springs: Mapping[str, float]
    pairs: int = 1
    switching_steps: int = 2000
    equilibration_steps: int = 200
    timestep_fs: float = 2.0
    damping_fs: float = 20.0
    seed: int = 1


@dataclass(frozen=True)
class EvaluateSettings(Settings):
    """Energies, and forces if asked for, of given positions in one cell.

    Attributes:
        forces: whether to write them.
        commands: `dynamics` or `accurate`: which of the potential's commands.
    """

    forces: bool = True
    commands: str = field(default="accurate")

    def __post_init__(self) -> None:
        if self.commands not in ("accurate", "dynamics"):
            raise ValueError(f"commands is {self.commands!r}, must be accurate or dynamics")
