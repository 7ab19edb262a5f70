"""What a free energy calculation is asked for, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from aiida_polymorph.lammps.settings import EquilibrateSettings
from aiida_polymorph.thermodynamics.free_energy.outcome import Target
from aiida_polymorph.thermodynamics.free_energy.result import CONVENTIONS, FINITE_SIZE
from aiida_polymorph.units import KCAL_PER_MOL

DEFAULT_ERROR = round(0.1 * KCAL_PER_MOL, 6)
"""0.1 kcal/mol in eV."""

FEWEST_SAMPLES = 20
"""Of a run of molecular dynamics, for a mean with an error."""


@dataclass(frozen=True)
class FreeEnergyParameters:
    """What to compute, how well, and how; `registry.checked_parameters` checks what depends on the method.

    Attributes:
        temperature: K.
        pressure_gpa: GPa.
        method: name of one of `registry`: `equilibrium` or `switching` (Frenkel-Ladd), `harmonic` (quasi-harmonic, by
            phonons), or one that another package brings.
        target_error: wanted standard error, eV per formula unit.
        max_steps: of molecular dynamics at most for the springs or the switching.
        target_atoms: about how many atoms the supercell has.
        convention: `unit` (classical, thermal wavelength 1 angstrom), `mass` (classical, each element's own), or
            `quantum` (that, and the harmonic quantum correction).
        finite_size: `phonons` (of the same supercell, `logarithm` where they have soft modes), `logarithm` or `none`.
        seed: of all random numbers.
        symprec: spglib's tolerance, angstrom.
        equilibrate: settings of `lammps.settings.EquilibrateSettings` that differ from its own.
        dynamics: settings of the method's own runs, `methods.Method.dynamics`: `timestep_fs`, `damping_fs`,
            `equilibration_steps` of the springs or the switching.

    Raises:
        ValueError: naming the parameter, its value and what is allowed.
    """

    temperature: float
    pressure_gpa: float = 0.0
    method: str = "equilibrium"
    target_error: float = DEFAULT_ERROR
    max_steps: int = 400_000
    target_atoms: int = 250
    convention: str = "unit"
    finite_size: str = "phonons"
    seed: int = 1
    symprec: float = 0.01
    equilibrate: Mapping[str, Any] = field(default_factory=dict)
    dynamics: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("temperature", "target_error", "max_steps", "target_atoms", "symprec"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
                raise ValueError(f"{name} is {value!r}, must be a positive number")
        if not isinstance(self.pressure_gpa, int | float) or not math.isfinite(self.pressure_gpa):
            raise ValueError(f"pressure_gpa is {self.pressure_gpa!r}, must be a finite number")
        for name, known in (("convention", CONVENTIONS), ("finite_size", FINITE_SIZE)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}, must be one of {', '.join(known)}")
        self._check_settings()

    def _check_settings(self) -> None:
        twice = set(self.equilibrate) & {"temperature", "pressure_gpa", "seed"}
        if twice:
            raise ValueError(f"equilibrate: {', '.join(sorted(twice))} can't be set there")
        run = self.equilibrate_settings()
        for name in ("npt_steps", "nvt_steps"):
            if getattr(run, name) < FEWEST_SAMPLES * run.interval:
                raise ValueError(
                    f"equilibrate: {name} is {getattr(run, name)}, must be {FEWEST_SAMPLES * run.interval} or more"
                )

    @property
    def target(self) -> Target:
        """Wanted error and allowed steps."""
        return Target(self.target_error, int(self.max_steps))

    def equilibrate_settings(self) -> EquilibrateSettings:
        """Return the settings of the run at constant pressure."""
        fixed = {"temperature": self.temperature, "pressure_gpa": self.pressure_gpa, "seed": self.seed}
        return EquilibrateSettings.from_dict({**self.equilibrate, **fixed})

    def to_dict(self) -> dict[str, Any]:
        """Return all parameters as plain values; `from_dict` takes them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> FreeEnergyParameters:
        """Build from plain values, defaults for what is left out.

        Raises:
            ValueError: if a key is unknown, the temperature is missing or a value not allowed.
        """
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(entries) - set(known))
        if unknown:
            raise ValueError(f"unknown parameter {', '.join(unknown)}; known are {', '.join(known)}")
        if "temperature" not in entries:
            raise ValueError("temperature is missing")
        return cls(**entries)
