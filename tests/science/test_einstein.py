"""The ideal Einstein crystal with fixed centroid: closed forms, integrals done by brute force, draws."""

import numpy as np
import pytest

from aiida_polymorph.thermodynamics.free_energy.einstein import draw_displacements, einstein_free_energy, translation
from aiida_polymorph.units import KB

TEMPERATURE = 700.0
THERMAL = KB * TEMPERATURE


@pytest.mark.parametrize("number", [2, 7, 250])
def test_equal_springs(number):
    """Vega et al. 2008 with Lambda_E = k / 2: -3/2 (N - 1) ln(2 pi kT / k) - 3/2 ln N in kT."""
    spring = 3.7
    expected = -THERMAL * (1.5 * (number - 1) * np.log(2 * np.pi * THERMAL / spring) + 1.5 * np.log(number))
    assert einstein_free_energy(np.full(number, spring), TEMPERATURE) == pytest.approx(expected, rel=1e-12)


def test_one_atom_has_nothing_left_to_move():
    assert einstein_free_energy(np.array([2.0]), TEMPERATURE) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("springs", [(1.0, 1.0), (1.0, 9.0), (0.3, 40.0)])
def test_two_atoms_by_integration(springs):
    """Z = integral du1 du2 delta((u1 + u2) / 2) exp(-U / kT); by axis u2 = -u1, and the delta of a half gives 2."""
    u = np.linspace(-6.0, 6.0, 200_001)
    energies = (springs[0] + springs[1]) * u**2 / 2
    per_axis = 2 * np.sum(np.exp(-energies / THERMAL)) * (u[1] - u[0])
    assert einstein_free_energy(np.array(springs), TEMPERATURE) == pytest.approx(-3 * THERMAL * np.log(per_axis))


def test_three_atoms_by_determinants():
    """A Gaussian integral under a linear constraint, by the determinant on the plane where the centroid rests."""
    springs = np.array([0.5, 2.0, 11.0])
    plane = np.linalg.svd(np.ones((1, 3)))[2][1:]
    determinant = np.linalg.det(plane @ np.diag(springs) @ plane.T)
    # The delta function is of the mean, of gradient 1 / sqrt(3) across the plane.
    per_axis = np.sqrt(3) * 2 * np.pi * THERMAL / np.sqrt(determinant)
    assert einstein_free_energy(springs, TEMPERATURE) == pytest.approx(-3 * THERMAL * np.log(per_axis))


def test_translation_is_that_of_the_primitive_cell():
    assert translation(20.0, TEMPERATURE) == pytest.approx(-THERMAL * np.log(20.0))


def test_draws_obey_the_constraint_and_have_the_right_covariance():
    springs = np.array([1.0, 1.0, 4.0, 0.5])
    drawn = draw_displacements(springs, TEMPERATURE, 40_000, seed=1)
    assert drawn.shape == (40_000, 4, 3)
    assert np.abs(drawn.mean(axis=1)).max() < 1e-12
    variances = THERMAL / springs
    expected = np.diag(variances) - np.outer(variances, variances) / variances.sum()
    for axis in range(3):
        assert np.cov(drawn[..., axis].T) == pytest.approx(expected, abs=4 * variances.max() * np.sqrt(2 / 40_000))


def test_draws_repeat_with_their_seed():
    first, again, other = (draw_displacements(np.ones(3), 300.0, 5, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("temperature", [0.0, -300.0, np.nan])
def test_bad_temperatures(temperature):
    for function in (einstein_free_energy, lambda k, t: draw_displacements(k, t, 1, 1)):
        with pytest.raises(ValueError, match="temperature is"):
            function(np.ones(3), temperature)
    with pytest.raises(ValueError, match="temperature is"):
        translation(10.0, temperature)


@pytest.mark.parametrize("springs", [[], [1.0, 0.0], [1.0, -1.0], [1.0, np.nan]])
def test_bad_springs(springs):
    with pytest.raises(ValueError, match="positive constant"):
        einstein_free_energy(np.array(springs), 300.0)


def test_bad_volume():
    with pytest.raises(ValueError, match="primitive_volume is 0"):
        translation(0.0, 300.0)
