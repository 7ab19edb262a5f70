"""Linked components of phases and sizes."""

import numpy as np

from aiida_polymorph.landscape.connected import components_of


def test_a_chain_links():
    phases, sizes = components_of(np.array([[1, 0, 0], [2, 1, 0], [0, 1, 3]]))
    assert phases.tolist() == [0, 0, 0]
    assert sizes.tolist() == [0, 0, 0]


def test_the_component_with_most_phases_is_the_main_one():
    phases, sizes = components_of(np.array([[900, 0, 0], [0, 1, 0], [0, 1, 0]]))
    assert phases.tolist() == [1, 0, 0]
    assert sizes.tolist() == [1, 0, -1]


def test_finds_decide_between_equally_many_phases():
    assert components_of(np.array([[1, 0], [0, 7]]))[0].tolist() == [1, 0]


def test_never_found():
    phases, sizes = components_of(np.array([[0, 0], [0, 3]]))
    assert phases.tolist() == [-1, 0]
    assert sizes.tolist() == [-1, 0]
