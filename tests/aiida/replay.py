"""A daemon in this process that is killed wherever it is asked to be, for tests of what a repeated step leaves.

What a worker of AiiDA loses by SIGKILL is what it holds in memory. What is left is the database: nodes and links as
they are at that moment, the last checkpoint of each process (AiiDA writes one whenever a process enters a state, so
between two steps and never within one), and the tasks of processes that did not end. `Daemon` does just that: a step
that is killed is given up wherever it is, its process is made anew from the checkpoint, and goes on.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import Process, ProcessBuilder, ProcessState, WorkChain
from aiida.engine.processes.functions import FunctionProcess
from aiida.engine.runners import Runner
from aiida.engine.utils import loop_scope
from aiida.manage import get_manager
from plumpy.greenback_bridge import run_until_complete
from plumpy.persistence import LoadSaveContext
from process_stories import calls_of, content, differences, story, unordered, users_of

from aiida_polymorph.workflows.children import CALLS, is_abandoned


@dataclass(frozen=True)
class Kind:
    """Moments of which a worker may be killed at several; what is in a group is so in turns.

    Attributes:
        name: of the kind.
        thorough: groups of moments; from each the worker is killed at one, whichever turn it is.
        quick: likewise, where time is short.
    """

    name: str
    thorough: tuple[tuple[str, ...], ...]
    quick: tuple[tuple[str, ...], ...]

    def chosen(self, turn: int, thorough: bool) -> set[str]:
        """Return the moments at which the worker is killed."""
        return {names[turn % len(names)] for names in (self.thorough if thorough else self.quick)}


FUNCTION = Kind("function", (("stored",), ("computed",), ("unsealed",), ("ended",)), (("ended",),))
"""Of a calcfunction: its node is there; its outputs are; its state says so; the step has the outputs."""

CHILD = Kind(
    "child",
    (("stored",), ("created",), ("sent",), ("begun", "over")),
    (("created", "begun", "sent", "over", "stored"),),
)
"""Of a child: its node is there; its checkpoint is, so that it is complete; its task is with the broker; and when the
step is repeated another worker has begun it, or it is over."""

STEP = Kind("step", (("returned",), ("linked",), ("waiting",)), (("returned",), ("linked",)))
"""Of a step: its function is through; the outputs of the WorkChain are linked; its children are waited for."""

MOST_DEATHS = 200
"""Within one WorkChain."""

Job = Callable[[Any], "Ending"]
"""What is done in place of a CalcJob, or of a WorkChain that runs one, of whose node it is told."""


@dataclass(frozen=True)
class Ending:
    """What a job leaves."""

    outputs: Mapping[str, orm.Data]
    exit_status: int = 0
    exit_message: str = ""


class Killed(BaseException):
    """The worker is dead; no `except Exception` on the way may notice."""


@dataclass(frozen=True)
class Moment:
    """When a worker is killed.

    Attributes:
        process: pk of the WorkChain whose step it is.
        call: label of the call; for moments of a step how many checkpoints there were before it.
        name: one of those above.
    """

    process: int
    call: str
    name: str


@dataclass
class Daemon:
    """A worker with its tasks.

    Attributes:
        jobs: process type -> what is done in place of such processes.
        killed_in: WorkChains in whose steps the worker is killed.
        thorough: whether it is killed at each moment of each call once; if not, at one, after it was made.
    """

    jobs: Mapping[str, Job] = field(default_factory=dict)
    killed_in: tuple[type[WorkChain], ...] = ()
    thorough: bool = False
    deaths: dict[Moment, None] = field(default_factory=dict)
    tasks: list[int] = field(default_factory=list)
    checkpoints: Counter[int] = field(default_factory=Counter)
    linked: Counter[int] = field(default_factory=Counter)
    _turns: dict[tuple[int, str, str], int] = field(default_factory=dict)
    _doomed: list[tuple[int, str]] = field(default_factory=list)
    _types: dict[int, str] = field(default_factory=dict)

    def run(self, builder: ProcessBuilder) -> orm.WorkChainNode:
        """Run a WorkChain and all that it starts, and return its node."""
        with self._worker() as runner:
            node = runner.submit(builder)
        self.work_off()
        return node

    def work_off(self) -> None:
        """Work off the tasks, the oldest first."""
        while self.tasks:
            self.go_on(self.tasks.pop(0))

    def go_on(self, pk: int) -> None:
        """Do what a worker does with a task: go on from the checkpoint to the end, but drop what has ended."""
        while not orm.load_node(pk).is_terminated:
            try:
                with self._loaded(pk) as (process, runner):
                    self._step_to_the_end(process, runner)
            except Killed:
                died = sum(moment.process == pk for moment in self.deaths)
                assert died < MOST_DEATHS, f"{orm.load_node(pk).process_label} comes to no end: its labels change"
                self._let_others_work()

    def begin(self, pk: int) -> None:
        """Begin a process as another worker would, which then is killed as well."""
        node = orm.load_node(pk)
        if node.process_type in self.jobs:
            node.set_process_state(ProcessState.WAITING)
            return
        with self._loaded(pk) as (process, runner), self._alive():
            run_until_complete(runner.loop, process.step())

    def dies(self, process: int, call: str, name: str, kind: Kind) -> bool:
        """Return whether the worker is killed now, and note that it is.

        Args:
            process: pk of the WorkChain.
            call: label of the call.
            name: of the moment.
            kind: of the moments of which this is one.
        """
        moment = Moment(process, call, name)
        if moment in self.deaths or not self._is_targeted(process):
            return False
        turn = self._turns.setdefault((process, call, kind.name), len(self._turns))
        if name not in kind.chosen(turn, self.thorough):
            return False
        self.deaths[moment] = None
        return True

    def send(self, child: orm.ProcessNode, parent: int, call: str) -> None:
        """Take on a child's task; a worker that is killed hereafter finds the child begun, or ended."""
        self.tasks.append(child.pk)
        if self.dies(parent, call, "sent", CHILD):
            raise Killed
        for what in ("begun", "over"):
            if self.dies(parent, call, what, CHILD):
                self._doomed.append((child.pk, what))
                raise Killed

    def _is_targeted(self, process: int) -> bool:
        if process not in self._types:
            self._types[process] = orm.load_node(process).process_type
        return self._types[process] in {each.build_process_type() for each in self.killed_in}

    def _let_others_work(self) -> None:
        while self._doomed:
            pk, what = self._doomed.pop()
            if what == "begun":
                self.begin(pk)
            else:
                self.tasks.remove(pk)
                self.go_on(pk)

    @contextmanager
    def _alive(self) -> Iterator[None]:
        """Kill nobody for a while."""
        targets, self.killed_in = self.killed_in, ()
        try:
            yield
        finally:
            self.killed_in = targets

    @contextmanager
    def _worker(self) -> Iterator[Runner]:
        """Give a runner with a loop of its own, which dies with it."""
        loop = asyncio.new_event_loop()
        runner = DaemonRunner(self, loop)
        try:
            with loop_scope(loop):
                yield runner
        finally:
            loop.close()

    @contextmanager
    def _loaded(self, pk: int) -> Iterator[tuple[Process, Runner]]:
        """Give a process as its checkpoint has it."""
        with self._worker() as runner:
            bundle = runner.persister.load_checkpoint(pk)
            yield bundle.unbundle(LoadSaveContext(runner=runner)), runner

    def _step_to_the_end(self, process: Process, runner: Runner) -> None:
        job = self.jobs.get(process.node.process_type)
        if job is not None:
            end(process.node, job(process.node))
            return
        while not process.has_terminated():
            if process.state is ProcessState.WAITING:
                self.work_off()
                if self.dies(process.pid, str(self.checkpoints[process.pid]), "waiting", STEP):
                    raise Killed
            run_until_complete(runner.loop, process.step())


