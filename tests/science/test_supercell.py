"""Supercells near to cubes, and mean cells that keep the symmetry of the crystal."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell

from aiida_polymorph.references import load_references
from aiida_polymorph.symmetry import conventional_lattice, rotations, unturned_primitive_cell
from aiida_polymorph.thermodynamics.sampling.supercell import (
    build_supercell,
    near_cubic_supercell,
    smallest_width,
    symmetric_cell,
    symmetric_supercell,
)

REFERENCES = {str(name): load_references("TiO2")[i] for i, name in enumerate(load_references("TiO2").columns["name"])}
CRYSTALS = {
    "fcc": bulk("Ar", "fcc", a=5.3),
    "fcc cubic": bulk("Ar", "fcc", a=5.3, cubic=True),
    "bcc": bulk("Fe", "bcc", a=2.9),
    "hcp": bulk("Mg", "hcp", a=3.2, c=5.2),
    "diamond": bulk("Si", "diamond", a=5.43),
    "salt": bulk("NaCl", "rocksalt", a=5.6),
    "long": Atoms("Cu", cell=[2.5, 3.0, 11.0], pbc=True),
    "skew": Atoms(
        "CuAu", positions=[[0] * 3, [1.4, 1.6, 1.9]], cell=[[3, 0, 0], [1.3, 3.2, 0], [-1, 0.7, 4]], pbc=True
    ),
    **REFERENCES,
}


@pytest.mark.parametrize("target", [70, 250, 600])
@pytest.mark.parametrize("name", CRYSTALS)
def test_sizes_and_shapes(name, target):
    found = near_cubic_supercell(CRYSTALS[name], target)
    cell = np.asarray(found.atoms.cell)
    assert abs(len(found.atoms) / target - 1) <= (0.31 if target > 100 else 0.4)
    assert found.width / found.atoms.get_volume() ** (1 / 3) > (0.65 if target > 100 else 0.6)
    assert np.linalg.det(cell) > 0
    assert np.allclose(cell, np.tril(cell))
    assert found.width == pytest.approx(smallest_width(cell))


@pytest.mark.parametrize("name", CRYSTALS)
def test_the_matrix_makes_the_atoms(name):
    found = near_cubic_supercell(CRYSTALS[name], 100)
    assert found.matrix.dtype.kind == "i"
    count = round(np.linalg.det(found.matrix))
    assert count > 0
    assert len(found.atoms) == count * len(found.primitive)
    # The same cell but for a turn: equal metrics; the same atoms in it.
    made = found.matrix @ np.asarray(found.primitive.cell)
    cell = np.asarray(found.atoms.cell)
    assert cell @ cell.T == pytest.approx(made @ made.T, abs=1e-8)
    again = make_supercell(found.primitive, found.matrix)
    assert found.atoms.get_scaled_positions() % 1 == pytest.approx(again.get_scaled_positions() % 1, abs=1e-8)
    assert np.array_equal(found.atoms.numbers, again.numbers)


@pytest.mark.parametrize("name", ["fcc cubic", "skew", "rutile", "anatase", "TiO2B"])
def test_the_supercell_is_the_crystal(name):
    found = near_cubic_supercell(CRYSTALS[name], 100).atoms
    volume = found.get_volume() / len(found)
    assert volume == pytest.approx(CRYSTALS[name].get_volume() / len(CRYSTALS[name]))
    assert sorted_distances(found) == pytest.approx(sorted_distances(CRYSTALS[name]), abs=1e-6)


def sorted_distances(atoms):
    """Mean number of pairs by distance and elements, which tells crystals apart and mirror images not."""
    from ase.neighborlist import neighbor_list

    i, j, d = neighbor_list("ijd", atoms, 5.0)
    weights = np.sqrt(atoms.numbers[i] * atoms.numbers[j])
    return np.histogram(d + 1e-7, bins=np.linspace(0, 5, 101), weights=weights)[0] / len(atoms)


def test_primitive_cells():
    assert len(unturned_primitive_cell(CRYSTALS["fcc cubic"])) == 1
    assert len(unturned_primitive_cell(CRYSTALS["rutile"].repeat((2, 1, 3)))) == 6
    moved = CRYSTALS["rutile"].repeat((1, 1, 2))
    moved.rattle(0.1, seed=1)
    assert len(unturned_primitive_cell(moved)) == 12


@pytest.mark.parametrize("name", CRYSTALS)
def test_primitive_cell_is_not_turned(name):
    """The supercell's vectors are whole numbers of those of its primitive cell, and there are as many atoms in it."""
    atoms = near_cubic_supercell(CRYSTALS[name], 70).atoms
    primitive = unturned_primitive_cell(atoms)
    inside = np.asarray(atoms.cell) @ np.linalg.inv(primitive.cell)
    assert inside == pytest.approx(np.rint(inside), abs=1e-6)
    assert len(primitive) * abs(np.linalg.det(inside)) == pytest.approx(len(atoms))


