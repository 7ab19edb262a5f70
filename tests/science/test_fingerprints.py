import numpy as np
import pytest
from ase import Atoms
from ase.spacegroup import crystal

from aiida_polymorph.landscape.fingerprints import FingerprintSettings, compute_fingerprints, local_fingerprints, usable
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import StructureSet


def rutile() -> Atoms:
    places = [(0, 0, 0), (0.3048, 0.3048, 0)]
    atoms = crystal(("Ti", "O"), places, spacegroup=136, cellpar=[4.5937, 4.5937, 2.9587, 90, 90, 90])
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)


def skewed() -> Atoms:
    """An irregular structure in a skewed cell."""
    rng = np.random.default_rng(3)
    cell = np.array([[5.0, 0, 0], [2.3, 4.0, 0], [-2.0, 1.5, 4.5]])
    return Atoms("TiO2TiO2", positions=rng.random((6, 3)) @ cell, cell=cell, pbc=True)


def fingerprint(*structures: Atoms, **settings) -> np.ndarray:
    return compute_fingerprints(StructureSet.from_atoms(structures), FingerprintSettings(**settings))


@pytest.mark.parametrize("average", ["species", "all"])
@pytest.mark.parametrize("make", [rutile, skewed])
def test_does_not_depend_on_cell_orientation_or_order(make, average):
    atoms = make()
    rng = np.random.default_rng(0)
    turned = atoms.copy()
    turned.rotate(37, (1, 2, 3), rotate_cell=True)
    shuffled = atoms[rng.permutation(len(atoms))]
    sheared = Atoms(
        atoms.numbers, positions=atoms.positions, cell=[[1, 0, 0], [1, 1, 0], [0, -1, 1]] @ atoms.cell, pbc=1
    )
    shifted = atoms.copy()
    shifted.translate([1.3, -7.0, 20.0])
    features = fingerprint(
        atoms, turned, shuffled, sheared, shifted, atoms.repeat((2, 1, 1)), atoms.repeat((1, 1, 3)), average=average
    )
    assert np.abs(features - features[0]).max() < 1e-10


def test_atoms_outside_the_cell_have_all_their_neighbours():
    atoms = skewed()
    moved = atoms.copy()
    moved.positions += np.random.default_rng(1).integers(-2, 3, (len(atoms), 3)) @ atoms.cell
    features = fingerprint(atoms, moved)
    assert np.linalg.norm(features[0] - features[1]) < 1e-10


def test_mirror_images_can_not_be_told_apart():
    atoms = skewed()
    mirrored = Atoms(
        atoms.numbers, positions=atoms.positions * [-1, 1, 1], cell=atoms.cell.array * [-1, 1, 1], pbc=True
    )
    features = fingerprint(atoms, mirrored)
    assert np.linalg.norm(features[0] - features[1]) < 1e-10


def test_rows_are_unit_vectors_and_different_structures_differ():
    features = fingerprint(rutile(), skewed())
    assert np.allclose(np.linalg.norm(features, axis=1), 1)
    assert np.linalg.norm(features[0] - features[1]) > 0.01


def test_average_per_species_is_the_concatenation_of_the_averages():
    structures = StructureSet.from_atoms([skewed()])
    local = next(local_fingerprints(structures, FingerprintSettings(), ["O", "Ti"]))
    numbers = structures.numbers
    expected = np.concatenate([local[numbers == 8].mean(axis=0), local[numbers == 22].mean(axis=0)])
    assert np.allclose(compute_fingerprints(structures)[0], expected / np.linalg.norm(expected))
    over_all = local.mean(axis=0)
    found = compute_fingerprints(structures, FingerprintSettings(average="all"))[0]
    assert np.allclose(found, over_all / np.linalg.norm(over_all))


def test_cross_terms_lengthen_the_fingerprint():
    n_max, l_max = 6, 6
    one_species = n_max * (n_max + 1) // 2 * (l_max + 1)
    assert fingerprint(rutile(), cross_terms=False).shape[1] == 2 * 2 * one_species
    both = 2 * n_max * (2 * n_max + 1) // 2 * (l_max + 1)
    assert fingerprint(rutile()).shape[1] == 2 * both
    assert fingerprint(rutile(), average="all").shape[1] == both


def test_processes_give_the_same():
    structures = StructureSet.from_atoms([rutile(), skewed()] * 130)
    assert np.array_equal(compute_fingerprints(structures, processes=2), compute_fingerprints(structures))


def test_species_can_be_those_of_another_set():
    oxygen = StructureSet.from_atoms([Atoms("O2", positions=[[0, 0, 0], [0, 0, 1.2]], cell=[4, 4, 4], pbc=True)])
    alone = compute_fingerprints(oxygen, species=["Ti", "O"])
    assert alone.shape == fingerprint(rutile()).shape
    assert np.isclose(np.linalg.norm(alone), 1)
    with pytest.raises(ValueError, match="hold O, the fingerprints are made for Ti"):
        compute_fingerprints(oxygen, species=["Ti"])


def test_the_known_phases_are_far_apart():
    features = compute_fingerprints(load_references("TiO2"))
    distances = np.linalg.norm(features[:, None] - features[None], axis=2) + np.eye(len(features))
    assert distances.min() > 0.02


def test_empty_set_is_refused():
    with pytest.raises(ValueError, match="no structures"):
        compute_fingerprints(StructureSet.from_atoms([]))


def test_broken_geometry_is_refused_and_not_usable():
    good, broken = rutile(), rutile()
    broken.positions[2, 1] = np.nan
    structures = StructureSet.from_atoms([good, broken])
    assert usable(structures).tolist() == [True, False]
    with pytest.raises(ValueError, match="not finite"):
        compute_fingerprints(structures)


def test_unconverged_and_unknown_enthalpies_are_not_usable():
    structures = StructureSet.from_atoms(
        [rutile()] * 4, {"converged": [True, False, True, True], "enthalpy": [-1.0, -1.0, np.nan, np.inf]}
    )
    assert usable(structures).tolist() == [True, False, False, False]
    assert usable(StructureSet.from_atoms([rutile()])).tolist() == [True]
    assert usable(StructureSet.from_atoms([])).tolist() == []


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"cutoff": 0.5}, "cutoff is 0.5"),
        ({"cutoff": float("nan")}, "cutoff is nan"),
        ({"sigma": 0}, "sigma is 0"),
        ({"n_max": 0}, "n_max is 0"),
        ({"l_max": 21}, "l_max 21"),
        ({"average": "atoms"}, "average is 'atoms', must be one of species, all"),
        ({"r_cut": 4}, "unknown key r_cut"),
    ],
)
def test_bad_settings_are_refused(entries, message):
    with pytest.raises(ValueError, match=message):
        FingerprintSettings.from_dict(entries)


def test_settings_survive_the_round_trip():
    settings = FingerprintSettings(cutoff=5, cross_terms=False, average="all")
    assert FingerprintSettings.from_dict(settings.to_dict()) == settings
