"""Switching: synthetic work of known free energy difference, series of LAMMPS turned into work, refusals."""

import numpy as np
import pytest
from ase.build import bulk

from aiida_polymorph.lammps.settings import SwitchingSettings
from aiida_polymorph.thermodynamics.free_energy.einstein import einstein_free_energy, translation
from aiida_polymorph.thermodynamics.free_energy.outcome import Target
from aiida_polymorph.thermodynamics.free_energy.switching import (
    PILOT_SWITCHING_STEPS,
    Work,
    digest_switching,
    first_switching,
    next_switching,
    pair_work,
    switching_term,
)
from aiida_polymorph.units import KB

TEMPERATURE = 500.0
THERMAL = KB * TEMPERATURE
DIFFERENCE = 12.5
REPLICAS = 2000


def works(pairs, dissipation, replicas=REPLICAS, seed=0):
    """Work in linear response: normal, the variance of one way being 2 kT times the dissipation."""
    rng = np.random.default_rng(seed)
    forward, backward = rng.normal(dissipation, np.sqrt(2 * THERMAL * dissipation), size=(2, replicas, pairs))
    return [
        [Work(DIFFERENCE + f, b - DIFFERENCE) for f, b in zip(*each, strict=True)]
        for each in zip(forward, backward, strict=True)
    ]


def test_difference_and_dissipation():
    work = Work(5.0, -3.0)
    assert (work.difference, work.dissipation) == (4.0, 1.0)


