"""Energies, forces and stresses of many structures in one job: as the engine has them, in the order given."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators import emt

from aiida_polymorph.local.relaxation import evaluate
from aiida_polymorph.potential import Potential, load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.relaxation.driver.job import END_MARKER, EVALUATE, RESULTS_FILE
from aiida_polymorph.relaxation.evaluations import (
    NOT_EVALUATED,
    Evaluations,
    count_evaluations,
    joined,
    left,
    read_evaluations,
)
from aiida_polymorph.relaxation.jobs import write_job
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA

EMT = Potential("EMT", "ase", ("Cu", "Al"), calculator="ase.calculators.emt.EMT")


def shaken(number=5):
    """Crystals of copper and aluminium of different size, none at rest."""
    crystals = [bulk(symbol, "fcc", a=a).repeat((1 + i, 1, 1)) for i, (symbol, a) in enumerate([("Cu", 3.7)] * number)]
    for seed, atoms in enumerate(crystals):
        atoms.rattle(0.1, seed=seed)
    return StructureSet.from_atoms(crystals, {"index": 10 + np.arange(number)})


def test_an_ase_calculator_says_the_same():
    structures = shaken()
    found = evaluate(structures, EMT, processes=2)
    assert found.reasons.tolist() == [""] * 5
    assert found.index.tolist() == [10, 11, 12, 13, 14]
    for row, atoms in enumerate(structures):
        atoms.calc = emt.EMT()
        own = slice(*found.offsets[row : row + 2])
        assert found.energies[row] == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        assert found.forces[own] == pytest.approx(atoms.get_forces(), abs=1e-9)
        assert found.stresses[row] == pytest.approx(atoms.get_stress(voigt=False) / GPA, abs=1e-7)


def test_lammps_forces_are_slopes_of_its_energies_in_a_turned_and_tilted_cell():
    pytest.importorskip("lammps")
    rutile = load_references("TiO2")
    atoms = rutile[rutile.column("name").tolist().index("rutile")]
    atoms.rattle(0.05, seed=1)
    atoms.set_cell(np.array([[1, 0, 2], [0, 1, 0], [0, 0, 1]]) @ np.asarray(atoms.cell))
    atoms.rotate(50, (1, 2, 3), rotate_cell=True)
    step, copies = 0.005, [atoms]
    for site, axis in ((0, 0), (2, 1), (5, 2)):
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[site, axis] += sign * step
            copies.append(moved)
    found = evaluate(StructureSet.from_atoms(copies), load_potential("matsui-akaogi"))
    forces = found.forces[:6]
    for number, (site, axis) in enumerate(((0, 0), (2, 1), (5, 2))):
        up, down = found.energies[1 + 2 * number : 3 + 2 * number]
        assert forces[site, axis] == pytest.approx(-(up - down) / (2 * step), abs=2e-3)
    assert forces.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-6)


def test_a_structure_that_fails_costs_itself_only():
    overlapping = bulk("Cu", "fcc", a=3.7).repeat((2, 1, 1))
    overlapping.positions[1] = overlapping.positions[0]
    unknown = bulk("Cu", "fcc", a=3.7)
    found = evaluate(StructureSet.from_atoms([unknown, overlapping, unknown]), EMT)
    assert found.reasons[0] == found.reasons[2] == ""
    assert found.reasons[1]
    assert np.isnan(found.energies[1])
    assert np.isnan(found.forces[1:3]).all()
    counts = count_evaluations(found)
    assert (counts["asked"], counts["done"], counts["evaluated"]) == (3, 3, 2)
    assert sum(counts["failed"].values()) == 1


def test_a_job_that_was_cut_off_goes_on_where_it_stopped(tmp_path):
    structures = shaken()
    write_job(tmp_path, structures, EMT, 0.0, task=EVALUATE)
    whole = evaluate(structures, EMT)
    known = {"index": 11, "energy": 1.5, "forces": [[0, 0, 0]] * 2, "stress": [[0] * 3] * 3}
    ended = {"converged": True, "reason": "", "force_calls": 1, "cpu_seconds": 0.1}
    lines = [json.dumps({**known, **ended}), '{"index": 12, "ener']
    (tmp_path / RESULTS_FILE).write_text("\n".join(lines))
    assert read_evaluations("\n".join(lines), structures).there.tolist() == [False, True, False, False, False]
    out = subprocess.run([sys.executable, "-m", "driver"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert END_MARKER in out.stdout
    found = read_evaluations((tmp_path / RESULTS_FILE).read_text(), structures)
    assert found.there.all()
    assert found.energies[1] == 1.5
    assert found.energies[[0, 2, 3, 4]] == pytest.approx(whole.energies[[0, 2, 3, 4]])


def test_parts_are_joined_and_what_is_left_is_known():
    structures = shaken()
    whole = evaluate(structures, EMT)
    first, second = structures.select([3, 0]), structures.select([1, 3])
    parts = [evaluate(first, EMT), evaluate(second, EMT)]
    assert left(structures, parts).column("index").tolist() == [12, 14]
    together = joined(parts, structures)
    assert together.reasons.tolist() == ["", "", NOT_EVALUATED, "", NOT_EVALUATED]
    known = [0, 1, 3]
    assert together.energies[known] == pytest.approx(whole.energies[known])
    for row in known:
        own = slice(*whole.offsets[row : row + 2])
        assert together.forces[own] == pytest.approx(whole.forces[own])
    assert np.isnan(together.forces[slice(*whole.offsets[2:4])]).all()


def test_nothing_to_read_is_nothing_evaluated():
    found = read_evaluations("", shaken())
    assert {each.name for each in fields(Evaluations)} >= {"energies", "forces", "stresses", "reasons"}
    assert not found.there.any()
    assert len(found) == 5
