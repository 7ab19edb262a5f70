"""The convention of enthalpies: an Einstein crystal, whose Gibbs energy and its slope are known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from aiida_polymorph.thermodynamics.free_energy.kinetic import gibbs_helmholtz_enthalpy, kinetic_energy
from aiida_polymorph.thermodynamics.free_energy.result import wavelength_term
from aiida_polymorph.units import KB

ATOMS, ENERGY, SPRING = 3, -38.0, 12.0
CRYSTAL = Atoms("TiO2", positions=np.eye(3), cell=[5, 5, 5], pbc=True)


def gibbs(temperature, convention):
    configurational = ENERGY - 1.5 * ATOMS * KB * temperature * np.log(2 * np.pi * KB * temperature / SPRING)
    return configurational + (0.0 if convention == "unit" else wavelength_term(CRYSTAL, temperature))


@pytest.mark.parametrize("convention", ["unit", "mass"])
@pytest.mark.parametrize("temperature", [300.0, 1600.0])
def test_gibbs_and_helmholtz(convention, temperature):
    """H = G - T dG/dT, of energies of 3/2 kB T of potential energy for each atom."""
    slope = (gibbs(temperature + 0.1, convention) - gibbs(temperature - 0.1, convention)) / 0.2
    configurational = ENERGY + 1.5 * ATOMS * KB * temperature
    found = gibbs_helmholtz_enthalpy(configurational, temperature, convention, ATOMS)
    assert found == pytest.approx(gibbs(temperature, convention) - temperature * slope, abs=1e-7)


def test_kinetic_energy():
    assert kinetic_energy(1000.0, 2) == pytest.approx(3 * KB * 1000.0)
    assert kinetic_energy(np.array([0.0, 100.0]), 1).tolist() == [0.0, pytest.approx(150.0 * KB)]
