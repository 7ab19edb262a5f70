"""Phonons of crystals of springs, whose dispersion relation is known."""

from itertools import product

import numpy as np
import pytest
from ase import Atoms
from scipy.integrate import quad

pytest.importorskip("phonopy")

from aiida_polymorph.lammps.system import lammps_frame
from aiida_polymorph.references import load_references
from aiida_polymorph.thermodynamics.free_energy.assembly import in_lammps_frame, phonon_cells
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import (
    HBAR_SQUARED,
    Phonons,
    bulk_free_energy,
    displaced_positions,
    phonons_from_forces,
    quantum_correction,
    quantum_energy,
    supercell_free_energy,
)
from aiida_polymorph.thermodynamics.sampling.supercell import near_cubic_supercell
from aiida_polymorph.units import KB

pytestmark = pytest.mark.filterwarnings("ignore:.*Point group symmetries")

SPACING, SPRING, TEMPERATURE = 3.0, 0.7, 400.0
ARGON = Atoms("Ar", cell=[SPACING] * 3, pbc=True)
SALT = Atoms("NaCl", positions=[[0, 0, 0], [SPACING] * 3], cell=SPACING * (np.ones((3, 3)) - np.eye(3)), pbc=True)


def bonds(atoms, constant):
    """Curvatures of one axis for isotropic springs between nearest neighbours of a simple cubic lattice."""
    scaled = atoms.get_scaled_positions(wrap=False)
    matrix = np.zeros((len(atoms), len(atoms)))
    for step in SPACING * np.vstack([np.eye(3), -np.eye(3)]):
        shifted = scaled + step @ np.linalg.inv(atoms.cell)
        off = shifted[:, None] - scaled[None]
        i, j = np.nonzero(np.all(np.abs(off - np.rint(off)) < 1e-6, axis=2))
        np.add.at(matrix, (i, i), constant)
        np.add.at(matrix, (i, j), -constant)
    return matrix


def phonons_of(primitive, matrix, constant=SPRING, **options):
    supercell, positions = displaced_positions(primitive, matrix)
    forces = -bonds(supercell, constant) @ (positions - supercell.positions)
    return phonons_from_forces(primitive, matrix, forces, **options), supercell


def exact_free_energy(supercell, constant, volume):
    """Of the supercell with its centroid fixed, by a determinant on the plane where it rests, per atom."""
    matrix, count = bonds(supercell, constant), len(supercell)
    plane = np.linalg.svd(np.ones((1, count)))[2][1:]
    log_determinant = np.linalg.slogdet(plane @ matrix @ plane.T)[1]
    log_axis = ((count - 1) * np.log(2 * np.pi * KB * TEMPERATURE) - log_determinant + np.log(count)) / 2
    return -KB * TEMPERATURE * (3 * log_axis + np.log(volume)) / count


def mean_log_cosine():
    """Mean over the Brillouin zone of ln(sum over axes of 1 - cos q), Watson-like: ln 3 less powers of the mean cosine.

    -ln(1 - x) = integral over t from 0 of (exp(x t) - 1) exp(-t) / t, whose mean is a product of Bessel functions.
    """
    from scipy.special import ive

    def integrand(t):
        return (ive(0, t / 3) ** 3 - np.exp(-t)) / t

    tail = quad(integrand, 50, np.inf, limit=500)[0]
    return np.log(3) - quad(integrand, 0, 50, limit=500)[0] - tail


@pytest.mark.parametrize(
    ("primitive", "matrix"),
    [
        (ARGON, np.diag([4, 4, 4])),
        (ARGON, np.diag([2, 3, 4])),
        (ARGON, np.array([[3, 0, 1], [0, 3, 0], [0, -1, 4]])),
        (SALT, np.diag([3, 3, 3])),
        (SALT, np.array([[-2, 2, 2], [2, -2, 2], [2, 2, -2]])),
    ],
)
def test_free_energy_of_a_supercell(primitive, matrix):
    """Masses of Na and Cl differ and must drop out; atoms have their own order in the supercell."""
    found, supercell = phonons_of(primitive, matrix)
    assert found.atoms == len(supercell)
    assert found.soft_modes == 0.0
    expected = exact_free_energy(supercell, SPRING, primitive.get_volume())
    assert supercell_free_energy(found, TEMPERATURE) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("name", ["anatase", "TiO2B", "hollandite", "rutile"])
def test_phonons_are_those_of_the_crystal_of_the_dynamics(name):
    """Phonopy's supercell has the atoms and the cell of the crystal, in whatever order and frame."""
    known = load_references("TiO2")
    index = [str(each) for each in known.columns["name"]].index(name)
    crystal = near_cubic_supercell(known[index], 72).atoms
    primitive, matrix, supercell, positions = phonon_cells(crystal)
    assert len(supercell) == len(crystal) == positions.shape[1]
    made = matrix @ np.asarray(primitive.cell)
    assert made @ made.T == pytest.approx(np.asarray(crystal.cell) @ np.asarray(crystal.cell).T, abs=1e-3)
    turned = in_lammps_frame(supercell, positions)
    assert np.abs(turned - lammps_frame(supercell).positions).max() == pytest.approx(0.01, rel=0.5)


