"""What the WorkChains that run one kind of job, again if need be, share."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from aiida import orm
from aiida.engine import BaseRestartWorkChain, ToContext, append_

from aiida_polymorph.versioned import VersionedMixin
from aiida_polymorph.workflows.children import take_up


class JobWorkChain(VersionedMixin, BaseRestartWorkChain):
    """Runs jobs of one class, one after the other, until one succeeds or a handler gives up.

    A subclass names the class of the jobs, exposes their inputs, and gives them options by an input of its own, so that
    these are a node in the provenance graph. It needs this outline::

        cls.setup,
        while_(cls.should_run_process)(
            cls.run_process,
            cls.inspect_process,
        ),
        cls.results,

    and begins like this one::

        class RelaxWorkChain(JobWorkChain):
            _process_class = RelaxCalculation

            @classmethod
            def define(cls, spec):
                super().define(spec)
                spec.expose_inputs(RelaxCalculation, exclude=("metadata",))
                spec.input("options", valid_type=orm.Dict, required=False, serializer=orm.to_aiida_type)
                spec.outline(
                    cls.setup,
                    while_(cls.should_run_process)(cls.run_process, cls.inspect_process),
                    cls.results,
                )
                spec.expose_outputs(RelaxCalculation)

            @process_handler(priority=100)
            def handle_stopped(self, calculation):
                if calculation.is_finished_ok:
                    return None
                self.ctx.inputs["structures"] = run_once(self, f"left_{self.ctx.iteration:02d}", left_by, ...)
                return ProcessHandlerReport(True)  # another job follows

    `setup` puts the inputs of the job into `ctx.inputs`; a handler changes there what the next job shall have. The jobs
    that have ended are `ctx.children`, and their calls are labelled `iteration_01`, `iteration_02`, ...

    Every step may be repeated after a crash of the daemon, from the context that it had at first. `run_process` takes
    up the job that it had submitted then. A handler calls calcfunctions through `run_once`, as above, under a label
    that holds the number of the iteration (see `aiida_polymorph.workflows.children`).
    """

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
        child = take_up(self, label)
        if child is None:
            return super().run_process()
        self.ctx.iteration += 1
        self.report(f"{label} was already submitted as {child.process_label}<{child.pk}>: not submitted again")
        return ToContext(children=append_(child))

    def on_terminated(self) -> None:
        """Clean the working folders of the jobs if asked for; unlike AiiDA's own, pass over jobs that never had one."""
        super(BaseRestartWorkChain, self).on_terminated()
        if not self.inputs.clean_workdir.value:
            return
        jobs = [each for each in self.node.called_descendants if isinstance(each, orm.CalcJobNode)]
        for folder in (job.outputs.remote_folder for job in jobs if "remote_folder" in job.outputs):
            with suppress(OSError):
                folder._clean()
