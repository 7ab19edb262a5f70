"""Commands that run something, on argon with a potential of ASE's own: quick, and in this process."""

from __future__ import annotations

import json

import click
import numpy as np
import pytest
import yaml
from aiida import orm
from click.testing import CliRunner
from fields import FIELDS, RELAX_FIELDS, SEARCH_FIELDS

from aiida_polymorph.cli import main
from aiida_polymorph.cli.processes import carry_out
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.formats import read_structures, write_structures
from aiida_polymorph.search.space_groups import space_group
from aiida_polymorph.structures import StructureSet


@pytest.fixture
def potential_file(tmp_path, lennard_jones):
    path = tmp_path / "argon.yaml"
    path.write_text(yaml.safe_dump(dict(lennard_jones.to_potential().to_dict(), files=[])))
    return str(path)


@pytest.fixture
def run(monkeypatch):
    """Return a function that runs a command and returns its result; anything but a clean end fails."""
    monkeypatch.setattr("aiida_polymorph.cli.processes.SECONDS_BETWEEN_LOOKS", 0.05)

    def command(*args: str, exit_code: int = 0):
        result = CliRunner().invoke(main, [str(arg) for arg in args])
        assert result.exit_code == exit_code, result.output
        assert "Traceback" not in result.output
        return result

    return command


@pytest.fixture
def argon_files(tmp_path, argon: StructureSet):
    paths = [tmp_path / f"{name}.extxyz" for name in ("first", "second")]
    for row, path in enumerate(paths):
        write_structures(argon.select([row]), path, "extxyz")
    return [str(path) for path in paths]


def test_search_status_and_once_more(run, potential_file, relax_code) -> None:
    args = ["search", "Ar", "--potential", potential_file, "--pressure", "1,2", "--number", "3", "--formula-units", "2"]
    args += ["--minimum-separation", "Ar-Ar=3.0", "--code", relax_code.full_label, "--json"]
    rows = json.loads(run(*args).stdout)
    assert [row["pressure_gpa"] for row in rows] == [1.0, 2.0]
    assert all(row.keys() >= SEARCH_FIELDS and row["relaxed"] == row["asked"] == 3 for row in rows)
    assert isinstance(orm.load_node(rows[0]["node"]), StructureSetData)
    assert [row["node"] for row in json.loads(run(*args).stdout)] == [row["node"] for row in rows]

    (status,) = json.loads(run("status", rows[1]["node"], "--json").stdout)
    assert status["relaxed"] == 3
    assert (status["state"], status["failed"], status["seconds_left"]) == ("finished", {}, 0.0)
    assert {row["node"] for row in json.loads(run("status", "--json").stdout)} >= {row["node"] for row in rows}
    assert "finished" in run("status").stdout


def test_search_with_symmetry_keeps_the_space_groups(run, potential_file, relax_code) -> None:
    args = ["search", "Ar", "--potential", potential_file, "--pressure", "1", "--number", "3", "--formula-units", "2,4"]
    args += ["--minimum-separation", "Ar-Ar=3.0", "--operations", "2,8", "--code", relax_code.full_label, "--json"]
    (row,) = json.loads(run(*args).stdout)
    structures = orm.load_node(row["node"]).to_set()
    assert structures.metadata["recipe"]["operations"] == [2, 8]
    orders = [space_group(int(number)).order for number in structures.columns["start_space_group"]]
    assert all(2 <= order <= 8 for order in orders)


def test_relax_lists_every_structure_at_every_pressure(run, potential_file, relax_code, argon_files) -> None:
    args = [
        "relax",
        *argon_files,
        "--potential",
        potential_file,
        "--pressure",
        "0:2:1",
        "--symprec",
        "0.1",
        "--code",
        relax_code.full_label,
    ]
    rows = json.loads(run(*args, "--json").stdout)
    assert [(row["name"], row["pressure_gpa"]) for row in rows] == [
        (name, pressure) for name in ("first", "second") for pressure in (0.0, 1.0, 2.0)
    ]
    assert all(set(row) >= RELAX_FIELDS and row["converged"] for row in rows)
    assert {row["space_group"] for row in rows} == {"Fm-3m"}
    volumes = [row["volume_a3_per_formula_unit"] for row in rows[:3]]
    assert np.all(np.diff(volumes) < 0)
    assert "Fm-3m" in run(*args).stdout


