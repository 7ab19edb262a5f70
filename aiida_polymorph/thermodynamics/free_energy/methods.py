"""What a method that computes a free energy says of itself. They are found by name in `registry`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
from ase import Atoms

from aiida_polymorph.potential import Potential
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy
from aiida_polymorph.thermodynamics.plan import Runner

ALL_PARAMETERS = frozenset(
    {
        "target_error",
        "max_steps",
        "target_atoms",
        "convention",
        "finite_size",
        "seed",
        "symprec",
        "equilibrate",
        "dynamics",
    }
)


class Recognised(Protocol):
    """What a crystal was recognised as, see `landscape.recognition`."""

    @property
    def text(self) -> str:
        """Name for people."""

    @property
    def space_group(self) -> str:
        """International symbol."""


@dataclass(frozen=True, eq=False)
class Phase:
    """A phase whose free energy is wanted.

    Attributes:
        atoms: the crystal, any cell of it.
        potential: of LAMMPS.
        recognise: says what a crystal is that the phase turned into; None where nobody can tell.
        is_finite: whether the finite crystal is wanted as it is, so that its atoms may see themselves.
    """

    atoms: Atoms
    potential: Potential
    recognise: Callable[[Atoms], Recognised] | None = None
    is_finite: bool = False


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found.

    Attributes:
        energy: Gibbs energy, or why there is none.
        curve: arrays for a figure: the integrand, or the work; empty where there is nothing to draw.
        became: name of what a phase that is not metastable turned into; None if that is unknown.
    """

    energy: FreeEnergy
    curve: Mapping[str, np.ndarray] = field(default_factory=dict)
    became: str | None = None


class Method(ABC):
    """How the free energy of a phase is computed at one temperature and pressure.

    A subclass sets the attributes and says in `follow` which steps it needs and what follows from them. Everything else
    (commands, WorkChains, nodes, tables) knows methods through this class only.
    """

    name: ClassVar[str]
    """As the user writes it."""
    title: ClassVar[str]
    """For people, in a few words."""
    dynamics: ClassVar[frozenset[str]] = frozenset({"timestep_fs", "damping_fs", "equilibration_steps"})
    """Settings that the parameter `dynamics` may have."""
    parameters: ClassVar[frozenset[str]] = ALL_PARAMETERS
    """Parameters, beside temperature, pressure and method, that have a meaning for it."""
    source: ClassVar[str] = "integration"
    """Under which source comparisons list its Gibbs energies: `integration` or `harmonic`."""
    has_curve: ClassVar[bool] = False
    """Whether it leaves something to draw."""
    is_anchor: ClassVar[bool] = False
    """Whether integration over temperatures and pressures may start from its Gibbs energies."""
    is_infinite: ClassVar[bool] = False
    """Whether its Gibbs energies are of the infinite crystal, so that several sizes tell nothing."""

    @abstractmethod
    def follow(self, phase: Phase, asked: FreeEnergyParameters, runner: Runner) -> Found:
        """Return the Gibbs energy; see `thermodynamics.plan.Plan.follow`."""
