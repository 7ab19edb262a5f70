"""The optimiser on functions whose minimum is known, and on functions that go wrong."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_polymorph.relaxation.driver.lbfgs import LimitedMemory
from aiida_polymorph.relaxation.driver.optimiser import Relaxation, description
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.relaxation.driver.units import GPA

TIGHT = RelaxParameters(force_tolerance=1e-6, stress_tolerance=1e-5)


def elastic_crystal(positions, cell, stiffness=5.0, bulk=1.0, rest=3.0):
    """Springs between atom 0 and 1 in fractional space and a cubic cell of length `rest` that resists any strain.

    Energy is a function of fractional difference and metric only, so that forces and stress are exact derivatives.
    """
    difference = positions[1] - positions[0]
    offset = difference - np.array([0.5, 0.5, 0.5]) @ cell
    green = 0.5 * (cell @ cell.T / rest**2 - np.eye(3))
    energy = 0.5 * stiffness * offset @ offset + 0.5 * bulk * np.sum(green**2) * rest**3
    forces = np.array([stiffness * offset, -stiffness * offset])
    volume = abs(np.linalg.det(cell))
    strained = cell.T @ green @ cell * bulk * rest
    stress = (stiffness * np.outer(offset, offset) + strained) / volume
    return energy, forces, stress


def start():
    rng = np.random.default_rng(1)
    cell = np.eye(3) * 3.0 + rng.normal(0, 0.15, (3, 3))
    return np.array([[0.0, 0, 0], [1.2, 1.7, 1.6]]), cell


def test_the_test_function_is_its_own_derivative():
    positions, cell = start()
    _, forces, stress = elastic_crystal(positions, cell)
    step = 1e-6
    for i in range(3):
        for j in range(3):
            strain = np.zeros((3, 3))
            strain[i, j] = strain[j, i] = step / 2 if i != j else step
            up = elastic_crystal(positions @ (np.eye(3) + strain), cell @ (np.eye(3) + strain))[0]
            down = elastic_crystal(positions @ (np.eye(3) - strain), cell @ (np.eye(3) - strain))[0]
            slope = (up - down) / (2 * step) / abs(np.linalg.det(cell))
            assert slope == pytest.approx(stress[i, j], abs=1e-7)
    assert forces.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-12)


@pytest.mark.parametrize("pressure", [0.0, 5.0, -2.0])
def test_reaches_the_minimum_of_an_elastic_crystal(pressure):
    relaxation = Relaxation(elastic_crystal, pressure, TIGHT)
    assert relaxation.run(*start()) == ""
    state = relaxation.state
    assert state.max_force <= TIGHT.force_tolerance
    assert state.max_stress_error <= TIGHT.stress_tolerance
    lengths = np.linalg.norm(state.cell, axis=1)
    assert state.cell @ state.cell.T == pytest.approx(np.eye(3) * lengths[0] ** 2, abs=1e-4)
    _, _, stress = elastic_crystal(state.positions, state.cell)
    assert stress == pytest.approx(-pressure * GPA * np.eye(3), abs=1e-6)
    assert state.enthalpy == pytest.approx(state.energy + pressure * GPA * np.linalg.det(state.cell))
    assert lengths[0] < 3.0 if pressure > 0 else lengths[0] >= 3.0 - 1e-6


def test_a_stiff_function_converges_although_first_steps_are_too_long():
    relaxation = Relaxation(lambda x, h: elastic_crystal(x, h, stiffness=500.0, bulk=50.0), 0.0, TIGHT)
    assert relaxation.run(*start()) == ""
    assert relaxation.force_calls < 200


def test_gives_up_after_the_allowed_force_calls():
    relaxation = Relaxation(elastic_crystal, 0.0, RelaxParameters(max_force_calls=4, force_tolerance=1e-9))
    assert relaxation.run(*start()) == "not converged"
    assert relaxation.force_calls == 4


def test_forces_that_do_not_fit_the_energy_end_as_not_converged():
    def wrong(positions, cell):
        energy, forces, stress = elastic_crystal(positions, cell)
        return energy, -forces, stress

    relaxation = Relaxation(wrong, 0.0, RelaxParameters(max_force_calls=300))
    assert relaxation.run(*start()).startswith("not converged")
    assert relaxation.force_calls <= 300


@pytest.mark.parametrize("bad_call", [1, 4])
def test_nan_ends_as_nan_with_the_last_good_state(bad_call):
    calls = []

    def breaks(positions, cell):
        energy, forces, stress = elastic_crystal(positions, cell)
        calls.append(energy)
        return (np.nan if len(calls) == bad_call else energy), forces, stress

    relaxation = Relaxation(breaks, 0.0, TIGHT)
    assert relaxation.run(*start()) == "nan"
    assert np.isfinite(relaxation.state.energy) == (bad_call > 1)


def test_atoms_that_attract_without_end_collapse():
    def attraction(positions, cell):
        d = positions[1] - positions[0]
        r = np.linalg.norm(d)
        pull = 6 * 100.0 / r**8 * d
        _, _, stress = elastic_crystal(positions, cell)
        return -100.0 / r**6, np.array([pull, -pull]), stress

    relaxation = Relaxation(attraction, 0.0, TIGHT)
    assert relaxation.run(*start()) == "atoms collapsed"


def test_a_crystal_without_cohesion_explodes():
    def repulsion(positions, cell):
        volume = abs(np.linalg.det(cell))
        return 100.0 / volume, np.zeros((2, 3)), -100.0 / volume**2 * np.eye(3)

    relaxation = Relaxation(repulsion, -5.0, RelaxParameters())
    assert relaxation.run(*start()) == "exploded"


def test_limited_memory_is_exact_newton_once_it_has_seen_all_directions():
    hessian = np.diag([1.0, 4.0, 9.0])
    memory = LimitedMemory(10, 1.0)
    for step in np.eye(3):
        memory.add(step, hessian @ step)
    gradient = np.array([2.0, -3.0, 5.0])
    assert memory.direction(gradient) == pytest.approx(-np.linalg.solve(hessian, gradient))


def test_limited_memory_leaves_out_negative_curvature():
    memory = LimitedMemory(10, 2.0)
    memory.add(np.array([1.0, 0.0]), np.array([-1.0, 0.0]))
    assert memory.direction(np.array([1.0, 1.0])) == pytest.approx([-0.5, -0.5])


def two_loops(pairs, curvature, gradient):
    """Nocedal and Wright, algorithm 7.4."""
    q, weights = gradient.copy(), []
    for step, change in reversed(pairs):
        weights.append((step @ q) / (step @ change))
        q -= weights[-1] * change
    q /= curvature
    for (step, change), weight in zip(pairs, reversed(weights), strict=True):
        q += (weight - (change @ q) / (step @ change)) * step
    return -q


@pytest.mark.parametrize("count", [1, 5, 12])
def test_limited_memory_is_that_of_the_two_loops_over_the_last_pairs(count):
    rng = np.random.default_rng(4)
    hessian = np.diag(np.arange(1.0, 10.0))
    steps = rng.normal(size=(count, 9))
    pairs = [(step, hessian @ step) for step in steps]
    memory = LimitedMemory(5, 1.0)
    for step, change in pairs:
        memory.add(step, change)
    curvature = (pairs[-1][1] @ pairs[-1][1]) / (pairs[-1][0] @ pairs[-1][1])
    gradient = rng.normal(size=9)
    assert memory.direction(gradient) == pytest.approx(two_loops(pairs[-5:], curvature, gradient))


def test_description_tells_minimisers_apart():
    one, other = description(RelaxParameters()), description(RelaxParameters(force_tolerance=1e-2))
    assert one["name"] == other["name"]
    assert one != other
    assert one == description(RelaxParameters(max_seconds=5.0))
