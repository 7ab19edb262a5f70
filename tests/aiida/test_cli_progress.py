"""How far a search is: counted from what its running job has streamed, then from the job's summary."""

from __future__ import annotations

import pytest
from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.relaxation.driver.job import RESULTS_FILE
from aiida_polymorph.results.search_progress import SearchProgress, Stream


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


@pytest.fixture
def search(relax_code, tmp_path) -> orm.WorkChainNode:
    """A search of six structures whose first job is running in `tmp_path`."""
    search, batch = orm.WorkChainNode(), orm.WorkChainNode()
    inputs = {"number": orm.Int(6), "pressure_gpa": orm.Float(1.0), "recipe": orm.Dict({"composition": "Ar"})}
    for name, node in inputs.items():
        search.base.links.add_incoming(node.store(), LinkType.INPUT_WORK, name)
    search.store()
    batch.base.links.add_incoming(search, LinkType.CALL_WORK, "batch_0000")
    batch.store()
    job = orm.CalcJobNode(computer=relax_code.computer, process_type=RelaxSetCalculation.build_process_type())
    job.set_process_label("RelaxSetCalculation")
    job.set_process_state("waiting")
    job.set_remote_workdir(str(tmp_path))
    job.base.links.add_incoming(batch, LinkType.CALL_CALC, "iteration_01")
    job.store()
    search.set_process_state("waiting")
    return search


def test_search_under_way(search, tmp_path, make_records, argon) -> None:
    progress = SearchProgress(search)
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
