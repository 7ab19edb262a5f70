"""Children of a WorkChain: a step that is repeated after a crash takes up what it had started.

A daemon that is killed within a step repeats the whole step when it comes back, from the context that the WorkChain
had before it. What the step had started by then is in the database, and the link to it bears its label. So a WorkChain
starts nothing by itself: calcfunctions through `run_once`, other processes through `submit_once`, each under a label
that says which call this is. A label is the same whenever the step is repeated, and no two calls share one unless they
are to share the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import Process, ProcessState, WorkChain

CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)
SINGLE_OUTPUT = "result"
"""Label of the output of a calcfunction that returns one node."""

BEGUN = (ProcessState.RUNNING, ProcessState.WAITING)

ABANDONED = "abandoned: the step that started it was repeated before it had begun, or before it had ended"
"""Status of a process that takes no part in what its WorkChain computes."""


def called_child(node: orm.ProcessNode, label: str) -> orm.ProcessNode | None:
    """Return the process that a WorkChain has already called under this label, None if there is none of use.

    Of no use is a calcfunction that did not end well, and a process that no worker has begun: whether its task reached
    the broker before the crash can't be known, and nobody would begin it if not.
    """
    return next((child for child in _children(node, label) if _is_alive(child)), None)


def take_up(workchain: WorkChain, label: str) -> orm.ProcessNode | None:
    """Return the process of use that a WorkChain has already called under this label; where there is none, None.

    In that case what was called under the label is marked as killed, so that no worker begins it any more: one that
    finds the task of a terminated process drops the task.
    """
    children = _children(workchain.node, label)
    alive = next((child for child in children if _is_alive(child)), None)
    for child in children if alive is None else ():
        if not child.is_sealed:
            _abandon(child)
    return alive


def submit_once(workchain: WorkChain, label: str, process: type[Process], **inputs: Any) -> orm.ProcessNode:
    """Submit a child under this label, or return the one that was submitted under it before.

    Args:
        workchain: whose step this is.
        label: of the call; letters, digits and underscores.
        process: class of the child.
        inputs: of the child. Nodes that are made anew for a call that is not needed are never stored.
    """
    child = take_up(workchain, label)
    if child is None:
        metadata = {**inputs.pop("metadata", {}), "call_link_label": label}
        return workchain.submit(process, **inputs, metadata=metadata)
    workchain.report(f"{label} was already submitted as {child.process_label}<{child.pk}>: not submitted again")
    return child


def run_once(workchain: WorkChain, label: str, function: Callable[..., Any], **inputs: Any) -> Any:
    """Run a calcfunction under this label, or return what it gave when the step ran before.

    Args:
        workchain: whose step this is.
        label: of the call; letters, digits and underscores.
        function: a calcfunction.
        inputs: of the calcfunction.

    Returns:
        As the function itself: its node, or with several outputs a dictionary of their names and nodes.
    """
    child = take_up(workchain, label)
    if child is None:
        return function(**inputs, metadata={"call_link_label": label})
    outputs = {name: child.outputs[name] for name in child.outputs}
    return outputs[SINGLE_OUTPUT] if set(outputs) == {SINGLE_OUTPUT} else outputs


def is_abandoned(process: orm.ProcessNode) -> bool:
    """Return whether a process takes no part because the step that started it was repeated."""
    return process.is_killed and process.process_status == ABANDONED


def _children(node: orm.ProcessNode, label: str) -> list[Any]:
    """Return what was called under a label, the oldest first; for the query `_` stands for any character."""
    links = node.base.links.get_outgoing(link_type=CALLS, link_label_filter=label).all()
    return sorted((link.node for link in links if link.link_label == label), key=lambda child: child.pk)


def _abandon(child: orm.ProcessNode) -> None:
    child.set_process_status(ABANDONED)
    child.set_process_state(ProcessState.KILLED)
    child.delete_checkpoint()
    child.seal()


def _is_alive(child: orm.ProcessNode) -> bool:
    """Return whether a child can be waited for, or has ended.

    What comes from the cache counts as finished before all of its outputs are there; once it is sealed, they are.
    """
    if is_abandoned(child):
        return False
    if isinstance(child, orm.CalcFunctionNode):
        return child.is_finished_ok and child.is_sealed
    ended = child.is_sealed if isinstance(child, orm.CalcJobNode) else True
    return (child.is_terminated and ended) or child.process_state in BEGUN
