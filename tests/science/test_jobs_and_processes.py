"""How many jobs and processes run."""

from __future__ import annotations

import pytest

from aiida_polymorph.machine import JOBS_IN_A_QUEUE, LARGEST_BATCH, Machine, cores, plan_batches, resources

WORKSTATION = Machine(local=True, queue=False, cores=8)
CLUSTER = Machine(local=False, queue=True, processes=64, cores=8)
LOGIN_NODE = Machine(local=True, queue=True, processes=64, cores=8)
SERVER = Machine(local=False, queue=False, processes=12, cores=8)


def test_cores_of_this_machine():
    assert cores() >= 1
    assert Machine(local=True, queue=False).cores == cores()


@pytest.mark.parametrize(
    ("machine", "jobs"),
    [
        (WORKSTATION, 8),
        (Machine(local=True, queue=False, processes=16, cores=8), 16),
        (CLUSTER, JOBS_IN_A_QUEUE),
        (LOGIN_NODE, JOBS_IN_A_QUEUE),
        (SERVER, 12),
    ],
)
def test_jobs_side_by_side(machine, jobs):
    assert machine.jobs_side_by_side() == jobs


@pytest.mark.parametrize(
    ("arguments", "share"),
    [((), 8), ((1, 3), 3), ((1, 100), 8), ((2,), 4), ((3,), 2), ((20,), 1), ((0,), 8), ((1, 0), 1)],
)
def test_share_of_a_workstation(arguments, share):
    assert WORKSTATION.share(*arguments) == share
    assert WORKSTATION.at_once() == 8


@pytest.mark.parametrize("machine", [CLUSTER, LOGIN_NODE, SERVER])
def test_what_others_share_out_is_left_to_them(machine):
    assert machine.share(2) is None
    assert machine.at_once() is None
    assert not machine.is_ours_to_share


def test_resources():
    assert resources(4) == {"num_machines": 1, "num_mpiprocs_per_machine": 4}


@pytest.mark.parametrize(
    ("number", "jobs", "processes"),
    [
        (1, 1, 1),
        (7, 2, 1),
        (500, 2, 1),
        (5000, 3, 1),
        (10, 64, 1),
        (LARGEST_BATCH * 4, 4, 1),
        (16_000, 2, 3),
    ],
)
def test_plan_covers_each_index_once_in_batches_of_like_size(number, jobs, processes):
    batches = plan_batches(number, jobs, processes=processes)
    assert [i for first, count in batches for i in range(first, first + count)] == list(range(number))
    sizes = [count for _, count in batches]
    assert max(sizes) <= LARGEST_BATCH * processes
    assert len(batches) % jobs == 0 or number < 2 * jobs * max(sizes)


def test_plan_takes_the_size_that_is_given():
    assert plan_batches(10, 2, 4) == [(0, 4), (4, 4), (8, 2)]
