"""Free energies through AiiDA: solid argon with LAMMPS, cold enough that the harmonic limit is the truth."""

from __future__ import annotations

import json
import stat

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida.plugins import ParserFactory
from ase import Atoms
from ase.build import bulk
from click.testing import CliRunner
from fields import FREE_ENERGY_FIELDS, INTEGRATE_FIELDS

from aiida_polymorph.cli import main
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.lammps.system import END_MARKER
from aiida_polymorph.local.free_energy import compute_free_energy
from aiida_polymorph.potential import Potential
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.harmonic import HarmonicWorkChain
from aiida_polymorph.workflows.integrate import IntegrateWorkChain

ARGON = {
    "name": "argon",
    "backend": "lammps",
    "species": ["Ar"],
    "units": "metal",
    "commands": ["pair_style lj/cut 6.5", "pair_modify shift yes", "pair_coeff 1 1 0.0104 3.405"],
}
COLD = 10.0
UNBALANCED = 1e-4
"""eV: a tenth of kB T, what runs as short as these leave of where they started."""

QUICK = {
    "target_atoms": 108,
    "target_error": 5e-4,
    "equilibrate": {"equilibration_steps": 300, "npt_steps": 600, "nvt_steps": 300, "timestep_fs": 5.0},
    "dynamics": {"equilibration_steps": 60, "timestep_fs": 5.0, "damping_fs": 200.0},
}


@pytest.fixture
def potential():
    return PotentialData.from_potential(Potential.from_dict(ARGON))


@pytest.fixture
def fcc():
    return orm.StructureData(ase=bulk("Ar", "fcc", a=5.25))


@pytest.fixture
def build(code, potential, fcc):
    """Return a function that makes a builder of a free energy."""

    def builder(process=FreeEnergyWorkChain, structure=None, temperature=COLD, pressure=0.0, **parameters):
        return process.get_builder_from_protocol(
            code, structure or fcc, potential, temperature, pressure, overrides={"parameters": {**QUICK, **parameters}}
        )

    return builder


