"""Children of a WorkChain: a step that is repeated after a crash takes up what it had started."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState, WorkChain

CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)
SINGLE_OUTPUT = "result"
"""Label of the output of a calcfunction that returns one node."""

BEGUN = (ProcessState.RUNNING, ProcessState.WAITING)


def called_child(node: orm.ProcessNode, label: str) -> orm.ProcessNode | None:
    """Return the process that a WorkChain has already called under this label, None if there is none of use.

    A daemon that is killed within a step repeats the whole step when it comes back; what the step had started is
    then already there, and its link bears the label. Of no use is a calcfunction that did not end, and a process that
    no worker has begun: whether its task reached the broker before the crash can't be known, and nobody would begin
    it if not. A second one is started then. Should both run, it is no harm: only one is waited for, and a set's
    structures are told by their indices.
    """
    links = node.base.links.get_outgoing(link_type=CALLS).all()
    called: list[Any] = [link.node for link in links if link.link_label == label]
    children = sorted(called, key=lambda child: child.pk)
    return next((child for child in children if _is_alive(child)), None)


def submit_once(workchain: WorkChain, label: str, process: Any, **inputs: Any) -> orm.ProcessNode:
    """Submit a child under this label, or return the one that was submitted under it before."""
    child = called_child(workchain.node, label)
    if child is None:
        metadata = {**inputs.pop("metadata", {}), "call_link_label": label}
        return workchain.submit(process, **inputs, metadata=metadata)
    workchain.report(f"{label} was already submitted as {child.process_label}<{child.pk}>: not submitted again")
    return child


def run_once(workchain: WorkChain, label: str, function: Any, **inputs: Any) -> Any:
    """Run a calcfunction under this label, or return what it gave when the step ran before.

    Returns:
        As the function itself: its node, or with several outputs a dictionary of their names and nodes.
    """
    child = called_child(workchain.node, label)
    if child is None or not child.is_finished_ok:
        return function(**inputs, metadata={"call_link_label": label})
    outputs = {name: child.outputs[name] for name in child.outputs}
    return outputs[SINGLE_OUTPUT] if set(outputs) == {SINGLE_OUTPUT} else outputs


def _is_alive(child: orm.ProcessNode) -> bool:
    if isinstance(child, orm.CalcFunctionNode):
        return child.is_finished_ok
    return child.is_terminated or child.process_state in BEGUN
