"""Quasi-harmonic Gibbs energies of a crystal whose free energy is a formula, and of rutile."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from scipy.optimize import minimize_scalar

from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.quasi_harmonic_gibbs import (
    assemble_quasi_harmonic,
    further_pressures,
    harmonic,
    quasi_harmonic,
)
from aiida_polymorph.thermodynamics.free_energy.result import wavelength_term
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import HBAR_SQUARED, Phonons
from aiida_polymorph.thermodynamics.phonons.volume_grid import GridCell, cell_reason, grid_pressures
from aiida_polymorph.units import GPA, KB, KCAL_PER_MOL

VOLUME, BULK_GPA, ENERGY, MASS = 20.0, 100.0, -5.0, 30.0
CURVATURES = np.array([[2.0, 4.0, 9.0], [1.0, 6.0, 12.0]])
GRUENEISEN = np.array([[1.2, 1.6, 2.0], [0.8, 1.5, 1.7]])
WEIGHTS = np.array([0.3, 0.7])
PRESSURES = (2.5, 0.0, -2.5, -5.0, -7.5, -10.0)
TEMPERATURES, CONVENTIONS = (50.0, 300.0, 1000.0), ("unit", "mass", "quantum")


def static(volume):
    return ENERGY + BULK_GPA * GPA / (2 * VOLUME) * (volume - VOLUME) ** 2


def squares(volume):
    """Squared frequencies: each mode has its own Grueneisen parameter."""
    return CURVATURES / MASS * (volume / VOLUME) ** (-2 * GRUENEISEN)


def cell(pressure_gpa, soft=0, shift=0.0, copies=2):
    """The crystal of one atom relaxed at a pressure; `soft` modes of 6 are made imaginary."""
    volume = VOLUME * (1 - pressure_gpa / BULK_GPA)
    modes = squares(volume)
    modes.flat[:soft] *= -1
    crystal = Atoms("Ar", cell=[volume ** (1 / 3)] * 3, pbc=True).repeat(copies)
    supercell = np.full(3 * len(crystal) - 3, 0.1)
    phonons = Phonons(supercell, modes, WEIGHTS, np.array([MASS]), volume, displacements=2)
    return GridCell(pressure_gpa, crystal, len(crystal) * (static(volume) + shift), phonons)


def exact(temperature, pressure_gpa, convention="unit"):
    """G and volume at the minimum of the formula, with Ar's thermal wavelength."""

    def gibbs(volume):
        modes = squares(volume)
        logs = np.log(MASS * modes / (2 * np.pi * KB * temperature)) / 2
        if convention == "quantum":
            ratio = np.sqrt(HBAR_SQUARED * modes) / (KB * temperature)
            logs = logs + ratio / 2 + np.log1p(-np.exp(-ratio)) - np.log(ratio)
        vibrations = KB * temperature * 3 * (WEIGHTS @ logs.mean(axis=1))
        return static(volume) + vibrations + pressure_gpa * GPA * volume

    found = minimize_scalar(gibbs, bounds=(0.85 * VOLUME, 1.2 * VOLUME), method="bounded", options={"xatol": 1e-8})
    own = 0.0 if convention == "unit" else wavelength_term(Atoms("Ar"), temperature)
    return found.fun + own, found.x


CELLS = [cell(pressure) for pressure in PRESSURES]


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("pressure_gpa", [0.0, -1.7])
def test_the_minimum_of_the_formula(temperature, pressure_gpa, convention):
    got = quasi_harmonic(CELLS[::-1], temperature, pressure_gpa, convention)
    gibbs, volume = exact(temperature, pressure_gpa, convention)
    assert (got.reason, got.remarks, got.method, got.finite_size) == ("", (), "harmonic", "none")
    assert (got.atoms, got.steps) == (8, 12)
    assert got.gibbs_energy == pytest.approx(gibbs, abs=2e-6)
    assert abs(got.volume.value - volume) < got.volume.error
    assert 1e-6 < got.error < 1e-4
    assert 0 < got.volume.error < 0.01
    names = {"unit": set(), "mass": {"wavelengths"}, "quantum": {"wavelengths", "quantum"}}[convention]
    assert set(got.terms) == {"static", "harmonic", "pressure_volume"} | names


