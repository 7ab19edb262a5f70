from collections import Counter

import numpy as np
import pytest
from ase.build import bulk
from scipy.cluster.hierarchy import fcluster, linkage

from aiida_polymorph.landscape.clusters import choose_eps, count_minima, dbscan, summarise
from aiida_polymorph.landscape.fingerprints import compute_fingerprints
from aiida_polymorph.landscape.kernel_map import kernel_pca
from aiida_polymorph.structures import StructureSet


def crystal_set() -> tuple[StructureSet, np.ndarray]:
    """Slightly uneven copies of fcc, bcc, hcp and diamond copper in several cells, and which is which."""
    rng = np.random.default_rng(0)
    kinds = [bulk("Cu"), bulk("Cu", "bcc", a=2.9), bulk("Cu", "hcp", a=2.55, c=4.1), bulk("Cu", "diamond", a=5.3)]
    truth = np.repeat([0, 1, 2, 3], [12, 7, 2, 1])
    structures = []
    for kind in truth:
        atoms = kinds[kind].repeat((int(rng.integers(1, 4)), 1, 1))
        atoms.positions += 1e-5 * rng.standard_normal(atoms.positions.shape)
        structures.append(atoms)
    sizes = np.array([len(atoms) for atoms in structures])
    enthalpies = sizes * (np.array([-3.5, -3.4, -3.3, -3.2])[truth] + 1e-6 * rng.random(len(truth)))
    order = rng.permutation(len(truth))
    columns = {"enthalpy": enthalpies[order]}
    return StructureSet.from_atoms([structures[i] for i in order], columns), truth[order]


def test_clusters_are_the_crystals():
    structures, truth = crystal_set()
    coordinates = kernel_pca(compute_fingerprints(structures)).coordinates
    choice = choose_eps(coordinates)
    labels = dbscan(coordinates, choice.eps, min_samples=3)
    assert np.array_equal(labels, np.array([0, 1, -1, -1])[truth])
    distinct = dbscan(coordinates, choice.eps, min_samples=1)
    counts = count_minima(distinct, 3)
    assert (counts.distinct, counts.found_once, counts.found_twice, counts.frequent) == (4, 1, 1, 2)
    assert counts.coverage_structures == 19


def test_summary_of_each_cluster():
    structures, truth = crystal_set()
    labels = np.array([0, 1, -1, -1])[truth]
    fcc, bcc = summarise(structures, labels)
    assert (fcc.label, fcc.size, fcc.space_group, fcc.primitive_formula_units) == (0, 12, "Fm-3m", 1)
    assert (bcc.label, bcc.size, bcc.space_group) == (1, 7, "Im-3m")
    assert fcc.found == Counter(structures.lengths[truth == 0].tolist())
    members = np.flatnonzero(truth == 0)
    per_unit = structures.enthalpy_per_formula_unit[members]
    assert fcc.representative == members[np.argmin(per_unit)]
    assert np.isclose(fcc.enthalpy_per_formula_unit, per_unit.min())
    assert np.isclose(fcc.enthalpy_spread, np.ptp(per_unit))
    assert np.isclose(fcc.volume_per_formula_unit, bulk("Cu").get_volume())
    assert not fcc.impure


def test_a_cluster_of_two_phases_is_flagged():
    structures, truth = crystal_set()
    mixed = summarise(structures, np.where(truth < 2, 0, -1))
    assert len(mixed) == 1
    assert mixed[0].impure
    assert mixed[0].enthalpy_spread > 0.09


def test_unknown_enthalpies_stay_unknown():
    structures, truth = crystal_set()
    unknown = StructureSet.from_atoms(list(structures))
    fcc = summarise(unknown, np.where(truth == 0, 0, -1))[0]
    assert np.isnan(fcc.enthalpy_per_formula_unit)
    assert np.isnan(fcc.enthalpy_spread)
    assert not fcc.impure


def test_no_cluster_at_all():
    rng = np.random.default_rng(1)
    points = rng.random((20, 6))
    labels = dbscan(points, choose_eps(points).eps)
    assert (labels == -1).all()
    counts = count_minima(dbscan(points, 1e-3, 1))
    assert (counts.distinct, counts.found_once, counts.frequent, counts.coverage_structures) == (20, 20, 0, 0)
    structures = StructureSet.from_atoms([bulk("Cu")] * 20)
    assert summarise(structures, labels) == []


def test_one_structure_is_a_minimum_found_once():
    structures = StructureSet.from_atoms([bulk("Cu")])
    coordinates = kernel_pca(compute_fingerprints(structures)).coordinates
    assert dbscan(coordinates, 1e-3).tolist() == [-1]
    distinct = dbscan(coordinates, 1e-3, 1)
    assert count_minima(distinct).found_once == 1
    assert summarise(structures, distinct)[0].space_group == "Fm-3m"


def test_empty_set_is_refused():
    with pytest.raises(ValueError, match="no structures to cluster"):
        dbscan(np.zeros((0, 10)), 1e-3)
    assert summarise(StructureSet.from_atoms([]), np.zeros(0, dtype=int)) == []


def test_labels_must_fit_the_structures():
    with pytest.raises(ValueError, match="3 labels for 1 structures"):
        summarise(StructureSet.from_atoms([bulk("Cu")]), np.zeros(3, dtype=int))


def test_numbered_by_falling_size_then_by_first_member():
    points = np.array([[5.0], [0.0], [0.0], [9.0], [9.0], [0.0], [5.0]])
    assert dbscan(points, 0.1, 1).tolist() == [1, 0, 0, 2, 2, 0, 1]
    assert dbscan(points, 0.1, 3).tolist() == [-1, 0, 0, -1, -1, 0, -1]


def test_up_to_three_samples_the_clusters_are_those_of_single_linkage():
    rng = np.random.default_rng(4)
    points = rng.random((200, 2))
    tree = fcluster(linkage(points, "single"), 0.05, "distance")
    sizes = np.bincount(tree)
    labels = dbscan(points, 0.05, 3)
    assert np.array_equal(labels >= 0, sizes[tree] >= 3)
    kept = labels >= 0
    same = labels[kept][:, None] == labels[kept]
    assert np.array_equal(same, tree[kept][:, None] == tree[kept])