def test_import_and_export(run, tmp_path, argon: StructureSet) -> None:
    given = argon.with_columns(enthalpy=np.linspace(-1, 0, 6), name=[f"ar-{i}" for i in range(6)])
    path = tmp_path / "given.extxyz.gz"
    write_structures(given, path, "extxyz")
    answer = json.loads(run("import", path, "--pressure", "3", "--label", "from elsewhere", "--json").stdout)
    assert answer["count"] == 6
    assert answer.keys() >= FIELDS["import"]
    node = orm.load_node(answer["node"])
    assert (node.label, node.value("pressure_gpa"), node.value("metadata")["source"]["files"]) == (
        "from elsewhere",
        3.0,
        1,
    )
    for file_format in ("extxyz", "res"):
        out = tmp_path / f"out.{file_format}"
        run("export", node.pk, "--format", file_format, "-o", out)
        back = read_structures(out)
        np.testing.assert_allclose(back.column("enthalpy"), given.columns["enthalpy"])
        np.testing.assert_allclose(back.positions, given.positions, atol=1e-9)
    assert run("export", node.pk).stdout == (tmp_path / "out.extxyz").read_text()


def test_export_leaves_out_what_failed(run, tmp_path, argon: StructureSet, store_set) -> None:
    node = store_set(argon.with_columns(converged=[True] * 4 + [False] * 2))
    run("export", node.pk, "--converged", "-o", tmp_path / "kept.extxyz")
    assert len(read_structures(tmp_path / "kept.extxyz")) == 4


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["search", "Ti2O4", "--potential", "matsui-akaogi", "--pressure", "0"], "not reduced"),
        (["search", "xx", "--potential", "matsui-akaogi", "--pressure", "0"], "not a chemical formula"),
        (["search", "TiO2", "--potential", "nobody", "--pressure", "0"], "neither a file, nor one that ships"),
        (["search", "SiO2", "--potential", "matsui-akaogi", "--pressure", "0"], "doesn't know Si"),
        (["search", "TiO2", "--potential", "matsui-akaogi", "--pressure", "-5"], "no lower bound"),
        (["search", "TiO2", "--potential", "matsui-akaogi", "--pressure", "5:1:1"], "must rise"),
        (["search", "TiO2", "--potential", "matsui-akaogi", "--pressure", "0", "--number", "0"], "--number"),
        (
            ["search", "TiO2", "--potential", "matsui-akaogi", "--pressure", "0", "--minimum-separation", "TiO"],
            "Ti-O=1.6",
        ),
        (
            ["search", "TiO2", "--potential", "matsui-akaogi", "--pressure", "0", "--volume", "3"],
            "don't fit the volume",
        ),
        (
            ["search", "TiO2", "--potential", "matsui-akaogi", "--pressure", "0", "--code", "no@where"],
            "no code no@where",
        ),
        (
            ["search", "TiO2", "--potential", "matsui-akaogi", "--pressure", "0", "--operations", "2,8,16"],
            "two ends of a range",
        ),
        (
            ["search", "TiO2", "--potential", "matsui-akaogi", "--pressure", "0", "--symmetry-generator", "pyxtal"],
            "--purpose find",
        ),
        (["relax", "nowhere.res", "--potential", "matsui-akaogi", "--pressure", "0"], "does not exist"),
        (["import", "nowhere.res"], "does not exist"),
        (["export", "123456789"], "no node 123456789"),
        (["export", "not-a-node"], "no node not-a-node"),
        (["status", "123456789"], "no node 123456789"),
        (["status", "--json", "--watch"], "choose one"),
        (["analyse", "123456789"], "no node 123456789"),
        (["phases", "123456789"], "no node 123456789"),
        (["nonsense"], "No such command"),
    ],
)
def test_bad_input_is_told(args: list[str], message: str, relax_code) -> None:
    extra = ["--code", relax_code.full_label] if args[0] == "search" and "--code" not in args else []
    result = CliRunner().invoke(main, args + extra)
    assert result.exit_code not in (0, None)
    assert "Error: " in result.stderr
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert "unforeseen" not in result.stderr


def test_files_that_are_no_structures_are_told(run, tmp_path) -> None:
    (tmp_path / "cut.res").write_text(
        "TITL x 0 1 -1 0 0 2 (P1) n - 1\nCELL 1.0 3 3 3 90 90 90\nLATT -1\nSFAC Ti O\nTi 1 0 0"
    )
    (tmp_path / "text.xyz").write_text("nothing that is a structure\n")
    for name in ("cut.res", "text.xyz"):
        result = run("import", tmp_path / name, exit_code=1)
        assert name in result.stderr


