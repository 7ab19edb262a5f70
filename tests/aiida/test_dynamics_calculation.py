"""DynamicsCalculation: aiida-lammps's raw calculation with a script that is made, and codes that can run it."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiida import orm
from aiida.common.folders import SandboxFolder
from aiida.engine import run_get_node
from aiida_lammps.calculations.raw import LammpsRawCalculation
from ase.build import bulk

from aiida_polymorph.calculations import validation
from aiida_polymorph.calculations.dynamics import DynamicsCalculation
from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.cli import profiles
from aiida_polymorph.cli.nodes import find_code, find_lammps
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.lammps.output import read_series
from aiida_polymorph.lammps.settings import MinimiseSettings
from aiida_polymorph.lammps.system import END_MARKER
from aiida_polymorph.lammps.tasks import run_task
from aiida_polymorph.potential import Potential
from aiida_polymorph.workflows.dynamics import DynamicsWorkChain

ARGON = Potential(
    "argon", "lammps", ("Ar",), commands=("pair_style lj/cut 6.5", "pair_coeff 1 1 0.0104 3.405"), files={"a.txt": "1"}
)
STEP = {"task": "minimise", "settings": {}}


@pytest.fixture
def crystal() -> orm.StructureData:
    return orm.StructureData(ase=bulk("Ar", "fcc", a=5.25, cubic=True).repeat(3))


@pytest.fixture
def inputs(code, crystal):
    return {
        "code": code,
        "crystal": crystal,
        "potential": PotentialData.from_potential(ARGON),
        "parameters": orm.Dict(STEP),
    }


@pytest.fixture
def lammps_code(aiida_code_installed, lammps):
    """Return a function that makes a code of LAMMPS set up for a plugin."""

    def make(plugin: str | None) -> orm.InstalledCode:
        label = f"lmp-{(plugin or 'none').replace('.', '-')}"
        return aiida_code_installed(label=label, filepath_executable=lammps, default_calc_job_plugin=plugin)

    return make


def test_it_is_the_raw_calculation_of_aiida_lammps(inputs):
    assert issubclass(DynamicsCalculation, LammpsRawCalculation)
    known = set(DynamicsCalculation.spec().inputs) - {"metadata", "monitors", "remote_folder"}
    assert known == {"code", "crystal", "potential", "parameters", "positions"}


def test_job_folder(inputs, make_process):
    process = make_process(DynamicsCalculation, inputs)
    with SandboxFolder() as folder:
        info = process.prepare_for_submission(folder)
        names = folder.get_content_list()
        script = Path(folder.get_abs_path("lammps.in")).read_text()
    assert sorted(names) == ["a.txt", "crystal.data", "lammps.in"]
    assert END_MARKER in script
    (code,) = info.codes_info
    assert code.cmdline_params == ["-in", "lammps.in", "-log", "log.lammps", "-screen", "none"]
    assert (code.stdout_name, code.stderr_name) == ("lammps.out", "lammps.err")
    assert info.provenance_exclude_list == ["a.txt"]
    assert set(info.retrieve_list) == {"log.lammps", "lammps.out", "lammps.err"}
    assert [pattern for pattern, *_ in info.retrieve_temporary_list] == ["*.dat", "*.dump"]


def test_the_script_is_stored_once_and_is_no_node(inputs, crystal, tmp_path):
    outputs, node = run_get_node(DynamicsCalculation, **inputs)
    assert node.is_finished_ok, node.exit_message
    assert set(node.base.links.get_incoming().all_link_labels()) == {"code", "crystal", "potential", "parameters"}
    assert "pair_style lj/cut 6.5" in node.base.repository.get_object_content("lammps.in")
    expected = run_task(tmp_path, "minimise", crystal.get_ase(), ARGON, MinimiseSettings())
    (energy,) = read_series(expected["energies.dat"])["energy"]
    assert outputs["results"].get_array("energies__energy") == pytest.approx(energy, abs=1e-9)


def test_an_end_without_the_marker_is_no_success(inputs, aiida_code_installed):
    inputs["code"] = aiida_code_installed(label="true", filepath_executable="/bin/true")
    _, node = run_get_node(DynamicsCalculation, **inputs)
    assert node.exit_status == DynamicsCalculation.exit_codes.ERROR_NOT_STARTED.status


@pytest.mark.parametrize("plugin", [None, "lammps.raw", "lammps.base", "polymorph.dynamics"])
def test_codes_that_are_lammps_are_taken(inputs, lammps_code, make_process, plugin):
    code = lammps_code(plugin)
    assert find_lammps(code.full_label).uuid == code.uuid
    make_process(DynamicsCalculation, {**inputs, "code": code})


def test_codes_of_something_else_are_refused(inputs, lammps_code, make_process):
    code = lammps_code("polymorph.relax_set")
    words = "is set up for polymorph.relax_set; molecular dynamics needs LAMMPS's executable"
    with pytest.raises(ValueError, match=words):
        find_lammps(code.full_label)
    for process in (DynamicsCalculation, DynamicsWorkChain):
        with pytest.raises(ValueError, match=words):
            make_process(process, {**inputs, "code": code})


def test_lammps_is_no_code_for_relaxations(lammps_code, lennard_jones, argon, make_process):
    code = lammps_code("lammps.base")
    words = "set up for lammps.base, so it is LAMMPS's executable; relaxations need a Python"
    with pytest.raises(ValueError, match=words):
        find_code(code.full_label)
    with pytest.raises(ValueError, match=words):
        make_process(
            RelaxSetCalculation,
            {
                "code": code,
                "structures": StructureSetData.from_set(argon),
                "potential": lennard_jones,
                "pressure_gpa": orm.Float(0.0),
            },
        )


def test_without_a_label_the_only_code_for_lammps_is_taken(lammps_code, monkeypatch):
    monkeypatch.setattr(validation, "LAMMPS_PLUGINS", ("one.of.a.kind", "another.of.a.kind"))
    monkeypatch.setattr(profiles, "LAMMPS_CODE", "not-there")
    with pytest.raises(ValueError, match="there is no code not-there@localhost; `aiida-polymorph setup` makes it"):
        find_lammps(None)
    only = lammps_code("one.of.a.kind")
    assert find_lammps(None).uuid == only.uuid
    lammps_code("another.of.a.kind")
    with pytest.raises(ValueError, match="choose one with --code: lmp-one-of-a-kind@localhost, lmp-another-of-a-kind"):
        find_lammps(None)
