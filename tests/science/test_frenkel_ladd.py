"""Frenkel-Ladd by springs on a harmonic crystal, sampled from its exact normal distribution: all terms are known."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from ase import Atoms

from aiida_polymorph.lammps.settings import SpringsSettings
from aiida_polymorph.symmetry import unturned_primitive_cell
from aiida_polymorph.thermodynamics.free_energy.einstein import einstein_free_energy, translation
from aiida_polymorph.thermodynamics.free_energy.equilibrium import (
    DRAWS,
    POINTS,
    digest_springs,
    draws,
    first_springs,
    next_springs,
)
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import (
    STIFFNESS,
    allot_steps,
    interaction_term,
    own_springs,
    quadrature,
    springs_term,
    stage_mean,
    truncation_error,
    virial_controls,
)
from aiida_polymorph.thermodynamics.free_energy.outcome import Target, springs_by_atom
from aiida_polymorph.thermodynamics.sampling.equilibration import anharmonic_energy
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import KB

TEMPERATURE = 600.0
THERMAL = KB * TEMPERATURE
SPACING, STRONG, WEAK, STATIC = 3.0, 2.5, 0.8, -17.3
SIDE = 4


def rock_salt():
    """Na and Cl in turn on the sites of a simple cubic lattice, 64 atoms."""
    sites = np.array(list(product(range(SIDE), repeat=3)))
    symbols = ["Na" if site.sum() % 2 else "Cl" for site in sites]
    return Atoms(symbols, positions=sites * SPACING, cell=[SIDE * SPACING] * 3, pbc=True)


def hessian(atoms):
    """Curvatures of one axis: isotropic springs to the six neighbours, and between the second neighbours of Na."""
    sites = np.rint(atoms.positions / SPACING).astype(int)
    index = {tuple(site): i for i, site in enumerate(sites)}
    matrix = np.zeros((len(atoms), len(atoms)))
    bonds = [(step, STRONG, "NaCl") for step in np.eye(3, dtype=int)]
    bonds += [(np.array(step), WEAK, "Na") for step in [(1, 1, 0), (1, 0, 1), (0, 1, 1)]]
    for (step, constant, kinds), (i, site) in product(bonds, enumerate(sites)):
        if atoms.symbols[i] in ("Na", "Cl") if kinds == "NaCl" else atoms.symbols[i] == kinds:
            j = index[tuple((site + step) % SIDE)]
            matrix[[i, j], [i, j]] += constant
            matrix[[i, j], [j, i]] -= constant
    return matrix


ATOMS = rock_salt()
MATRIX = hessian(ATOMS)
PLANE = np.linalg.svd(np.ones((1, len(ATOMS))))[2][1:]
"""Orthonormal coordinates of displacements that leave the centroid where it is."""


def constrained_free_energy(matrix):
    """-kT ln of the integral over all displacements with the centroid fixed, three axes."""
    count = len(matrix)
    log_determinant = np.linalg.slogdet(PLANE @ matrix @ PLANE.T)[1]
    log_integral = ((count - 1) * np.log(2 * np.pi * THERMAL) - log_determinant + np.log(count)) / 2
    return -3 * THERMAL * log_integral


def sample(matrix, number, seed):
    """Independent displacements of the crystal with its centroid fixed, shape (number, N, 3)."""
    values, vectors = np.linalg.eigh(PLANE @ matrix @ PLANE.T)
    normal = np.random.default_rng(seed).normal(size=(number, 3, len(values))) * np.sqrt(THERMAL / values)
    return np.swapaxes(normal @ vectors.T @ PLANE, 1, 2)


def energies(displaced):
    return STATIC + np.einsum("nia,ij,nja->n", displaced, MATRIX, displaced, optimize=True) / 2


def true_mean_squares():
    covariance = PLANE.T @ np.linalg.inv(PLANE @ MATRIX @ PLANE.T) @ PLANE * THERMAL
    squares, symbols = 3 * np.diag(covariance), np.array(ATOMS.get_chemical_symbols())
    return {symbol: float(squares[symbols == symbol].mean()) for symbol in ("Na", "Cl")}


OWN = own_springs(true_mean_squares(), TEMPERATURE)
SPRINGS = {symbol: STIFFNESS * k for symbol, k in OWN.items()}
COUNTS = {"Na": 32, "Cl": 32}


def stage(strength, springs, number, seed):
    """What LAMMPS writes of a stage, from independent samples."""
    matrix = MATRIX + strength * np.diag(springs_by_atom(ATOMS, springs))
    u = sample(matrix, number, seed)
    force = -np.einsum("ij,nja->nia", matrix, u)
    symbols, series = np.array(ATOMS.get_chemical_symbols()), {"energy": energies(u)}
    for symbol in springs:
        of_kind = symbols == symbol
        series[f"square_{symbol}"] = np.sum(u[:, of_kind] ** 2, axis=(1, 2))
        series[f"virial_{symbol}"] = np.sum(u[:, of_kind] * force[:, of_kind], axis=(1, 2))
        sums = u[:, of_kind].sum(axis=1)
        series |= {f"sum_{axis}_{symbol}": sums[:, i] for i, axis in enumerate("xyz")}
    return series


def true_integrand(strength, springs):
    by_atom = springs_by_atom(ATOMS, springs)
    inverse = np.linalg.inv(PLANE @ (MATRIX + strength * np.diag(by_atom)) @ PLANE.T)
    return 1.5 * THERMAL * np.trace(inverse @ PLANE @ np.diag(by_atom) @ PLANE.T)


@dataclass
class FakeLammps:
    """Runs the task `springs` on paper; samples are independent, one for each `interval` steps."""

    def __call__(self, settings: SpringsSettings):
        arrays = {}
        for number, (strength, steps) in enumerate(settings.stages):
            count = max(4, steps // settings.interval)
            series = stage(strength, settings.springs, count, seed=settings.seed * 100 + number)
            arrays |= {f"stage_{number:02d}__{name}": values for name, values in series.items()}
        return arrays


# --- quadrature ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.01, 0.02, 0.2])
def test_quadrature_is_exact_for_the_integrand_of_its_own_offset(offset):
    rule = quadrature(2, offset)
    assert rule.weights @ (1 / (rule.points + offset)) == pytest.approx(np.log((1 + offset) / offset), rel=1e-12)


@pytest.mark.parametrize("stiffness", [0.3, 1.0, 3.0])
def test_eight_points_suffice_for_modes_of_any_likely_stiffness(stiffness):
    """A mode contributes 1 / (lambda + c'); phonons spread over an order of magnitude about the offset."""
    rule = quadrature(POINTS, 1 / STIFFNESS)
    c = stiffness / STIFFNESS
    assert rule.weights @ (1 / (rule.points + c)) == pytest.approx(np.log((1 + c) / c), rel=2e-4)


def test_quadrature_of_the_crystal():
    rule = quadrature(POINTS, 1 / STIFFNESS)
    found = -rule.weights @ [true_integrand(each, SPRINGS) for each in rule.points]
    full = MATRIX + np.diag(springs_by_atom(ATOMS, SPRINGS))
    expected = constrained_free_energy(MATRIX) - constrained_free_energy(full)
    assert found == pytest.approx(expected, abs=1e-4 * 32)
    assert np.all((rule.points > 0) & (rule.points < 1) & (rule.weights > 0))
    assert rule.weights.sum() == pytest.approx(1, rel=1e-3)


def test_too_few_points_are_seen():
    """Modes ten times as stiff as others: 4 points integrate them badly, 8 well; the bound is above the true error."""
    stiffness = np.array([0.006, 0.02, 0.06])
    exact = np.log((1 + stiffness) / stiffness).sum()
    bounds = {}
    for number in (4, 5, 6, 8):
        rule = quadrature(number, 0.02)
        integrand = (1 / (rule.points[:, None] + stiffness)).sum(axis=1)
        bounds[number] = truncation_error(rule, integrand, np.zeros(number))
        assert abs(rule.weights @ integrand - exact) <= bounds[number]
    assert bounds[4] > 10 * bounds[8]
    assert bounds[4] / exact > 0.01
    assert bounds[8] / exact < 0.001


def test_noise_is_not_taken_for_truncation():
    rule = quadrature(POINTS, 1 / STIFFNESS)
    integrand = 1 / (rule.points + rule.offset)
    noise = 0.01 * integrand
    found = []
    for seed in range(200):
        noisy = integrand + noise * np.random.default_rng(seed).normal(size=POINTS)
        statistical = springs_term(rule, [Estimate(*each) for each in zip(noisy, noise, strict=True)]).error
        found.append(truncation_error(rule, noisy, noise) / statistical)
    assert np.median(found) == 0.0
    assert np.quantile(found, 0.95) < 0.5


@pytest.mark.parametrize(("number", "offset"), [(1, 0.1), (8, 0.0), (8, -1.0), (8, np.nan)])
def test_bad_quadrature(number, offset):
    with pytest.raises(ValueError, match="needs 2 or more and a positive offset"):
        quadrature(number, offset)


# --- stages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.0, 0.004, 0.1, 0.98])
def test_controls_have_mean_zero_and_cut_the_noise(strength):
    springs = {"Na": 60.0, "Cl": 200.0}
    number = 3000
    series = stage(strength, springs, number, seed=1)
    controls = virial_controls(series, strength, springs, COUNTS, TEMPERATURE)
    assert controls.shape == (number, 2)
    assert np.all(np.abs(controls.mean(axis=0)) < 4 * controls.std(axis=0) / np.sqrt(number))
    # Both together: the sum is that of all atoms, whose centroid feels no force of the crystal.
    assert -controls.sum(axis=1).mean() + 3 * THERMAL * 63 == pytest.approx(3 * THERMAL * 63, rel=0.01)
    found = stage_mean(series, strength, springs, COUNTS, TEMPERATURE)
    expected = true_integrand(strength, springs)
    assert abs(found.value - expected) < 4 * found.error
    plain = sum(k / 2 * series[f"square_{symbol}"] for symbol, k in springs.items())
    assert found.error < 0.9 * plain.std() / np.sqrt(number)


def test_a_wrong_strength_is_seen_in_the_controls():
    """The springs' pull on the centroid matters: with springs that differ the controls are off without it."""
    springs = {"Na": 20.0, "Cl": 400.0}
    series = stage(0.5, springs, 20_000, seed=2)
    off = [virial_controls(series, each, springs, COUNTS, TEMPERATURE).mean(axis=0) for each in (0.5, 0.0)]
    error = virial_controls(series, 0.5, springs, COUNTS, TEMPERATURE).std(axis=0) / np.sqrt(20_000)
    assert np.all(np.abs(off[0]) < 4 * error)
    assert np.any(np.abs(off[1]) > 4 * error)


def test_own_springs_have_the_displacements_of_the_crystal():
    squares = {"Na": 0.03, "Cl": 0.01}
    assert own_springs(squares, TEMPERATURE) == pytest.approx({"Na": THERMAL / 0.01, "Cl": 3 * THERMAL / 0.01})
    with pytest.raises(ValueError, match="displacement of Cl is 0"):
        own_springs({"Na": 0.1, "Cl": 0.0}, TEMPERATURE)
    with pytest.raises(ValueError, match="displacement of Na is nan"):
        own_springs({"Na": np.nan}, TEMPERATURE)


def test_harmonic_crystals_have_no_anharmonic_energy():
    u = sample(MATRIX, 500, seed=3)
    virial = -np.einsum("nia,ij,nja->n", u, MATRIX, u, optimize=True)
    found = anharmonic_energy(energies(u), virial, STATIC)
    assert found.value == pytest.approx(0.0, abs=1e-9)


# --- interactions ----------------------------------------------------------------------------------------------------


def test_interactions_of_drawn_displacements():
    positions = draws(ATOMS, OWN, TEMPERATURE, seed=4)
    found = interaction_term(energies(positions - ATOMS.positions), STATIC, TEMPERATURE)
    stiff = np.diag(springs_by_atom(ATOMS, SPRINGS))
    expected = constrained_free_energy(MATRIX + stiff) - constrained_free_energy(stiff)
    assert np.array_equal(positions[0], ATOMS.positions)
    assert len(positions) == DRAWS + 1
    assert abs(found.value - expected) < 4 * found.error
    assert 0 < found.error < 0.1 * THERMAL * 10


def test_errors_of_the_interactions_cover():
    stiff = np.diag(springs_by_atom(ATOMS, SPRINGS))
    expected = constrained_free_energy(MATRIX + stiff) - constrained_free_energy(stiff)
    off = []
    for seed in range(150):
        found = interaction_term(energies(sample(stiff, 60, seed)), STATIC, TEMPERATURE)
        off.append((found.value - expected) / found.error)
    assert 0.56 < np.mean(np.abs(off) < 1) < 0.80
    assert abs(np.mean(off)) < 0.4


def test_energies_that_spread_too_much_are_refused():
    wild = np.random.default_rng(0).normal(scale=6 * THERMAL, size=100)
    with pytest.raises(ValueError, match="too soft"):
        interaction_term(wild, 0.0, TEMPERATURE)


@pytest.mark.parametrize("values", [np.zeros(7), np.r_[np.zeros(20), np.nan], np.r_[np.zeros(20), np.inf]])
def test_bad_energies(values):
    with pytest.raises(ValueError, match="8 finite energies"):
        interaction_term(values, 0.0, TEMPERATURE)


# --- steps -----------------------------------------------------------------------------------------------------------


def test_allotted_steps_reach_the_target():
    rule = quadrature(POINTS, 1 / STIFFNESS)
    steps, errors = np.full(POINTS, 100), 0.05 / (rule.points + rule.offset)
    more = allot_steps(rule, errors, steps, target=0.02, limit=10**9)
    left = errors * np.sqrt(steps / (steps + more))
    assert np.sqrt(rule.weights**2 @ left**2) <= 0.02
    assert np.all(more % 10 == 0)
    # Gauss-Legendre weights differ, so do the shares; equal steps for all would need more.
    equal = POINTS * 100 * (rule.weights**2 @ errors**2) / 0.02**2
    assert (more + steps).sum() <= 1.01 * equal


def test_allotted_steps_stay_within_the_limit_but_for_rounding():
    rule = quadrature(POINTS, 1 / STIFFNESS)
    more = allot_steps(rule, np.ones(POINTS), np.full(POINTS, 100), target=1e-4, limit=5000)
    assert 4000 <= more.sum() <= 5000 + POINTS * 100


def test_a_point_that_is_good_enough_gets_no_steps():
    rule = quadrature(POINTS, 1 / STIFFNESS)
    errors = np.r_[np.full(POINTS - 1, 1e-9), 1.0]
    more = allot_steps(rule, errors, np.full(POINTS, 100), target=0.05, limit=10**9)
    assert np.all(more[:-1] == 0)
    assert more[-1] >= 100


# --- the whole route -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_route_gives_the_exact_free_energy(seed):
    target, run = Target(0.003, 100_000), FakeLammps()
    u = energies(draws(ATOMS, OWN, TEMPERATURE, seed) - ATOMS.positions)
    runs, following = [], first_springs(OWN, TEMPERATURE, seed)
    while following is not None:
        runs.append((following, run(following)))
        following = next_springs(ATOMS, runs, u, target)
    outcome, _, errors, steps = digest_springs(ATOMS, runs, u)
    units = 32
    volume = unturned_primitive_cell(ATOMS).get_volume()
    exact = (constrained_free_energy(MATRIX) + translation(volume, TEMPERATURE)) / units
    found = sum(term.value for term in outcome.terms.values())
    assert outcome.error <= target.error
    assert abs(found - exact) < 4 * outcome.error
    assert outcome.terms["einstein"].value * units == pytest.approx(
        einstein_free_energy(springs_by_atom(ATOMS, SPRINGS), TEMPERATURE)
    )
    assert outcome.checks["quadrature_error"] < target.error
    assert outcome.steps == steps.sum() + sum(len(each.stages) * each.equilibration_steps for each, _ in runs)
    assert len(errors) == POINTS
    assert len({each.seed for each, _ in runs}) == len(runs)


def test_the_route_ends_when_its_steps_are_spent():
    run = FakeLammps()
    u = energies(draws(ATOMS, OWN, TEMPERATURE, 1) - ATOMS.positions)
    first = first_springs(OWN, TEMPERATURE, 1)
    runs = [(first, run(first))]
    assert next_springs(ATOMS, runs, u, Target(1e-9, 100)) is None
    following = next_springs(ATOMS, runs, u, Target(1e-9, 20_000))
    assert sum(steps for _, steps in following.stages) <= 20_000
    assert next_springs(ATOMS, [*runs, (following, run(following))], u, Target(1e-9, 20_000)) is None


@pytest.mark.parametrize(("error", "steps"), [(0.0, 100), (-1.0, 100), (0.1, 0), (np.nan, 100)])
def test_bad_targets(error, steps):
    with pytest.raises(ValueError, match="must be positive"):
        Target(error, steps)
