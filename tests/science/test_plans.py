"""Plans: what replaying them tells of the steps that come next, and that methods are found by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from aiida_polymorph.lammps.settings import MinimiseSettings
from aiida_polymorph.potential import Potential
from aiida_polymorph.thermodynamics.free_energy.methods import Phase
from aiida_polymorph.thermodynamics.free_energy.registry import (
    FreeEnergyPlan,
    anchor_names,
    checked_parameters,
    load_method,
    method_names,
)
from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN, FreeEnergy
from aiida_polymorph.thermodynamics.plan import (
    Failure,
    Loaded,
    Plan,
    Runner,
    Sample,
    StepFailedError,
    Task,
    TaskResult,
    replay,
)
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import State
from aiida_polymorph.thermodynamics.surfaces.integration_plan import IntegrationPlan, Wanted, label_of
from aiida_polymorph.thermodynamics.surfaces.sweep_plan import Sweeps

ATOM = Atoms("Ar", cell=np.eye(3) * 5, pbc=True)
ARGON = Potential("argon", "lammps", ("Ar",), commands=("pair_style lj/cut 6.5",))


def number(value):
    return TaskResult({"value": np.array(value)})


@dataclass(frozen=True)
class Sum(Plan[float]):
    """a + b + c * d: b follows from a, c and d don't need each other, and a lost d counts as 1."""

    def follow(self, runner: Runner) -> float:
        first = self._ask(runner, "a")
        second = self._ask(runner, "b")
        third, fourth = runner.side_by_side(lambda: self._ask(runner, "c"), lambda: self._forgiving(runner))
        return first + second + third * fourth

    def _forgiving(self, runner: Runner) -> float:
        try:
            return self._ask(runner, "d") + self._ask(runner, "e")
        except StepFailedError:
            return 1.0

    def _ask(self, runner: Runner, label: str) -> float:
        return float(
            runner.run(Task(label, "minimise", Sample(f"of_{label}", ATOM), MinimiseSettings())).arrays["value"]
        )


def steps(results):
    return {each.step.label: each.follows for each in replay(Sum(), results).steps}


def test_steps_come_when_what_they_follow_from_is_there():
    assert steps({}) == {"a": ()}
    assert steps({"a": number(1)}) == {"b": ("a",)}
    known = {"a": number(1), "b": number(2)}
    assert steps(known) == {"c": ("a", "b"), "d": ("a", "b")}
    assert steps({**known, "d": number(4)}) == {"c": ("a", "b"), "e": ("a", "b", "d")}
    assert steps({**known, "c": number(3), "d": number(4)}) == {"e": ("a", "b", "d")}
    found = replay(Sum(), {**known, "c": number(3), "d": number(4), "e": number(5)})
    assert (found.steps, found.conclusion) == ((), 30.0)


def test_what_a_step_follows_from_is_enough_to_ask_for_it_again():
    every = {label: number(value) for value, label in enumerate("abcde")}
    for label in every:
        known = {each: every[each] for each in every if each < label}
        (asked,) = [each for each in replay(Sum(), known).steps if each.step.label == label]
        again = replay(Sum(), {each: every[each] for each in asked.follows})
        assert label in [each.step.label for each in again.steps]


def test_a_step_that_failed_ends_the_plan_unless_it_can_do_without():
    with pytest.raises(StepFailedError, match="no such atom") as raised:
        replay(Sum(), {"a": number(1), "b": Failure("no such atom")})
    assert raised.value.label == "b"
    known = {"a": number(1), "b": number(2), "c": number(3)}
    assert replay(Sum(), {**known, "d": Failure("lost")}).conclusion == 6.0


def test_results_are_loaded_when_they_are_looked_at_and_once():
    loaded = []

    def load(value):
        loaded.append(value)
        return number(value)

    results = Loaded({"a": 1, "b": 2}, load)
    assert ("c" in results, len(results), list(results)) == (False, 2, ["a", "b"])
    assert [results["b"].arrays["value"] for _ in range(2)] == [2, 2]
    assert loaded == [2]


# --- methods ---------------------------------------------------------------------------------------------------------


def test_methods_are_found_by_name():
    assert method_names() == ["equilibrium", "switching", "harmonic"]
    assert [load_method(name).name for name in method_names()] == method_names()
    assert anchor_names() == ["equilibrium", "switching"]
    with pytest.raises(ValueError, match="'guess', must be one of equilibrium, switching, harmonic"):
        load_method("guess")


