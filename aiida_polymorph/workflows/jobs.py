"""What the WorkChains that run one kind of job, again if need be, share."""

from __future__ import annotations

from typing import Any

from aiida.engine import BaseRestartWorkChain, ToContext, append_

from aiida_polymorph.versioned import VersionedMixin
from aiida_polymorph.workflows.children import called_child


class JobWorkChain(VersionedMixin, BaseRestartWorkChain):
    """Runs jobs of `_process_class`, whose options are the input `options`, one after the other."""

    _process_class: Any

    def setup(self) -> None:
        """Take over the inputs of the job."""
        super().setup()
        self.ctx.children = []
        self.ctx.inputs = self.exposed_inputs(self._process_class)
        options = self.inputs.get("options")
        self.ctx.inputs["metadata"] = {"options": options.get_dict() if options else {}}

    def run_process(self) -> ToContext:
        """Submit the next job, unless that was already done before a crash of the daemon."""
        label = f"iteration_{self.ctx.iteration + 1:02d}"
        child = called_child(self.node, label)
        if child is None:
            return super().run_process()
        self.ctx.iteration += 1
        self.report(f"{label} was already submitted as {child.process_label}<{child.pk}>: not submitted again")
        return ToContext(children=append_(child))
