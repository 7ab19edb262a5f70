"""How far searches and predictions are: counted from what running jobs have streamed, then from the jobs' summaries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiida import orm
from aiida.common.links import LinkType
from fields import STATUS_FIELDS

from aiida_polymorph.calculations.evaluate_set import EvaluateSetCalculation
from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.data.evaluations import EvaluationsData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.local.relaxation import evaluate
from aiida_polymorph.relaxation.driver.job import RESULTS_FILE
from aiida_polymorph.relaxation.evaluations import joined
from aiida_polymorph.results.job_counts import Stream
from aiida_polymorph.results.prediction_progress import PredictionProgress, progress_text
from aiida_polymorph.results.search_progress import SearchProgress
from aiida_polymorph.results.status import COLUMNS, status_rows
from aiida_polymorph.text_tables import table
from aiida_polymorph.workflows.children import ABANDONED


def test_stream_reads_on_where_it_stopped(tmp_path, make_records, argon) -> None:
    stream = Stream(tmp_path)
    assert stream.read() == (0, {})
    text = make_records(argon, {2: "exploded"})
    cut = len(text) // 2
    path = tmp_path / RESULTS_FILE
    path.write_text(text[:cut])
    relaxed, failed = stream.read()
    assert relaxed + sum(failed.values()) == text[:cut].count("\n") < 6
    path.write_text(text)
    assert stream.read() == (5, {"exploded": 1})
    path.unlink()
    assert stream.read() == (5, {"exploded": 1})


def called(
    caller: orm.ProcessNode, label: str, node: orm.ProcessNode, state: str = "waiting", **inputs: orm.Data
) -> Any:
    """Store a process as called under a label."""
    is_job = isinstance(node, orm.CalculationNode)
    for name, value in inputs.items():
        link = LinkType.INPUT_CALC if is_job else LinkType.INPUT_WORK
        node.base.links.add_incoming(value.store(), link, name)
    node.base.links.add_incoming(caller, LinkType.CALL_CALC if is_job else LinkType.CALL_WORK, label)
    node.set_process_state(state)
    if state == "finished":
        node.set_exit_status(0)
    return node.store()


@pytest.fixture
def job(relax_code) -> Callable[..., orm.CalcJobNode]:
    """Return a function that makes a job of the driver that a WorkChain has called and that runs in a folder."""

    def made(caller: orm.WorkChainNode, folder: Path, process: type = RelaxSetCalculation) -> orm.CalcJobNode:
        node = orm.CalcJobNode(computer=relax_code.computer, process_type=process.build_process_type())
        node.set_process_label(process.__name__)
        node.set_remote_workdir(str(folder))
        return called(caller, "iteration_01", node)

    return made


def give(process: orm.ProcessNode, label: str, output: orm.Data) -> None:
    """Let a process have made an output and come to its end."""
    output.base.links.add_incoming(process, LinkType.CREATE, label)
    output.store()
    process.set_process_state("finished")
    process.set_exit_status(0)


def inputs_of_search() -> dict[str, orm.Data]:
    return {"number": orm.Int(6), "pressure_gpa": orm.Float(1.0), "recipe": orm.Dict({"composition": "Ar"})}


@pytest.fixture
def prediction() -> Iterator[orm.WorkChainNode]:
    """A prediction from twelve structures that has called nothing yet; nothing of it is under way after the test."""
    node = orm.WorkChainNode()
    inputs = {"number": orm.Int(6), "pressures": orm.List([0.0, 1.0]), "recipe": orm.Dict({"composition": "Ar"})}
    for name, value in inputs.items():
        node.base.links.add_incoming(value.store(), LinkType.INPUT_WORK, name)
    node.set_process_label("PredictWorkChain")
    node.set_process_state("waiting")
    yield node.store()
    for each in (node, *node.called_descendants):
        each.set_process_state("killed")


@pytest.fixture
def search(prediction, job, tmp_path) -> orm.WorkChainNode:
    """A search of six structures, that of the prediction, whose first job is running in `tmp_path`."""
    node = orm.WorkChainNode()
    node.set_process_label("SearchWorkChain")
    called(prediction, "search_000", node, **inputs_of_search())
    assert SearchProgress(node).look()["jobs"] == 0
    job(called(node, "batch_0000", orm.WorkChainNode()), tmp_path)
    return node


def test_search_under_way(search, tmp_path, make_records, argon) -> None:
    progress = SearchProgress(search)
    assert progress.look().keys() == STATUS_FIELDS
    assert (progress.look()["relaxed"], progress.look()["seconds_left"]) == (0, None)
    (tmp_path / RESULTS_FILE).write_text(make_records(argon.select([0, 1, 2]), {1: "exploded"}))
    row = progress.look()
    assert (row["relaxed"], row["failed"], row["state"]) == (2, {"exploded": 1}, "under way")
    assert (row["jobs"], row["jobs_finished"]) == (1, 0)
    assert row["seconds_left"] == pytest.approx(row["seconds"], rel=0.5)


def test_search_whose_job_has_ended(search) -> None:
    progress = SearchProgress(search)
    (job,) = search.called[0].called
    summary = orm.Dict({"relaxed": 5, "failed": {"nan": 1}})
    summary.base.links.add_incoming(job, LinkType.CREATE, "summary")
    summary.store()
    job.set_process_state("finished")
    search.set_process_state("finished")
    search.set_exit_status(0)
    for row in (progress.look(), progress.look(), SearchProgress(search).look()):
        assert (row["relaxed"], row["failed"], row["state"]) == (5, {"nan": 1}, "finished")
        assert (row["jobs_finished"], row["seconds_left"]) == (1, 0.0)


def test_prediction_that_searches(prediction, search, tmp_path, make_records, argon) -> None:
    row = PredictionProgress(prediction).look()
    assert row.keys() == STATUS_FIELDS | {"stage", "stage_done", "stage_asked"}
    assert (row["stage"], row["stage_done"], row["stage_asked"], row["seconds_left"]) == ("search", 0, 12, None)
    (tmp_path / RESULTS_FILE).write_text(make_records(argon.select([0, 1, 2]), {1: "exploded"}))
    row = PredictionProgress(prediction).look()
    assert (row["relaxed"], row["asked"], row["failed"]) == (2, 12, {"exploded": 1})
    assert (row["stage_done"], row["jobs"], row["jobs_finished"]) == (3, 1, 0)
    assert row["seconds_left"] == pytest.approx(3 * row["seconds"], rel=0.5)
    assert progress_text(row) == "Ar prediction: search, 3 of 12 structures"


def test_prediction_before_its_first_search(prediction) -> None:
    row = PredictionProgress(prediction).look()
    assert (row["stage"], row["state"], row["jobs"], row["node"]) == ("search", "under way", 0, None)


def test_prediction_that_relaxes_minima(prediction, job, tmp_path, make_records, argon) -> None:
    minima = {"structures": StructureSetData.from_set(argon)}
    job(called(prediction, "relax", orm.WorkChainNode(), **minima), tmp_path)
    (tmp_path / RESULTS_FILE).write_text(make_records(argon.select([0, 1, 2]), {1: "exploded"}))
    row = PredictionProgress(prediction).look()
    assert (row["relaxed"], row["rate_per_second"], row["seconds_left"]) == (0, None, None)
    assert progress_text(row) == "Ar prediction: candidates, 3 of 6 structures"


def test_prediction_in_its_harmonic_stage(prediction, job, tmp_path, make_records, argon, lennard_jones) -> None:
    """Cells count once they are relaxed, displaced cells once they are evaluated; what a job left does not."""
    harmonic = called(prediction, "harmonic", orm.WorkChainNode())
    sets = [StructureSetData.from_set(argon.select(rows)) for rows in (range(2), range(6))]
    relax, evaluate_ = (
        called(harmonic, label, orm.WorkChainNode(), structures=each)
        for label, each in zip(("relax", "evaluate"), sets, strict=True)
    )
    give(job(relax, tmp_path), "summary", orm.Dict({"relaxed": 2, "failed": {}}))
    part = joined([evaluate(argon.select([0, 1, 2]), lennard_jones.to_potential())], argon)
    give(job(evaluate_, tmp_path, EvaluateSetCalculation), "evaluations", EvaluationsData.from_evaluations(part))
    progress = PredictionProgress(prediction)
    assert progress_text(progress.look()) == "Ar prediction: harmonic, 5 of 8 cells"
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / RESULTS_FILE).write_text(make_records(argon.select([3, 4])))
    job(evaluate_, tmp_path / "next", EvaluateSetCalculation)
    assert progress_text(progress.look()) == "Ar prediction: harmonic, 7 of 8 cells"


def test_prediction_with_dynamics(prediction) -> None:
    """State points that are decided upon but wait for a free core are known to come; abandoned ones don't count."""
    called(prediction, "harmonic", orm.WorkChainNode(), "finished")
    decision = called(prediction, "choose_points_00", orm.CalcFunctionNode())
    give(decision, "result", RecordData.from_record({}, points=[{}, {}, {}]))
    called(prediction, "point_00_00", orm.WorkChainNode(), "finished")
    abandoned = orm.WorkChainNode()
    abandoned.set_process_status(ABANDONED)
    called(prediction, "point_00_01", abandoned, "killed")
    called(prediction, "point_00_01", orm.WorkChainNode())
    row = PredictionProgress(prediction).look()
    assert progress_text(row) == "Ar prediction: dynamics, 1 of 3 state points"
    assert (row["rate_per_second"], row["seconds_left"]) == (None, None)


def test_status_of_a_prediction_that_failed(prediction, search) -> None:
    prediction.set_exit_status(400)
    prediction.set_process_state("finished")
    (row,) = status_rows(str(prediction.pk), 1)
    assert (row["state"], row["node"], row["seconds_left"]) == ("failed", None, 0.0)
    listed = [each["process"] for each in status_rows(None, 2)]
    assert listed[-2:] == [prediction.pk, search.pk]
    text = table([row], COLUMNS)
    assert "Ar prediction: search, 0 of 12 structures" in text