@pytest.fixture
def killed_once(aiida_code_installed, lammps, tmp_path):
    """LAMMPS that is killed in its first run of molecular dynamics."""
    script, marker = tmp_path / "lmp", tmp_path / "killed"
    script.write_text(
        f"#!/bin/bash\nif [ ! -e {marker} ] && grep -q 'fix cell all npt' lammps.in; then\n"
        f'  touch {marker}; echo LAMMPS > log.lammps; kill -9 $$\nfi\nexec {lammps} "$@"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return aiida_code_installed(label="killed", filepath_executable=str(script))


@pytest.mark.long
def test_both_routes_agree(build):
    found = {}
    for method, term in (("equilibrium", "springs"), ("switching", "switching")):
        outputs, node = run_get_node(build(method=method))
        assert node.is_finished_ok, node.exit_message
        found[method] = outputs["free_energy"]
        assert 0 < found[method].value("error") <= 5e-4
        expected_terms = {"static", "einstein", term, "translation", "pressure_volume", "finite_size"}
        assert expected_terms <= set(found[method].value("terms"))
        assert found[method].value("metastable")
        assert (found[method].value("finite_size"), found[method].value("reason")) == ("phonons", "")
        rebuilt = found[method].to_free_energy()
        assert rebuilt.gibbs_energy == pytest.approx(found[method].value("gibbs_energy"))
    one, other = found.values()
    allowed = 4 * np.hypot(one.value("error"), other.value("error")) + UNBALANCED
    assert one.value("gibbs_energy") == pytest.approx(other.value("gibbs_energy"), abs=allowed)


@pytest.mark.long
def test_harmonic(build):
    outputs, node = run_get_node(build(HarmonicWorkChain, pressure=1.0, target_error=1e-4))
    assert node.is_finished_ok, node.exit_message
    found = outputs["free_energy"]
    assert (found.value("method"), found.value("metastable")) == ("harmonic", True)
    assert 0 < found.value("error") < 1e-4
    here = compute_free_energy(
        bulk("Ar", "fcc", a=5.25), Potential.from_dict(ARGON), COLD, 1.0, method="harmonic", target_atoms=108
    )
    assert found.value("gibbs_energy") == pytest.approx(here.gibbs_energy, abs=1e-6)
    assert found.value("volume")[0] == pytest.approx(here.volume.value, abs=1e-4)


@pytest.mark.long
def test_the_second_time_from_the_cache(build):
    with enable_caching(identifier="*polymorph*"):
        first = run_get_node(build(seed=7))[0]["free_energy"]
        outputs, node = run_get_node(build(seed=7))
    jobs = [each for each in node.called_descendants if isinstance(each, orm.CalcJobNode)]
    assert jobs
    assert all(job.base.caching.is_created_from_cache for job in jobs)
    assert outputs["free_energy"].value("gibbs_energy") == first.value("gibbs_energy")


@pytest.mark.long
def test_an_error_out_of_reach_keeps_what_was_computed(build):
    outputs, node = run_get_node(build(target_error=1e-7, max_steps=2000))
    assert node.exit_status == FreeEnergyWorkChain.exit_codes.ERROR_NOT_ACCURATE.status
    assert "max_steps are spent" in node.exit_message
    assert outputs["free_energy"].value("error") > 1e-7
    assert "asked for" in outputs["free_energy"].value("remarks")[0]


def test_a_supercell_too_small_for_the_cutoff(build):
    outputs, node = run_get_node(build(target_atoms=32))
    assert node.exit_status == FreeEnergyWorkChain.exit_codes.ERROR_SUPERCELL_TOO_SMALL.status
    assert "less than twice the potential's cutoff of 6.5" in node.exit_message
    assert "free_energy" not in outputs


def test_a_phase_that_does_not_last(build):
    simple_cubic = orm.StructureData(ase=bulk("Ar", "sc", a=3.6))
    outputs, node = run_get_node(build(structure=simple_cubic))
    assert node.exit_status == FreeEnergyWorkChain.exit_codes.ERROR_NOT_METASTABLE.status
    found = outputs["free_energy"]
    assert found.value("gibbs_energy") is None
    assert not found.value("metastable")
    assert found.value("reason") in node.exit_message


@pytest.mark.long
def test_a_job_that_was_killed_is_repeated(build, killed_once):
    builder = build()
    builder.code = killed_once
    _, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    labels = [each.exit_status for each in node.called_descendants if isinstance(each, orm.CalcJobNode)]
    assert labels.count(310) == 1


def test_lammps_that_gives_up_is_not_run_again(build):
    broken = {**ARGON, "commands": [*ARGON["commands"], "no_such_command"]}
    builder = build()
    builder.potential = PotentialData.from_potential(Potential.from_dict(broken))
    _, node = run_get_node(builder)
    assert node.exit_status == FreeEnergyWorkChain.exit_codes.ERROR_JOB_FAILED.status
    assert "no_such_command" in node.exit_message
    assert len([each for each in node.called_descendants if isinstance(each, orm.CalcJobNode)]) == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"target_atoms": 0}, "target_atoms is 0"),
        ({"method": "magic"}, "method is 'magic'"),
        ({"method": "harmonic"}, "polymorph.harmonic"),
        ({"target_error": -1.0}, "target_error is -1.0"),
        ({"equilibrate": {"npt": 5}}, "unknown setting npt"),
        ({"equilibrate": {"nvt_steps": 10}}, "nvt_steps is 10, must be 100 or more"),
        ({"equilibrate": {"seed": 3}}, "seed can't be set there"),
        ({"method": "switching", "dynamics": {"interval": 2}}, "unknown setting interval"),
    ],
)
def test_bad_parameters(build, make_process, parameters, message):
    with pytest.raises(ValueError, match=message):
        make_process(FreeEnergyWorkChain, build(**parameters)._inputs(prune=True))


