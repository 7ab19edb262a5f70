"""Integration along isobars and isotherms of a model solid whose Gibbs energy is known."""

import numpy as np
import pytest

from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.integration import (
    SampledCurve,
    along_isobar,
    along_isotherm,
    closure,
)
from aiida_polymorph.units import GPA, KB

STEP = 1e-4


def gibbs(temperature, pressure):
    """A harmonic crystal of three atoms that is compressed and expands; eV."""
    volume = 30 * pressure - 0.06 * pressure**2 + 1.5e-4 * pressure**3
    harmonic = -4.5 * KB * temperature * np.log(temperature / 200)
    return -40 + volume * GPA + harmonic + 1e-7 * temperature**2 * (1 - 0.004 * pressure)


def enthalpy(temperature, pressure):
    slope = (gibbs(temperature + 0.1, pressure) - gibbs(temperature - 0.1, pressure)) / 0.2
    return gibbs(temperature, pressure) - temperature * slope


def volume(temperature, pressure):
    return (gibbs(temperature, pressure + 0.01) - gibbs(temperature, pressure - 0.01)) / 0.02 / GPA


def isobar(pressure, temperatures=(700.0, 1000.0, 1300.0, 1600.0), error=STEP):
    points = np.array(temperatures)
    return SampledCurve(points, enthalpy(points, pressure), np.full(len(points), error))


def isotherm(temperature, pressures=(0.0, 10.0, 20.0, 30.0, 40.0), error=STEP):
    points = np.array(pressures)
    return SampledCurve(points, volume(temperature, points), np.full(len(points), error))


def start(temperature, pressure):
    return Estimate(gibbs(temperature, pressure), 1e-3)


@pytest.mark.parametrize("last", [700.0, 1000.0, 1450.0, 1600.0])
def test_isobar(last):
    found = along_isobar(start(700.0, 10.0), isobar(10.0), 700.0, last)
    assert found.value == pytest.approx(gibbs(last, 10.0), abs=2e-4)
    assert found.error == pytest.approx(1e-3 * last / 700, rel=0.2)


@pytest.mark.parametrize("last", [0.0, 5.0, 40.0])
def test_isotherm_in_both_directions(last):
    found = along_isotherm(start(700.0, 20.0), isotherm(700.0), 20.0, last)
    assert found.value == pytest.approx(gibbs(700.0, last), abs=1e-3)


def test_a_loop_closes():
    high = along_isobar(start(700.0, 0.0), isobar(0.0), 700.0, 1600.0)
    one = along_isotherm(high, isotherm(1600.0), 0.0, 40.0)
    compressed = along_isotherm(start(700.0, 0.0), isotherm(700.0), 0.0, 40.0)
    other = along_isobar(compressed, isobar(40.0), 700.0, 1600.0)
    gap = closure((one, other))
    assert abs(gap.value) < 2e-4 < gap.error


def test_errors_are_those_of_many_noisy_runs():
    random = np.random.default_rng(1)
    exact = isobar(0.0, error=0.01)
    found = []
    for _ in range(300):
        noisy = exact._replace(values=exact.values + random.normal(scale=0.01, size=4))
        found.append(along_isobar(Estimate(gibbs(700.0, 0.0), 1e-9), noisy, 700.0, 1600.0))
    scatter = np.std([each.value for each in found])
    assert np.median([each.error for each in found]) == pytest.approx(scatter, rel=0.5)


def test_few_points_tell_how_little_they_know():
    sparse = along_isotherm(start(700.0, 0.0), isotherm(700.0, (0.0, 40.0)), 0.0, 40.0)
    assert abs(sparse.value - gibbs(700.0, 40.0)) < 2 * sparse.error
    assert sparse.error > 0.01


def test_nothing_is_extrapolated():
    with pytest.raises(ValueError, match="temperature from 700 to 1700 is outside of the points, 700 to 1600"):
        along_isobar(start(700.0, 0.0), isobar(0.0), 700.0, 1700.0)
    with pytest.raises(ValueError, match="pressure from 0 to 50 is outside"):
        along_isotherm(start(700.0, 0.0), isotherm(700.0), 0.0, 50.0)
    with pytest.raises(ValueError, match="must be positive"):
        along_isobar(start(700.0, 0.0), isobar(0.0)._replace(points=np.array([0.0, 1, 2, 3])), 0.0, 3.0)
