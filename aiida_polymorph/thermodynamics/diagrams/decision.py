"""Which state points molecular dynamics should compute next for a phase diagram, and what all of them say together.

The quasi-harmonic Gibbs energies of all candidates are on one grid. Dynamics at a few state points give the anharmonic
part of each phase; those points are chosen that decide most of what is open, until nothing is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_polymorph.plain import checked
from aiida_polymorph.thermodynamics.diagrams.contests import Contests, open_contests
from aiida_polymorph.thermodynamics.diagrams.diagram import Undecided
from aiida_polymorph.thermodynamics.diagrams.next_points import Effort, effort, next_points
from aiida_polymorph.thermodynamics.diagrams.point_options import mesh_of
from aiida_polymorph.thermodynamics.diagrams.refinement import Candidate, Sharpness
from aiida_polymorph.thermodynamics.diagrams.sharpness_report import target_error_of, undecided_parts
from aiida_polymorph.thermodynamics.diagrams.stability import StabilityOdds, stability
from aiida_polymorph.thermodynamics.diagrams.surface_diagram import stable_lines
from aiida_polymorph.thermodynamics.surfaces.anharmonic import PointErrors, lengths_of
from aiida_polymorph.thermodynamics.surfaces.anharmonic_scale import anharmonic_models
from aiida_polymorph.thermodynamics.surfaces.departures import Departures, MeasuredPoints, departures
from aiida_polymorph.thermodynamics.surfaces.phase_surface import EDGE, PhasePoints
from aiida_polymorph.thermodynamics.surfaces.smooth_kernel import Lengths

ENTHALPY_SHARE, VOLUME_ERROR = 1.0, 0.01
"""Expected errors of a state point beside that of its Gibbs energy: of the enthalpy by that share of it, of the volume
in angstrom^3 per atom."""

STEEP_K, STEEP_SHARE = 50.0, 0.03
"""A line so steep that its pressure has no meaning need not be known better than this in temperature, K, or this share
of the region's range of temperatures, whichever is less."""

LINE_CELLS = 40
"""Cells along each axis of the grid on which neighbours are looked for."""

SMALLEST_TARGET = 4e-4
"""eV per atom: state points are not asked for more."""

LARGEST_TARGET = 5e-3
"""eV per atom: with more a state point says nothing about the anharmonic part."""