def test_bad_potential_and_temperature(build, make_process, lennard_jones):
    builder = build(structure=orm.StructureData(ase=bulk("Cu")))
    with pytest.raises(ValueError, match="doesn't know Cu"):
        make_process(FreeEnergyWorkChain, builder._inputs(prune=True))
    builder = build()
    builder.potential = lennard_jones
    with pytest.raises(ValueError, match="need one of LAMMPS"):
        make_process(FreeEnergyWorkChain, builder._inputs(prune=True))
    with pytest.raises(ValueError, match="temperature is -5"):
        build(temperature=-5.0)


@pytest.mark.long
def test_integration_closes_its_loop(code, potential, fcc):
    builder = IntegrateWorkChain.get_builder_from_protocol(
        code,
        fcc,
        potential,
        [10.0, 20.0],
        [0.0, 0.2],
        overrides={"parameters": QUICK, "pressure_step": 0.1, "path_error": 1e-3, "at_once": 2},
    )
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    points = {(each["temperature_k"], each["pressure_gpa"]): each for each in outputs["gibbs_energies"].points}
    assert set(points) == {(10.0, 0.0), (20.0, 0.0), (10.0, 0.2), (20.0, 0.2)}
    assert all(each["metastable"] and each["error"] > 0 for each in points.values())
    corner = points[20.0, 0.2]
    assert abs(corner["gap"]) < 4 * corner["gap_error"]
    volume = (points[10.0, 0.2]["gibbs_energy"] - points[10.0, 0.0]["gibbs_energy"]) / 0.2 * 160.2177
    assert volume == pytest.approx((points[10.0, 0.2]["volume"] + points[10.0, 0.0]["volume"]) / 2, rel=0.01)
    direct = run_get_node(
        FreeEnergyWorkChain.get_builder_from_protocol(
            code, fcc, potential, 20.0, 0.2, overrides={"parameters": {**QUICK, "seed": 5}}
        )
    )[0]["free_energy"]
    both = np.hypot(corner["error"], direct.value("error"))
    assert corner["gibbs_energy"] == pytest.approx(direct.value("gibbs_energy"), abs=4 * both)


@pytest.fixture
def integration(code, potential, fcc):
    """Return a function that makes a builder of an integration over a grid."""

    def builder(temperatures, pressures, **overrides):
        given = {"parameters": QUICK, "pressure_step": 0.1, "path_error": 1e-3, "at_once": 2, **overrides}
        return IntegrateWorkChain.get_builder_from_protocol(
            code, fcc, potential, temperatures, pressures, overrides=given
        )

    return builder


def points_of(outputs):
    return {(each["temperature_k"], each["pressure_gpa"]): each for each in outputs["gibbs_energies"].points}


def called(node, label):
    return [each for each in node.called if each.process_label == label]


@pytest.mark.long
def test_sweeps_agree_with_points(integration):
    """Well within their errors, which are those of the start for the most part; it is the same for both."""
    found, nodes = {}, {}
    for isobars in ("points", "sweeps"):
        outputs, nodes[isobars] = run_get_node(
            integration([10.0, 15.0, 20.0], [0.0, 0.2], isobars=isobars, sweep_steps=4000)
        )
        assert nodes[isobars].is_finished_ok, nodes[isobars].exit_message
        found[isobars] = points_of(outputs)
    assert found["points"].keys() == found["sweeps"].keys()
    for place, point in found["points"].items():
        swept = found["sweeps"][place]
        assert swept["metastable"]
        both = np.hypot(point["error"], swept["error"])
        assert swept["gibbs_energy"] == pytest.approx(point["gibbs_energy"], abs=both)
        assert swept["configurational_enthalpy"] == pytest.approx(point["configurational_enthalpy"], abs=1e-4)
        assert swept["volume"] == pytest.approx(point["volume"], rel=5e-3)
    corner = found["sweeps"][20.0, 0.2]
    assert abs(corner["gap"]) < 4 * corner["gap_error"]
    assert found["sweeps"][10.0, 0.2]["gap"] is found["sweeps"][20.0, 0.0]["gap"] is None
    assert len(called(nodes["sweeps"], "SweepWorkChain")) == 2
    assert all(
        each.inputs.parameters["temperature"] == 10.0 for each in called(nodes["sweeps"], "EquilibrateWorkChain")
    )


