"""Structures that no code should be given, and ones that look strange but are not."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from aiida_polymorph.references import load_references
from aiida_polymorph.relaxation.overlap import structure_problem


@pytest.mark.parametrize("scale", [1.0, 0.9])
def test_known_phases_are_fit_also_when_squeezed_by_a_quarter(scale):
    for atoms in load_references("TiO2"):
        atoms.set_cell(atoms.cell * scale, scale_atoms=True)
        assert structure_problem(atoms) == ""


def test_hydrogen_is_fit():
    assert structure_problem(Atoms("H2", positions=[[0, 0, 0], [0.74, 0, 0]], cell=[4, 4, 4], pbc=True)) == ""


def test_overlap_tells_which_atoms_and_how_near():
    atoms = bulk("MgO", "rocksalt", a=4.21)
    atoms.positions[1] = atoms.positions[0] + [0, 0, 0.9]
    assert structure_problem(atoms).startswith("atoms overlap: Mg and O are 0.90 angstrom apart, less than half")


def test_overlap_with_an_image_counts():
    atoms = Atoms("Ti", cell=np.diag([1.4, 4.0, 4.0]), pbc=True)
    assert "Ti and Ti are 1.40 angstrom apart" in structure_problem(atoms)


def test_atoms_on_each_other_are_told_with_their_distance():
    atoms = Atoms("O2", positions=[[0, 0, 0], [0.1, 0, 0]], cell=[4, 4, 4], pbc=True)
    assert structure_problem(atoms) == "atoms collapsed (shortest distance 0.10 angstrom)"
