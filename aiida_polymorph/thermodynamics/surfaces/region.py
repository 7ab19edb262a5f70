"""The temperatures and pressures that a phase diagram is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import ceil
from typing import Any

import numpy as np

from aiida_polymorph.thermodynamics.surfaces.phase_surface import MOST_ORDERS

STEPS_K, STEPS_GPA = 340.0, 5.0
"""Largest steps of the grid of Gibbs energies; surfaces between them are fitted with both derivatives."""


@dataclass(frozen=True)
class Region:
    """Temperatures and pressures from lowest to highest.

    Attributes:
        temperatures: lowest and highest, K.
        pressures_gpa: lowest and highest, GPa.

    Raises:
        ValueError: if they don't rise, are not finite, or a temperature is not positive.
    """

    temperatures: tuple[float, float]
    pressures_gpa: tuple[float, float]

    def __post_init__(self) -> None:
        for name, unit in (("temperatures", "K"), ("pressures_gpa", "GPa")):
            values = tuple(float(each) for each in getattr(self, name))
            if len(values) != 2 or not np.all(np.isfinite(values)) or not values[0] < values[1]:
                raise ValueError(f"{name} is {list(values)}, must be the lowest and the highest, in {unit}")
            object.__setattr__(self, name, values)
        if not self.temperatures[0] > 0:
            raise ValueError(f"temperatures starts at {self.temperatures[0]:g} K, must be above 0 K")

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Return temperatures (K) and pressures (GPa) at which surfaces are fitted, evenly spaced."""
        axes = zip((self.temperatures, self.pressures_gpa), (STEPS_K, STEPS_GPA), MOST_ORDERS, strict=True)
        t, p = (np.linspace(low, high, max(ceil((high - low) / step), most) + 1) for (low, high), step, most in axes)
        return t, p

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `from_dict` takes them back."""
        return {name: list(values) for name, values in asdict(self).items()}

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> Region:
        """Build from plain values.

        Raises:
            ValueError: if a key is missing or unknown, or a value not allowed.
        """
        names = [each.name for each in fields(cls)]
        if set(entries) != set(names):
            raise ValueError(f"region must have the entries {', '.join(names)}, it has {', '.join(entries) or 'none'}")
        return cls(*(tuple(entries[name]) for name in names))
