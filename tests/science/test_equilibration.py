"""What dynamics at constant pressure tells, from invented series whose truth is known."""

import numpy as np
import pytest

from aiida_polymorph.thermodynamics.sampling.equilibration import enthalpy_slope, verdict
from aiida_polymorph.units import GPA


@pytest.mark.parametrize("pressure", [0.0, 20.0])
def test_slope_of_the_enthalpy(pressure):
    random = np.random.default_rng(1)
    volume = 1000 + random.normal(scale=5.0, size=20_000)
    slope = 4.0 * GPA
    energy = -500 + (slope - pressure * GPA) * (volume - 1000) + random.normal(scale=0.05, size=len(volume))
    assert enthalpy_slope({"energy": energy, "volume": volume}, pressure) == pytest.approx(slope, rel=0.01)


@pytest.mark.parametrize(
    ("shift", "lindemann", "strain", "reason"),
    [
        (0.1, 0.15, 0.01, ""),
        (0.1, 0.25, 0.01, "molten or rearranged: atoms move by 0.25"),
        (0.3, 0.15, 0.01, "transformed: mean positions have left the sites of the crystal by 0.30 angstrom"),
        (0.1, 0.15, 0.05, "transformed: the mean cell breaks the symmetry of the crystal by a strain of 0.050"),
    ],
)
def test_verdict(shift, lindemann, strain, reason):
    assert verdict(shift, lindemann, strain).startswith(reason)
    assert bool(verdict(shift, lindemann, strain)) == bool(reason)
