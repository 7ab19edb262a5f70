"""Gibbs energies of one phase over temperatures and pressures: which steps that takes, and where more are needed.

Dynamics at pressures of the isotherm of the lowest temperature; an absolute free energy, the anchor, in each interval
of pressures over which the phase is metastable; then dynamics at higher temperatures, at points or by sweeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.free_energy.equilibrated import Equilibrated, EquilibrationPlan
from aiida_polymorph.thermodynamics.free_energy.kinetic import counted_atoms
from aiida_polymorph.thermodynamics.free_energy.methods import Phase
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.registry import FreeEnergyPlan, anchor_names, checked_parameters
from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN
from aiida_polymorph.thermodynamics.plan import Plan, Runner, StepFailedError
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import (
    Gibbs,
    State,
    StatePoint,
    gibbs_surface,
    grid,
    metastable_intervals,
    missing_pressures,
    missing_temperatures,
)
from aiida_polymorph.thermodynamics.surfaces.sweep_plan import SweepPlan
from aiida_polymorph.thermodynamics.surfaces.swept_surface import lower_reach, swept_surface

ISOBARS = ("points", "sweeps")
"""How to go on to higher temperatures: by dynamics at some of them, or by one sweep over all."""

T = TypeVar("T")

NO_JOB = "no job came to its end"


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters with which nothing can be integrated.

    Args:
        parameters: see `FreeEnergyParameters`, without temperature and pressure.

    Raises:
        ValueError: if one is not allowed, the convention is not classical, or the method gives no start.
    """
    asked = checked_parameters({**parameters, "temperature": 1.0})
    if asked.convention == "quantum":
        raise ValueError("convention is 'quantum': only 'unit' and 'mass' can be integrated")
    anchors = anchor_names()
    if asked.method not in anchors:
        raise ValueError(f"method is {asked.method!r}, integration starts from one of {', '.join(anchors)}")


@dataclass(frozen=True)
class Wanted:
    """Where Gibbs energies are wanted, and how well.

    Attributes:
        temperatures: K.
        pressures_gpa: GPa.
        temperature_step: largest distance of the first points along an isobar, K.
        pressure_step: largest distance of the first points along the isotherm, GPa.
        path_error: wanted error of each path, eV per formula unit: points are added until it is reached.
        isobars: one of `ISOBARS`.
        sweep_steps: of a sweep, one way.
    """

    temperatures: tuple[float, ...]
    pressures_gpa: tuple[float, ...]
    temperature_step: float
    pressure_step: float
    path_error: float
    isobars: str = "points"
    sweep_steps: int = 20_000

    @property
    def lowest(self) -> float:
        """Lowest temperature, K."""
        return min(self.temperatures)

    @property
    def highest(self) -> float:
        """Highest temperature, K."""
        return max(self.temperatures)


@dataclass(frozen=True, eq=False)
class Integrated:
    """Gibbs energies of a phase at all temperatures and pressures asked for.

    Attributes:
        points: one for each temperature and pressure.
        convention: of the thermal wavelengths.
        atoms: in a formula unit.
        problem: why no Gibbs energy could be computed although the phase is metastable, "" if one could.
    """

    points: tuple[Gibbs, ...]
    convention: str
    atoms: int
    problem: str = ""


