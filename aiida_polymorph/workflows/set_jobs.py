"""What the WorkChains have in common that run jobs of the driver on a set of structures."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessHandlerReport, process_handler

from aiida_polymorph.calculations.set_job import SetCalculation
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.workflows.jobs import JobWorkChain
from aiida_polymorph.workflows.options import define_options, require
from aiida_polymorph.workflows.outline import while_

EXIT_CODES = SetCalculation.exit_codes


class SetJobWorkChain(JobWorkChain):
    """Runs jobs on a set; a job that is stopped is followed by one for the structures that it left."""

    _process_class: type[SetCalculation]
    _result: ClassVar[str]
    """Output of a job that holds what it reached."""

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outline and exit codes."""
        super().define(spec)
        spec.expose_inputs(cls._process_class, exclude=("metadata", "monitors", "remote_folder"))
        require(spec.inputs, "code", orm.AbstractCode)
        define_options(spec, "The driver computes as many structures side by side as the resources have processes.")
        spec.outline(
            cls.setup,
            while_(cls.should_run_process)(
                cls.run_process,
                cls.inspect_process,
            ),
            cls.results,
        )
        spec.exit_code(410, "ERROR_NOT_STARTED", message="no job can start: {message}")

    def inspect_process(self) -> ExitCode | None:
        """Judge the last job; where the work ends without success, hand out what was reached so far."""
        exit_code = super().inspect_process()
        if exit_code is not None and exit_code.status:
            self._attach_reached()
        return exit_code

    @process_handler(priority=200, exit_codes=[EXIT_CODES.ERROR_NOT_STARTED])
    def handle_not_started(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport:
        """Give up: another job would not start either."""
        return ProcessHandlerReport(True, self.exit_codes.ERROR_NOT_STARTED.format(message=calculation.exit_message))

    @process_handler(priority=100)
    def handle_missing_structures(self, calculation: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Go on with the structures that a job left: killed, out of time or memory, its results damaged."""
        if calculation.is_finished_ok:
            return None
        left = self._count_left()
        if left == 0:
            self.ctx.is_finished = True
            return ProcessHandlerReport(True)
        self.report(f"{calculation.process_label}<{calculation.pk}> left {left} structures, which are next")
        self.ctx.inputs["structures"] = self._select_left(f"missing_{self.ctx.iteration:02d}")
        return ProcessHandlerReport(True)

    def results(self) -> ExitCode | None:
        """Hand out what all jobs together reached."""
        self.report(f"work chain completed after {self.ctx.iteration} iterations")
        reached = self._attach_reached()
        return None if reached else self.exit_codes.ERROR_ALL_FAILED

    def _found(self) -> dict[str, Any]:
        """Return what the jobs have brought so far, by the label of their calls."""
        children = enumerate(self.ctx.children, 1)
        return {
            f"iteration_{i:02d}": node.outputs[self._result] for i, node in children if self._result in node.outputs
        }

    @abstractmethod
    def _count_left(self) -> int:
        """Return how many structures no job has brought."""

    @abstractmethod
    def _select_left(self, label: str) -> StructureSetData:
        """Return these structures, by a call under this label."""

    @abstractmethod
    def _attach_reached(self) -> int:
        """Attach the outputs of all jobs as one, if there are any, and return for how many structures they are good."""
