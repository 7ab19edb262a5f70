"""SearchWorkChain: the same structures however it is cut, nothing lost unreported, bad input refused beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory

from aiida_polymorph.calculations.functions.structures import extract_structure, generate_structures
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.workflows.search import SearchWorkChain

LOSE_SECOND_BATCH = """
    import numpy as np
    if np.load('structures.npz')['index'][0] == 4:
        driver.kill(); driver.wait(); sys.exit('the disk is full')
"""
ARGON = Recipe.propose("Ar", formula_units=[2, 3], volume_per_formula_unit=45.0, minimum_separations={"Ar-Ar": 3.0})


@pytest.fixture
def builder(relax_code, lennard_jones):
    return SearchWorkChain.get_builder_from_protocol(
        relax_code, lennard_jones, ARGON, 1.0, 6, overrides={"jobs": 2, "batch_size": 4}
    )


def test_search_is_the_same_however_it_is_cut(builder):
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0
    found, statistics = outputs["structures"].to_set(), outputs["statistics"].get_dict()
    assert found.column("index").tolist() == list(range(6))
    assert outputs["structures"].value("metadata")["recipe"] == ARGON.to_dict()
    assert outputs["structures"].value("pressure_gpa") == 1.0
    assert {"asked", "relaxed", "failed", "force_calls_mean", "cpu_seconds", "wall_seconds"} <= statistics.keys()
    assert statistics["asked"] == 6
    assert statistics["relaxed"] + sum(statistics["failed"].values()) == 6
    batches = [child for child in node.called if child.process_label == "RelaxSetWorkChain"]
    assert [len(batch.inputs.structures) for batch in sorted(batches, key=lambda child: child.pk)] == [4, 2]

    builder.batch_size, builder.jobs = orm.Int(6), orm.Int(1)
    uncut = run_get_node(builder)[0]["structures"].to_set()
    np.testing.assert_array_equal(uncut.columns["index"], found.columns["index"])
    np.testing.assert_allclose(uncut.column("enthalpy"), found.column("enthalpy"), rtol=1e-12)


def test_lost_batch_loses_only_itself(builder, flaky_code):
    builder.code = flaky_code(LOSE_SECOND_BATCH)
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0
    assert outputs["structures"].to_set().column("index").tolist() == [0, 1, 2, 3]
    assert outputs["statistics"]["failed"]["lost with their job"] == 2
    reports = " ".join(entry.message for entry in orm.Log.collection.get_logs_for(node))
    assert "the disk is full" in reports


def test_nothing_comes_back(builder, aiida_code_installed):
    builder.code = aiida_code_installed(label="none", filepath_executable="/no/such/python")
    outputs, node = run_get_node(builder)
    assert node.exit_status == SearchWorkChain.exit_codes.ERROR_NOTHING_CAME_BACK.status
    assert "/no/such/python" in node.exit_message
    assert not outputs


def test_all_fail(builder):
    builder.parameters = orm.Dict({"max_force_calls": 1})
    builder.number, builder.batch_size = orm.Int(2), None
    outputs, node = run_get_node(builder)
    assert node.exit_status == SearchWorkChain.exit_codes.ERROR_NOTHING_RELAXED.status
    assert len(outputs["structures"]) == sum(outputs["statistics"]["failed"].values()) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"number": 0}, "number is 0, must be 1 or more"),
        ({"jobs": 0}, "jobs is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"pressure_gpa": -100.0}, "crystals tear"),
        ({"pressure_gpa": None}, "pressure_gpa"),
        ({"recipe": {"composition": "Ar"}}, "volume_per_formula_unit"),
        ({"recipe": {**ARGON.to_dict(), "colour": "red"}}, "unknown key colour"),
        ({"recipe": {**ARGON.to_dict(), "volume_per_formula_unit": 3.0}}, "don't fit the volume"),
        ({"recipe": Recipe.propose("TiO2").to_dict()}, "doesn't know Ti, O"),
        ({"parameters": {"pressure": 3}}, "unknown relaxation parameter pressure"),
        ({"options": {"resources": {"cores": 3}}}, "cores"),
        ({"code": None}, "code"),
    ],
)
def test_bad_input_is_refused_before_anything_is_submitted(builder, make_process, changes, message):
    processes = orm.QueryBuilder().append(orm.ProcessNode)
    before = processes.count()
    with pytest.raises(ValueError, match=message):
        make_process(SearchWorkChain, {**builder._inputs(prune=True), **changes})
    assert processes.count() == before


@pytest.fixture
def process(builder, make_process):
    """A search that has planned its batches and not begun."""
    work = make_process(SearchWorkChain, builder._inputs(prune=True))
    work.plan_batches()
    return work


def batch_of(process, indices, minimiser="a"):
    """Return the node of a batch that has relaxed these."""
    structures = generate_structures(orm.Dict(ARGON.to_dict()), orm.Int(0), orm.Int(12)).to_set().select(indices)
    relaxed = StructureSetData.from_set(
        structures.with_columns(converged=np.ones(len(indices), bool)).with_metadata(minimiser={"name": minimiser})
    ).store()
    node = orm.WorkChainNode()
    node.set_process_state("finished")
    node.set_exit_status(0)
    node.store()
    relaxed.base.links.add_incoming(node, LinkType.RETURN, "relaxed")
    return node


def test_batch_that_ran_twice_counts_once(process):
    process.ctx.ended = [batch_of(process, each) for each in ([0, 1, 2], [0, 1, 2], [2, 3])]
    assert process.inspect_batches() is None
    assert process.merge_batches() is None
    process.summarise()
    assert process.ctx.structures.to_set().column("index").tolist() == [0, 1, 2, 3]
    assert process.outputs["statistics"]["relaxed"] == 4


def test_batches_of_different_minimisers_are_not_merged(process):
    process.ctx.ended = [batch_of(process, [0, 1]), batch_of(process, [2], minimiser="b")]
    process.inspect_batches()
    result = process.merge_batches()
    assert result.status == SearchWorkChain.exit_codes.ERROR_CANNOT_MERGE.status
    assert "differ in minimiser" in result.message


def test_batches_of_different_minimisers_are_merged_when_told(builder, make_process):
    builder.mix_minimisers = orm.Bool(True)
    work = make_process(SearchWorkChain, builder._inputs(prune=True))
    work.plan_batches()
    work.ctx.ended = [batch_of(work, [0, 1]), batch_of(work, [2], minimiser="b")]
    work.inspect_batches()
    assert work.merge_batches() is None
    assert work.ctx.structures.value("metadata")["minimiser"] == "several"


def test_job_that_ended_makes_room_for_the_next_batch(process):
    ended, under_way = batch_of(process, [0, 1, 2, 3]), orm.WorkChainNode().store()
    under_way.set_process_state("running")
    process.ctx.started, process.ctx.running = 1, [under_way, ended]
    assert process.a_job_is_free()
    with process._process_scope():
        process.generate_batch()
    assert process.ctx.start.to_set().column("index").tolist() == [4, 5]
    process.ctx.running = [under_way, under_way]
    assert not process.a_job_is_free()
    process.ctx.started, process.ctx.running = 2, [under_way]
    assert not process.a_job_is_free()
    assert process.is_unfinished()


def test_structures_are_generated_once_when_the_step_is_repeated(process):
    with process._process_scope():
        process.generate_batch()
        first = process.ctx.start
        process.generate_batch()
    assert process.ctx.start.pk == first.pk
    assert first.to_set().column("index").tolist() == [0, 1, 2, 3]


def test_one_structure_is_drawn_out_with_its_provenance(process):
    process.generate_batch()
    structure = extract_structure(process.ctx.start, orm.Int(2))
    assert structure.get_formula() == "Ar2"
    np.testing.assert_allclose(structure.cell, process.ctx.start.to_set().cells[2])
    assert structure.creator.inputs.structures.pk == process.ctx.start.pk


def test_real_lammps(needs_lammps, relax_code, matsui_akaogi):
    recipe = Recipe.propose("TiO2", formula_units=[2, 3])
    builder = SearchWorkChain.get_builder_from_protocol(relax_code, matsui_akaogi, recipe, 20.0, 6)
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0
    assert outputs["statistics"]["relaxed"] == 6
    assert outputs["structures"].value("composition") == "TiO2"
    assert -36.5 < outputs["structures"].value("lowest_enthalpy_ev_per_formula_unit") < -35


def test_entry_point():
    assert WorkflowFactory("polymorph.search") is SearchWorkChain
