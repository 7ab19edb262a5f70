"""Free energies with LAMMPS itself: harmonic crystals, the Lennard-Jones solid, rutile, and what must be refused."""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.units import kB

pytest.importorskip("phonopy")

from aiida_polymorph.lammps.results import part
from aiida_polymorph.lammps.settings import SpringsSettings
from aiida_polymorph.lammps.tasks import LammpsFailedError
from aiida_polymorph.local.free_energy import NotMetastableError, compute_free_energy, phase_of
from aiida_polymorph.local.runner import LocalRunner
from aiida_polymorph.potential import Potential, load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.free_energy.assembly import assemble, drift_reason
from aiida_polymorph.thermodynamics.free_energy.equilibrated import equilibrate
from aiida_polymorph.thermodynamics.free_energy.equilibrium import POINTS
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import STIFFNESS, own_springs, quadrature, stage_mean
from aiida_polymorph.thermodynamics.free_energy.mean_cell import compute_phonons, relax_positions
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.registry import load_method
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import bulk_free_energy, supercell_free_energy
from aiida_polymorph.thermodynamics.plan import Sample, Task
from aiida_polymorph.units import GPA, KB, KCAL_PER_MOL

pytestmark = pytest.mark.skipif(
    not (shutil.which("lmp") or (Path(sys.executable).parent / "lmp").exists()),
    reason="LAMMPS is not there: no `lmp` on PATH or beside this Python",
)

ROUTES = ("equilibrium", "switching")
EPSILON, SIGMA = 119.8 * kB, 3.405
"""Argon."""


def lennard_jones(cutoff, dynamics_cutoff):
    """Cut off at so many sigma, what lies beyond added as if atoms were spread evenly."""

    def commands(radius):
        return (f"pair_style lj/cut {radius * SIGMA}", f"pair_coeff 1 1 {EPSILON} {SIGMA}", "pair_modify tail yes")

    return Potential("argon", "lammps", ("Ar",), commands=commands(cutoff), dynamics_commands=commands(dynamics_cutoff))


SHORT = lennard_jones(2.5, 2.5)
ARGON = bulk("Ar", "fcc", a=5.3)
SLOW = {"timestep_fs": 10.0, "damping_fs": 100.0}
"""Argon is slower than what the defaults are made for."""
QUICK = {"equilibration_steps": 300, "npt_steps": 1500, "nvt_steps": 1000, **SLOW, "barostat_fs": 2000.0}


def references():
    known = load_references("TiO2")
    return {str(name): known[i] for i, name in enumerate(known.columns["name"])}


class Prepared:
    """A crystal in its mean cell with its phonons: what both routes start from."""

    def __init__(self, folder, atoms, potential, **parameters):
        self.runner = LocalRunner(folder, potential)
        self.parameters = parameters
        asked = FreeEnergyParameters.from_dict(parameters)
        phase = replace(phase_of(atoms, potential), is_finite=True)
        self.equilibration = equilibrate(phase, asked, self.runner).found
        self.crystal, self.static = relax_positions(self.equilibration.atoms, self.runner)
        self.own = own_springs(self.equilibration.mean_squares, asked.temperature)
        self.phonons = compute_phonons(phase, self.crystal, asked.symprec, self.runner)
        self.units = formula_units_of(self.crystal.numbers)

    def run(self, method, **more):
        asked = FreeEnergyParameters.from_dict({**self.parameters, "method": method, **more})
        outcome = load_method(method).route(self.crystal, self.own, asked, self.runner)
        return outcome, assemble(asked, self.equilibration, self.crystal, self.static, outcome, self.phonons)


def total(outcome):
    return sum(term.value for term in outcome.terms.values())


# --- a harmonic crystal ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cold(tmp_path_factory):
    """Argon at 0.2 K: kT is 600 times less than the well is deep, and what is anharmonic is below 0.003 kT an atom."""
    return Prepared(
        tmp_path_factory.mktemp("cold"),
        ARGON,
        SHORT,
        temperature=0.2,
        target_atoms=32,
        equilibrate=QUICK,
        dynamics=SLOW,
    )


