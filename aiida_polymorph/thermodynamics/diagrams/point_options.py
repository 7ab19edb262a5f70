"""State points of a phase that may be computed, and what each of them is expected to tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.contests import Contests
from aiida_polymorph.thermodynamics.diagrams.refinement import Candidate
from aiida_polymorph.thermodynamics.surfaces.anharmonic import PointErrors
from aiida_polymorph.thermodynamics.surfaces.phase_surface import EDGE, PhasePoints

SURPLUS = 0.1
"""What an error's logarithm counts once it is below the tolerance."""


@dataclass(frozen=True)
class Mesh:
    """Where state points may be: at each temperature and pressure.

    Attributes:
        temperatures: K.
        pressures_gpa: GPa.
    """

    temperatures: tuple[float, ...]
    pressures_gpa: tuple[float, ...]


def mesh_of(grid: PhasePoints, temperatures: int = 3, pressures: int = 8) -> Mesh:
    """Return a mesh of values of the grid: temperatures from the middle upwards, pressures over the whole region.

    Anharmonicity grows with the square of the temperature and is best seen where it is hot; colder places serve
    phases that do not last there.

    Args:
        grid: Of all candidates.
        temperatures: At most so many.
        pressures: At most so many.
    """
    t, p = np.unique(grid.temperatures), np.unique(grid.pressures_gpa)
    upper = t[t >= (t[0] + t[-1]) / 2]
    chosen = (
        each[np.unique(np.linspace(0, len(each) - 1, min(number, len(each))).round().astype(int))]
        for each, number in ((upper, temperatures), (p, pressures))
    )
    return Mesh(*(tuple(float(value) for value in each) for each in chosen))


@dataclass(frozen=True, eq=False)
class Options:
    """State points of one phase that may be chosen, m of them.

    Attributes:
        candidate: The phase.
        contests: All contests.
        own: Indices of those that the phase is in, shape (n,).
        temperatures: K, shape (m,).
        pressures_gpa: GPa, shape (m,).
        errors: That a state point would have.
    """

    candidate: Candidate
    contests: Contests
    own: np.ndarray
    temperatures: np.ndarray
    pressures_gpa: np.ndarray
    errors: PointErrors

    @classmethod
    def of(cls, candidate: Candidate, contests: Contests, mesh: Mesh, errors: PointErrors) -> Options:
        """Return all state points of a mesh that are possible."""
        places = [(t, p) for t, p in product(mesh.temperatures, mesh.pressures_gpa) if _is_possible(candidate, t, p)]
        t, p = np.array(places, dtype=float).reshape(len(places), 2).T
        return cls(candidate, contests, np.flatnonzero(contests.of(candidate.name)), t, p, errors)

    @cached_property
    def reductions(self) -> np.ndarray:
        """Variance that each state point takes off each of the contests, eV^2, shape (m, n)."""
        model, contests = self.candidate.model, self.contests
        at = model.places(contests.temperatures[self.own], contests.pressures_gpa[self.own])
        options = model.places(self.temperatures, self.pressures_gpa)
        seen = np.flatnonzero(np.isfinite(self.errors))
        cross = model.posterior_covariance(at, options)[:, 0][..., seen]
        between = model.posterior_covariance(options, options)[:, seen][..., seen]
        noise = np.diag(np.square(self.errors)[seen])
        inverse = [np.linalg.pinv(between[k, :, k] + noise, hermitian=True) for k in range(len(options))]
        return np.einsum("nki,kij,nkj->kn", cross, np.reshape(inverse, (-1, len(seen), len(seen))), cross)

    def gains(self, variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the excess that each state point is expected to take off, and what it is worth, shape (m,) each.

        Args:
            variances: Of all contests, eV^2.
        """
        before, own = variances[self.own], self.contests.where(self.own)
        is_open = own.excess(before) > 0
        after = np.maximum(before - self.reductions, 1e-300)
        gains = (own.excess(before) - own.excess(after)).sum(axis=-1)
        smaller = 0.5 * (np.log(np.maximum(before, 1e-300) / after) * is_open).sum(axis=-1)
        return gains, (gains + SURPLUS * (smaller - gains)) / self.candidate.cost

    def after(self, chosen: int) -> Options:
        """Return the options that are left when one has been chosen, and turned out as expected."""
        t, p = self.temperatures, self.pressures_gpa
        model = self.candidate.model.expecting(t[chosen], p[chosen], self.errors)
        rest = np.arange(len(t)) != chosen
        return replace(
            self, candidate=replace(self.candidate, model=model), temperatures=t[rest], pressures_gpa=p[rest]
        )


def _is_possible(candidate: Candidate, temperature: float, pressure_gpa: float) -> bool:
    """Return whether a state point can be computed: the phase exists there, was not lost, and has no value yet."""
    if candidate.is_lost(temperature, pressure_gpa):
        return False
    observed = candidate.model.observed
    is_there = np.isclose(observed.temperatures, temperature, atol=EDGE, rtol=0.0)
    is_there &= np.isclose(observed.pressures_gpa, pressure_gpa, atol=EDGE, rtol=0.0)
    if (is_there & np.isfinite(observed.gibbs_energy)).any():
        return False
    grid = candidate.harmonic
    units = np.maximum([np.ptp(grid.temperatures), np.ptp(grid.pressures_gpa)], EDGE)
    apart = np.column_stack([grid.temperatures - temperature, grid.pressures_gpa - pressure_gpa]) / units
    return bool(np.isfinite(grid.gibbs_energy[np.argmin((apart**2).sum(axis=1))]))
