"""Crystals are recognised among known phases, at another pressure and after they have been shaken."""

import numpy as np
import pytest
from ase.build import bulk, make_supercell

from aiida_polymorph.landscape.recognition import recognise
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import StructureSet


@pytest.fixture(scope="module")
def phases():
    return load_references("TiO2")


@pytest.mark.parametrize("name", ["rutile", "columbite", "pyrite", "anatase", "OI", "cotunnite", "baddeleyite"])
def test_a_shaken_compressed_supercell_is_recognised(phases, name):
    atoms = phases[list(phases.column("name", "")).index(name)]
    strained = atoms.copy()
    strained.set_cell(atoms.cell * np.array([[0.95], [0.96], [0.955]]), scale_atoms=True)
    supercell = make_supercell(strained, np.diag([1, 2, 1]))
    supercell.positions += np.random.default_rng(1).normal(scale=0.003, size=supercell.positions.shape)
    assert recognise(supercell, phases).name == name


def test_what_is_none_of_them_gets_no_name(phases):
    atoms = phases[list(phases.column("name", "")).index("rutile")]
    disordered = make_supercell(atoms, np.diag([2, 2, 2]))
    disordered.positions += np.random.default_rng(1).normal(scale=0.4, size=disordered.positions.shape)
    found = recognise(disordered, phases)
    assert (found.name, found.space_group) == ("", "P1")
    assert found.text.startswith("something without symmetry, most like ")


def test_without_phases_or_with_those_of_other_elements(phases):
    copper = bulk("Cu")
    for known in (None, phases):
        found = recognise(copper, known)
        assert (found.text, found.nearest) == ("an unknown phase, Fm-3m", "")


def test_of_two_names_in_a_set_that_of_the_phase_counts():
    known = StructureSet.from_atoms(
        [bulk("Cu"), bulk("Cu", "bcc", a=2.9)], columns={"name": ["fcc@0GPa", "bcc@0GPa"], "phase": ["fcc", "bcc"]}
    )
    assert recognise(bulk("Cu", a=3.5), known).name == "fcc"
