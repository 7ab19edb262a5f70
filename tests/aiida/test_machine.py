"""What is known of AiiDA's computers, and what jobs take of them."""

from __future__ import annotations

from aiida_polymorph.machine import cores
from aiida_polymorph.workflows.machine import machine_of, on_cores, search_share


def test_machine_of_a_computer(aiida_computer):
    here = machine_of(aiida_computer(label="here", default_mpiprocs_per_machine=3))
    assert (here.local, here.queue, here.processes, here.cores) == (True, False, 3, cores())
    queue = machine_of(aiida_computer(label="queue", scheduler_type="core.slurm"))
    assert (queue.local, queue.queue) == (True, True)
    there = machine_of(aiida_computer(label="there", transport_type="core.ssh"))
    assert (there.local, there.queue, there.jobs_side_by_side()) == (False, False, 1)


def test_shares_of_this_machine(aiida_code_installed, aiida_computer):
    code = aiida_code_installed(label="python", filepath_executable="/bin/true")
    whole = {"options": {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": cores()}}}
    single = {"options": {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}}}
    assert on_cores(code) == whole
    assert on_cores(code, at_most=1) == on_cores(code, parts=1000) == single
    assert search_share(code, 1000) == {"jobs": 1, **single}
    queue = aiida_code_installed(
        label="queued",
        filepath_executable="/bin/true",
        computer=aiida_computer(label="queue", scheduler_type="core.slurm"),
    )
    assert on_cores(queue) == search_share(queue, 4) == {}
