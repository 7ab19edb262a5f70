"""What a calculation needs, step by step, whoever carries it out.

A *plan* is one function, `follow`, that asks a *runner* for the results of its steps and returns what they add up to.
A step is a task of LAMMPS, or another plan that is carried out as a whole. The plan knows neither AiiDA nor files.

There are two kinds of runners. One computes a step when it is asked for (`aiida_polymorph.local.runner`). The other,
`Replay`, only looks results up, and stops the plan at the first step that has none: it tells which steps can be begun
now, and is started anew when they have ended. So a plan must be a pure function of what was asked and of the results:
the same steps with the same labels each time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from ase import Atoms

from aiida_polymorph.lammps.settings import Settings

Arrays = Mapping[str, np.ndarray]

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Sample:
    """What a task moves or evaluates.

    Attributes:
        name: the same for all tasks on this crystal with these positions, and for no other within a plan.
        atoms: the crystal.
        positions: for the task `evaluate`, in LAMMPS's frame, angstrom, shape (frames, N, 3); None for other tasks.
    """

    name: str
    atoms: Atoms
    positions: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """A run of LAMMPS.

    Attributes:
        label: of the step, unique within a plan.
        task: one of `lammps.tasks.TASKS`.
        sample: what it runs on.
        settings: of the task.
    """

    label: str
    task: str
    sample: Sample
    settings: Settings


@dataclass(frozen=True, eq=False)
class TaskResult:
    """What a run of LAMMPS left.

    Attributes:
        arrays: see `lammps.results.collect`.
        neighbour_cutoff: distance up to which LAMMPS lists neighbours, angstrom; None if it lists none.
    """

    arrays: Arrays
    neighbour_cutoff: float | None = None


class Plan(ABC, Generic[T]):
    """What a calculation needs and what follows from it."""

    @abstractmethod
    def follow(self, runner: Runner) -> T:
        """Return what the steps add up to.

        Raises:
            StepFailedError: if a step failed without which there is no result.
            SupercellTooSmallError: if atoms would see themselves.
        """


@dataclass(frozen=True, eq=False)
class Part:
    """A plan that is a step of another one.

    Attributes:
        label: of the step, unique within the plan that it is part of.
        plan: carried out as a whole.
    """

    label: str
    plan: Plan[Any]


Step = Task | Part


class StepFailedError(RuntimeError):
    """A step did not come to its end.

    Attributes:
        label: of the step.
        message: why.
    """

    def __init__(self, label: str, message: str) -> None:
        super().__init__(message)
        self.label, self.message = label, message


class SupercellTooSmallError(ValueError):
    """In this supercell atoms would see themselves; `problem` says how large it must be."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"the supercell is too small: {problem}")
        self.problem = problem


class Runner(ABC):
    """Gives a plan the results of its steps."""

    @abstractmethod
    def run(self, task: Task) -> TaskResult:
        """Return the result of a task.

        Raises:
            StepFailedError: if it failed.
        """

    @abstractmethod
    def carry_out(self, label: str, plan: Plan[T]) -> T:
        """Return the result of a plan that is a step of another one.

        Raises:
            StepFailedError: if it gave none.
        """

    def side_by_side(self, *branches: Callable[[], Any]) -> list[Any]:
        """Return what several branches return that don't need each other's results."""
        return [branch() for branch in branches]


@dataclass(frozen=True)
class Failure:
    """Takes the place of the result of a step that failed; the message says why."""

    message: str


@dataclass(frozen=True, eq=False)
class NextStep:
    """A step that can be begun.

    Attributes:
        step: the task, or the plan.
        follows: labels of the steps whose results it follows from; with these alone a plan asks for it again.
    """

    step: Step
    follows: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Progress(Generic[T]):
    """How far a plan has come.

    Attributes:
        steps: that can be begun now; none if the plan has come to its end.
        conclusion: what its steps add up to; None while steps are missing.
    """

    steps: tuple[NextStep, ...]
    conclusion: T | None = None


def replay(plan: Plan[T], results: Mapping[str, Any]) -> Progress[T]:
    """Return how far a plan has come with the results so far.

    Args:
        plan: what to follow.
        results: label of a step -> its `TaskResult`, or what its plan returned, or a `Failure`.

    Raises:
        StepFailedError: as `Plan.follow`.
        SupercellTooSmallError: as `Plan.follow`.
    """
    runner = Replay(results)
    try:
        return Progress((), plan.follow(runner))
    except Unfinished:
        return Progress(tuple(runner.missing))


class Unfinished(Exception):  # noqa: N818 - not an error: it takes a plan back to whoever replays it
    """A plan asks for a result that is not there yet."""


class Replay(Runner):
    """Looks results up; `missing` are the steps that were asked for in vain."""

    def __init__(self, results: Mapping[str, Any]) -> None:
        self.missing: list[NextStep] = []
        self._results, self._used = results, dict[str, None]()

    def run(self, task: Task) -> TaskResult:
        """Return the result of a task; without it the plan stops here."""
        return self._find(task)

    def carry_out(self, label: str, plan: Plan[T]) -> T:
        """Return the result of a plan; without it the plan that asks for it stops here."""
        return self._find(Part(label, plan))

    def side_by_side(self, *branches: Callable[[], Any]) -> list[Any]:
        """Follow each branch as far as it goes, so that steps of all of them can be begun."""
        before = self._used
        used, found, unfinished = dict(before), [], False
        for branch in branches:
            self._used = dict(before)
            try:
                found.append(branch())
            except Unfinished:
                unfinished = True
            used |= self._used
        self._used = used
        if unfinished:
            raise Unfinished
        return found

    def _find(self, step: Step) -> Any:
        if step.label not in self._results:
            self.missing.append(NextStep(step, tuple(self._used)))
            raise Unfinished
        self._used[step.label] = None
        result = self._results[step.label]
        if isinstance(result, Failure):
            raise StepFailedError(step.label, result.message)
        return result


class Loaded(Mapping[str, Any]):
    """Results that are loaded when they are looked at, each once."""

    def __init__(self, sources: Mapping[str, Any], load: Callable[[Any], Any]) -> None:
        self._sources, self._load, self._loaded = sources, load, dict[str, Any]()

    def __getitem__(self, label: str) -> Any:
        if label not in self._loaded:
            self._loaded[label] = self._load(self._sources[label])
        return self._loaded[label]

    def __contains__(self, label: object) -> bool:
        return label in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)
