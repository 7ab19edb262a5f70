"""Inputs of WorkChains that run jobs: which are required, and options that are checked before anything is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import PortNamespace

from aiida_polymorph.calculations.dynamics import DynamicsCalculation
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of


def require(ports: PortNamespace, name: str, valid_type: type) -> None:
    """Make an exposed input a required one of this type."""
    ports[name].valid_type = valid_type
    ports[name].required = True


def define_options(spec: Spec, remark: str = "") -> None:
    """Define the input `options` of the jobs that a WorkChain runs, of itself or by its children."""
    spec.input(
        "options",
        valid_type=orm.Dict,
        required=False,
        serializer=orm.to_aiida_type,
        help="Options of the jobs, as metadata.options of a CalcJob: resources, max_wallclock_seconds, queue_name, "
        f"... {remark}".rstrip(),
    )


def validate_options(inputs: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the input `options` on the computer of the input `code`, None if nothing."""
    options, code = inputs.get("options"), inputs.get("code")
    given = options.get_dict() if options else {}
    port = DynamicsCalculation.spec().inputs["metadata"]["options"]
    problem = port.validate(port.pre_process(given))
    if problem:
        return f"options: {problem.message}"
    if code is None or "resources" not in given:
        return None
    scheduler, resources = code.computer.get_scheduler(), dict(given["resources"])
    scheduler.preprocess_resources(resources, code.computer.get_default_mpiprocs_per_machine())
    refusal = problem_of(scheduler.validate_resources, **resources)
    return f"options: resources {given['resources']}: {refusal}" if refusal else None
