"""The limit of infinite size, with phonons of one phase at several sizes as the truth."""

from dataclasses import replace

import numpy as np
import pytest

from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN, FreeEnergy, infinite_size
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import KCAL_PER_MOL

FINITE = {72: -0.702, 270: -0.194, 576: -0.093, 1200: -0.046}
"""What has to be added to the free energy of so many atoms of rutile at 700 K, from its phonons (kcal/mol per TiO2)."""
LIMIT = -895.03 * KCAL_PER_MOL


def at(atoms, error=1e-3, **changes):
    terms = {"static": Estimate(LIMIT - FINITE[atoms] * KCAL_PER_MOL, error)}
    return FreeEnergy(
        temperature=700.0,
        pressure_gpa=0.0,
        method="equilibrium",
        convention="unit",
        finite_size="none",
        terms=terms,
        atoms=atoms,
        steps=100,
        volume=UNKNOWN,
        **changes,
    )


@pytest.mark.parametrize("sizes", [(72, 270), (270, 576), (72, 270, 576, 1200)])
def test_rutile(sizes):
    found = infinite_size([at(size) for size in sizes], 3)
    assert found.gibbs_energy == pytest.approx(LIMIT, abs=0.01 * KCAL_PER_MOL)
    assert (found.finite_size, found.atoms, found.steps) == ("line", max(sizes), 100 * len(sizes))
    assert f"through {', '.join(map(str, sizes))} atoms" in found.remarks[0]


def test_the_error_is_what_noise_makes_of_it():
    random = np.random.default_rng(1)
    values = []
    for _ in range(400):
        noisy = [at(size) for size in (72, 270)]
        noisy = [each.with_terms(noise=Estimate(random.normal(scale=1e-3), 0.0)) for each in noisy]
        values.append(infinite_size(noisy, 3))
    assert np.std([each.gibbs_energy for each in values]) == pytest.approx(values[0].error, rel=0.15)


@pytest.mark.parametrize(
    "found",
    [
        [at(72), replace(at(270), temperature=800.0)],
        [at(72), replace(at(270), finite_size="phonons")],
        [at(72), at(270, reason="molten")],
        [],
    ],
)
def test_what_does_not_belong_together_is_refused(found):
    with pytest.raises(ValueError, match="needs free energies of a phase that lasts"):
        infinite_size(found, 3)


def test_one_size_is_not_enough():
    with pytest.raises(ValueError, match="two sizes or more"):
        infinite_size([at(72), at(72)], 3)
