"""Guessed cells against crystals whose cell is known at every pressure."""

from __future__ import annotations

import numpy as np
import pytest

from aiida_polymorph.thermodynamics.static.cell_extrapolation import extrapolate_cell

HEXAGONAL = np.array([[4.0, 0, 0], [-2.0, 2.0 * np.sqrt(3), 0], [0, 0, 6.0]])


def cell_at(pressure: float, modulus: float = 200.0, derivative: float = 4.0) -> np.ndarray:
    """A hexagonal crystal by Murnaghan's equation of state that gives way along c twice as much as along a."""
    volume = (1 + derivative * pressure / modulus) ** (-1 / derivative)
    return HEXAGONAL * np.array([volume**0.25, volume**0.25, volume**0.5])


@pytest.mark.parametrize("places", [(20, 0, 40), (20, 40, 0), (40, 20, 60), (10, 30, 20)])
def test_the_volume_of_a_murnaghan_crystal_is_found(places):
    near, before, wanted = places
    guess = extrapolate_cell(cell_at(near), cell_at(before), near, before, wanted)
    assert np.linalg.det(guess) == pytest.approx(np.linalg.det(cell_at(wanted)), rel=1e-12)


@pytest.mark.parametrize("derivative", [3.0, 6.0])
def test_the_cell_of_other_crystals_is_nearly_found(derivative):
    true = [cell_at(pressure, 200.0, derivative) for pressure in (0, 20, 40)]
    guess = extrapolate_cell(true[1], true[0], 20, 0, 40)
    strain, untouched = (np.abs(np.linalg.inv(true[2]) @ cell - np.eye(3)).max() for cell in (guess, true[1]))
    assert strain < untouched / 6


def test_the_lattice_keeps_its_symmetry():
    guess = extrapolate_cell(cell_at(20), cell_at(0), 20, 0, 40)
    lengths = np.linalg.norm(guess, axis=1)
    assert lengths[0] == pytest.approx(lengths[1], rel=1e-12)
    assert guess[0] @ guess[1] == pytest.approx(-(lengths[0] ** 2) / 2, rel=1e-12)


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (cell_at(0)[[1, 2, 0]], "turned"),
        (cell_at(40), "larger at the higher pressure"),
        (cell_at(0) * 1.3, "another crystal"),
    ],
)
def test_what_is_not_one_crystal_squeezed_is_left_alone(before, why):
    near = cell_at(20)
    np.testing.assert_array_equal(extrapolate_cell(near, before, 20, 0, 40), near, err_msg=why)


def test_nothing_is_guessed_too_far():
    near = cell_at(1, modulus=10)
    np.testing.assert_array_equal(extrapolate_cell(near, cell_at(0, modulus=10), 1, 0, -3), near)
    np.testing.assert_array_equal(extrapolate_cell(near, cell_at(0, modulus=10), 1, 0, 100), near)
