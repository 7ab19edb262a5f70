"""DynamicsWorkChain: one task of molecular dynamics, repeated where its job was killed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import (
    ProcessHandlerReport,
    process_handler,
)

from aiida_polymorph.calculations.dynamics import DynamicsCalculation, validate_inputs
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.workflows.jobs import JobWorkChain
from aiida_polymorph.workflows.options import define_options, require, validate_options
from aiida_polymorph.workflows.outline import while_

EXIT_CODES = DynamicsCalculation.exit_codes


def validate_job(inputs: Mapping[str, Any], port: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, options included, None if everything does."""
    return validate_options(inputs) or validate_inputs(inputs, port)


class DynamicsWorkChain(JobWorkChain):
    """Run one task of molecular dynamics."""

    _process_class = DynamicsCalculation

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.expose_inputs(DynamicsCalculation, exclude=("metadata", "monitors", "remote_folder"))
        require(spec.inputs, "code", orm.AbstractCode)
        define_options(spec)
        spec.inputs.validator = validate_job
        spec.inputs["max_iterations"].default = lambda: orm.Int(3)
        spec.inputs["clean_workdir"].default = lambda: orm.Bool(True)
        spec.expose_outputs(DynamicsCalculation, include=("results",))
        spec.outputs["results"].required = False
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
            cls.results,
        )
        spec.exit_code(300, "ERROR_NOT_STARTED", message="LAMMPS did not start; its last words: {message}")
        spec.exit_code(320, "ERROR_LAMMPS", message="LAMMPS gave up: {message}")

    @process_handler(priority=200, exit_codes=[EXIT_CODES.ERROR_NOT_STARTED, EXIT_CODES.ERROR_LAMMPS])
    def handle_hopeless(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Give up: the same job would end in the same way."""
        name = "ERROR_NOT_STARTED" if calculation.exit_status == EXIT_CODES.ERROR_NOT_STARTED.status else "ERROR_LAMMPS"
        message: Any = (calculation.exit_message or "").partition(": ")[2]
        return ProcessHandlerReport(True, self.exit_codes[name].format(message=message))

    @process_handler(priority=100)
    def handle_stopped(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Run a job again that was killed, or whose results are damaged."""
        if calculation.is_finished_ok:
            return None
        self.report(f"{calculation.process_label}<{calculation.pk}> was stopped: {calculation.exit_message}; again")
        return ProcessHandlerReport(True)