def test_crystals_without_symmetry_are_their_own_primitive_cell():
    """Two atoms on one place: spglib finds nothing and says so."""
    odd = Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 1e-4]], cell=[3, 3, 3], pbc=True)
    assert len(unturned_primitive_cell(odd)) == 2


def test_left_handed_matrices_become_right_handed():
    found = build_supercell(CRYSTALS["fcc"], np.diag([2, 2, -3]))
    assert round(np.linalg.det(found.matrix)) == 12
    assert np.linalg.det(found.atoms.cell) > 0


@pytest.mark.parametrize("target", [0, -5, np.nan])
def test_bad_targets(target):
    with pytest.raises(ValueError, match="target_atoms is"):
        near_cubic_supercell(CRYSTALS["fcc"], target)


# --- mean cells ------------------------------------------------------------------------------------------------------


def strained(atoms, size, seed):
    """The cell after a strain of random components, lower triangular again."""
    strain = np.random.default_rng(seed).normal(scale=size, size=(3, 3))
    cell = np.asarray(atoms.cell) @ (np.eye(3) + (strain + strain.T) / 2)
    return np.linalg.cholesky(cell @ cell.T)


@pytest.mark.parametrize("name", ["fcc", "fcc cubic", "bcc", "diamond", "salt", "fluorite"])
@pytest.mark.parametrize("size", [0.003, 0.03])
def test_a_strained_cubic_crystal_is_cubic_again(name, size):
    atoms = near_cubic_supercell(CRYSTALS[name], 40).atoms
    mean = strained(atoms, size, seed=1)
    found = symmetric_cell(atoms, mean)
    assert np.allclose(found, np.tril(found))
    scale = np.linalg.inv(atoms.cell) @ found
    assert scale == pytest.approx(np.eye(3) * scale[0, 0], abs=1e-7)
    # The trace of the strain is kept; the volume is that of the mean cell to second order.
    assert np.linalg.det(found) / np.linalg.det(mean) == pytest.approx(1, abs=6 * size**2)


@pytest.mark.parametrize("name", ["rutile", "anatase", "hcp"])
def test_axes_of_a_uniaxial_crystal_relax_on_their_own(name):
    atoms = near_cubic_supercell(CRYSTALS[name], 60).atoms
    cell = symmetric_cell(atoms, strained(atoms, 0.01, 2))
    found = Atoms(atoms.numbers, scaled_positions=atoms.get_scaled_positions(), cell=cell, pbc=True)
    import spglib

    groups = [
        spglib.get_spacegroup((np.asarray(each.cell), each.get_scaled_positions(), each.numbers), 1e-3)
        for each in (atoms, found)
    ]
    assert groups[0] == groups[1]
    assert not np.allclose(found.cell, atoms.cell, atol=1e-3)


def test_cells_that_have_the_symmetry_stay():
    for name in ("fcc", "rutile", "skew", "TiO2B"):
        atoms = near_cubic_supercell(CRYSTALS[name], 40).atoms
        cell = 1.01 * np.asarray(atoms.cell)
        assert symmetric_cell(atoms, cell) == pytest.approx(cell, abs=1e-6)


def test_triclinic_crystals_take_the_mean_cell_as_it_is():
    atoms = near_cubic_supercell(CRYSTALS["skew"], 40).atoms
    mean = strained(atoms, 0.02, 3)
    assert symmetric_cell(atoms, mean) == pytest.approx(mean, abs=1e-10)


@pytest.mark.parametrize(
    "name", ["fcc", "bcc", "hcp", "diamond", "salt", "rutile", "columbite", "anatase", "baddeleyite"]
)
def test_a_supercell_with_the_symmetry_is_mapped_onto_itself(name):
    found = symmetric_supercell(CRYSTALS[name], 100)
    assert 50 <= len(found.atoms) <= 150
    vectors = found.matrix @ np.asarray(found.primitive.cell)
    for rotation in rotations(found.primitive):
        turned = vectors @ rotation.T @ np.linalg.inv(vectors)
        assert turned == pytest.approx(np.rint(turned), abs=1e-6)


@pytest.mark.parametrize("name", ["skew", "long"])
def test_where_symmetry_is_low_or_cells_are_long_it_is_as_near_to_a_cube(name):
    found, compact = (make(CRYSTALS[name], 60) for make in (symmetric_supercell, near_cubic_supercell))
    assert found.width > 0.7 * compact.width
    assert 30 <= len(found.atoms) <= 90


@pytest.mark.parametrize(
    ("name", "alike"), [("fcc", (0, 0, 0)), ("hcp", (0, 0, 1)), ("rutile", (0, 0, 1)), ("columbite", (0, 1, 2))]
)
def test_which_vectors_are_alike(name, alike):
    vectors, groups = conventional_lattice(CRYSTALS[name])
    assert groups == alike
    lengths = np.linalg.norm(vectors, axis=1)
    for one, other in ((0, 1), (1, 2)):
        if groups[one] == groups[other]:
            assert lengths[one] == pytest.approx(lengths[other])