class DaemonRunner(Runner):
    """Submits as a worker does, to the tasks of a `Daemon`."""

    def __init__(self, daemon: Daemon, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(0.001, loop, persister=get_manager().get_persister())
        self.daemon = daemon

    def submit(self, process: Any, inputs: Any = None, **kwargs: Any) -> orm.ProcessNode:
        """Make the child's node and checkpoint, and hand over its task."""
        child = self.instantiate_process(process, **(inputs or kwargs))
        child.close()
        call, parent = child.metadata.call_link_label, child._parent_pid
        if parent is None:
            self.daemon.tasks.append(child.pid)
            return child.node
        if self.daemon.dies(parent, call, "stored", CHILD):
            child.node.delete_checkpoint()
            raise Killed
        if self.daemon.dies(parent, call, "created", CHILD):
            raise Killed
        self.daemon.send(child.node, parent, call)
        return child.node


def end(node: orm.CalcJobNode | orm.WorkChainNode, ending: Ending) -> None:
    """End a job, or a WorkChain that runs one, as AiiDA would, with what it leaves."""
    job = node
    if isinstance(node, orm.WorkChainNode):
        job = orm.CalcJobNode(computer=node.inputs.code.computer)
        job.base.links.add_incoming(node, LinkType.CALL_CALC, "iteration_01")
        job.store()
    for label, output in ending.outputs.items():
        output.base.links.add_incoming(job, LinkType.CREATE, label)
        output.store()
        if job is not node:
            output.base.links.add_incoming(node, LinkType.RETURN, label)
    for each in {job.pk: job, node.pk: node}.values():
        each.set_exit_status(ending.exit_status)
        each.set_exit_message(ending.exit_message)
        each.set_process_state(ProcessState.FINISHED)
        each.delete_checkpoint()
        each.seal()


@contextmanager
def moments() -> Iterator[None]:
    """Tell the daemon of each moment of a calcfunction and of a step, so that it may be killed there."""
    with pytest.MonkeyPatch.context() as patch:
        for cls, method, wrapper in (
            (FunctionProcess, "on_terminated", _on_terminated),
            (FunctionProcess, "execute", _execute),
            (Process, "update_outputs", _update_outputs),
            (Process, "_save_checkpoint", _save_checkpoint),
            (WorkChain, "on_exiting", _on_exiting),
        ):
            original = getattr(cls, method)
            patch.setattr(cls, method, _method(wrapper, original))
        patch.setattr(FunctionProcess, "run", _run_of(FunctionProcess.run))
        yield


def _method(wrapper: Callable[..., Any], original: Callable[..., Any]) -> Callable[..., Any]:
    def method(process: Process, *args: Any, **kwargs: Any) -> Any:
        return wrapper(process, partial(original, process, *args, **kwargs))

    return method


def _dies(process: Process, name: str, kind: Kind) -> None:
    """Kill the worker if that is wanted at this moment of a calcfunction or of a WorkChain's step."""
    daemon = getattr(process.runner, "daemon", None)
    if daemon is None:
        return
    if isinstance(process, FunctionProcess):
        parent, call = process._parent_pid, process.metadata.call_link_label
    else:
        parent, call = process.pid, str(daemon.checkpoints[process.pid])
    if parent is not None and daemon.dies(parent, call, name, kind):
        process.node.set_process_state = _dead  # a `finally` of AiiDA must not go on writing
        raise Killed


def _dead(*_: Any) -> None:
    raise Killed


def _run_of(original: Callable[..., Any]) -> Callable[..., Any]:
    async def run(process: Process) -> Any:
        _dies(process, "stored", FUNCTION)
        return await original(process)

    return run


def _on_terminated(process: Process, original: Callable[[], Any]) -> Any:
    _dies(process, "unsealed", FUNCTION)
    return original()


def _execute(process: Process, original: Callable[[], Any]) -> Any:
    result = original()
    _dies(process, "ended", FUNCTION)
    return result


def _update_outputs(process: Process, original: Callable[[], Any]) -> Any:
    original()
    if isinstance(process, FunctionProcess) and process.outputs:
        _dies(process, "computed", FUNCTION)
    daemon = getattr(process.runner, "daemon", None)
    if isinstance(process, WorkChain) and daemon and len(process._flat_outputs()) > daemon.linked[process.pid]:
        _dies(process, "linked", STEP)


def _save_checkpoint(process: Process, original: Callable[[], Any]) -> Any:
    original()
    daemon = getattr(process.runner, "daemon", None)
    if daemon is not None:
        daemon.checkpoints[process.pid] += 1
        daemon.linked[process.pid] = len(process._flat_outputs())


def _on_exiting(process: Process, original: Callable[[], Any]) -> Any:
    if process.state is ProcessState.RUNNING:
        _dies(process, "returned", STEP)
    return original()


# --- what must be true afterwards --------------------------------------------------------------------------------


def check_calls(root: orm.WorkChainNode, workchains: tuple[type[WorkChain], ...] = ()) -> None:
    """Check that nothing was made twice below a WorkChain, and that everything used what was really made.

    Args:
        root: that has ended.
        workchains: whose calls are checked, wherever they are below `root`; its own are in any case.
    """
    types = {each.build_process_type() for each in workchains}
    below = [node for node in root.called_descendants if node.process_type in types]
    for node in (root, *below):
        assert node.is_sealed, f"{node} did not end"
        for label, children in calls_of(node).items():
            named = f"{node.process_label}: {label} {[child.process_label for child in children]}"
            assert label != "CALL", f"{named} was called without a label"
            assert sum(not is_abandoned(child) for child in children) == 1, f"{named} was made twice"
            assert all(child.is_terminated and child.is_sealed for child in children), f"{named} did not end"
            for child in filter(is_abandoned, children):
                assert not users_of(child), f"{named}: {child} was given up, but its outputs were used"


def recorded(root: orm.WorkChainNode) -> dict[str, Job]:
    """Return jobs that give what the children of a WorkChain gave under the same label for the same inputs."""
    known = {}
    for (child,) in calls_of(root).values():
        if not isinstance(child, orm.CalcFunctionNode):
            outgoing = child.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)).all()
            outputs = {link.link_label: link.node for link in outgoing}
            known[child.process_type, taken(child)] = Ending(outputs, child.exit_status, child.exit_message or "")

    def job(node: Any) -> Ending:
        key = (node.process_type, taken(node))
        assert key in known, f"{node.process_label} has inputs that none had in the undisturbed run"
        found = known[key]
        return replace(found, outputs={label: output.clone() for label, output in found.outputs.items()})

    return {process_type: job for process_type, _ in known}


