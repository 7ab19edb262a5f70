"""Symmetric structures: operations, separations, primitive cells, which space groups come up; PyXtal."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import spglib
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_polymorph.search.frames import Frame, random_frame
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.occupation import occupy, settle
from aiida_polymorph.search.possible_groups import possible_groups
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.search.space_groups import NUMBERS, space_group
from aiida_polymorph.search.symmetric import group_of_attempt, has_smaller_cell
from aiida_polymorph.structures import StructureSet

ROOMY = {"Ti-Ti": 0.4, "Ti-O": 0.3, "O-O": 0.3}


@pytest.fixture(scope="module")
def structures() -> StructureSet:
    return generate(Recipe.propose("TiO2", formula_units=(2, 3, 4, 6, 8, 12), symmetry=(1, 230)), range(150))


def has_all_operations(atoms, number):
    """Tell whether spglib finds at least the group asked for: one of its translation-equal supergroups or itself."""
    cell = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
    found = spglib.get_symmetry(cell, symprec=1e-3)
    kinds, counts = np.unique(
        [kind(rotation) for rotation in space_group(number).rotations], axis=0, return_counts=True
    )
    there = [kind(rotation) for rotation in found["rotations"]]
    return all(there.count(tuple(each)) >= count for each, count in zip(kinds.tolist(), counts, strict=True))


def kind(rotation):
    return int(np.trace(rotation)), round(float(np.linalg.det(rotation)))


def test_the_space_group_asked_for_is_there(structures):
    groups = structures.columns["start_space_group"]
    assert len(np.unique(groups)) > 60
    assert all(has_all_operations(atoms, int(number)) for atoms, number in zip(structures, groups, strict=True))


def test_most_structures_have_no_more_symmetry_than_asked_for(structures):
    found = [
        spglib.get_symmetry_dataset((a.cell[:], a.get_scaled_positions(), a.numbers), symprec=1e-3).number
        for a in structures
    ]
    assert np.mean(found == structures.columns["start_space_group"]) > 0.75


def test_separations_are_kept_in_full(structures):
    separations = {tuple(p.split("-")): d for p, d in structures.metadata["recipe"]["minimum_separations"].items()}
    assert not any(len(neighbor_list("d", atoms, separations)) for atoms in structures)


def test_cells_are_primitive_and_hold_the_formula_units(structures):
    assert structures.formula_units.tolist() == [2, 3, 4, 6, 8, 12] * 25
    assert np.all(np.linalg.det(structures.cells) > 0)
    for atoms in structures:
        primitive = spglib.find_primitive((atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers), symprec=1e-3)
        assert len(primitive[2]) == len(atoms)


def test_volumes_are_those_of_the_recipe(structures):
    recipe = Recipe.from_dict(structures.metadata["recipe"])
    ratios = structures.volume_per_formula_unit / recipe.volume_per_formula_unit
    assert 0.8 - 1e-9 < ratios.min() < 0.85
    assert 1.15 < ratios.max() < 1.2 + 1e-9


def test_a_structure_depends_on_recipe_and_index_only(structures):
    recipe = Recipe.from_dict(structures.metadata["recipe"])
    alone = generate(recipe, [13, 4])
    for i, j in enumerate((13, 4)):
        np.testing.assert_array_equal(alone[i].positions, structures[j].positions)
        np.testing.assert_array_equal(alone[i].cell, structures[j].cell)
    assert alone.columns["start_space_group"].tolist() == structures.columns["start_space_group"][[13, 4]].tolist()


@pytest.mark.parametrize("formula_units", [2, 4])
def test_all_groups_that_can_hold_the_atoms_come_up(formula_units):
    recipe = Recipe.propose("TiO2", volume_per_formula_unit=80.0, minimum_separations=ROOMY)
    for number in possible_groups(recipe.counts, formula_units):
        made = generate(replace(recipe, formula_units=(formula_units,), symmetry=number), [0])
        assert made.columns["start_space_group"].tolist() == [number]


def test_groups_are_drawn_uniformly_from_those_that_can_hold_the_atoms():
    recipe = Recipe.propose("TiO2", symmetry=(75, 90))
    possible = possible_groups(recipe.counts, 2, 75, 90)
    drawn = [group_of_attempt(recipe, 2, index, 0) for index in range(2000)]
    numbers, times = np.unique(drawn, return_counts=True)
    assert tuple(numbers) == possible
    expected = 2000 / len(possible)
    assert np.sum((times - expected) ** 2 / expected) < 30  # chi squared, ten degrees of freedom or so


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(NUMBERS), st.sampled_from(["TiO2", "Al2O3", "Cu", "MgSiO3"]), st.integers(1, 8), st.integers(0, 99)
)
def test_every_orbit_is_whole(number, composition, formula_units, seed):
    recipe = Recipe.propose(composition)
    if number not in possible_groups(recipe.counts, formula_units, number, number):
        return
    rng = np.random.default_rng(seed)
    counts = tuple(count * formula_units for count in recipe.counts.values())
    frame = random_frame(recipe, space_group(number), 40.0 * sum(counts), 0.0, rng)
    orbits = occupy(frame, counts, np.full(len(counts), 2.0), rng)
    placed = [sum(len(orbit.operations) for orbit in orbits if orbit.species == i) for i in range(len(counts))]
    assert tuple(placed) == counts
    for orbit in orbits:
        images = frame.images(orbit.point[None])[0]
        away = frame.nearest(images[:, None] - images[orbit.operations])
        distances = np.linalg.norm(away, axis=2)
        assert np.all((distances < 1e-4).sum(axis=1) == 1)


def test_points_near_a_mirror_are_moved_onto_it():
    frame = Frame(space_group(6), np.diag([5.0, 6.0, 7.0]), np.diag([5.0, 6.0, 7.0]))
    points, keepers, settled = settle(frame, np.array([[1.0, 0.3, 2.0], [1.0, 1.5, 2.0]]), np.array([1.0, 1.0]))
    np.testing.assert_allclose(points, [[1.0, 0.0, 2.0], [1.0, 1.5, 2.0]], atol=1e-12)
    assert keepers.sum(axis=1).tolist() == [2, 1]
    assert settled.all()


def test_cells_follow_the_crystal_system():
    recipe = Recipe.propose("TiO2")
    rng = np.random.default_rng(0)
    for number, lengths, angles in (
        (75, [0, 0, 1], [90] * 3),
        (195, [0] * 3, [90] * 3),
        (143, [0, 0, 1], [90, 90, 120]),
    ):
        frame = random_frame(recipe, space_group(number), 100.0, 2.0, rng)
        conventional = np.linalg.inv(space_group(number).basis) @ frame.vectors
        norms = np.linalg.norm(conventional, axis=1)
        cosines = conventional @ conventional.T / np.outer(norms, norms)
        np.testing.assert_allclose(np.degrees(np.arccos(cosines[[1, 0, 0], [2, 2, 1]])), angles, atol=1e-6)
        assert [int(not np.isclose(norm, norms[0])) for norm in norms] == lengths
        assert np.linalg.det(frame.cell) == pytest.approx(100.0)


def test_a_smaller_cell_is_seen():
    cell, numbers = np.diag([4.0, 4.0, 8.0]), np.array([22, 22, 8, 8])
    positions = np.array([[0, 0, 0], [0, 0, 4.0], [1, 2, 1], [1, 2, 5.0]])
    assert has_smaller_cell(positions, cell, numbers)
    positions[3, 0] += 0.1
    assert not has_smaller_cell(positions, cell, numbers)


def test_operations_choose_the_groups():
    recipe = Recipe.propose("TiO2", formula_units=(4,), operations=(6, 8))
    assert recipe.symmetry == (1, 230)
    orders = {space_group(int(n)).order for n in generate(recipe, range(30)).columns["start_space_group"]}
    assert orders == {6, 8}


def test_space_groups_without_sites_are_refused():
    with pytest.raises(ValueError, match=r"symmetry 227: no such space group has sites for 3 Ti and 6 O"):
        generate(Recipe.propose("TiO2", formula_units=(3,), symmetry=227), [0])
    with pytest.raises(ValueError, match=r"with operations 48: no such space group"):
        generate(Recipe.propose("TiO2", formula_units=(3,), symmetry=(2, 100), operations=48), [0])


def test_without_symmetry_there_is_no_column():
    assert "start_space_group" not in generate(Recipe.propose("TiO2"), range(2)).columns


def test_pyxtal_is_the_other_generator():
    pytest.importorskip("pyxtal")
    recipe = Recipe.propose("TiO2", formula_units=(4,), symmetry=(16, 100), seed=2, symmetry_generator="pyxtal")
    structures = generate(recipe, range(3))
    test_separations_are_kept_in_full(structures)
    for atoms, number in zip(structures, structures.columns["start_space_group"], strict=True):
        cell = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
        assert spglib.get_symmetry_dataset(cell, symprec=1e-3).number >= number >= 16
    np.testing.assert_array_equal(generate(recipe, [2])[0].positions, structures[2].positions)


def test_pyxtal_refuses_space_groups_without_sites():
    pytest.importorskip("pyxtal")
    with pytest.raises(ValueError, match="has sites for 3 Ti and 6 O"):
        generate(Recipe.propose("TiO2", formula_units=(3,), symmetry=227, symmetry_generator="pyxtal"), [0])


def test_missing_pyxtal_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyxtal", None)
    with pytest.raises(ValueError, match=r"aiida-polymorph\[symmetry\]"):
        generate(Recipe.propose("TiO2", symmetry=136, symmetry_generator="pyxtal"), [0])
