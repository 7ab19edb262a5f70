"""Operations and sites of the 230 space groups, and which of them hold a composition."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from aiida_polymorph.search.orbits import can_fill, sites_of
from aiida_polymorph.search.possible_groups import possible_groups
from aiida_polymorph.search.space_groups import GRID, NUMBERS, space_group


def test_operations_are_groups_modulo_the_lattice():
    for number in NUMBERS:
        group = space_group(number)
        i, j = np.random.default_rng(number).integers(group.order, size=(2, 10))
        product = group.products[i, j]
        np.testing.assert_array_equal(group.rotations[i] @ group.rotations[j], group.rotations[product])
        shifts = np.einsum("nab,nb->na", group.rotations[i], group.shifts[j]) + group.shifts[i] - group.shifts[product]
        assert not np.any(shifts % GRID)
        np.testing.assert_array_equal(group.products[group.identity], np.arange(group.order))


def test_orders_of_point_groups():
    orders = [space_group(number).order for number in (1, 2, 16, 75, 136, 143, 166, 194, 195, 225, 230)]
    assert orders == [1, 2, 4, 4, 16, 3, 12, 24, 12, 48, 48]
    with pytest.raises(ValueError, match="231"):
        space_group(231)


@pytest.mark.parametrize(
    ("number", "fixed", "free"),
    [
        (1, {}, (1,)),
        (2, {1: 8}, (2,)),
        (4, {}, (2,)),
        (136, {2: 2, 4: 2}, (4, 8, 16)),
        (225, {1: 2, 2: 1, 6: 1}, (6, 8, 12, 24, 48)),
        (230, {8: 2, 12: 2}, (16, 24, 48)),
    ],
)
def test_sites_of_the_international_tables(number, fixed, free):
    """Multiplicities of the tables, divided by the points of the conventional cell's lattice."""
    sites = sites_of(number)
    assert dict(zip(sites.fixed, sites.available, strict=True)) == fixed
    assert sites.free == free


def test_sites_are_those_of_pyxtal():
    symmetry = pytest.importorskip("pyxtal.symmetry")
    for number in range(1, 231, 3):
        sites, centrings = sites_of(number), round(1 / np.linalg.det(space_group(number).basis))
        positions = [(p.multiplicity // centrings, p.get_dof() > 0) for p in symmetry.Group(number)]
        assert Counter(m for m, free in positions if not free) == dict(zip(sites.fixed, sites.available, strict=True))
        assert {m for m, free in positions if free} == set(sites.free)


def test_fixed_sites_are_taken_once():
    assert can_fill(225, (2, 1, 1), (1, 2))  # fluorite
    assert not can_fill(225, (2, 1, 1), (5,))
    assert not can_fill(225, (2, 1, 1), (2, 4))
    assert can_fill(2, (8,), (3, 5))
    assert can_fill(2, (1,), (3, 6))
    assert not can_fill(2, (1,), (3, 5))


def test_sites_that_repeat_in_a_smaller_cell_do_not_count():
    """All sites of two atoms of P4cc are axes with atoms at z and z + 1/2."""
    assert can_fill(103, sites_of(103).available, (2, 4))
    assert 103 not in possible_groups({"Ti": 1, "O": 2}, 2)
    assert 103 in possible_groups({"Ti": 1, "O": 2}, 4)


def test_known_crystals_are_possible():
    assert 136 in possible_groups({"Ti": 1, "O": 2}, 2)  # rutile
    assert 205 in possible_groups({"Ti": 1, "O": 2}, 4)  # pyrite
    assert 225 in possible_groups({"Ti": 1, "O": 2}, 1)  # fluorite
    assert 225 not in possible_groups({"Ti": 1, "O": 2}, 2)
    assert 227 in possible_groups({"Mg": 1, "Al": 2, "O": 4}, 2)  # spinel


def test_range_and_operations_are_kept():
    groups = possible_groups({"Ti": 1, "O": 2}, 4, 50, 200, (8, 12))
    assert min(groups) >= 50
    assert max(groups) <= 200
    assert {space_group(number).order for number in groups} <= {8, 9, 10, 11, 12}
    assert possible_groups({"Ti": 1, "O": 2}, 4, operations=1) == (1,)
    assert possible_groups({"Ti": 1, "O": 2}, 3, 227, 227) == ()
