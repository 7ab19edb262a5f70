"""WorkChains that carry out a plan of `thermodynamics.plan`: what all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder

from aiida_polymorph.calculations.functions.plans import PLANS, prepare_sample, task_result
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.plain import plain
from aiida_polymorph.thermodynamics.plan import (
    Failure,
    Loaded,
    NextStep,
    Part,
    Plan,
    StepFailedError,
    SupercellTooSmallError,
    replay,
)
from aiida_polymorph.workflows.children import run_once, submit_once
from aiida_polymorph.workflows.dynamics import DynamicsWorkChain
from aiida_polymorph.workflows.outline import while_
from aiida_polymorph.workflows.protocols.utils import ProtocolMixin, fill_builder
from aiida_polymorph.workflows.tasks import DynamicsMixin

CHILD = "step_"
"""Before the label of a step in the context, so that it can't be taken for something else there."""


class PlanWorkChain(DynamicsMixin):
    """Carries out a plan: replays it with the results so far, begins the steps that it asks for next, and so on.

    Nothing is decided here: which steps there are and what follows from them is the plan's business. The context holds
    labels and children only; each step's crystal, and the conclusion, come from calcfunctions that replay the plan with
    the results that these follow from, so that the provenance leads back through them.
    """

    _conclude: ClassVar[Any]
    """Calcfunction that puts the results together; its outputs are those of the WorkChain, but for a single one."""
    _output: ClassVar[str]
    """Name of the output where `_conclude` returns a single node."""
    _plan_inputs: ClassVar[tuple[str, ...]] = ("structure", "potential", "parameters")
    """Inputs that the plan is made of."""
    _conclusion_inputs: ClassVar[tuple[str, ...]] = ("phases",)
    """Further inputs that the conclusion follows from."""

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define outline and exit codes."""
        super().define(spec)
        spec.outline(cls.begin, while_(cls.has_steps)(cls.submit_steps), cls.results)
        spec.exit_code(401, "ERROR_JOB_FAILED", message="{label} failed: {message}")

    def begin(self) -> None:
        """Begin without results."""
        self.ctx.labels, self.ctx.next, self.ctx.problem = [], [], None

    def has_steps(self) -> bool:
        """Replay the plan, and return whether it asks for more steps."""
        self.ctx.next = []
        try:
            steps = replay(self._plan(), Loaded(self._children(), self._load)).steps
        except StepFailedError as error:
            self.ctx.problem = self._job_failed(error)
        except SupercellTooSmallError as error:
            self.ctx.problem = self._too_small(error)
        else:
            self.ctx.next = [self._describe(each) for each in steps]
        return bool(self.ctx.next)

    def submit_steps(self) -> None:
        """Begin the next steps, as many as may run side by side."""
        for step in self.ctx.next[: self._at_once()]:
            self.to_context(**{f"{CHILD}{step['label']}": self._submit(step)})
            self.ctx.labels.append(step["label"])

    def results(self) -> ExitCode | None:
        """Put the results together."""
        if self.ctx.problem is not None:
            return ExitCode(*self.ctx.problem)
        given = {**self._inputs_of_plan(), **self._given(*self._conclusion_inputs)}
        found = run_once(self, "conclude", type(self)._conclude, **given, **self._passed_on(self.ctx.labels))
        outputs: dict[str, Any] = found if isinstance(found, dict) else {self._output: found}
        self.out_many(outputs)
        return self._verdict(outputs)

    # --- for subclasses to change ------------------------------------------------------------------------------------

    def _plan(self) -> Plan[Any]:
        """Return the plan."""
        raise NotImplementedError

    def _inputs_of_plan(self) -> dict[str, orm.Data]:
        """Return the nodes that the plan is made of."""
        return self._given(*self._plan_inputs)

    def _describe(self, each: NextStep) -> dict[str, Any]:
        """Return what `_submit` needs of a step, as plain values; `label` among it."""
        raise NotImplementedError

    def _submit(self, step: Mapping[str, Any]) -> orm.ProcessNode:
        """Begin a step."""
        raise NotImplementedError

    def _result_node(self, child: orm.ProcessNode) -> orm.Data | None:
        """Return the node that holds the result of a step; None if it gave none."""
        raise NotImplementedError

    def _read(self, node: Any) -> Any:
        """Return what the plan looks up for a step."""
        raise NotImplementedError

    def _verdict(self, outputs: Mapping[str, Any]) -> ExitCode | None:
        """Return the exit code that the conclusion calls for, if any."""
        raise NotImplementedError

    def _at_once(self) -> int | None:
        """Return how many steps may run side by side; None for all."""
        return None

    # --- helpers -----------------------------------------------------------------------------------------------------

    def _children(self, labels: Iterable[str] | None = None) -> dict[str, orm.ProcessNode]:
        """Return the children that carried out steps, by label; of all steps without labels."""
        return {label: self.ctx[f"{CHILD}{label}"] for label in (self.ctx.labels if labels is None else labels)}

    def _load(self, child: orm.ProcessNode) -> Any:
        node = self._result_node(child)
        return Failure(message_of(child)) if node is None else self._read(node)

    def _passed_on(self, labels: Sequence[str]) -> dict[str, orm.Data]:
        """Return the results of steps, and why others failed, as calcfunctions take them."""
        nodes = {label: self._result_node(child) for label, child in self._children(labels).items()}
        failed = {label: message_of(self.ctx[f"{CHILD}{label}"]) for label, node in nodes.items() if node is None}
        results = {label: node for label, node in nodes.items() if node is not None}
        return {**results, "failures": orm.Dict(failed)} if failed else results

    def _job_failed(self, error: StepFailedError) -> list[Any]:
        child = self.ctx[f"{CHILD}{error.label}"]
        code = self.exit_codes.ERROR_JOB_FAILED.format(label=f"{error.label} ({child.pk})", message=error.message)
        return [code.status, code.message]

    def _too_small(self, error: SupercellTooSmallError) -> list[Any]:
        code = self.exit_codes.ERROR_SUPERCELL_TOO_SMALL.format(problem=error.problem)
        return [code.status, code.message]


class TaskPlanWorkChain(PlanWorkChain):
    """Carries out a plan whose steps are tasks of LAMMPS."""

    _plan_name: ClassVar[str]
    """One of `PLANS`."""

    def _plan(self) -> Plan[Any]:
        return PLANS[self._plan_name]({**self._inputs_of_plan(), **self._given("phases")})

    def _describe(self, each: NextStep) -> dict[str, Any]:
        step = each.step
        if isinstance(step, Part):
            raise TypeError(f"{step.label} is a plan of its own, which {type(self).__name__} does not carry out")
        return {
            "label": step.label,
            "parameters": {"task": step.task, "settings": plain(step.settings.to_dict())},
            "sample": step.sample.name,
            "follows": list(each.follows),
        }

    def _submit(self, step: Mapping[str, Any]) -> orm.ProcessNode:
        prepared = run_once(
            self,
            f"prepare_{step['sample']}",
            prepare_sample,
            plan=orm.Str(self._plan_name),
            sample=orm.Str(step["sample"]),
            **self._inputs_of_plan(),
            **self._passed_on(step["follows"]),
        )
        inputs = {**self._given("code", "potential", "options"), **prepared}
        return submit_once(self, step["label"], DynamicsWorkChain, **inputs, parameters=orm.Dict(step["parameters"]))

    def _result_node(self, child: orm.ProcessNode) -> orm.Data | None:
        return child.outputs.results if child.is_finished_ok else None

    def _read(self, node: Any) -> Any:
        return task_result(node)


class PhaseProtocolMixin(ProtocolMixin):
    """A builder from a protocol for a WorkChain about one phase."""

    @classmethod
    def _builder_of(
        cls,
        phase: Mapping[str, Any],
        protocol: str | None,
        overrides: Mapping[str, Any] | None,
        parameters: Mapping[str, Any],
        **inputs: Any,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            phase: `code`, `structure` and `potential`.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's.
            parameters: entries of the input `parameters` that are given otherwise.
            inputs: further inputs that are given otherwise.

        Raises:
            ValueError: if there is no such protocol.
        """
        builder = cls.get_builder()  # type: ignore[attr-defined]
        given = cls.get_protocol_inputs(protocol, overrides)
        given["parameters"] = cls._meant({**given["parameters"], **parameters})
        fill_builder(builder, {**given, **phase, **inputs})
        return builder

    @classmethod
    def _meant(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters that have a meaning."""
        return parameters


def message_of(child: orm.ProcessNode) -> str:
    """Return why a child gave no result."""
    state = child.process_state
    return child.exit_message or f"it ended as {state.value if state else 'unknown'}"


def phase_inputs(code: orm.AbstractCode, structure: orm.StructureData, potential: PotentialData) -> dict[str, orm.Data]:
    """Return what every WorkChain about one phase is given."""
    return {"code": code, "structure": structure, "potential": potential}
