"""A result is taken again while the code that made it is the same, and only then; on a profile as `setup` makes it."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
from collections.abc import Iterator

import click
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import CalcJob, FunctionProcess, WorkChain, run_get_node
from aiida.manage.caching import enable_caching
from aiida.parsers import Parser
from edits import PACKAGE, a_comment, in_a_function, other_words

import aiida_polymorph
from aiida_polymorph import versioned
from aiida_polymorph.calculations.evaluate_set import EvaluateSetCalculation
from aiida_polymorph.calculations.functions.structures import extract_structure
from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.cli.processes import carry_out, refuse_a_daemon_with_other_code
from aiida_polymorph.cli.requests import earlier, request_key
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.science_version import Sources, reach
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain


@pytest.fixture
def cached() -> Iterator[None]:
    """Caching as `setup` turns it on."""
    with enable_caching(identifier="*polymorph*"):
        yield


SET = "aiida_polymorph.structures"
OPTIMISER = "aiida_polymorph.relaxation.driver.optimiser"
CALCFUNCTIONS = "aiida_polymorph.calculations.functions.structures"
PARSER = "aiida_polymorph.parsers.relax_set"
EVALUATIONS = "aiida_polymorph.relaxation.evaluations"


def test_a_calcfunction_is_taken_from_the_cache_until_code_below_it_changes(cached, argon, edited) -> None:
    node = StructureSetData.from_set(argon).store()

    def run() -> orm.CalcFunctionNode:
        return extract_structure.run_get_node(node, orm.Int(3))[1]

    first = run()
    assert run().base.caching.get_cache_source() == first.uuid
    for module, change in (
        (SET, a_comment),
        (SET, other_words),
        (CALCFUNCTIONS, a_comment),
        (CALCFUNCTIONS, other_words),
    ):
        edited(module, change)
        assert run().base.caching.get_cache_source() == first.uuid
    edited(SET, in_a_function("select"))
    changed = run()
    assert not changed.base.caching.is_created_from_cache
    assert run().base.caching.get_cache_source() == changed.uuid
    edited(CALCFUNCTIONS, in_a_function("merge_structures"))
    assert run().base.caching.get_cache_source() == first.uuid, "another calcfunction of the same module"


def test_the_node_says_which_code_made_it(argon) -> None:
    _, node = extract_structure.run_get_node(StructureSetData.from_set(argon), orm.Int(0))
    assert node.process_type == "aiida_polymorph.calculations.functions.structures.extract_structure"
    assert re.fullmatch("[0-9a-f]{32}", node.base.attributes.get("science_version"))
    assert node.get_source_code_function().startswith("@calcfunction\ndef extract_structure(")
    assert "# aiida_polymorph.structures" in node.get_source_code_file()
    assert node.base.attributes.get("version")["plugin"] == aiida_polymorph.__version__


def test_results_without_a_digest_are_not_taken(cached, argon, monkeypatch) -> None:
    """They are of earlier versions, whose nodes have AiiDA's source file and no digest."""
    node = StructureSetData.from_set(argon).store()
    process = extract_structure.process_class
    with monkeypatch.context() as patch:
        patch.setattr(process, "_setup_db_record", FunctionProcess._setup_db_record)
        former = extract_structure.run_get_node(node, orm.Int(2))[1]
        assert extract_structure.run_get_node(node, orm.Int(2))[1].base.caching.get_cache_source() == former.uuid
    again = extract_structure.run_get_node(node, orm.Int(2))[1]
    assert again.base.attributes.get("science_version", None)
    assert not again.base.caching.is_created_from_cache


def test_a_job_is_taken_from_the_cache_until_its_code_changes(cached, argon, lennard_jones, relax_code, edited) -> None:
    def run() -> orm.CalcJobNode:
        inputs = {"structures": StructureSetData.from_set(argon.select([0])), "potential": lennard_jones}
        node = run_get_node(RelaxSetCalculation, code=relax_code, pressure_gpa=orm.Float(2.5), **inputs)[1]
        assert node.is_finished_ok
        return node

    first = run()
    assert set(first.base.attributes.get("cache_version")) == {"calc_job", "parser"}
    for module in (OPTIMISER, PARSER, "aiida_polymorph.calculations.relax_set"):
        for change in (a_comment, other_words):
            edited(module, change)
            assert run().base.caching.get_cache_source() == first.uuid
    for module, name in ((OPTIMISER, "description"), (PARSER, "_judge")):
        edited(module, in_a_function(name))
        assert not run().base.caching.is_created_from_cache, name


def test_evaluations_are_taken_from_the_cache_until_their_code_changes(
    cached, argon, lennard_jones, relax_code, edited
) -> None:
    def run() -> orm.CalcJobNode:
        inputs = {"structures": StructureSetData.from_set(argon.select([2])), "potential": lennard_jones}
        node = run_get_node(EvaluateSetCalculation, code=relax_code, **inputs)[1]
        assert node.is_finished_ok
        return node

    first = run()
    edited(PARSER, in_a_function("_judge"))
    assert run().base.caching.get_cache_source() == first.uuid, "the parser of other jobs"
    for module, name in (
        ("aiida_polymorph.relaxation.driver.worker", "evaluated"),
        ("aiida_polymorph.parsers.set_parser", "_verdict"),
        (EVALUATIONS, "read_evaluations"),
    ):
        edited(module, in_a_function(name))
        assert not run().base.caching.is_created_from_cache, name


