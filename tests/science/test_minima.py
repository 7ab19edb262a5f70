"""Distinct minima: told apart by symmetry, enthalpy and volume, in whatever cell they come."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, make_supercell

from aiida_polymorph.landscape.minima import Tolerances, find_minima
from aiida_polymorph.structures import StructureSet

RUTILE = Atoms(
    "Ti2O4",
    cell=[4.6, 4.6, 2.95],
    scaled_positions=[
        [0, 0, 0],
        [0.5, 0.5, 0.5],
        [0.305, 0.305, 0],
        [0.695, 0.695, 0],
        [0.805, 0.195, 0.5],
        [0.195, 0.805, 0.5],
    ],
    pbc=True,
)


def turned(atoms, seed):
    """The same crystal in another orientation, with other lattice vectors and another origin."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    again = make_supercell(atoms, [[1, 0, 1], [0, 1, 0], [0, 0, 1]])
    again.rotate(rng.uniform(0, 180), axis, rotate_cell=True)
    again.positions += rng.normal(size=3)
    return again


def collected(structures, enthalpies_per_atom, converged=None):
    """A set with these enthalpies."""
    enthalpies = [h * len(atoms) for h, atoms in zip(enthalpies_per_atom, structures, strict=True)]
    columns = {"enthalpy": enthalpies, "converged": np.ones(len(structures), bool) if converged is None else converged}
    return StructureSet.from_atoms(structures, columns)


def test_copies_in_other_cells_are_one_minimum():
    cells = [RUTILE, turned(RUTILE, 1), make_supercell(RUTILE, np.diag([1, 1, 2])), turned(RUTILE, 2)]
    minima = find_minima(collected(cells, [-1.0, -1.0 + 1e-6, -1.0 - 1e-6, -1.0 + 5e-6]))
    assert minima.labels.tolist() == [0, 0, 0, 0]
    assert minima.structures.column("found").tolist() == [4]
    assert minima.structures.column("space_group").tolist() == ["P4_2/mnm"]
    assert minima.structures.lengths.tolist() == [6]
    assert minima.structures.enthalpy_per_formula_unit[0] == pytest.approx(-3.0, abs=1e-5)


@pytest.mark.parametrize("distance", [2.5, 3.0, 4.0, 4.6, 5.2])
def test_stacking_of_close_packed_layers_is_told_apart_at_any_lattice_constant(distance):
    """fcc, hcp and dhcp with the same volume and enthalpies 1e-6 eV apart, which no fingerprint of one cutoff shows."""
    height = distance * np.sqrt(2 / 3)
    fcc = bulk("Xe", "fcc", a=distance * np.sqrt(2))
    cell = [[distance, 0, 0], [-distance / 2, distance * np.sqrt(3) / 2, 0]]
    places = {"A": (0, 0), "B": (1 / 3, 2 / 3), "C": (2 / 3, 1 / 3)}

    def stacked(order):
        scaled = [(*places[layer], number / len(order)) for number, layer in enumerate(order)]
        vectors = [[*cell[0]], [*cell[1]], [0, 0, height * len(order)]]
        return Atoms(f"Xe{len(order)}", cell=vectors, scaled_positions=scaled, pbc=True)

    kinds = [fcc, stacked("AB"), stacked("ABAC"), stacked("ABC"), stacked("ABCACB")]
    minima = find_minima(collected(kinds, [-0.1, -0.1 + 1e-6, -0.1 + 2e-6, -0.1, -0.1 + 3e-6]))
    assert minima.labels[0] == minima.labels[3]
    assert len(set(minima.labels)) == 4


def test_the_window_is_counted_from_the_lowest_and_failed_structures_are_left_out():
    kinds = [bulk("Cu", kind, a=3.6) for kind in ("fcc", "bcc", "sc", "diamond")]
    converged = np.array([True, True, True, False])
    minima = find_minima(collected(kinds, [-3.0, -2.9, -2.0, -9.0], converged), window=0.2)
    assert minima.labels.tolist() == [0, 1, -1, -1]
    assert minima.structures.column("space_group").tolist() == ["Fm-3m", "Im-3m"]


def test_a_different_enthalpy_or_volume_is_another_minimum():
    larger = bulk("Cu", "fcc", a=3.61)
    minima = find_minima(collected([bulk("Cu", "fcc", a=3.6), larger, bulk("Cu", "fcc", a=3.6)], [-3.0, -3.0, -2.999]))
    assert len(set(minima.labels.tolist())) == 3
    loose = find_minima(collected([bulk("Cu", "fcc", a=3.6), larger], [-3.0, -3.0]), tolerances=Tolerances(volume=0.02))
    assert loose.labels.tolist() == [0, 0]


def test_nothing_usable_gives_no_minimum():
    minima = find_minima(collected([RUTILE], [np.nan]))
    assert minima.labels.tolist() == [-1]
    assert len(minima.structures) == 0


def test_a_window_must_be_positive():
    with pytest.raises(ValueError, match="window is 0"):
        find_minima(collected([RUTILE], [-1.0]), window=0.0)