def test_nodes_of_another_kind_are_told(run, store_set, argon) -> None:
    number = orm.Int(1).store()
    assert "is not a set of structures" in run("export", number.pk, exit_code=1).stderr
    assert "is neither a search" in run("status", number.pk, exit_code=1).stderr
    assert "is not an analysis" in run("phases", number.pk, exit_code=1).stderr
    assert "pressure" in run("analyse", store_set(argon).pk, exit_code=1).stderr


def test_without_a_daemon_not_waiting_is_refused(run, potential_file, relax_code) -> None:
    args = [
        "search",
        "Ar",
        "--potential",
        potential_file,
        "--pressure",
        "1",
        "--minimum-separation",
        "Ar-Ar=3.0",
        "--no-wait",
    ]
    assert "verdi daemon start" in run(*args, "--code", relax_code.full_label, exit_code=1).stderr


def test_an_interrupted_process_is_killed_and_not_taken_up(relax_code, lennard_jones, argon) -> None:
    from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

    structures = StructureSetData.from_set(argon.select([1]))

    def builder():
        return RelaxSetWorkChain.get_builder_from_protocol(relax_code, structures, lennard_jones, 1.25)

    seen = []

    def interrupt(nodes) -> None:
        seen.extend(nodes)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out([builder()], interrupt)
    assert seen[0].is_killed
    (again,) = carry_out([builder()], lambda nodes: None)
    assert again.is_finished_ok
    assert again.pk != seen[0].pk
    (same,) = carry_out([builder()], lambda nodes: None)
    assert same.pk == again.pk


@pytest.fixture
def handed_over(relax_code, lennard_jones, argon):
    """Return a builder, and the node of a process that the daemon was asked to run for it and has not finished."""
    from aiida_polymorph.cli.requests import REQUEST, THROUGH_DAEMON, request_key
    from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

    structures = StructureSetData.from_set(argon.select([1]))
    builder = RelaxSetWorkChain.get_builder_from_protocol(relax_code, structures, lennard_jones, 1.75)
    node = orm.WorkChainNode()
    node.set_process_state("waiting")
    node.store().base.extras.set_many({REQUEST: request_key(builder), THROUGH_DAEMON: True})
    yield builder, node
    node.set_process_state("killed")
    node.seal()


def test_what_the_daemon_has_to_do_is_not_done_here_as_well(handed_over) -> None:
    builder, node = handed_over
    with pytest.raises(click.ClickException, match=f"process {node.pk} does this already.*verdi daemon start"):
        carry_out([builder], lambda nodes: None)


def test_tasks_are_mended_where_processes_are_under_way(handed_over, monkeypatch) -> None:
    from aiida_polymorph.cli import processes

    commands = []
    monkeypatch.setattr(processes.subprocess, "run", lambda command, **_: commands.append(command))
    processes.mend_tasks()
    assert [command[3:] for command in commands] == [["process", "repair"]]


def test_what_the_daemon_works_on_is_waited_for(handed_over, monkeypatch, capsys) -> None:
    """The daemon is up, down, and up again, until the process ends."""
    builder, node = handed_over
    up = iter([True, True, False, False, True, True])
    monkeypatch.setattr("aiida_polymorph.cli.processes.daemon_is_running", lambda: next(up))
    monkeypatch.setattr("aiida_polymorph.cli.processes.SECONDS_BETWEEN_LOOKS", 0.0)
    looks = []

    def watch(nodes) -> None:
        looks.append([each.pk for each in nodes])
        if len(looks) == 5:
            node.set_process_state("finished")

    (taken,) = carry_out([builder], watch)
    assert taken.pk == node.pk
    assert looks[0] == [node.pk]
    told = capsys.readouterr().err
    assert told.count("The daemon has stopped") == told.count("The daemon is back") == 1


def test_at_most_so_many_are_under_way(relax_code, lennard_jones, argon) -> None:
    from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

    structures = StructureSetData.from_set(argon.select([0]))
    builders = [
        RelaxSetWorkChain.get_builder_from_protocol(relax_code, structures, lennard_jones, pressure)
        for pressure in (3.0, 3.1)
    ]
    most = []
    nodes = carry_out(builders, lambda nodes: most.append(sum(not n.is_terminated for n in nodes)), at_once=1)
    assert max(most) == 1
    assert [node.inputs.pressure_gpa.value for node in nodes] == [3.0, 3.1]
    assert all(node.is_finished_ok for node in nodes)