@dataclass(frozen=True, eq=False)
class IntegrationPlan(Plan[Integrated]):
    """Gibbs energies of one phase over temperatures and pressures.

    Attributes:
        phase: the phase.
        parameters: see `FreeEnergyParameters`, without temperature and pressure; the method is that of the anchors.
        wanted: where, and how well.

    Raises:
        ValueError: as `check_parameters`.
    """

    phase: Phase
    parameters: Mapping[str, Any]
    wanted: Wanted

    def __post_init__(self) -> None:
        check_parameters(self.parameters)

    def follow(self, runner: Runner) -> Integrated:
        """Return the Gibbs energies."""
        states, lost_jobs = self._isotherm(runner)
        anchors, problems = self._anchors(runner, states)
        numbers = self.phase.atoms.numbers
        atoms = len(numbers) // formula_units_of(numbers)
        convention = self._asked(self.wanted.lowest, 0.0).convention
        kinetic_atoms = counted_atoms(convention, atoms)
        isobars = self._swept if self.wanted.isobars == "sweeps" else self._heated
        points = isobars(runner, states, anchors, kinetic_atoms)
        is_lost = len(lost_jobs) < len(states) and all(state.reason for state in states.values())
        problem = "" if anchors or is_lost else next(iter([*problems, *lost_jobs.values()]), NO_JOB)
        return Integrated(tuple(points), convention, atoms, problem)

    def _asked(self, temperature: float, pressure_gpa: float) -> FreeEnergyParameters:
        point = {"temperature": temperature, "pressure_gpa": pressure_gpa}
        return FreeEnergyParameters.from_dict({**self.parameters, **point})

    def _isotherm(self, runner: Runner) -> tuple[dict[StatePoint, State], dict[StatePoint, str]]:
        """Return what dynamics told at the lowest temperature, and why jobs failed there."""
        temperature, wanted = self.wanted.lowest, self.wanted
        states: dict[StatePoint, State] = {}
        failed: dict[StatePoint, str] = {}
        more = grid(wanted.pressures_gpa, wanted.pressure_step)
        while more:
            found, lost = self._states(runner, [(temperature, pressure_gpa) for pressure_gpa in more])
            states, failed = states | found, failed | lost
            more = missing_pressures(states, wanted.pressures_gpa, wanted.path_error)
        return states, failed

    def _states(
        self, runner: Runner, points: Sequence[StatePoint]
    ) -> tuple[dict[StatePoint, State], dict[StatePoint, str]]:
        """Return what dynamics told at some points, and why jobs failed; there the phase counts as lost."""
        plans = {point: EquilibrationPlan(self.phase, self._asked(*point)) for point in points}
        states, failed = {}, {}
        for point, found in _attempt(runner, "state", plans).items():
            if isinstance(found, StepFailedError):
                failed[point] = found.message
                states[point] = State(UNKNOWN, UNKNOWN, f"its job failed: {found.message}")
            else:
                states[point] = state_of(found)
        return states, failed

    def _anchors(
        self, runner: Runner, states: Mapping[StatePoint, State]
    ) -> tuple[dict[StatePoint, Estimate], list[str]]:
        """Return an absolute free energy in every interval of pressures, and why there are none."""
        pressures_gpa = sorted(pressure_gpa for _, pressure_gpa in states)
        known = [not states[self.wanted.lowest, pressure_gpa].reason for pressure_gpa in pressures_gpa]
        intervals = metastable_intervals(pressures_gpa, known, self.wanted.pressures_gpa)
        points = [(self.wanted.lowest, next(p for p in self.wanted.pressures_gpa if p in each)) for each in intervals]
        plans = {point: FreeEnergyPlan(self.phase, self._asked(*point)) for point in points}
        anchors, problems = {}, []
        for point, found in _attempt(runner, "anchor", plans).items():
            if isinstance(found, StepFailedError):
                problems.append(found.message)
            elif found.energy.reason:
                problems.append(found.energy.reason)
            else:
                anchors[point] = Estimate(found.energy.gibbs_energy, found.energy.error)
        return anchors, problems

    def _known_pressures(self, states: Mapping[StatePoint, State]) -> list[float]:
        """Return the pressures asked for at which the phase is metastable at the lowest temperature."""
        points = ((self.wanted.lowest, pressure_gpa) for pressure_gpa in self.wanted.pressures_gpa)
        return [point[1] for point in points if point in states and not states[point].reason]

    def _heated(
        self,
        runner: Runner,
        states: Mapping[StatePoint, State],
        anchors: Mapping[StatePoint, Estimate],
        kinetic_atoms: int,
    ) -> list[Gibbs]:
        """Return the Gibbs energies by dynamics at points along the isobars."""
        wanted, known = self.wanted, dict(states)
        reach = wanted.highest - wanted.lowest
        higher = grid([wanted.lowest, wanted.highest], min(wanted.temperature_step, reach / 2))[1:] if reach > 0 else []
        more = [(temperature, p) for p in self._known_pressures(states) for temperature in higher]
        while more:
            known |= self._states(runner, more)[0]
            more = missing_temperatures(known, wanted.temperatures, wanted.pressures_gpa, wanted.path_error)
        return gibbs_surface(known, anchors, wanted.temperatures, wanted.pressures_gpa, kinetic_atoms)

    def _swept(
        self,
        runner: Runner,
        states: Mapping[StatePoint, State],
        anchors: Mapping[StatePoint, Estimate],
        kinetic_atoms: int,
    ) -> list[Gibbs]:
        """Return the Gibbs energies by sweeps along the isobars, shorter ones where the phase is lost on the way."""
        wanted = self.wanted
        known = self._known_pressures(states) if wanted.highest > wanted.lowest else []
        reaches = dict.fromkeys(known, wanted.highest)
        sweeps, losses = {}, {}
        while reaches:
            plans = {(reach, pressure_gpa): self._sweep(pressure_gpa, reach) for pressure_gpa, reach in reaches.items()}
            reaches = {}
            for point, found in _attempt(runner, "sweep", plans).items():
                if isinstance(found, StepFailedError):
                    losses[point] = f"its sweep failed: {found.message}"
                elif found.reason or found.ways is None:
                    losses[point] = found.reason
                    lower = None if found.broken_at is None else lower_reach(wanted.temperatures, found.broken_at)
                    reaches |= {} if lower is None else {point[1]: lower}
                else:
                    sweeps[point] = found.ways
        grid_points = wanted.temperatures, wanted.pressures_gpa, kinetic_atoms
        return swept_surface(states, anchors, sweeps, losses, *grid_points)

    def _sweep(self, pressure_gpa: float, reach: float) -> SweepPlan:
        return SweepPlan(self.phase, self._asked(self.wanted.lowest, pressure_gpa), reach, self.wanted.sweep_steps)


def _attempt(runner: Runner, kind: str, plans: Mapping[StatePoint, Plan[T]]) -> dict[StatePoint, T | StepFailedError]:
    """Return what plans that don't need each other give, or their errors, by temperature and pressure."""

    def one(point: StatePoint) -> T | StepFailedError:
        try:
            return runner.carry_out(label_of(kind, *point), plans[point])
        except StepFailedError as error:
            return error

    return dict(zip(plans, runner.side_by_side(*(partial(one, point) for point in plans)), strict=True))


def state_of(found: Equilibrated | State) -> State:
    """Return what an equilibration told."""
    return State(found.enthalpy, found.volume, found.reason)


def label_of(kind: str, temperature: float, pressure_gpa: float) -> str:
    """Return the label of a step, e.g. `state_700K_20GPa`."""
    text = f"{kind}_{temperature:.10g}K_{pressure_gpa:.10g}GPa"
    return text.replace(".", "p").replace("-", "m").replace("+", "")
