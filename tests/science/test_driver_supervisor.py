"""A worker that crashes, hangs or lies loses only the structure in hand; a killed job goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from aiida_polymorph.potential import Potential
from aiida_polymorph.relaxation.driver.job import END_MARKER, EVALUATE, JOB_FILE, RESULTS_FILE
from aiida_polymorph.relaxation.driver.streaming import parse_records
from aiida_polymorph.relaxation.evaluations import read_evaluations
from aiida_polymorph.relaxation.jobs import read_results, read_summary, write_job
from aiida_polymorph.structures import StructureSet

FAULTY = '''
import os
import sys
import time
from pathlib import Path

from ase.calculators.emt import EMT

print("what an engine prints must not disturb")
os.write(1, b"neither must what it writes\\n")


class Faulty(EMT):
    """EMT that goes wrong for structures that hold certain elements."""

    def calculate(self, atoms=None, properties=None, system_changes=()):
        super().calculate(atoms, properties, system_changes)
        print("a line for each force call")
        symbols = set(atoms.symbols)
        if "Ag" in symbols:
            os._exit(7)
        if "Au" in symbols:
            os.abort()
        if "Pd" in symbols:
            raise RuntimeError("no charges for\\n palladium (src/x.cpp:12)")
        if "Pt" in symbols:
            self.results["energy"] = float("nan")
        if "Ni" in symbols:
            time.sleep(100)
        if "Al" in symbols:
            with Path("once").open("a") as file:
                file.write("x")
            if len(Path("once").read_text()) == 3:
                os.kill(os.getpid(), 9)
        time.sleep(SLEEP)
'''
POTENTIAL = Potential("faulty", "ase", ("Cu", "Ag", "Au", "Pd", "Pt", "Ni", "Al"), calculator="faulty.Faulty")


def copper(count, others=None):
    """Distorted cells of two copper atoms; `others` puts another element first in some, by position."""
    structures = []
    for i in range(count):
        atoms = bulk("Cu", cubic=False).repeat((2, 1, 1))
        atoms.rattle(0.05, seed=i)
        atoms.symbols[0] = (others or {}).get(i, "Cu")
        structures.append(atoms)
    return StructureSet.from_atoms(structures, {"index": 100 + np.arange(count)})


def make_job(folder: Path, structures: StructureSet, sleep=0.0, processes=2, **options) -> None:
    write_job(folder, structures, POTENTIAL, 1.0, processes=processes, **options)
    (folder / "faulty.py").write_text(FAULTY.replace("SLEEP", str(sleep)))


def driver(folder: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "driver"], cwd=folder, stdout=subprocess.PIPE, text=True)


def records(folder: Path) -> list[dict]:
    path = folder / RESULTS_FILE
    return parse_records(path.read_text()) if path.exists() else []


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="module")
def with_faults(tmp_path_factory):
    folder = tmp_path_factory.mktemp("job")
    structures = copper(12, {1: "Ag", 2: "Au", 4: "Pd", 5: "Pt", 7: "Ni", 9: "Al"})
    make_job(folder, structures, parameters={"max_seconds": 3.0})
    output, _ = (process := driver(folder)).communicate(timeout=120)
    assert process.returncode == 0
    return folder, structures, output


def test_only_the_structures_at_fault_are_lost(with_faults):
    folder, structures, _ = with_faults
    relaxed = read_results(folder, structures)
    reasons = dict(zip(relaxed.columns["index"].tolist(), relaxed.columns["reason"].tolist(), strict=True))
    assert {index: reason for index, reason in reasons.items() if reason} == {
        101: "engine crashed: exit status 7",
        102: "engine crashed: SIGABRT",
        104: "engine error: no charges for palladium",
        105: "nan",
        107: "timed out",
    }
    assert np.array_equal(relaxed.columns["converged"], relaxed.columns["reason"] == "")
    assert relaxed.columns["index"].tolist() == structures.columns["index"].tolist()


def test_failed_structures_keep_their_geometry_and_have_no_energy(with_faults):
    folder, structures, _ = with_faults
    relaxed = read_results(folder, structures)
    lost = 1
    assert relaxed[lost].positions == pytest.approx(structures[lost].positions)
    assert np.isnan(relaxed.columns["enthalpy"][[1, 2, 4, 5, 7]]).all()
    assert np.isfinite(relaxed.columns["enthalpy"][[0, 3, 6, 8, 9, 10, 11]]).all()
    assert np.isnan(relaxed.columns["cpu_seconds"][lost])


def test_a_worker_killed_from_outside_costs_no_structure(with_faults):
    folder, structures, _ = with_faults
    relaxed = read_results(folder, structures)
    assert len((folder / "once").read_text()) > 3
    assert relaxed.columns["converged"][9]


def test_summary_and_end_marker(with_faults):
    folder, _, output = with_faults
    summary = read_summary(folder)
    assert output.splitlines()[-1] == END_MARKER
    assert (summary["asked"], summary["done"], summary["converged"]) == (12, 12, 7)
    assert summary["failures"]["nan"] == 1
    assert summary["complete"] is True
    assert summary["engine"]["name"] == "faulty.Faulty"
    assert summary["minimiser"]["settings"]["force_tolerance"] == 1e-3
    assert summary["cpu_seconds"] > 0
    assert summary["wall_seconds"] > 3.0
    assert summary["force_calls_mean"] > 1


def test_sigterm_stops_cleanly_and_the_next_run_continues(tmp_path):
    structures = copper(8)
    make_job(tmp_path, structures, sleep=0.05)
    process = driver(tmp_path)
    wait_for(lambda: len(records(tmp_path)) >= 2)
    process.terminate()
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 143
    assert END_MARKER not in output
    done = {record["index"]: record for record in records(tmp_path)}
    assert 2 <= len(done) < 8
    assert read_summary(tmp_path)["complete"] is False
    assert read_summary(tmp_path)["done"] == len(done)
    assert driver(tmp_path).wait(60) == 0
    all_records = records(tmp_path)
    assert sorted(record["index"] for record in all_records) == structures.columns["index"].tolist()
    assert all_records[: len(done)] == list(done.values())


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_sigkill_of_the_parent_ends_the_workers_and_loses_nothing(tmp_path):
    structures = copper(8)
    make_job(tmp_path, structures, sleep=0.05)
    process = driver(tmp_path)
    wait_for(lambda: len(records(tmp_path)) >= 2)
    workers = children(process.pid)
    assert len(workers) == 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    wait_for(lambda: not any(alive(worker) for worker in workers), 5.0)
    with (tmp_path / RESULTS_FILE).open("a") as file:
        file.write('{"index": 107, "cell": [[1.0, 2')
    before = records(tmp_path)
    assert driver(tmp_path).wait(60) == 0
    after = records(tmp_path)
    assert after[: len(before)] == before
    assert sorted(record["index"] for record in after) == structures.columns["index"].tolist()
    assert read_summary(tmp_path)["complete"] is True


def test_wall_time_stops_the_driver_and_keeps_what_is_done(tmp_path):
    make_job(tmp_path, copper(30), sleep=0.1, max_wall_seconds=4.0)
    process = driver(tmp_path)
    assert process.wait(60) == 143
    summary = read_summary(tmp_path)
    assert summary["complete"] is False
    assert summary["done"] == len(records(tmp_path)) < 30


def test_one_process_gives_the_same_as_two(tmp_path):
    results = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        structures = copper(4)
        make_job(folder, structures, processes=processes, parameters={"rattle": 0.05})
        assert driver(folder).wait(60) == 0
        results.append(read_results(folder, structures))
    assert np.array_equal(results[0].positions, results[1].positions)
    assert np.array_equal(results[0].columns["enthalpy"], results[1].columns["enthalpy"])


def evaluations(folder: Path, structures: StructureSet):
    return read_evaluations((folder / RESULTS_FILE).read_text(), structures)


def test_evaluations_lose_only_the_structures_at_fault(tmp_path):
    structures = copper(10, {1: "Ag", 2: "Au", 4: "Pd", 5: "Pt", 7: "Ni"})
    make_job(tmp_path, structures, parameters={"max_seconds": 2.0}, task=EVALUATE)
    assert driver(tmp_path).wait(60) == 0
    found = evaluations(tmp_path, structures)
    assert dict(enumerate(found.reasons.tolist())) == {
        **dict.fromkeys(range(10), ""),
        1: "engine crashed: exit status 7",
        2: "engine crashed: SIGABRT",
        4: "engine error: no charges for palladium",
        5: "nan",
        7: "timed out",
    }
    assert np.array_equal(np.isfinite(found.energies), found.reasons == "")
    assert np.array_equal(np.isfinite(found.cpu_seconds), ~np.isin(np.arange(10), [1, 2, 7]))
    assert (read_summary(tmp_path)["converged"], read_summary(tmp_path)["complete"]) == (5, True)
    assert "cell" not in records(tmp_path)[0], "what was given is not repeated"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_evaluations_go_on_after_the_driver_was_killed(tmp_path, number):
    structures = copper(8)
    make_job(tmp_path, structures, sleep=0.1, task=EVALUATE)
    process = driver(tmp_path)
    wait_for(lambda: len(records(tmp_path)) >= 2)
    process.send_signal(number)
    process.communicate(timeout=20)
    before = records(tmp_path)
    assert 2 <= len(before) < 8
    assert driver(tmp_path).wait(60) == 0
    assert records(tmp_path)[: len(before)] == before
    assert sorted(record["index"] for record in records(tmp_path)) == structures.columns["index"].tolist()
    whole = tmp_path / "whole"
    whole.mkdir()
    make_job(whole, structures, processes=1, task=EVALUATE)
    assert driver(whole).wait(60) == 0
    found, expected = (evaluations(folder, structures) for folder in (tmp_path, whole))
    assert found.energies == pytest.approx(expected.energies, abs=1e-12)
    assert found.forces == pytest.approx(expected.forces, abs=1e-12)


def test_a_job_that_names_no_task_relaxes(tmp_path):
    make_job(tmp_path, copper(1))
    entries = json.loads((tmp_path / JOB_FILE).read_text())
    del entries["task"]
    (tmp_path / JOB_FILE).write_text(json.dumps(entries))
    assert driver(tmp_path).wait(60) == 0
    assert records(tmp_path)[0]["max_force"] < 1e-3


def test_a_task_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(ValueError, match="task is 'evalute', must be relax or evaluate"):
        make_job(tmp_path, copper(1), task="evalute")


def test_an_engine_that_cannot_start_is_reported(tmp_path):
    write_job(tmp_path, copper(2), Potential("none", "ase", ("Cu",), calculator="missing.Calculator"), 0.0)
    process = subprocess.run(
        [sys.executable, "-m", "driver"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "the engine could not be started: ModuleNotFoundError: No module named 'missing'" in process.stderr
    assert json.loads((tmp_path / "summary.json").read_text())["complete"] is False
    assert os.listdir(tmp_path / "driver")