def taken(process: orm.ProcessNode) -> str:
    """Return under which label a process was called and what it took, as a text."""
    (label,) = process.base.links.get_incoming(link_type=CALLS).all_link_labels()
    incoming = process.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)).all()
    return repr([label, unordered({link.link_label: content(link.node) for link in incoming})])


def replay(builder: ProcessBuilder, jobs: Mapping[str, Job]) -> orm.WorkChainNode:
    """Run a WorkChain undisturbed, then killed after each thing that it starts; check that both tell the same story.

    Args:
        builder: of the WorkChain.
        jobs: what is done in place of jobs, by process type.

    Returns:
        The WorkChain that was killed again and again.
    """
    undisturbed = Daemon(jobs).run(builder)
    check_calls(undisturbed)
    daemon = Daemon(recorded(undisturbed), (builder.process_class,))
    return killed_run(builder, daemon, undisturbed)


def replay_thoroughly(builder: ProcessBuilder, workchains: tuple[type[WorkChain], ...]) -> orm.WorkChainNode:
    """Do as `replay`, but kill at every moment, also in the steps of other WorkChains below."""
    undisturbed = Daemon().run(builder)
    check_calls(undisturbed, workchains)
    return killed_run(builder, Daemon({}, (builder.process_class, *workchains), thorough=True), undisturbed)


def killed_run(builder: ProcessBuilder, daemon: Daemon, undisturbed: orm.WorkChainNode) -> orm.WorkChainNode:
    """Run a WorkChain with a daemon that is killed, and check what is left."""
    with moments():
        node = daemon.run(builder)
    assert not daemon.tasks
    check_calls(node, daemon.killed_in)
    found = list(differences(story(node), story(undisturbed)))
    assert not found, "\n".join(found)
    check_deaths(node, daemon)
    return node


def check_deaths(node: orm.WorkChainNode, daemon: Daemon) -> None:
    """Check that the worker was killed after each thing that a WorkChain started, and at the end of each step."""
    died = defaultdict(set)
    for moment in daemon.deaths:
        if moment.process == node.pk:
            died[moment.call].add(moment.name)
    for label, children in calls_of(node).items():
        kind = FUNCTION if isinstance(children[-1], orm.CalcFunctionNode) else CHILD
        for names in kind.thorough if daemon.thorough else kind.quick:
            assert len(died[label] & set(names)) == 1, f"{label}: not killed at one of {names}"
    assert any("returned" in names for names in died.values())
