"""Results that today's code would compute anew, and what made a number."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from aiida import orm
from click.testing import CliRunner
from edits import a_comment, in_a_function

import aiida_polymorph
from aiida_polymorph.calculations.functions.structures import extract_structure
from aiida_polymorph.cli import main
from aiida_polymorph.cli.processes import carry_out
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.results import outdated
from aiida_polymorph.results.outdated import outdated_rows
from aiida_polymorph.results.versions import code_today, made_by, recorded_code
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

OPTIMISER = "aiida_polymorph.relaxation.driver.optimiser"
SET = "aiida_polymorph.structures"
FIELDS = {"node", "process", "label", "of", "made", "aiida_polymorph", "code", "reason", "steps"}
NOTHING = "Every result in this profile was made by the code as it is today."


def run(*args: object, exit_code: int = 0):
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture
def empty(monkeypatch) -> None:
    """Let processes from now on be all that there are: other tests of this session need theirs."""
    latest = orm.QueryBuilder().append(orm.Node, project="id").order_by({orm.Node: {"id": "desc"}}).first(flat=True)
    monkeypatch.setattr(outdated, "OF_OURS", {"and": [outdated.OF_OURS, {"id": {">": latest or 0}}]})


@pytest.fixture
def results(empty, argon, lennard_jones, relax_code) -> dict[str, orm.ProcessNode]:
    """A relaxation of structures that no other test has, and a calcfunction that somebody called."""
    structures = StructureSetData.from_set(argon.select([0, 1]).with_metadata(note=str(uuid4())))
    structures.label = "one of argon"
    builder = RelaxSetWorkChain.get_builder_from_protocol(relax_code, structures, lennard_jones, 1.5)
    (relaxation,) = carry_out([builder], lambda nodes: None)
    assert relaxation.is_finished_ok
    return {"relaxation": relaxation, "extraction": extract_structure.run_get_node(structures, orm.Int(0))[1]}


def test_a_profile_of_today(results) -> None:
    assert outdated_rows() == []
    assert run("status", "--outdated").stdout.strip() == NOTHING
    assert json.loads(run("status", "--outdated", "--json").stdout) == []


def test_results_whose_code_has_changed(results, edited) -> None:
    edited(OPTIMISER, a_comment)
    assert outdated_rows() == []
    edited(OPTIMISER, in_a_function("description"))
    (row,) = outdated_rows()
    relaxation = results["relaxation"]
    assert set(row) == FIELDS
    assert (row["node"], row["process"]) == (relaxation.pk, "RelaxSetWorkChain")
    assert row["of"] == "one of argon, 1.5 GPa"
    assert row["steps"] == {"RelaxSetCalculation": 1}
    assert row["reason"] == "the code of RelaxSetCalculation has changed"
    assert row["aiida_polymorph"] == aiida_polymorph.__version__
    assert row["code"] == relaxation.base.attributes.get("science_version")
    (printed,) = json.loads(run("status", "--outdated", "--json").stdout)
    assert printed == row
    text = run("status", "--outdated").stdout
    assert all(part in text for part in (str(row["node"]), "one of argon, 1.5 GPa", row["code"][:8], row["reason"]))


def test_a_result_that_was_computed_anew_is_no_longer_listed(results, edited) -> None:
    edited(SET, in_a_function("select"))
    assert {row["node"] for row in outdated_rows()} == {node.pk for node in results.values()}
    extract_structure.run_get_node(results["extraction"].inputs.structures, orm.Int(0))
    assert [row["node"] for row in outdated_rows()] == [results["relaxation"].pk]
    extract_structure.run_get_node(results["extraction"].inputs.structures, orm.Int(1))
    assert [row["node"] for row in outdated_rows()] == [results["relaxation"].pk]


def stored(process_type: str, node_class: type = orm.CalcFunctionNode, **attributes: object) -> orm.ProcessNode:
    """A finished process as another version of the package may have stored it."""
    node = node_class()
    node.process_type = process_type
    node.set_process_label(process_type.rpartition(".")[2])
    node.set_process_state("finished")
    node.set_exit_status(0)
    node.base.attributes.set_many(attributes)
    return node.store()


def test_results_of_earlier_versions(results) -> None:
    version = {"core": "2.9.0", "plugin": "0.1.0"}
    kept = stored("aiida_polymorph.calculations.functions.structures.extract_structure", version=version)
    gone = stored("aiida_polymorph.calculations.functions.structures.of_former_times", version=version)
    sweep = stored("aiida.workflows:polymorph.sweep", orm.WorkChainNode, version=version)
    other = stored("aiida.calculations:quantumespresso.pw", version=version)
    rows = {row["node"]: row for row in outdated_rows()}
    assert set(rows) == {kept.pk, gone.pk, sweep.pk}
    assert rows[kept.pk]["reason"] == rows[sweep.pk]["reason"] == "made before the code was recorded"
    assert rows[gone.pk]["reason"] == "of_former_times is no longer part of the package"
    assert (rows[kept.pk]["code"], rows[kept.pk]["aiida_polymorph"]) == (None, "0.1.0")
    assert str(made_by(kept)) == "aiida-polymorph 0.1.0, code not recorded"
    assert str(made_by(other)) == "plugin 0.1.0"


def test_a_job_of_another_plugin_counts_with_our_parser(empty, edited) -> None:
    today = code_today("aiida.calculations:castep.castep", "polymorph.castep")
    settings = {"parser_name": "polymorph.castep", "version": {"plugin": "2.0.1"}}
    kind = "aiida.calculations:castep.castep"
    stored(kind, orm.CalcJobNode, cache_version={"parser": today}, **settings)
    assert outdated_rows() == []
    edited("aiida_polymorph.parsers.castep", in_a_function("whole_lines"))
    (row,) = outdated_rows()
    assert row["reason"] == "the code of castep has changed"


def test_unfinished_and_failed_processes_have_no_results(empty) -> None:
    kind = "aiida_polymorph.calculations.functions.structures.extract_structure"
    stored(kind, exit_status=301)
    stored(kind, process_state="excepted")
    assert outdated_rows() == []


def test_numbers_that_somebody_had_to_raise_are_no_code() -> None:
    assert recorded_code({"cache_version": {"calc_job": 2}}) is None
    assert recorded_code({"cache_version": {"calc_job": "abc", "parser": "def"}}) == "abc"


def test_it_takes_three_queries_however_many_results_there_are(results, monkeypatch, edited) -> None:
    calls = []
    plain = orm.QueryBuilder.iterall

    def counted(self, *args, **kwargs):
        calls.append(self)
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(orm.QueryBuilder, "iterall", counted)
    for number in range(20):
        extract_structure.run_get_node(results["extraction"].inputs.structures, orm.Int(number % 1))
    edited(SET, in_a_function("select"))
    calls.clear()
    assert len(outdated_rows()) == 22
    assert len(calls) == 3


@pytest.mark.parametrize("args", [["--watch"], ["1"]])
def test_outdated_is_of_the_whole_profile(args: list[str]) -> None:
    assert "--outdated lists all results" in run("status", "--outdated", *args, exit_code=2).stderr