@pytest.mark.parametrize("method", ROUTES)
def test_a_harmonic_crystal(cold, method):
    thermal = KB * 0.2
    outcome, found = cold.run(method, target_error=0.05 * thermal, max_steps=50_000)
    exact = supercell_free_energy(cold.phonons, 0.2)
    assert 0 < outcome.error < 0.05 * thermal
    assert abs(total(outcome) - exact) < 4 * outcome.error + 0.003 * thermal
    infinite = cold.static / cold.units + bulk_free_energy(cold.phonons, 0.2)
    assert abs(found.gibbs_energy - infinite) < 4 * found.error + 0.003 * thermal
    assert found.finite_size == "phonons"
    assert found.remarks == ()


def test_errors_of_a_stage_are_honest(cold):
    """Of many runs of the softest stage the scatter is what each of them claims, give or take 9 % (60 runs)."""
    steps, strength = 400, float(quadrature(POINTS, 1 / STIFFNESS).points[0])
    springs = {"Ar": STIFFNESS * cold.own["Ar"]}
    settings = SpringsSettings(0.2, springs, ((strength, steps),) * 60, seed=7, **SLOW)
    arrays = cold.runner.run(Task("springs", "springs", Sample("perfect", cold.crystal), settings)).arrays
    counts = {"Ar": len(cold.crystal)}
    stages = [part(arrays, f"stage_{number:02d}") for number in range(60)]
    values, errors, *_ = np.array([stage_mean(each, strength, springs, counts, 0.2) for each in stages]).T
    assert np.std(values, ddof=1) < 1.3 * np.sqrt(np.mean(errors**2))


# --- the Lennard-Jones solid -----------------------------------------------------------------------------------------


def van_der_hoef(temperature, density):
    """Helmholtz energy and pressure of the fcc Lennard-Jones solid, full potential, in its own units.

    M. A. van der Hoef, J. Chem. Phys. 113, 8142 (2000), eqs. 14 and 21: a fit to simulations of the infinite crystal,
    for 0.1 <= T <= 2 and densities from melting up to 1.2; identical particles, thermal wavelength sigma.
    """
    static = np.array([-14.45392093, 6.065940096])
    anharmonic = np.array(
        [
            [-8.2151768, 12.070686, -6.6594615, 1.3211582],
            [13.404069, -20.632066, 11.564825, -2.3064801],
            [-5.5481261, 8.8465978, -5.0258631, 1.0070066],
        ]
    )
    harmonic = np.array([69.833875, -132.86963, 97.438593, -25.848057])

    def helmholtz(rho):
        lattice = static @ [rho**2, rho**4] / temperature
        powers = rho ** np.arange(3)[:, None] * temperature ** np.arange(1, 5)[None] / np.arange(1, 5)
        polynomial = np.sum(harmonic / np.arange(1, 5) * rho ** np.arange(1, 5))
        excess = -23.3450759 + lattice - 1.5 * np.log(temperature) - np.sum(anharmonic * powers) + polynomial
        return temperature * (excess + np.log(rho) - 1)

    step = 1e-4
    slope = (helmholtz(density + step) - helmholtz(density - step)) / (2 * step)
    return helmholtz(density), density**2 * slope


def test_the_published_formula_is_written_down_rightly():
    """At T = 1 the solid melts at a pressure of 4.00 and a density of 1.008 (same paper, eqs. 24 and 26, ours read)."""
    beta = 1.0
    melting = np.exp(-0.4759) * (16.89 - 7.2866 * beta - 2.9895 * beta**2)
    density = 0.92302 - 0.09218 + 0.62381 - 0.82672 + 0.49124 - 0.10847
    assert van_der_hoef(1.0, density)[1] == pytest.approx(melting, rel=0.02)


