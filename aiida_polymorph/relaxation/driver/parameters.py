"""How far and how to relax: the parameters of a job, checked once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class RelaxParameters:
    """Parameters of a relaxation.

    Attributes:
        force_tolerance: largest length of a force vector left on any atom, eV/angstrom.
        stress_tolerance: largest component left of stress + pressure, GPa.
        max_force_calls: evaluations of energy, forces and stress after which a structure is given up.
        max_seconds: wall time after which a structure is given up and its worker restarted.
        rattle: standard deviation in angstrom of Gaussian displacements added to the positions before relaxing
            (seeded by the structure's index), to leave saddle points; 0 for none.

    Raises:
        ValueError: naming the parameter, its value and what is allowed.
    """

    force_tolerance: float = 1e-3
    stress_tolerance: float = 0.01
    max_force_calls: int = 2000
    max_seconds: float = 300.0
    rattle: float = 0.0

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(f"relaxation parameter {name} is {value!r}, must be a finite number")
            if value < 0 or (value == 0 and name != "rattle"):
                raise ValueError(f"relaxation parameter {name} is {value}, must be positive")
        if self.max_force_calls != int(self.max_force_calls):
            raise ValueError(f"relaxation parameter max_force_calls is {self.max_force_calls}, must be a whole number")

    def to_dict(self) -> dict[str, Any]:
        """Return all parameters as plain values; `from_dict` takes them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any] | None) -> RelaxParameters:
        """Build from plain values, defaults for what is left out.

        Raises:
            ValueError: if a key is unknown or a value not allowed.
        """
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(entries or {}) - set(known))
        if unknown:
            raise ValueError(f"unknown relaxation parameter {', '.join(unknown)}; known are {', '.join(known)}")
        return cls(**(entries or {}))