@pytest.mark.parametrize("convention", ["unit", "quantum"])
@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_enthalpy_and_volume_are_derivatives(temperature, convention):
    got, step = quasi_harmonic(CELLS, temperature, -1.0, convention), 1e-3 * temperature
    hot, cold = (exact(temperature + sign * step, -1.0, convention)[0] for sign in (1, -1))
    slope = (hot / (temperature + step) - cold / (temperature - step)) / (2 * step)
    kinetic = 1.5 * KB * temperature if convention == "quantum" else 0.0
    assert got.enthalpy.value == pytest.approx(-(temperature**2) * slope - kinetic, abs=2e-5)
    assert 0 < got.enthalpy.error < 1e-3
    denser, wider = (quasi_harmonic(CELLS, temperature, -1.0 + dp, convention).gibbs_energy for dp in (0.1, -0.1))
    assert got.volume.value == pytest.approx((denser - wider) / (0.2 * GPA), abs=1e-3)


def test_too_few_steps_show_in_the_error():
    wide = [cell(pressure) for pressure in (20.0, 0.0, -20.0)]
    got = quasi_harmonic(wide, 1000.0)
    assert abs(got.gibbs_energy - exact(1000.0, 0.0)[0]) < got.error
    assert got.error > 10 * quasi_harmonic(CELLS, 1000.0).error


def test_the_cell_of_0_kelvin():
    got = harmonic(CELLS[2], 300.0)
    vibrations = KB * 300 * 1.5 * (WEIGHTS @ np.log(MASS * squares(CELLS[2].volume) / (2 * np.pi * KB * 300)).mean(1))
    assert got.gibbs_energy == pytest.approx(CELLS[2].enthalpy + vibrations, abs=1e-9)
    assert got.gibbs_energy > exact(300.0, -2.5)[0]
    assert np.isnan(got.error)
    assert "thermal expansion" in got.remarks[0]
    soft = harmonic(cell(0.0, soft=2), 300.0, "quantum")
    assert np.isnan(soft.gibbs_energy)
    assert "20% at 0 GPa" in soft.reason


def test_imaginary_modes_far_from_the_minimum_are_a_remark():
    got = quasi_harmonic([cell(p, soft=3 * (p < -9)) for p in PRESSURES], 300.0)
    assert got.gibbs_energy == pytest.approx(exact(300.0, 0.0)[0], abs=1e-5)
    assert got.reason == ""
    assert "30% at -10 GPa" in got.remarks[0]


@pytest.mark.parametrize(
    ("soft", "words"),
    [
        (PRESSURES, "0 cells can be used"),
        (PRESSURES[:3], "outside of the cells: below"),
        (PRESSURES[2:3], "beside a cell that is unstable"),
    ],
)
def test_imaginary_modes_near_the_minimum_are_a_reason(soft, words):
    got = quasi_harmonic([cell(p, soft=p in soft) for p in PRESSURES], 300.0, convention="quantum")
    assert words in got.reason
    assert "10% at -2.5 GPa" in got.reason
    assert np.isnan([got.gibbs_energy, got.error, got.volume.value, got.enthalpy.value]).all()


@pytest.mark.parametrize(("pressure_gpa", "where"), [(-12.0, "above"), (8.0, "below")])
def test_nothing_is_extrapolated(pressure_gpa, where):
    got = quasi_harmonic(CELLS, 300.0, pressure_gpa)
    assert np.isnan(got.gibbs_energy)
    assert where in got.reason
    more = further_pressures(CELLS, 300.0, pressure_gpa)
    assert more == pytest.approx((-12.5, -15.0) if where == "above" else (5.0, 7.5))
    longer = [*CELLS, *map(cell, more), *map(cell, further_pressures([*CELLS, *map(cell, more)], 300.0, pressure_gpa))]
    assert quasi_harmonic(longer, 300.0, pressure_gpa).gibbs_energy == pytest.approx(
        exact(300.0, pressure_gpa)[0], abs=1e-5
    )


def test_a_grid_that_is_long_enough_or_broken_is_not_made_longer():
    assert further_pressures(CELLS, 300.0) == ()
    assert further_pressures(CELLS[:2], 300.0) == ()
    assert further_pressures([cell(p, soft=p < -4) for p in PRESSURES], 1000.0, -5.0) == ()


def test_cells_of_another_phase_are_left_out():
    others = [cell(p, shift=-0.05 * (p < -6)) for p in PRESSURES]
    got = quasi_harmonic(others, 300.0)
    assert got.gibbs_energy == pytest.approx(exact(300.0, 0.0)[0], abs=1e-5)
    assert "another phase: -7.5, -10 GPa" in got.remarks[0]
    swapped = [replace(each, pressure_gpa=-each.pressure_gpa) for each in CELLS]
    assert "1 cells can be used" in quasi_harmonic(swapped, 300.0).reason