@pytest.fixture(scope="module")
def solid(tmp_path_factory):
    """T = 0.8, density 1.05, 108 atoms; accurate commands cut off at 8 sigma, dynamics at 4, both with tails."""
    temperature, density = 0.8, 1.05
    _, pressure = van_der_hoef(temperature, density)
    return Prepared(
        tmp_path_factory.mktemp("solid"),
        bulk("Ar", "fcc", a=SIGMA * (4 / density) ** (1 / 3)),
        lennard_jones(8.0, 4.0),
        temperature=temperature * EPSILON / KB,
        pressure_gpa=pressure * EPSILON / SIGMA**3 / GPA,
        target_atoms=108,
        equilibrate=QUICK,
        dynamics=SLOW,
    )


@pytest.mark.parametrize("method", ROUTES)
def test_the_lennard_jones_solid(solid, method):
    """Within 0.01 epsilon of the published Gibbs energy, which is what the fit is good for, and the error bars.

    The wavelength there is sigma, here 1 angstrom: 3 kT ln sigma. A crystal labelled, with the translations of its
    primitive cell, is worth as much as one of identical atoms.
    """
    temperature, density = 0.8, 1.05
    helmholtz, pressure = van_der_hoef(temperature, density)
    expected = EPSILON * (helmholtz + pressure / density - 3 * temperature * np.log(SIGMA))
    _, found = solid.run(method, target_error=0.01 * EPSILON, max_steps=100_000)
    volume, error = found.volume
    assert abs(volume - SIGMA**3 / density) < 4 * error + 0.002 * volume
    assert error < 0.005 * volume
    assert 0 < found.error < 0.011 * EPSILON
    assert abs(found.gibbs_energy - expected) < 4 * found.error + 0.01 * EPSILON


# --- rutile ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rutile(tmp_path_factory):
    return Prepared(
        tmp_path_factory.mktemp("rutile"),
        references()["rutile"],
        load_potential("matsui-akaogi"),
        temperature=700.0,
        target_atoms=72,
        equilibrate={"equilibration_steps": 500, "npt_steps": 2000, "nvt_steps": 1000},
    )


@pytest.mark.parametrize("method", ROUTES)
def test_rutile(rutile, method):
    """Against the classical harmonic limit of the same cell, and -895.02(2) of six runs up to 1200 atoms."""
    _, found = rutile.run(method, target_error=0.2 * KCAL_PER_MOL, max_steps=6000)
    harmonic = (rutile.static + bulk_free_energy(rutile.phonons, 700.0) * len(rutile.crystal)) / rutile.units
    assert len(rutile.crystal) == 72
    assert 0 < found.error < 0.25 * KCAL_PER_MOL
    assert abs(found.gibbs_energy - harmonic) < 4 * found.error + 0.05 * KCAL_PER_MOL
    assert abs(found.gibbs_energy / KCAL_PER_MOL + 895.02) < 4 * found.error / KCAL_PER_MOL + 0.05
    assert found.checks.get("drift", 0.9) == pytest.approx(0.9, abs=0.1)


def test_rutile_has_the_harmonic_limit_of_larger_cells(rutile):
    """-895.026 kcal/mol of supercells up to 2940 atoms: phonons of 72 atoms and the ions' long range lead there."""
    found = (rutile.static + bulk_free_energy(rutile.phonons, 700.0) * 72) / rutile.units
    assert found / KCAL_PER_MOL == pytest.approx(-895.026, abs=0.06)