def test_modes_are_those_of_the_dispersion_relation():
    found, _ = phonons_of(ARGON, np.diag([4, 4, 4]))
    waves = [np.array(q) for q in product(range(4), repeat=3) if any(q)]
    expected = sorted(2 * SPRING * np.sum(1 - np.cos(np.pi * q / 2)) for q in waves for _ in range(3))
    assert np.sort(found.supercell) * found.masses[0] == pytest.approx(expected, rel=1e-6)


def test_free_energy_of_the_infinite_crystal():
    """The mesh leaves out next to nothing: the error of N points is that of a crystal of N atoms without its log."""
    found, _ = phonons_of(ARGON, np.diag([4, 4, 4]))
    log_curvature = np.log(2 * SPRING) + mean_log_cosine()
    expected = -1.5 * KB * TEMPERATURE * (np.log(2 * np.pi * KB * TEMPERATURE) - log_curvature)
    assert found.weights.sum() == pytest.approx(1)
    assert bulk_free_energy(found, TEMPERATURE) == pytest.approx(expected, abs=1e-3 * KB * TEMPERATURE)


def test_two_masses_have_the_same_infinite_crystal_as_one():
    """Rock salt with one spring for all bonds is the simple cubic crystal; masses play no part."""
    crystals = [(ARGON, np.diag([4, 4, 4])), (SALT, np.diag([3, 3, 3]))]
    found = [bulk_free_energy(phonons_of(*each, mesh_length=40.0)[0], TEMPERATURE) for each in crystals]
    assert found[0] == pytest.approx(found[1], abs=1e-3 * KB * TEMPERATURE)


def test_finite_size_falls_as_the_logarithm_of_the_size_over_the_size():
    found = [phonons_of(ARGON, np.diag([n] * 3), mesh_length=40.0)[0] for n in (2, 3, 5)]
    sizes = np.array([each.atoms for each in found])
    bulk = bulk_free_energy(found[-1], TEMPERATURE)
    off = np.array([supercell_free_energy(each, TEMPERATURE) - bulk for each in found]) / (KB * TEMPERATURE)
    # What is left of N (A_N - A) but for the translations' ln N / 2 hardly depends on the size.
    left = sizes * off
    assert np.ptp(left) > 0
    assert abs(np.ptp(left)) < 0.5 * np.log(216 / 27) + 0.5


def test_quantum_limits():
    """High temperatures: (hbar w / kT)^2 / 24 a mode; low ones: the zero-point energy less the classical term."""
    found, _ = phonons_of(ARGON, np.diag([4, 4, 4]))
    squares = HBAR_SQUARED * found.bulk
    hot = 5000.0
    second = KB * hot * 3 * (found.weights @ (squares / (KB * hot) ** 2 / 24).mean(axis=1))
    assert quantum_correction(found, hot) == pytest.approx(second, rel=1e-3)
    assert quantum_correction(found, hot) > 0
    cold = 0.05
    zero = 3 * (found.weights @ np.sqrt(squares).mean(axis=1)) / 2
    classical = 3 * KB * cold * (found.weights @ np.log(np.sqrt(squares) / (KB * cold)).mean(axis=1))
    assert quantum_correction(found, cold) == pytest.approx(zero - classical, rel=1e-6)


def test_hbar():
    """One eV/angstrom^2 per atomic mass unit is 15.633 THz, or 64.654 meV (2018 CODATA)."""
    assert np.sqrt(HBAR_SQUARED) == pytest.approx(0.0646541, rel=1e-5)


@pytest.mark.parametrize("temperature", [30.0, 400.0])
def test_quantum_energy_follows_from_the_free_energy(temperature):
    """U = -T^2 d(A/T)/dT, for the quantum less the classical crystal."""
    found, _ = phonons_of(ARGON, np.diag([4, 4, 4]))
    step = 1e-3 * temperature
    over = [quantum_correction(found, t) / t for t in (temperature - step, temperature + step)]
    expected = -(temperature**2) * (over[1] - over[0]) / (2 * step)
    assert quantum_energy(found, temperature) == pytest.approx(expected, rel=1e-4)


def test_a_crystal_that_is_no_minimum_has_no_free_energy():
    found, _ = phonons_of(ARGON, np.diag([3, 3, 3]), constant=-SPRING)
    assert (found.soft_modes, found.soft_bulk) == (1.0, pytest.approx(1.0))
    for function in (supercell_free_energy, bulk_free_energy, quantum_correction, quantum_energy):
        assert np.isnan(function(found, TEMPERATURE))


def test_the_share_of_soft_modes():
    squares = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    found = Phonons(squares, np.array([[1.0, 2.0, 3.0], [-1.0, 1.0, 2.0]]), np.array([0.25, 0.75]), np.ones(1), 27.0, 1)
    assert found.atoms == 3
    assert found.soft_modes == pytest.approx(1 / 3)
    assert found.soft_bulk == pytest.approx(0.25)
    assert np.isnan(supercell_free_energy(found, TEMPERATURE))
    assert np.isnan(bulk_free_energy(found, TEMPERATURE))


def test_refusals():
    matrix = np.diag([2, 2, 2])
    with pytest.raises(ValueError, match="displacement is 0"):
        displaced_positions(ARGON, matrix, displacement=0.0)
    supercell, positions = displaced_positions(ARGON, matrix)
    with pytest.raises(ValueError, match="forces of 2 supercells for 1"):
        phonons_from_forces(ARGON, matrix, np.zeros((2, len(supercell), 3)))
    assert positions.shape == (1, 8, 3)
