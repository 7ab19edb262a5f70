"""Recipes: proposed values, validation, the check that the atoms fit."""

from __future__ import annotations

import json

import pytest

from aiida_polymorph.search.radii import ionic_radii, is_molecular
from aiida_polymorph.search.recipe import Recipe


def test_tio2_is_proposed_as_in_the_literature():
    recipe = Recipe.propose("TiO2")
    assert recipe.volume_per_formula_unit == pytest.approx(30, abs=1.5)
    assert recipe.minimum_separations == pytest.approx({"Ti-Ti": 2.6, "Ti-O": 1.6, "O-O": 2.1}, abs=0.05)
    assert recipe.formula_units == (2, 3, 4, 6, 8, 9, 12)


@pytest.mark.parametrize(
    ("composition", "volume", "pair", "nearest"),
    [
        ("NaCl", 44.8, "Na-Cl", 2.82),
        ("SiO2", 37.7, "Si-O", 1.61),
        ("MgO", 18.7, "Mg-O", 2.11),
        ("Al2O3", 42.5, "Al-O", 1.86),
        ("MgSiO3", 52.0, "Mg-Si", 3.0),
        ("Fe3O4", 74.0, "Fe-O", 1.89),
        ("Si", 20.0, "Si-Si", 2.35),
        ("C", 5.67, "C-C", 1.54),
        ("Cu", 11.8, "Cu-Cu", 2.56),
        ("W", 15.8, "W-W", 2.74),
        ("U", 20.8, "U-U", 2.75),
        ("BN", 11.8, "B-N", 1.57),
        ("GaAs", 45.2, "Ga-As", 2.45),
        ("FeS2", 39.7, "Fe-S", 2.26),
        ("H2O", 28.0, "H-O", 0.97),
        ("CO2", 44.0, "C-O", 1.16),
    ],
)
def test_proposals_lie_near_real_crystals(composition, volume, pair, nearest):
    recipe = Recipe.propose(composition)
    assert 0.6 * volume < recipe.volume_per_formula_unit < 1.5 * volume
    separations = {name: d for key, d in recipe.minimum_separations.items() for name in (key, key[::-1])}
    separation = {frozenset(key.split("-")): d for key, d in separations.items()}[frozenset(pair.split("-"))]
    assert 0.6 * nearest < separation < nearest


def test_kinds_of_compound():
    assert ionic_radii({"Ti": 1, "O": 2})["Ti"] == 0.605
    assert 0.645 < ionic_radii({"Fe": 3, "O": 4})["Fe"] < 0.78
    assert not ionic_radii({"Ti": 3, "O": 1})
    assert not ionic_radii({"Si": 1})
    assert ionic_radii({"Bi": 1, "O": 1, "Cl": 1})["Cl"] == 1.81
    assert is_molecular({"H": 2, "O": 1})
    assert not is_molecular({"C": 1})


def test_overrides_keep_the_other_proposals():
    recipe = Recipe.propose("TiO2", minimum_separations={"O-Ti": 1.7}, formula_units=(2,), seed=3, symmetry=None)
    assert recipe.minimum_separations == {"Ti-Ti": 2.6, "Ti-O": 1.7, "O-O": 2.1}
    assert (recipe.formula_units, recipe.seed) == ((2,), 3)


def test_order_of_a_formula_does_not_matter():
    assert Recipe.propose("O2Ti") == Recipe.propose("TiO2")


def test_dictionary_round_trip_survives_json():
    recipe = Recipe.propose("MgSiO3", symmetry=(2, 230), seed=7, cell_angles=(70, 110))
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_recipes_of_earlier_versions_are_read():
    entries = Recipe.propose("TiO2", symmetry=(2, 230)).to_dict()
    stored = {name: value for name, value in entries.items() if name not in ("operations", "symmetry_generator")}
    assert Recipe.from_dict(stored) == Recipe.from_dict(entries)


def test_recipes_without_symmetry_are_stored_as_before():
    assert not {"operations", "symmetry_generator"} & set(Recipe.propose("TiO2").to_dict())


def test_operations_alone_choose_from_all_space_groups():
    recipe = Recipe.propose("TiO2", operations=(2, 8))
    assert (recipe.symmetry, recipe.operations) == ((1, 230), (2, 8))
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("composition", "message"),
    [
        ("Ti2O4", "write TiO2"),
        ("TiX2", "no element"),
        ("ti", "not a chemical formula"),
        ("Qq2", "not a chemical formula"),
        ("", "empty"),
    ],
)
def test_unreadable_compositions(composition, message):
    with pytest.raises(ValueError, match=message):
        Recipe.propose(composition)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"formula_units": ()}, "formula_units"),
        ({"formula_units": (0, 2)}, "formula_units"),
        ({"formula_units": (1.5,)}, "formula_units"),
        ({"volume_per_formula_unit": -3.0}, "volume_per_formula_unit"),
        ({"volume_per_formula_unit": 0}, "volume_per_formula_unit"),
        ({"volume_per_formula_unit": float("nan")}, "volume_per_formula_unit"),
        ({"volume_spread": 1.0}, "volume_spread"),
        ({"seed": -1}, "seed"),
        ({"cell_length_ratio": (1.5, 0.5)}, "cell_length_ratio"),
        ({"cell_angles": (60, 190)}, "cell_angles"),
        ({"cell_angles": (125, 130)}, "cell_angles"),
        ({"cell_angles": 90}, "cell_angles"),
        ({"symmetry": 231}, "symmetry"),
        ({"symmetry": "P1"}, "symmetry"),
        ({"symmetry": (30, 20)}, "must rise"),
        ({"symmetry": 2, "operations": 49}, "numbers of operations go from 1 to 48"),
        ({"symmetry": 2, "operations": (1, 2, 3)}, "operations"),
        ({"symmetry": 2, "symmetry_generator": "airss"}, "known are spglib and pyxtal"),
        ({"symmetry_generator": "pyxtal"}, "no symmetry is asked for"),
        ({"minimum_separations": {"Ti-Ti": -1}}, "Ti-Ti"),
        ({"minimum_separations": {"Ti-N": 1}}, "Ti-N; TiO2 has Ti-Ti, Ti-O, O-O"),
        ({"minimum_separations": {"Ti-O": 1, "O-Ti": 1.2}}, "twice"),
        ({"volum": 3}, "unknown key volum"),
    ],
)
def test_impossible_values_are_named(override, message):
    with pytest.raises(ValueError, match=message):
        Recipe.propose("TiO2", **override)


def test_missing_entries_are_named():
    with pytest.raises(ValueError, match="minimum_separations missing"):
        Recipe.from_dict({"composition": "TiO2", "volume_per_formula_unit": 30})
    with pytest.raises(ValueError, match="lacks Ti-O, O-O"):
        Recipe("TiO2", 30.0, {"Ti-Ti": 2.6})


def test_separations_that_do_not_fit_the_volume_are_refused():
    with pytest.raises(ValueError, match=r"don't fit the volume: O at least 3 .*raise volume_per_formula_unit"):
        Recipe.propose("TiO2", minimum_separations={"O-O": 3.0})


def test_densest_packing_is_the_limit():
    volume = 2.5**3 / 2**0.5
    assert Recipe("Cu", volume * 1.001, {"Cu-Cu": 2.5}, volume_spread=0)
    with pytest.raises(ValueError, match="don't fit"):
        Recipe("Cu", volume * 0.999, {"Cu-Cu": 2.5}, volume_spread=0)