@dataclass(frozen=True)
class DecisionSettings:
    """When a diagram is decided, and what may be spent.

    Attributes:
        error_gpa: largest standard error of a line's pressure that will do, GPa.
        chance: probability below which a phase counts as not stable.
        batch: state points that are computed before it is decided anew which are next.
        most_points: of dynamics at most; 0 for none.

    Raises:
        ValueError: if a number is out of range.
    """

    error_gpa: float = 0.5
    chance: float = 0.01
    batch: int = 4
    most_points: int = 40

    def __post_init__(self) -> None:
        Sharpness(self.error_gpa, chance=self.chance)
        if self.batch < 1 or self.most_points < 0:
            raise ValueError(
                f"dynamics: batch is {self.batch}, must be 1 or more; most_points is {self.most_points}, 0 or more"
            )

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> DecisionSettings:
        """Build from plain values; what is missing takes its default.

        Raises:
            ValueError: if a key is unknown or a number out of range.
        """
        return checked(cls, entries, "dynamics")


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What is known of one phase.

    Attributes:
        name: of the phase.
        harmonic: on the grid of all phases, nan where the phase does not exist.
        measured: state points by dynamics, on places of the grid; None for none.
        lost: temperatures (K) and pressures (GPa) at which dynamics found it not to be metastable.
        avoided: temperatures and pressures that are not to be asked for (again).
        cost: of one state point, in any unit that is the same for all phases.
    """

    name: str
    harmonic: PhasePoints
    measured: MeasuredPoints | None = None
    lost: tuple[tuple[float, float], ...] = ()
    avoided: tuple[tuple[float, float], ...] = ()
    cost: float = 1.0


@dataclass(frozen=True)
class Wanted:
    """A state point to compute.

    Attributes:
        phase: its name.
        temperature: K.
        pressure_gpa: GPa.
        target_error: wanted standard error of its Gibbs energy, eV per formula unit.
    """

    phase: str
    temperature: float
    pressure_gpa: float
    target_error: float


@dataclass(frozen=True, eq=False)
class Decision:
    """What to do next.

    Attributes:
        points: state points to compute; none if nothing is open or nothing would help.
        undecided: what is open now.
        effort: what it would take to decide it.
        odds: how probable each phase is to be stable.
    """

    points: tuple[Wanted, ...]
    undecided: tuple[Undecided, ...]
    effort: Effort
    odds: StabilityOdds


def candidates_of(known: Sequence[Knowledge], atoms: int) -> list[Candidate]:
    """Return the phases with their anharmonic parts.

    Args:
        known: of all phases; those that exist nowhere are left out.
        atoms: in a formula unit.
    """
    there = [each for each in known if np.isfinite(each.harmonic.gibbs_energy).any()]
    observed = {each.name: _departures(each, atoms) for each in there}
    models = anharmonic_models(observed, {each.name: _lengths(each.harmonic, there) for each in there})
    return [
        Candidate(each.name, _without(each), models[each.name], each.cost, each.lost + each.avoided) for each in there
    ]


def decide(known: Sequence[Knowledge], atoms: int, settings: DecisionSettings, spent: int = 0) -> Decision:
    """Return which state points to compute next.

    Args:
        known: of all phases.
        atoms: in a formula unit.
        settings: when the diagram is decided.
        spent: state points that were computed so far.
    """
    candidates = candidates_of(known, atoms)
    odds = stability(candidates, settings.chance)
    kept = [each for each in candidates if each.name in odds.kept]
    contests = _contests(kept, settings)
    mesh = mesh_of(kept[0].harmonic)
    targets = {each.name: _target(contests, each.name, atoms) for each in kept}
    expected = {name: PointErrors(t, ENTHALPY_SHARE * t, VOLUME_ERROR * atoms) for name, t in targets.items()}
    number = min(settings.batch, settings.most_points - spent)
    points = next_points(kept, contests, mesh, expected, number) if number > 0 else []
    wanted = tuple(Wanted(each.phase, each.temperature, each.pressure_gpa, targets[each.phase]) for each in points)
    return Decision(wanted, tuple(undecided_parts(contests, kept)), effort(kept, contests, mesh, expected), odds)


def _contests(candidates: Sequence[Candidate], settings: DecisionSettings) -> Contests:
    """Return what is open on the lines between stable phases and beside them."""
    grid = candidates[0].harmonic
    steep = min(STEEP_K, STEEP_SHARE * float(np.ptp(grid.temperatures)))
    sharpness = Sharpness(settings.error_gpa, temperature_k=steep, chance=settings.chance)
    surfaces = [each.surface() for each in candidates]
    axes = [np.linspace(each.min(), each.max(), LINE_CELLS + 1) for each in (grid.temperatures, grid.pressures_gpa)]
    lines = stable_lines(surfaces, *axes) if len(surfaces) > 1 else []
    return open_contests(candidates, lines, sharpness)


def _target(contests: Contests, name: str, atoms: int) -> float:
    return float(np.clip(target_error_of(contests, name), SMALLEST_TARGET * atoms, LARGEST_TARGET * atoms))


def _departures(known: Knowledge, atoms: int) -> Departures:
    """Return the dynamics of a phase less its harmonic values at the same places."""
    measured = known.measured
    if measured is None:
        return Departures.none(atoms)
    grid = known.harmonic
    rows = [
        int(np.flatnonzero((np.abs(grid.temperatures - t) <= EDGE) & (np.abs(grid.pressures_gpa - p) <= EDGE))[0])
        for t, p in zip(measured.temperatures, measured.pressures_gpa, strict=True)
    ]
    there = PhasePoints(
        *(
            getattr(grid, name)[rows]
            for name in ("temperatures", "pressures_gpa", "gibbs_energy", "error", "enthalpy", "volume")
        )
    )
    return departures(measured, there, atoms)


def _lengths(harmonic: PhasePoints, phases: Sequence[Knowledge]) -> Lengths:
    """Return the lengths of a phase; the highest temperature is that of the region, for all of them."""
    try:
        own = lengths_of(harmonic)
    except ValueError:  # known at a single pressure
        own = lengths_of(max((each.harmonic for each in phases), key=lambda each: np.isfinite(each.volume).sum()))
    return own._replace(temperature=float(harmonic.temperatures.max()))


def _without(known: Knowledge) -> PhasePoints:
    """Return the harmonic values without the places at which the phase was lost, or hotter ones at that pressure."""
    grid = known.harmonic
    gone = np.zeros(len(grid.temperatures), dtype=bool)
    for temperature, pressure in known.lost:
        gone |= (grid.temperatures >= temperature - EDGE) & (np.abs(grid.pressures_gpa - pressure) <= EDGE)
    values = [np.where(gone, np.nan, getattr(grid, name)) for name in ("gibbs_energy", "error", "enthalpy", "volume")]
    return PhasePoints(grid.temperatures, grid.pressures_gpa, *values)
