"""What the runs of a method with springs add up to, and how far they shall go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms

from aiida_polymorph.thermodynamics.sampling.series import Estimate

NEXT_SEED = 1_000_003
"""Added to the seed of a run for the next one, so that runs with neighbouring seeds share no random numbers."""


@dataclass(frozen=True)
class Target:
    """How well, and for how much at most.

    Attributes:
        error: wanted, eV per formula unit.
        max_steps: of molecular dynamics, all runs of a route together.
    """

    error: float
    max_steps: int

    def __post_init__(self) -> None:
        for name in ("error", "max_steps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, must be positive")


@dataclass(frozen=True)
class Outcome:
    """What the runs of a route add up to, per formula unit in eV.

    Attributes:
        terms: of the Helmholtz energy but the static energy.
        steps: of molecular dynamics, equilibration included.
        checks: dissipation, error of the quadrature; `drift`, by how much larger mean-square displacements are under
            the weakest springs than they were without springs (no unit), below 1 for a crystal that stays.
        curve: arrays for a figure: the integrand, or the work.
    """

    terms: Mapping[str, Estimate]
    steps: int
    checks: Mapping[str, float] = field(default_factory=dict)
    curve: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def error(self) -> float:
        """Standard error of the sum of the terms."""
        return float(np.sqrt(sum(term.error**2 for term in self.terms.values())))


def springs_by_atom(atoms: Atoms, springs: Mapping[str, float]) -> np.ndarray:
    """Return the constant of each atom's spring, shape (N,)."""
    return np.array([springs[symbol] for symbol in atoms.get_chemical_symbols()])


def scaled(estimate: Estimate, units: int) -> Estimate:
    """Return an estimate of the whole cell per formula unit."""
    return Estimate(estimate.value / units, estimate.error / units)
