"""Where methods that compute a free energy are found by name.

A method of this package is registered below, one of another package by an entry point in the group
`aiida_polymorph.free_energy_methods`. Modules of methods are imported when they are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from aiida_polymorph.thermodynamics.free_energy.methods import Found, Method, Phase
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.plan import Plan, Runner

GROUP = "aiida_polymorph.free_energy_methods"
"""Entry point group of methods that other packages bring."""


@dataclass(frozen=True, eq=False)
class FreeEnergyPlan(Plan[Found]):
    """The plan of the method that was asked for."""

    phase: Phase
    asked: FreeEnergyParameters

    def follow(self, runner: Runner) -> Found:
        """Return the Gibbs energy."""
        return load_method(self.asked.method).follow(self.phase, self.asked, runner)


def _equilibrium() -> Method:
    from aiida_polymorph.thermodynamics.free_energy.equilibrium import Equilibrium

    return Equilibrium()


def _switching() -> Method:
    from aiida_polymorph.thermodynamics.free_energy.switching import Switching

    return Switching()


def _harmonic() -> Method:
    from aiida_polymorph.thermodynamics.free_energy.quasi_harmonic import QuasiHarmonic

    return QuasiHarmonic()


METHODS: Mapping[str, Callable[[], Method]] = {
    "equilibrium": _equilibrium,
    "switching": _switching,
    "harmonic": _harmonic,
}
"""Methods of this package by name."""


def checked_parameters(entries: Mapping[str, Any]) -> FreeEnergyParameters:
    """Return what is asked for, from plain values; see `FreeEnergyParameters`.

    Raises:
        ValueError: if a parameter is unknown or not allowed, there is no such method, or its runs don't have a setting.
    """
    asked = FreeEnergyParameters.from_dict(entries)
    unknown = set(asked.dynamics) - load_method(asked.method).dynamics
    if unknown:
        raise ValueError(f"dynamics: unknown setting {', '.join(sorted(unknown))} for the method {asked.method}")
    return asked


def method_names() -> list[str]:
    """Return the names of all methods that are installed, those of this package first."""
    return [*METHODS, *sorted(set(_others()) - set(METHODS))]


def anchor_names() -> list[str]:
    """Return the names of the methods from whose Gibbs energies integration may start."""
    return [name for name in method_names() if load_method(name).is_anchor]


def load_method(name: str) -> Method:
    """Return the method of a name.

    Raises:
        ValueError: if there is none.
    """
    if name in METHODS:
        return METHODS[name]()
    others = _others()
    if name not in others:
        raise ValueError(f"method is {name!r}, must be one of {', '.join(method_names())}")
    method: Method = others[name].load()()
    return method


def _others() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
