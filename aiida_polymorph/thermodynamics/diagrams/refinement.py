"""The diagram of harmonic Gibbs energies and their anharmonic parts: candidates, corrected surfaces, how sharp.

All candidates are on one grid of n places, the same in the same order for each; a place where a phase does not exist
has nan. The grid is given as `PhasePoints`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_polymorph.thermodynamics.surfaces.anharmonic import AnharmonicModel
from aiida_polymorph.thermodynamics.surfaces.phase_surface import EDGE, PhasePoints, PhaseSurface, fit_surface
from aiida_polymorph.units import GPA


@dataclass(frozen=True, eq=False)
class Candidate:
    """A phase that may be stable.

    Attributes:
        name: Of the phase.
        harmonic: Quasi-harmonic Gibbs energies on the grid, nan where the phase does not exist.
        model: What dynamics add.
        cost: Of one state point, in any unit that is the same for all phases, e.g. atoms times steps.
        lost: Temperatures (K) and pressures (GPa) at which dynamics found the phase not to be metastable.

    Raises:
        ValueError: If the cost is not positive.
    """

    name: str
    harmonic: PhasePoints
    model: AnharmonicModel
    cost: float = 1.0
    lost: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not self.cost > 0:
            raise ValueError(f"the cost of a state point of {self.name} is {self.cost}, must be positive")

    @property
    def corrected(self) -> PhasePoints:
        """The Gibbs energies with the anharmonic part where the phase exists, see `corrected_points`."""
        return corrected_points(self.harmonic, self.model)

    def surface(self) -> PhaseSurface:
        """Return the surface of the corrected Gibbs energies.

        Raises:
            ValueError: As `corrected_points` and `fit_surface`.
        """
        return fit_surface(self.name, self.corrected)

    def is_lost(self, temperature: float, pressure_gpa: float) -> bool:
        """Return whether the phase was lost there, or colder at the same pressure."""
        return any(temperature >= t - EDGE and abs(pressure_gpa - p) <= EDGE for t, p in self.lost)


@dataclass(frozen=True)
class Sharpness:
    """How well a line is to be known: either to a pressure or to a temperature, whichever is easier.

    Attributes:
        pressure_gpa: Standard error of the pressure at a temperature, GPa.
        temperature_k: Standard error of the temperature at a pressure, K; it counts where a line is so steep that its
            pressure has no meaning. 0 for never.
        chance: Probability below which a phase counts as not stable.
        energy_per_atom: Differences of Gibbs energies need not be known better than this, eV per atom.

    Raises:
        ValueError: If one of them is out of range.
    """

    pressure_gpa: float = 0.5
    temperature_k: float = 50.0
    chance: float = 0.01
    energy_per_atom: float = 0.0

    def __post_init__(self) -> None:
        if not (self.pressure_gpa > 0 and self.temperature_k >= 0 and self.energy_per_atom >= 0):
            raise ValueError("the error of the pressure must be positive, those of temperature and energy not negative")
        if not 0 < self.chance < 0.5:
            raise ValueError(f"the chance of a phase that counts as not stable is {self.chance}, not from 0 to 0.5")

    def tolerance(self, volume_difference: np.ndarray, entropy_difference: np.ndarray, atoms: int) -> np.ndarray:
        """Return the error of the difference of two Gibbs energies that makes their line as sharp as asked.

        Args:
            volume_difference: angstrom^3 per formula unit.
            entropy_difference: eV/K per formula unit.
            atoms: Number of atoms in a formula unit.

        Returns:
            eV per formula unit.
        """
        by_pressure = np.abs(volume_difference) * GPA * self.pressure_gpa
        by_temperature = np.abs(entropy_difference) * self.temperature_k
        return np.maximum(np.maximum(by_pressure, by_temperature), self.energy_per_atom * atoms)


def corrected_points(points: PhasePoints, model: AnharmonicModel) -> PhasePoints:
    """Return Gibbs energies, enthalpies and volumes with the anharmonic part, and both errors combined.

    Args:
        points: Quasi-harmonic, classical or quantum, nan where the phase does not exist; those places are left out.
        model: What dynamics add.

    Raises:
        ValueError: If the phase exists nowhere.
    """
    exists = np.isfinite(points.gibbs_energy)
    if not exists.any():
        raise ValueError("there is no Gibbs energy at any temperature and pressure")
    t, p = points.temperatures[exists], points.pressures_gpa[exists]
    more = model.evaluate(t, p)
    return PhasePoints(
        temperatures=t,
        pressures_gpa=p,
        gibbs_energy=points.gibbs_energy[exists] + more.gibbs_energy,
        error=np.hypot(points.error[exists], more.gibbs_error),
        enthalpy=points.enthalpy[exists] + more.enthalpy,
        volume=points.volume[exists] + more.volume,
    )


def check_candidates(candidates: Sequence[Candidate]) -> None:
    """Refuse candidates that are not on one grid.

    Raises:
        ValueError: If there is none, two have the same name, or places or formula units differ.
    """
    names = [each.name for each in candidates]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"candidates need names of their own, got {', '.join(names) or 'none'}")
    first = candidates[0].harmonic
    for each in candidates[1:]:
        if each.model.observed.atoms != candidates[0].model.observed.atoms:
            raise ValueError(f"{each.name} and {names[0]} have formula units of different size")
        for name in ("temperatures", "pressures_gpa"):
            if not np.array_equal(getattr(first, name), getattr(each.harmonic, name)):
                raise ValueError(f"{each.name} and {names[0]} are not on one grid of temperatures and pressures")
