"""Random structures: separations, reproducibility, volumes, reduced cells."""

from __future__ import annotations

import numpy as np
import pytest
from ase.geometry import minkowski_reduce
from ase.neighborlist import neighbor_list

from aiida_polymorph.search.cells import random_cell, reduce_cell
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe


def violations(structures, recipe):
    return sum(
        len(neighbor_list("d", atoms, {tuple(pair.split("-")): separation}))
        for atoms in structures
        for pair, separation in recipe.minimum_separations.items()
    )


@pytest.mark.parametrize("composition", ["TiO2", "NaCl", "Cu", "H2O", "MgSiO3"])
def test_separations_are_kept_under_periodic_images(composition):
    recipe = Recipe.propose(composition, formula_units=(1, 2, 3, 4, 8))
    structures = generate(recipe, range(30))
    assert structures.formula_units.tolist() == [1, 2, 3, 4, 8] * 6
    assert violations(structures, recipe) == 0


def test_the_separations_matter():
    loose = Recipe.propose("TiO2", minimum_separations={"O-O": 0.5, "Ti-O": 0.5})
    assert violations(generate(loose, range(14)), Recipe.propose("TiO2")) > 0


def test_a_structure_depends_on_recipe_and_index_only():
    recipe = Recipe.propose("TiO2", seed=5)
    together = generate(recipe, range(20))
    alone = generate(recipe, [13, 4])
    assert alone.columns["index"].tolist() == [13, 4]
    for i, j in enumerate((13, 4)):
        np.testing.assert_array_equal(alone[i].positions, together[j].positions)
        np.testing.assert_array_equal(alone[i].cell, together[j].cell)


def test_another_seed_gives_other_structures():
    first, second = (generate(Recipe.propose("TiO2", seed=seed), range(7)) for seed in (0, 1))
    assert not np.any(np.isclose(first.volumes, second.volumes, atol=1e-9))


def test_volumes_fill_their_range_and_metadata_holds_the_recipe():
    recipe = Recipe.propose("TiO2", formula_units=(2,), volume_per_formula_unit=30.0)
    structures = generate(recipe, range(200))
    volumes = structures.volume_per_formula_unit
    assert volumes.min() >= 24 - 1e-9
    assert volumes.max() <= 36 + 1e-9
    assert volumes.std() == pytest.approx(12 / 12**0.5, rel=0.15)
    assert Recipe.from_dict(structures.metadata["recipe"]) == recipe
    assert np.all(np.linalg.det(structures.cells) > 0)


def test_no_indices_give_an_empty_set():
    structures = generate(Recipe.propose("TiO2"), [])
    assert len(structures) == 0
    assert structures.positions.shape == (0, 3)


def test_negative_indices_are_refused():
    with pytest.raises(ValueError, match="start at 0"):
        generate(Recipe.propose("TiO2"), [3, -1])


def test_too_dense_a_recipe_ends_with_advice():
    # Seven atoms at 0.71 of space, below the densest packing of 0.74, but not to be had from random points.
    recipe = Recipe("Cu", 2.5**3 / 2**0.5 * 1.04, {"Cu-Cu": 2.5}, formula_units=(7,), volume_spread=0)
    with pytest.raises(ValueError, match=r"lower minimum_separations or raise volume_per_formula_unit"):
        generate(recipe, [0])


def test_reduction_agrees_with_ase_and_keeps_the_lattice():
    rng = np.random.default_rng(0)
    for _ in range(100):
        cell = rng.normal(size=(3, 3)) @ np.diag([1, 3, 0.4])
        reduced = reduce_cell(cell)
        np.testing.assert_allclose(np.linalg.norm(reduced, axis=1), np.linalg.norm(minkowski_reduce(cell)[0], axis=1))
        change = reduced @ np.linalg.inv(cell)
        np.testing.assert_allclose(change, np.rint(change), atol=1e-6)
        assert abs(np.linalg.det(change)) == pytest.approx(1)


def test_cells_allow_for_an_atoms_own_images():
    recipe = Recipe.propose("Cu", cell_length_ratio=(0.2, 3.0), cell_angles=(30, 140))
    rng = np.random.default_rng(1)
    for _ in range(50):
        cell = random_cell(recipe, 30.0, 2.0, rng)
        assert np.linalg.norm(minkowski_reduce(cell)[0], axis=1).min() >= 2.0
        assert np.linalg.det(cell) == pytest.approx(30.0)


def test_impossible_cells_are_given_up():
    assert random_cell(Recipe.propose("Cu"), 1.0, 5.0, np.random.default_rng(0)) is None