def test_a_request_is_answered_again_until_its_code_changes(argon, lennard_jones, relax_code, edited) -> None:
    def builder():
        structures = StructureSetData.from_set(argon.select([1]))
        return RelaxSetWorkChain.get_builder_from_protocol(relax_code, structures, lennard_jones, 3.25)

    def ask() -> orm.ProcessNode:
        (node,) = carry_out([builder()], lambda nodes: None)
        assert node.is_finished_ok
        return node

    first = ask()
    edited(OPTIMISER, a_comment)
    assert ask().pk == first.pk
    for module, name in ((PARSER, "_judge"), ("aiida_polymorph.workflows.relax_set", "define")):
        edited(module, in_a_function(name))
        assert earlier(request_key(builder())) is None, module
    edited(OPTIMISER, in_a_function("description"))
    assert ask().pk != first.pk


def test_files_that_change_while_a_process_runs_leave_a_version_that_fits_no_other(cached, argon, monkeypatch) -> None:
    node = StructureSetData.from_set(argon).store()
    monkeypatch.setattr("aiida_polymorph.science_version.sources.STARTED", 0.0)
    library = reach.Library(Sources())
    monkeypatch.setattr(reach, "installed", lambda: library)
    reach._of_installed.cache_clear()
    try:
        first = extract_structure.run_get_node(node, orm.Int(1))[1]
        reach._of_installed.cache_clear()  # as in another process
        assert not extract_structure.run_get_node(node, orm.Int(1))[1].base.caching.is_created_from_cache
    finally:
        reach._of_installed.cache_clear()
    assert first.base.attributes.get("science_version").startswith("unsure-")
    monkeypatch.undo()
    with enable_caching(identifier="*polymorph*"):
        third = extract_structure.run_get_node(node, orm.Int(1))[1]
    assert not third.base.caching.is_created_from_cache


def test_a_request_with_a_step_of_unsure_code_is_not_taken_again(lennard_jones) -> None:
    process = orm.WorkChainNode()
    process.set_process_state("finished")
    process.set_exit_status(0)
    process.store().base.extras.set("polymorph_request", "unsure")
    assert earlier("unsure").pk == process.pk
    step = orm.CalcFunctionNode()
    step.base.attributes.set("science_version", "unsure-0123")
    step.base.links.add_incoming(process, link_type=LinkType.CALL_CALC, link_label="step")
    step.store()
    assert earlier("unsure") is None


def test_a_daemon_with_older_code_gets_no_work(monkeypatch, tmp_path) -> None:
    pid_file = tmp_path / "circus.pid"

    class Client:
        circus_pid_file = str(pid_file)

    monkeypatch.setattr("aiida.engine.daemon.client.get_daemon_client", Client)
    refuse_a_daemon_with_other_code(RelaxSetWorkChain)
    pid_file.touch()
    refuse_a_daemon_with_other_code(RelaxSetWorkChain)
    os.utime(pid_file, (0, 0))
    with pytest.raises(click.ClickException, match="verdi daemon restart"):
        refuse_a_daemon_with_other_code(RelaxSetWorkChain)


def everything(kind: type) -> list[type]:
    """Classes of a kind that the package defines, all of its modules loaded but those whose plugin is not there."""
    for module in pkgutil.walk_packages([str(PACKAGE)], "aiida_polymorph."):
        if not module.name.endswith("__main__") and ".driver." not in module.name:
            importlib.import_module(module.name)

    def below(cls: type) -> Iterator[type]:
        for each in cls.__subclasses__():
            yield each
            yield from below(each)

    return [each for each in below(kind) if each.__module__.startswith("aiida_polymorph.")]


@pytest.mark.parametrize(("kind", "least"), [(CalcJob, 3), (Parser, 4)])
def test_every_job_and_parser_has_its_code_in_its_hash(kind: type, least: int) -> None:
    found = everything(kind)
    assert len(found) >= least
    for each in found:
        assert isinstance(inspect.getattr_static(each, "CACHE_VERSION"), versioned.CodeVersion), each


def test_every_workchain_says_which_code_it_was() -> None:
    found = [each for each in everything(WorkChain) if not each.__name__.startswith("_")]
    assert len(found) > 10
    for each in found:
        assert issubclass(each, versioned.VersionedMixin), each
        assert each._setup_version_info is versioned.VersionedMixin._setup_version_info, each


def test_every_calcfunction_is_versioned() -> None:
    found = everything(FunctionProcess)
    assert len(found) > 25
    for each in found:
        assert each._setup_db_record is versioned._set_up, each