@pytest.mark.long
def test_a_sweep_that_melts_is_followed_by_a_shorter_one(integration):
    outputs, node = run_get_node(integration([10.0, 20.0, 150.0], [0.1], isobars="sweeps", sweep_steps=4000))
    assert node.is_finished_ok, node.exit_message
    first, second = called(node, "SweepWorkChain")
    assert (first.exit_status, second.exit_status) == (410, 0)
    points = points_of(outputs)
    assert points[20.0, 0.1]["error"] > 0
    assert points[150.0, 0.1]["gibbs_energy"] is None
    assert points[150.0, 0.1]["reason"] == first.outputs.sweeps.value("reason")
    assert 20 < first.outputs.sweeps.value("broken_at") < 150


@pytest.mark.long
def test_a_sweep_that_fails_takes_the_higher_temperatures_only(integration):
    outputs, node = run_get_node(integration([10.0, 300.0], [0.0], isobars="sweeps", sweep_steps=4000))
    assert node.is_finished_ok, node.exit_message
    points = points_of(outputs)
    assert points[10.0, 0.0]["error"] > 0
    assert points[300.0, 0.0]["gibbs_energy"] is None
    assert "its sweep failed: sweep" in points[300.0, 0.0]["reason"]
    assert "boiling" in points[300.0, 0.0]["reason"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"isobars": "curves"}, "isobars is 'curves', must be points or sweeps"),
        ({"isobars": "sweeps", "sweep_steps": 900}, "sweep_steps is 900, must be 1000 or more"),
    ],
)
def test_bad_sweeps(integration, make_process, overrides, message):
    with pytest.raises(ValueError, match=message):
        make_process(IntegrateWorkChain, integration([10.0, 20.0], [0.0], **overrides)._inputs(prune=True))


@pytest.mark.parametrize(
    ("temperatures", "pressures", "message"),
    [([], [0.0], "temperatures is"), ([-3.0], [0.0], "temperatures is"), ([300.0], [-50.0], "pressures is")],
)
def test_bad_grids(code, potential, fcc, make_process, temperatures, pressures, message):
    with pytest.raises(ValueError, match=message):
        IntegrateWorkChain.get_builder_from_protocol(code, fcc, potential, temperatures, pressures)


@pytest.fixture
def parse(make_node, folder_of, potential, fcc):
    """Return a function that parses a job that left a log and files."""

    def run(log: str | None, files: dict[str, str] | None = None, err: str = ""):
        parameters = orm.Dict({"task": "evaluate", "settings": {}})
        inputs = {"crystal": fcc, "potential": potential, "parameters": parameters}
        retrieved = {"lammps.err": err, **({} if log is None else {"log.lammps": log})}
        node = make_node("polymorph.dynamics", inputs, retrieved)
        outputs, function = ParserFactory("polymorph.dynamics").parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(folder_of(files or {}))
        )
        return function.exit_status or 0, function.exit_message or "", outputs

    return run


ENERGIES = "# Time-averaged data\n# step energy\n0 -1.5\n1 -1.25\n"


def test_parser_of_a_complete_job(parse):
    log = f'master list distance cutoff = 8.5\nprint "{END_MARKER}"\n{END_MARKER}\n'
    status, _, outputs = parse(log, {"energies.dat": ENERGIES})
    assert status == 0
    assert outputs["results"].get_array("energies__energy").tolist() == [-1.5, -1.25]
    assert outputs["results"].value("neighbour_cutoff") == 8.5