@pytest.mark.parametrize("pairs", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("dissipation", [0.1 * THERMAL, THERMAL, 10 * THERMAL])
def test_errors_of_the_difference_are_honest(pairs, dissipation):
    found = [switching_term(each, TEMPERATURE) for each in works(pairs, dissipation)]
    off = np.array([(difference.value - DIFFERENCE) / difference.error for difference, _ in found])
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(REPLICAS)
    assert np.mean(np.abs(off) < 1) > 0.62
    assert np.mean(np.abs(off) < 2) > 0.90
    true = np.sqrt(THERMAL * dissipation / pairs)
    assert np.sqrt(np.mean([difference.error**2 for difference, _ in found])) > 0.95 * true


def test_errors_are_not_much_too_large_where_dissipation_shows():
    dissipation = 10 * THERMAL
    for pairs in (1, 4):
        found = [switching_term(each, TEMPERATURE)[0].error for each in works(pairs, dissipation)]
        assert np.mean(found) < 1.35 * np.sqrt(THERMAL * dissipation / pairs)


@pytest.mark.parametrize("pairs", [1, 4])
def test_dissipation_is_found(pairs):
    dissipation = 3 * THERMAL
    found = np.array([switching_term(each, TEMPERATURE)[1] for each in works(pairs, dissipation)])
    assert found[:, 0].mean() == pytest.approx(dissipation, rel=0.05)
    assert np.mean(np.abs(found[:, 0] - dissipation) < 2 * found[:, 1]) > 0.88


def test_no_error_is_zero_however_reversible_the_switch_looks():
    """One pair may come out with no dissipation, or a negative one, by chance."""
    for pair in (Work(DIFFERENCE, -DIFFERENCE), Work(DIFFERENCE - 1, 0.5 - DIFFERENCE)):
        difference, dissipation = switching_term([pair], TEMPERATURE)
        assert difference.error == pytest.approx(THERMAL)
        assert dissipation.error == pytest.approx(THERMAL)


def test_pairs_that_scatter_more_than_their_dissipation_allows():
    scattered = [Work(DIFFERENCE + off, -DIFFERENCE - off) for off in (-3.0, 0.0, 3.0)]
    difference, _ = switching_term(scattered, TEMPERATURE)
    assert difference.error == pytest.approx(np.sqrt(3.0))


def test_no_work_is_refused():
    with pytest.raises(ValueError, match="no work"):
        switching_term([], TEMPERATURE)


# --- series of LAMMPS ------------------------------------------------------------------------------------------------


def switch(x):
    """The schedule of `fix ti/spring`, function 2."""
    return x**5 * (70 * x**4 - 315 * x**3 + 540 * x**2 - 420 * x + 126)


def series(switching_steps, equilibration_steps, forward, backward):
    """A run whose generalised force is a parabola in lambda, another one on the way back."""
    n, m = switching_steps, equilibration_steps
    ramp = switch(np.arange(n + 1) / n)
    strength = np.concatenate([np.zeros(m), ramp, np.ones(m - 1), ramp[::-1]])
    steps = np.arange(len(strength))
    way = np.where(steps < n + m + m // 2, forward, backward)
    slope = way + 6.0 * strength**2
    return {
        "step": steps.astype(float),
        "energy": -slope / 2,
        "springs_1": slope / 4,
        "springs_2": slope / 4,
        "lambda": strength,
    }


@pytest.mark.parametrize(("switching", "equilibration"), [(400, 100), (100, 400), (400, 7)])
def test_work_of_a_run_there_and_back(switching, equilibration):
    run = series(switching, equilibration, forward=3.0, backward=1.0)
    assert run["step"][-1] == 2 * (switching + equilibration)
    work = pair_work(run, switching, equilibration)
    assert work.forward == pytest.approx(5.0, abs=1e-3)
    assert work.backward == pytest.approx(-3.0, abs=1e-3)
    assert work.difference == pytest.approx(4.0, abs=1e-3)
    assert work.dissipation == pytest.approx(1.0, abs=1e-3)


def test_equilibration_does_no_work():
    run = series(400, 100, forward=3.0, backward=1.0)
    still = np.r_[0:100, 510:590]
    wild = {**run, "energy": run["energy"].copy()}
    wild["energy"][still] += 1e6
    assert tuple(pair_work(wild, 400, 100)) == pytest.approx(tuple(pair_work(run, 400, 100)))


def test_a_run_that_was_cut_off_is_refused():
    run = {name: values[:-1] for name, values in series(400, 100, 3.0, 1.0).items()}
    with pytest.raises(ValueError, match="ends at step 999"):
        pair_work(run, 400, 100)


# --- the route -------------------------------------------------------------------------------------------------------

CRYSTAL = bulk("Ar", "fcc", a=5.3, cubic=True).repeat(2)
STATIC = -2.5


def fake_lammps(settings: SwitchingSettings, dissipation_times_steps: float):
    """Synthetic work of the right statistics for the length of the switch, as the series that LAMMPS writes."""
    rng = np.random.default_rng(settings.seed)
    arrays = {}
    for pair in range(settings.pairs):
        lost = dissipation_times_steps / settings.switching_steps
        there, back = rng.normal(lost, np.sqrt(2 * THERMAL * lost), size=2)
        run = series(
            settings.switching_steps,
            settings.equilibration_steps,
            DIFFERENCE - STATIC + there,
            DIFFERENCE - STATIC - back,
        )
        slope = run["springs_1"] + run["springs_2"] - run["energy"] - 6.0 * run["lambda"] ** 2
        energy = np.r_[STATIC, np.full(len(slope) - 1, 7.0)]
        run |= {"energy": energy, "springs_1": slope + energy, "springs_2": np.zeros(len(slope))}
        arrays |= {f"switching_{pair:02d}__{name}": values for name, values in run.items()}
    return arrays


@pytest.mark.parametrize("seed", range(5))
def test_the_route_reaches_its_target_and_is_right(seed):
    target = Target(0.003, 10**6)
    runs, following = [], first_switching({"Ar": 1.2}, TEMPERATURE, seed)
    assert (following.pairs, following.switching_steps) == (1, PILOT_SWITCHING_STEPS)
    while following is not None:
        runs.append((following, fake_lammps(following, 1e3)))
        following = next_switching(CRYSTAL, runs, target)
        assert len(runs) < 12
    outcome, count = digest_switching(CRYSTAL, runs), len(CRYSTAL)
    einstein = einstein_free_energy(np.full(count, 1.2), TEMPERATURE)
    # The difference was made as springs less crystal, the crystal's energy counted from 0.
    exact = einstein - (DIFFERENCE - STATIC) - STATIC + translation(5.3**3 / 4, TEMPERATURE)
    found = sum(term.value for term in outcome.terms.values())
    assert outcome.error <= target.error
    assert abs(found - exact / count) < 4 * outcome.error
    assert outcome.steps == sum(2 * each.pairs * (each.switching_steps + each.equilibration_steps) for each, _ in runs)
    assert len({each.seed for each, _ in runs}) == len(runs)
    assert len(outcome.curve["lambda_forward"]) == len(outcome.curve["force_forward"]) > 100


@pytest.mark.parametrize("limit", [4000, 20_000])
def test_the_route_ends_when_its_steps_are_spent(limit):
    target = Target(1e-9, limit)
    runs, following = [], first_switching({"Ar": 1.2}, TEMPERATURE, 1)
    while following is not None:
        runs.append((following, fake_lammps(following, 1e3)))
        following = next_switching(CRYSTAL, runs, target)
    assert digest_switching(CRYSTAL, runs).steps <= limit
    assert digest_switching(CRYSTAL, runs).error > target.error


def test_targets_below_a_thermal_energy_of_the_whole_crystal_are_reached():
    """Several pairs would do; kT over 24 units is 0.06 kcal/mol at 700 K and 0.13 at 1600 K."""
    target = Target(0.5 * THERMAL / len(CRYSTAL), 100_000)
    runs, following = [], first_switching({"Ar": 1.2}, TEMPERATURE, 1)
    while following is not None:
        runs.append((following, fake_lammps(following, 1.0)))
        following = next_switching(CRYSTAL, runs, target)
    assert digest_switching(CRYSTAL, runs).error <= target.error