def test_settings_of_runs_are_those_of_the_method():
    entries = {"temperature": 300.0, "dynamics": {"interval": 2}}
    assert checked_parameters(entries).method == "equilibrium"
    with pytest.raises(ValueError, match="unknown setting interval for the method switching"):
        checked_parameters({**entries, "method": "switching"})


@pytest.mark.parametrize("method", ["equilibrium", "switching", "harmonic"])
def test_every_method_begins_with_a_relaxation(method):
    asked = checked_parameters({"temperature": 30.0, "method": method, "target_atoms": 32})
    (first,) = replay(FreeEnergyPlan(Phase(bulk("Ar", a=5.3), ARGON), asked), {}).steps
    assert first.step.task == "minimise"
    assert (first.step.sample.name, len(first.step.sample.atoms), first.follows) == ("supercell", 32, ())


# --- integration -----------------------------------------------------------------------------------------------------


class Invented(Runner):
    """Dynamics of a crystal that is metastable below 900 K and, at 700 K, up to 25 GPa and from 55 GPa on."""

    def __init__(self, broken_at: float | None = None) -> None:
        self.labels: list[str] = []
        self._broken_at = broken_at

    def run(self, task: Task) -> TaskResult:
        raise AssertionError("an integration runs no tasks of its own")

    def carry_out(self, label: str, plan: Any) -> Any:
        self.labels.append(label)
        asked = plan.asked
        if "anchor" in label:
            return self._anchor(asked)
        if "sweep" in label:
            return Sweeps(None, "molten", self._broken_at) if plan.highest > 900 else self._swept(plan)
        lost = asked.temperature > 900 or 25 < asked.pressure_gpa < 55
        return State(UNKNOWN, UNKNOWN, "molten") if lost else self._state(asked)

    def _state(self, asked):
        return State(Estimate(-40 + 0.001 * asked.temperature, 1e-4), Estimate(30 - 0.1 * asked.pressure_gpa, 1e-3))

    def _anchor(self, asked):
        energy = FreeEnergy(
            700.0, asked.pressure_gpa, "equilibrium", "unit", "none", {"all": Estimate(-39.0, 1e-3)}, 1, 1, UNKNOWN
        )
        return type("Found", (), {"energy": energy})

    def _swept(self, plan):
        raise StepFailedError("sweep", "LAMMPS gave up")


def integrate(runner, temperatures=(700.0, 800.0), pressures=(0.0, 20.0, 40.0, 60.0), **parameters):
    wanted = Wanted(temperatures, pressures, 450.0, 10.0, 1.0, **parameters)
    return IntegrationPlan(Phase(ATOM, ARGON), {}, wanted).follow(runner)


def test_an_anchor_in_each_interval_of_pressures():
    runner = Invented()
    found = integrate(runner)
    assert [label for label in runner.labels if "anchor" in label] == ["anchor_700K_0GPa", "anchor_700K_60GPa"]
    assert "state_750K_20GPa" in runner.labels
    assert not [label for label in runner.labels if label in ("state_750K_40GPa", "state_750K_10GPa")]
    assert [(each.pressure_gpa, each.value is None) for each in found.points if each.temperature == 700] == [
        (0.0, False),
        (20.0, False),
        (40.0, True),
        (60.0, False),
    ]
    assert found.problem == ""


def test_a_sweep_that_breaks_is_followed_by_a_shorter_one():
    runner = Invented(broken_at=850.0)
    found = integrate(runner, (700.0, 800.0, 1000.0), (0.0,), isobars="sweeps")
    assert [label for label in runner.labels if "sweep" in label] == ["sweep_1000K_0GPa", "sweep_800K_0GPa"]
    reasons = {each.temperature: each.reason for each in found.points}
    assert reasons == {700.0: "", 800.0: "its sweep failed: LAMMPS gave up", 1000.0: "molten"}


class Broken(Invented):
    """Everything fails."""

    def carry_out(self, label, plan):
        raise StepFailedError(label, "LAMMPS gave up")


def test_an_integration_of_which_nothing_is_left_says_why():
    assert integrate(Broken()).problem == "LAMMPS gave up"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"convention": "quantum"}, "'quantum': only"),
        ({"method": "harmonic"}, "integration starts from one of equilib"),
    ],
)
def test_what_can_not_be_integrated(parameters, words):
    with pytest.raises(ValueError, match=words):
        IntegrationPlan(Phase(ATOM, ARGON), parameters, Wanted((700.0,), (0.0,), 450.0, 10.0, 1.0))


def test_labels_tell_neighbouring_points_apart():
    assert label_of("state", 700.0, -2.5) == "state_700K_m2p5GPa"
    assert label_of("state", 700.0, 1.2345678) != label_of("state", 700.0, 1.2345679)