@pytest.mark.parametrize(
    ("log", "files", "err", "status", "words"),
    [
        (None, {}, "lmp: command not found", 300, "command not found"),
        ("LAMMPS\nrun 1000\n", {}, "", 310, "before its end"),
        (f'LAMMPS\nprint "{END_MARKER}"\n', {}, "", 310, "before its end"),
        ("LAMMPS\nERROR: Lost atoms: original 108 current 107\n", {}, "", 320, "Lost atoms"),
        (f"{END_MARKER}\n", {"energies.dat": "# step energy\n"}, "", 330, "no row"),
    ],
)
def test_parser_of_jobs_that_failed(parse, log, files, err, status, words):
    found, message, outputs = parse(log, files, err)
    assert found == status
    assert words in message
    assert "results" not in outputs


@pytest.fixture
def files(tmp_path):
    """Files of a potential and of a crystal."""
    potential, crystal = tmp_path / "argon.yaml", tmp_path / "fcc.extxyz"
    potential.write_text(yaml.safe_dump(ARGON))
    atoms: Atoms = bulk("Ar", "fcc", a=5.25)
    atoms.write(crystal)
    return str(potential), str(crystal)


@pytest.mark.long
def test_commands(files, code, monkeypatch):
    monkeypatch.setattr("aiida_polymorph.cli.processes.SECONDS_BETWEEN_LOOKS", 0.05)
    potential, crystal = files
    shared = [crystal, "--potential", potential, "--code", code.full_label, "--atoms", "108", "--protocol", "fast"]
    result = CliRunner().invoke(main, ["free-energy", *shared, "--temperature", "10", "--json"])
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)
    assert row.keys() >= FREE_ENERGY_FIELDS
    assert row["name"] == "fcc"
    total = sum(term["value"] for term in row["terms"].values())
    assert row["gibbs_energy_ev_per_formula_unit"] == pytest.approx(total)
    sizes = ["--atoms", "108,256", "--finite-size", "line"]
    again = CliRunner().invoke(main, ["free-energy", *shared, *sizes, "--temperature", "10"])
    assert again.exit_code == 0, again.output
    assert "Gibbs energy" in again.stdout
    assert "finite size by a line through 108, 256 atoms" in again.stdout
    grid = ["--temperature", "10", "--pressure", "0,0.1", "--json"]
    result = CliRunner().invoke(main, ["integrate", *shared, *grid])
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    assert [each["pressure_gpa"] for each in rows] == [0.0, 0.1]
    assert all(each.keys() >= INTEGRATE_FIELDS and each["name"] == "fcc" for each in rows)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--temperature", "-5"], "temperature is -5"),
        (["--temperature", "10", "--method", "magic"], "not a method"),
        (["--temperature", "10", "--atoms", "108", "--finite-size", "line"], "needs two sizes or more"),
        (["--temperature", "10", "--atoms", "0"], "0 is less than 1"),
    ],
)
def test_commands_refuse_bad_input(files, code, arguments, words):
    potential, crystal = files
    result = CliRunner().invoke(
        main, ["free-energy", crystal, "--potential", potential, "--code", code.full_label, *arguments]
    )
    assert result.exit_code != 0
    assert words in result.output


def test_steps_of_sweeps_need_sweeps(files):
    potential, crystal = files
    grid = ["--temperature", "10,20", "--pressure", "0"]
    arguments = [crystal, "--potential", potential, *grid, "--sweep-steps", "5000"]
    result = CliRunner().invoke(main, ["integrate", *arguments])
    assert result.exit_code == 2
    assert "--sweep-steps needs --isobars sweeps" in result.output


@pytest.mark.parametrize("protocol", ["moderate", "fast", "precise"])
def test_sweeps_of_a_protocol(protocol):
    inputs = IntegrateWorkChain.get_protocol_inputs(protocol, {"isobars": "sweeps"})
    assert inputs["isobars"] == "sweeps"
    assert inputs["sweep_steps"] == {"moderate": 20_000, "fast": 5000, "precise": 60_000}[protocol]