def test_rutile_energies(rutile):
    """The enthalpy without kinetic energy is about that of a harmonic crystal, static + 9/2 kT for three atoms."""
    harmonic = rutile.static / rutile.units + 4.5 * KB * 700.0
    assert rutile.equilibration.enthalpy.value == pytest.approx(harmonic, abs=0.3 * KCAL_PER_MOL)
    assert rutile.equilibration.reason == ""


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": -300.0}, "temperature is -300.0, must be a positive number"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"temperature": np.nan}, "temperature is nan"),
        ({"pressure_gpa": np.inf}, "pressure_gpa is inf"),
        ({"target_atoms": 0}, "target_atoms is 0, must be a positive number"),
        ({"target_error": 0.0}, "target_error is 0.0"),
        ({"max_steps": -1}, "max_steps is -1"),
        ({"method": "guess"}, "method is 'guess', must be one of equilibrium, switching, harmonic"),
        ({"convention": "bohr"}, "convention is 'bohr', must be one of unit, mass, quantum"),
        ({"finite_size": "yes"}, "finite_size is 'yes'"),
        ({"size": 100}, "unknown parameter size; known are temperature"),
        ({"dynamics": {"steps": 3}}, "dynamics: unknown setting steps"),
        ({"equilibrate": {"steps": 3}}, "unknown setting steps"),
        ({"equilibrate": {"npt_steps": -3}}, "npt_steps is -3"),
    ],
)
def test_bad_parameters(change, message):
    with pytest.raises(ValueError, match=message):
        compute_free_energy(ARGON, SHORT, **{"temperature": 40.0, **change})


def test_bad_potentials():
    ase = Potential("lj", "ase", ("Ar",), calculator="ase.calculators.lj.LennardJones")
    with pytest.raises(ValueError, match="needs LAMMPS"):
        compute_free_energy(ARGON, ase, 40.0)
    with pytest.raises(ValueError, match="doesn't know Ne; it knows Ar"):
        compute_free_energy(bulk("Ne", "fcc", a=4.4), SHORT, 40.0)


def test_lammps_tells_what_is_wrong():
    wrong = Potential("wrong", "lammps", ("Ar",), commands=("pair_style lj/cut 8.0",))
    with pytest.raises(LammpsFailedError, match=r"ERROR.*pair coeffs"):
        compute_free_energy(ARGON, wrong, 40.0, target_atoms=8)


def test_an_unstable_crystal_is_refused():
    """Fluorite is a saddle of this potential at 0 GPa."""
    with pytest.raises(NotMetastableError):
        compute_free_energy(
            references()["fluorite"],
            load_potential("matsui-akaogi"),
            700.0,
            target_atoms=24,
            equilibrate={"equilibration_steps": 500, "npt_steps": 1000, "nvt_steps": 500},
        )


def test_a_crystal_above_its_melting_point_is_refused():
    with pytest.raises(NotMetastableError, match=r"molten|transformed"):
        compute_free_energy(ARGON, SHORT, 300.0, target_atoms=256, equilibrate=QUICK)


def test_a_supercell_in_which_atoms_see_themselves_is_refused():
    with pytest.raises(ValueError, match=r"108 atoms are 15.9 angstrom wide, less than twice .* target_atoms of 133"):
        compute_free_energy(ARGON, SHORT, 10.0, target_atoms=108)


def test_without_lammps():
    with pytest.raises(LammpsFailedError, match=r"LAMMPS does not start: .*nowhere"):
        compute_free_energy(ARGON, SHORT, 10.0, executable="/nowhere/lmp")


@pytest.mark.parametrize("method", ROUTES)
def test_an_error_that_the_steps_cannot_buy_is_remarked(cold, method):
    _, found = cold.run(method, target_error=1e-9, max_steps=5000)
    assert found.error > 1e-9
    assert any("above the 1e-09 asked for" in remark and "max_steps 5000" in remark for remark in found.remarks)
    assert np.isfinite(found.gibbs_energy)


def test_a_crystal_that_leaves_its_springs_is_refused(rutile):
    outcome, found = rutile.run("equilibrium", target_error=0.5 * KCAL_PER_MOL, max_steps=6000)
    assert found.reason == ""
    drifted = replace(outcome, checks={**outcome.checks, "drift": 3.0})
    assert (
        drift_reason(drifted) == "drifted on the springs: mean-square displacements are 3.0 times those without springs"
    )
