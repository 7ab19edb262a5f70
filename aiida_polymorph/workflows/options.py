"""Options of jobs, checked before anything is submitted."""

from __future__ import annotations

from aiida import orm

from aiida_polymorph.calculations.dynamics import DynamicsCalculation
from aiida_polymorph.calculations.validation import problem_of


def validate_options(options: orm.Dict | None, code: orm.AbstractCode | None) -> str | None:
    """Return what is wrong with options of the jobs on the computer of `code`, None if nothing."""
    given = options.get_dict() if options else {}
    port = DynamicsCalculation.spec().inputs["metadata"]["options"]
    problem = port.validate(port.pre_process(given))
    if problem:
        return f"options: {problem.message}"
    if code is None or "resources" not in given:
        return None
    scheduler, resources = code.computer.get_scheduler(), dict(given["resources"])
    scheduler.preprocess_resources(resources, code.computer.get_default_mpiprocs_per_machine())
    problem = problem_of(scheduler.validate_resources, **resources)
    return f"options: resources {given['resources']}: {problem}" if problem else None
