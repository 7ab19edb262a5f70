"""RelaxSetCalculation: bad input is refused, and the job folder holds what the driver needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.folders import SandboxFolder
from aiida.plugins import CalculationFactory

from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.data.structures import StructureSetData


@pytest.fixture
def inputs(relax_code, argon, lennard_jones):
    return {
        "code": relax_code,
        "structures": StructureSetData.from_set(argon),
        "potential": lennard_jones,
        "pressure_gpa": orm.Float(1.0),
    }


@pytest.fixture
def prepared(inputs, make_process):
    """Return a function that prepares the job folder and gives its content and the CalcInfo."""

    def prepare(**changes):
        process = make_process(RelaxSetCalculation, {**inputs, **changes})
        with SandboxFolder() as folder:
            info = process.prepare_for_submission(folder)
            job = json.loads(Path(folder.get_abs_path("job.json")).read_text())
            with np.load(folder.get_abs_path("structures.npz")) as file:
                arrays = dict(file)
            names = folder.get_content_list()
        return info, job, arrays, names

    return prepare


def test_job_folder(prepared, argon):
    info, job, arrays, names = prepared(parameters=orm.Dict({"force_tolerance": 0.02}))
    assert {"job.json", "structures.npz", "driver"} <= set(names)
    assert job["parameters"]["force_tolerance"] == 0.02
    assert job["potential"]["calculator"] == "ase.calculators.lj.LennardJones"
    assert (job["processes"], job["max_wall_seconds"]) == (1, None)
    np.testing.assert_array_equal(arrays["index"], argon.columns["index"])
    np.testing.assert_array_equal(arrays["pressure_gpa"], np.ones(6))
    assert info.codes_info[0].cmdline_params == ["-m", "driver"]
    assert info.retrieve_temporary_list == ["results.jsonl", "summary.json"]


def test_nothing_bulky_is_stored_twice(prepared):
    info, *_ = prepared()
    assert "structures.npz" in info.provenance_exclude_list
    assert "driver/__main__.py" in info.provenance_exclude_list
    assert not any("results" in name for name in info.retrieve_list)


def test_workers_and_wall_time_follow_the_options(prepared):
    options = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 3}, "max_wallclock_seconds": 1000}
    _, job, *_ = prepared(metadata={"options": options})
    assert job["processes"] == 3
    assert 900 <= job["max_wall_seconds"] < 1000


def test_short_wall_time_leaves_time_to_work(prepared):
    _, job, *_ = prepared(metadata={"options": {"max_wallclock_seconds": 20}})
    assert job["max_wall_seconds"] == 10


def test_each_structure_at_its_own_pressure(prepared, argon):
    pressures = np.arange(6.0)
    node = StructureSetData.from_set(argon.with_columns(pressure_gpa=pressures))
    _, _, arrays, _ = prepared(structures=node, pressure_gpa=None)
    np.testing.assert_array_equal(arrays["pressure_gpa"], pressures)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": {"force_tolerence": 1}}, "unknown relaxation parameter force_tolerence"),
        ({"parameters": {"force_tolerance": -1}}, "force_tolerance is -1"),
        ({"pressure_gpa": -30.0}, "crystals tear"),
        ({"pressure_gpa": float("nan")}, "crystals tear"),
        ({"pressure_gpa": None}, "pressure_gpa is missing"),
    ],
)
def test_bad_input_is_refused(inputs, make_process, changes, message):
    with pytest.raises(ValueError, match=message):
        make_process(RelaxSetCalculation, {**inputs, **changes})


def test_empty_set_is_refused(inputs, make_process, argon):
    with pytest.raises(ValueError, match="nothing to relax"):
        make_process(RelaxSetCalculation, {**inputs, "structures": StructureSetData.from_set(argon.select([]))})


def test_element_that_the_potential_does_not_know_is_refused(inputs, make_process, matsui_akaogi):
    with pytest.raises(ValueError, match=r"doesn't know Ar; it knows Ti, O"):
        make_process(RelaxSetCalculation, {**inputs, "potential": matsui_akaogi})


def test_entry_point():
    assert CalculationFactory("polymorph.relax_set") is RelaxSetCalculation