def test_what_was_asked_in_vain_is_remarked():
    asked = FreeEnergyParameters(300.0, seed=4, finite_size="none", target_error=1e-7)
    got = assemble_quasi_harmonic(asked, CELLS, ["no cell at -12 GPa: molten"])
    assert [remark.split()[0] for remark in got.remarks] == ["no", "finite_size", "seed", "the"]
    assert "molten" in assemble_quasi_harmonic(asked, CELLS[:2], ["molten"]).reason
    assert assemble_quasi_harmonic(FreeEnergyParameters(300.0), CELLS).remarks == ()


def test_pressures_of_the_grid():
    found = np.array(grid_pressures(5.0, 700.0))
    assert len(found) == 6
    assert np.all(np.diff(found) < 0)
    assert np.abs(found - 5.0).min() < 1e-9
    assert found[-1] < 5.0 - 2 * 3 * KB * 700 / 10 / GPA
    many = grid_pressures([0.0, 60.0], [300.0, 1500.0], 12.0)
    assert len(many) <= 16
    assert many[0] > 60
    assert many[-1] == pytest.approx(grid_pressures(0.0, 1500.0, 12.0)[-1])


def test_a_crystal_that_bursts_is_no_cell_of_the_grid():
    crystal = CELLS[1].crystal
    assert cell_reason(crystal, CELLS[4].crystal) == ""
    burst = crystal.copy()
    burst.set_cell(1.2 * crystal.cell, scale_atoms=True)
    assert "1.73 times" in cell_reason(crystal, burst)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0.0}, "temperature 0.0 K"),
        ({"pressure_gpa": np.inf}, "pressure inf GPa"),
        ({"convention": "semi"}, "convention is 'semi'"),
        ({"cells": []}, "no cells"),
        ({"cells": [*CELLS, cell(5.0, copies=3)]}, "same atoms"),
        ({"cells": [*CELLS, CELLS[0]]}, "different volumes"),
    ],
)
@pytest.mark.parametrize("function", [quasi_harmonic, further_pressures])
def test_bad_input(function, changes, message):
    with pytest.raises(ValueError, match=message):
        function(**{"cells": CELLS, "temperature": 300.0, **changes})


@pytest.mark.parametrize("bad", [{"pressure_gpa": np.nan}, {"temperature": 0.0}, {"volume_per_atom": -1.0}])
def test_bad_grids(bad):
    with pytest.raises(ValueError, match="must be finite"):
        grid_pressures(**{"pressure_gpa": 0.0, "temperature": 300.0, **bad})


@pytest.fixture(scope="module")
def gibbs_of_rutile():
    """Gibbs energy of rutile with Matsui and Akaogi's potential, with LAMMPS."""
    pytest.importorskip("phonopy")
    if shutil.which("lmp") is None:
        pytest.skip("lmp is not there")
    from aiida_polymorph.local.free_energy import compute_free_energy
    from aiida_polymorph.potential import load_potential
    from aiida_polymorph.references import load_references

    references = load_references("TiO2")
    rutile = references[list(references.columns["name"]).index("rutile")]
    potential = load_potential("matsui-akaogi")
    return lambda *state, **options: compute_free_energy(
        rutile, potential, *state, method="harmonic", target_atoms=72, **options
    )


def test_rutile_as_by_frenkel_ladd(gibbs_of_rutile):
    """Six Frenkel-Ladd and switching runs brought to infinite size: -895.036(16) and -809.69(4) kcal/mol."""
    got = gibbs_of_rutile(700.0)
    assert (got.reason, got.atoms, got.remarks) == ("", 72, ())
    assert got.gibbs_energy / KCAL_PER_MOL == pytest.approx(-895.02, abs=0.03)
    assert got.volume.value == pytest.approx(30.860, abs=0.01)
    assert gibbs_of_rutile(700.0, 20.0).gibbs_energy / KCAL_PER_MOL == pytest.approx(-809.69, abs=0.04)


def test_quantum_rutile(gibbs_of_rutile):
    quantum, classical = (gibbs_of_rutile(700.0, convention=name).gibbs_energy for name in ("quantum", "mass"))
    assert (quantum - classical) / KCAL_PER_MOL == pytest.approx(0.54, abs=0.02)
