"""The entropy of a crystal of isotropic springs, whose frequencies are known."""

from itertools import product

import numpy as np
import pytest
from ase import Atoms
from ase.units import kB

pytest.importorskip("phonopy")

from aiida_polymorph.thermodynamics.phonons.harmonic_entropy import harmonic_entropy, multiples
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import displaced_positions, phonons_from_forces

SPACING, SPRING = 3.0, 0.7
CRYSTAL = Atoms("Ar", cell=[SPACING] * 3, pbc=True)


def springs(constant):
    """Forces of isotropic springs to the six neighbours in a simple cubic crystal that hardly moved."""

    def forces(atoms):
        sites = np.round(atoms.positions / SPACING)
        displacement = atoms.positions - sites * SPACING
        shape = np.round(np.diag(atoms.cell) / SPACING).astype(int)
        index = {tuple(site % shape): i for i, site in enumerate(sites.astype(int))}
        result = np.zeros_like(displacement)
        for site, i in index.items():
            for step in np.vstack([np.eye(3, dtype=int), -np.eye(3, dtype=int)]):
                result[i] -= constant * (displacement[i] - displacement[index[tuple((site + step) % shape)]])
        return result

    return forces


@pytest.mark.parametrize("temperature", [300.0, 700.0])
def test_known_frequencies(temperature):
    got = harmonic_entropy(CRYSTAL, springs(SPRING), temperature, length=3.5 * SPACING)
    waves = [np.array(q) for q in product(range(4), repeat=3) if any(q)]
    curvatures = np.array([2 * SPRING * np.sum(1 - np.cos(2 * np.pi * q / 4)) for q in waves])
    expected = 1.5 + 1.5 * np.mean(np.log(2 * np.pi * kB * temperature / curvatures))
    assert got.entropy == pytest.approx(expected, abs=1e-6)
    assert (got.atoms, got.soft_modes, got.force_calls) == (64, 0.0, 1)


def test_a_crystal_that_is_no_minimum_has_no_entropy():
    got = harmonic_entropy(CRYSTAL, springs(-SPRING), 300.0, length=2 * SPACING)
    assert np.isnan(got.entropy)
    assert got.soft_modes == 1.0


def test_translations_are_not_among_the_sampled_modes():
    """A mesh with the centre of the Brillouin zone on it would have all of them soft."""
    matrix = np.diag([4, 4, 4])
    supercell, (positions,) = displaced_positions(CRYSTAL, matrix)
    supercell.positions = positions
    found = phonons_from_forces(CRYSTAL, matrix, springs(SPRING)(supercell)[None], mesh_length=15 * SPACING)
    assert (found.soft_bulk, len(found.supercell)) == (0.0, 3 * 64 - 3)


def test_the_supercell_is_long_enough():
    assert multiples(Atoms("Ar", cell=[3.0, 4.0, 12.0]), 12.0) == (4, 3, 1)


@pytest.mark.parametrize("name", ["temperature", "length", "displacement"])
def test_bad_input(name):
    inputs = {"temperature": 300.0, "length": 8.0, "displacement": 0.01} | {name: 0.0}
    with pytest.raises(ValueError, match=f"{name} is 0.0"):
        harmonic_entropy(CRYSTAL, springs(SPRING), **inputs)
