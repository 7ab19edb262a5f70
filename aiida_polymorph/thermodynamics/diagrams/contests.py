"""Where the diagram is open: places at which two phases contend, how well they must and can be told apart.

Along a line between stable phases the error of the difference of their Gibbs energies must be as small as the asked
error of the line demands. Beside the lines every other phase that may be stable contends with the one that is: they are
told apart when their distance is as many standard errors as the chance allows, or when the line that they might have
would be as sharp as asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import NormalDist

import numpy as np

from aiida_polymorph.thermodynamics.diagrams.coexistence import all_lines
from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine
from aiida_polymorph.thermodynamics.diagrams.refinement import Candidate, Sharpness, check_candidates
from aiida_polymorph.units import KB


@dataclass(frozen=True, eq=False)
class Contests:
    """Where two phases contend at n places; arrays of shape (n,), differences are those of the second less the first.

    Attributes:
        names: Of all phases.
        first: Index of the phase that is stable; on a line that of the phase of lower pressure.
        second: Index of the other phase.
        temperatures: K.
        pressures_gpa: GPa.
        gap: Of the Gibbs energies, eV per formula unit; 0 on a line.
        volume_difference: angstrom^3 per formula unit.
        entropy_difference: eV/K per formula unit.
        tolerance: Error of the difference of the Gibbs energies that will do, eV per formula unit.
        remainder: Variance of this difference that no state points shrink, eV^2.
    """

    names: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    temperatures: np.ndarray
    pressures_gpa: np.ndarray
    gap: np.ndarray
    volume_difference: np.ndarray
    entropy_difference: np.ndarray
    tolerance: np.ndarray
    remainder: np.ndarray

    def where(self, chosen: np.ndarray) -> Contests:
        """Return some of the contests, by a mask or indices."""
        return Contests(self.names, *(each[chosen] for each in self._columns()))

    def and_also(self, more: Contests) -> Contests:
        """Return these contests and others of the same phases."""
        columns = zip(self._columns(), more._columns(), strict=True)
        return Contests(self.names, *(np.concatenate(pair) for pair in columns))

    def of(self, name: str) -> np.ndarray:
        """Return in which contests a phase is, shape (n,)."""
        number = self.names.index(name)
        return (self.first == number) | (self.second == number)

    def variances(self, candidates: Sequence[Candidate]) -> np.ndarray:
        """Return the variance of the difference as the models have it now, eV^2, shape (n,)."""
        found = self.remainder.copy()
        for each in candidates:
            own = self.of(each.name)
            found[own] += each.model.variance(self.temperatures[own], self.pressures_gpa[own])
        return found

    def excess(self, variances: np.ndarray) -> np.ndarray:
        """Return the logarithm of error over tolerance, 0 where two phases are told apart, of the shape given.

        Args:
            variances: Of the differences, eV^2, shape (..., n).
        """
        errors = np.sqrt(np.maximum(variances, 1e-300))
        return np.maximum(np.log(errors / np.maximum(self.tolerance, 1e-12)), 0.0)

    def still_open(self, candidates: Sequence[Candidate]) -> Contests:
        """Return the contests that are not decided."""
        return self.where(self.excess(self.variances(candidates)) > 0)

    def _columns(self) -> list[np.ndarray]:
        return [getattr(self, each.name) for each in fields(self) if each.name != "names"]


def open_contests(candidates: Sequence[Candidate], lines: Sequence[CoexistenceLine], sharpness: Sharpness) -> Contests:
    """Return the contests that are not decided, on lines and beside them.

    Args:
        candidates: Those phases that may be stable, see `stability.stability`.
        lines: See `stable_lines`.
        sharpness: What is asked.

    Raises:
        ValueError: If the candidates are not on one grid, or exist nowhere.
    """
    on_lines = line_contests(candidates, lines, sharpness)
    return on_lines.and_also(rival_contests(candidates, sharpness)).still_open(candidates)


def stable_lines(candidates: Sequence[Candidate]) -> list[CoexistenceLine]:
    """Return the stable lines of the corrected Gibbs energies.

    Raises:
        ValueError: If the candidates are not on one grid, or one of them exists nowhere.
    """
    check_candidates(candidates)
    if len(candidates) < 2:
        return []
    return [line for pair in all_lines([each.surface() for each in candidates]) for line in pair.lines if line.stable]


def line_contests(candidates: Sequence[Candidate], lines: Sequence[CoexistenceLine], sharpness: Sharpness) -> Contests:
    """Return the contests at the points of lines.

    What remains without the anharmonic parts' errors are those of the harmonic numbers and of the surfaces' fits.

    Raises:
        ValueError: If the candidates are not on one grid, or one of them exists nowhere.
    """
    check_candidates(candidates)
    names = [each.name for each in candidates]
    ends = [(names.index(line.first), names.index(line.second)) for line in lines for _ in line.points]
    points = [at for line in lines for at in line.points]
    first, second = np.array(ends, dtype=int).reshape(len(ends), 2).T
    volume, entropy = (np.array([getattr(at, f"{name}_difference") for at in points]) for name in ("volume", "entropy"))
    remainders = np.array([_remainder(each) for each in candidates])
    return Contests(
        names=tuple(names),
        first=first,
        second=second,
        temperatures=np.array([at.temperature for at in points]),
        pressures_gpa=np.array([at.pressure_gpa for at in points]),
        gap=np.zeros(len(points)),
        volume_difference=volume,
        entropy_difference=entropy * KB,
        tolerance=sharpness.tolerance(volume, entropy * KB, candidates[0].model.observed.atoms),
        remainder=remainders[first] + remainders[second],
    )


def rival_contests(candidates: Sequence[Candidate], sharpness: Sharpness) -> Contests:
    """Return the contests of the stable phase at each place of the grid with all others.

    Raises:
        ValueError: If the candidates are not on one grid.
    """
    check_candidates(candidates)
    grid = candidates[0].harmonic
    gibbs, entropy, volume, errors = _on_grid(candidates)
    best = np.where(np.isfinite(gibbs), gibbs, np.inf).argmin(axis=0)
    others = np.isfinite(gibbs) & (np.arange(len(gibbs))[:, None] != best)
    second, place = np.nonzero(others)
    first = best[place]
    gap, apart_v, apart_s = (each[second, place] - each[first, place] for each in (gibbs, volume, entropy))
    sigmas = NormalDist().inv_cdf(1 - sharpness.chance)
    return Contests(
        names=tuple(each.name for each in candidates),
        first=first,
        second=second,
        temperatures=grid.temperatures[place],
        pressures_gpa=grid.pressures_gpa[place],
        gap=gap,
        volume_difference=apart_v,
        entropy_difference=apart_s,
        tolerance=np.maximum(gap / sigmas, sharpness.tolerance(apart_v, apart_s, candidates[0].model.observed.atoms)),
        remainder=errors[first, place] ** 2 + errors[second, place] ** 2,
    )


def _remainder(candidate: Candidate) -> float:
    """Return the variance of a phase's Gibbs energy besides that of its anharmonic part, eV^2."""
    surface = candidate.surface()
    harmonic = float(np.nanmax(candidate.harmonic.error))
    return harmonic**2 + surface.misfit.gibbs_energy**2 + surface.interpolation**2


def _on_grid(candidates: Sequence[Candidate]) -> tuple[np.ndarray, ...]:
    """Return Gibbs energies, entropies and volumes with the anharmonic parts, and harmonic errors, shape (f, n) each.

    nan where a phase does not exist.
    """
    rows = []
    for each in candidates:
        points = each.harmonic
        more = each.model.evaluate(points.temperatures, points.pressures_gpa)
        gibbs = points.gibbs_energy + more.gibbs_energy
        entropy = (points.enthalpy + more.enthalpy - gibbs) / points.temperatures
        rows.append((gibbs, entropy, points.volume + more.volume, points.error))
    return tuple(np.array(each) for each in zip(*rows, strict=True))
