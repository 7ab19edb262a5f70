"""Recipes and formulas: the way to plain values and back, and formulas in any order and multiple."""

from __future__ import annotations

import json

import numpy as np
from ase.data import atomic_numbers
from drawn import outcome, reduced_formulas
from hypothesis import given
from hypothesis import strategies as st

from aiida_polymorph.search.recipe import Recipe, normalise_composition
from aiida_polymorph.structures import composition_formula, formula_units_of, reduced_composition

OVERRIDES = st.fixed_dictionaries(
    {},
    optional={
        "formula_units": st.lists(st.integers(1, 40), min_size=1, max_size=5),
        "volume_spread": st.floats(0.0, 0.3),
        "cell_length_ratio": st.tuples(st.floats(0.1, 1.0), st.floats(1.0, 3.0)),
        "cell_angles": st.tuples(st.floats(30.0, 90.0), st.floats(90.0, 150.0)),
        "seed": st.integers(0, 2**40),
        "operations": st.none() | st.integers(1, 48) | st.tuples(st.integers(1, 8), st.integers(8, 48)),
        "symmetry": st.none() | st.integers(1, 230) | st.tuples(st.integers(1, 100), st.integers(100, 230)),
    },
)


def written(counts: dict[str, int], order: list[str]) -> str:
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in order)


@given(reduced_formulas(), OVERRIDES)
def test_a_recipe_survives_plain_values_and_json(counts, overrides) -> None:
    recipe = Recipe.propose(written(counts, list(counts)), **overrides)
    again = Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))
    assert again == recipe
    assert again.to_dict() == recipe.to_dict()
    assert recipe.counts == counts
    for name, value in overrides.items():
        found = getattr(recipe, name)
        assert found == (tuple(value) if isinstance(value, list) else value) or name == "symmetry"


@given(reduced_formulas(), st.randoms())
def test_a_formula_does_not_depend_on_the_order(counts, random) -> None:
    order = list(counts)
    normal = normalise_composition(written(counts, order))
    random.shuffle(order)
    assert normalise_composition(written(counts, order)) == normal
    assert normalise_composition(normal) == normal


@given(reduced_formulas(), st.integers(1, 12), st.randoms())
def test_multiples_of_a_formula_are_its_units(counts, times, random) -> None:
    numbers = [atomic_numbers[symbol] for symbol, count in counts.items() for _ in range(count * times)]
    random.shuffle(numbers)
    assert formula_units_of(numbers) == times
    assert composition_formula(reduced_composition(numbers)) == normalise_composition(written(counts, list(counts)))
    assert reduced_composition(np.array(numbers)) == reduced_composition(numbers)


@given(st.text("TiOHeX()0123456789 |-+.", max_size=12) | st.text(max_size=8))
def test_any_text_is_a_formula_or_a_clear_refusal(text) -> None:
    formula, refused = outcome(normalise_composition, text)
    assert refused.startswith("composition") if refused else normalise_composition(formula) == formula


def test_a_formula_of_many_atoms_takes_no_time() -> None:
    assert normalise_composition("O999999999999Ti") == "TiO999999999999"
