"""What a process took, made and called, in a form that is the same for equal runs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.workflows.children import CALLS, is_abandoned

UNEQUAL = frozenset({"wall_seconds", "cpu_seconds"})
"""Inputs, and entries of results, that differ from run to run."""


def calls_of(node: orm.WorkChainNode) -> dict[str, list[orm.ProcessNode]]:
    """Return what a WorkChain called, by label."""
    calls = defaultdict(list)
    for link in node.base.links.get_outgoing(link_type=CALLS).all():
        calls[link.link_label].append(link.node)
    return calls


def users_of(process: orm.ProcessNode) -> list[orm.ProcessNode]:
    """Return the processes that took or handed out what a process made, but for those that were given up."""
    kinds = (LinkType.INPUT_CALC, LinkType.INPUT_WORK)
    made = process.base.links.get_outgoing(link_type=LinkType.CREATE).all_nodes()
    taken = [user for node in made for user in node.base.links.get_outgoing(link_type=kinds).all_nodes()]
    returned = [user for node in made for user in node.base.links.get_incoming(link_type=LinkType.RETURN).all_nodes()]
    return [user for user in (*taken, *returned) if not is_abandoned(user)]


def story(process: orm.ProcessNode, depth: int = 1) -> dict[str, Any]:
    """Return what a process took, made and called, in a form that is the same for equal runs.

    Args:
        process: that has ended.
        depth: how many levels of calls are told of.
    """
    incoming = process.base.links.get_incoming(link_type=(LinkType.INPUT_CALC, LinkType.INPUT_WORK)).all()
    outgoing = process.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)).all()
    calls = calls_of(process) if depth else {}
    alive = {label: [child for child in children if not is_abandoned(child)] for label, children in calls.items()}
    return {
        "process": process.process_label,
        "end": (process.process_state.value, process.exit_status, plain_value(process.exit_message or "")),
        "inputs": {link.link_label: origin(link.node, process.caller) for link in incoming},
        "outputs": {link.link_label: content(link.node) for link in outgoing},
        "calls": {label: [story(child, depth - 1) for child in children] for label, children in alive.items()},
    }


def origin(node: orm.Node, caller: orm.ProcessNode | None) -> Any:
    """Return which of a caller's calcfunctions made a node, or whether anything else did, and what is in it."""
    creator = node.creator
    is_own = isinstance(creator, orm.CalcFunctionNode) and caller is not None and creator.caller == caller
    return (creator.process_label if is_own else creator is not None, content(node))


def content(node: orm.Node) -> Any:
    """Return what is in a node, but for times and the numbers of processes."""
    if isinstance(node, orm.Code):
        return node.full_label
    if isinstance(node, StructureSetData):
        found = node.to_set()
        columns = {name: column.tolist() for name, column in found.columns.items()}
        return plain_value([found.positions.tolist(), found.cells.tolist(), columns, found.metadata])
    return (node.node_type, plain_value(node.base.attributes.all), node.base.repository.hash())


def differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Yield where two stories differ, and what stands there."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other} - UNEQUAL):
            yield from differences(one.get(key), other.get(key), f"{place}/{key}")
    elif isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{place}/{number}")
    elif one != other:
        yield f"{place}: {one!r:.200} is not {other!r:.200}"


def plain_value(value: Any) -> Any:
    """Return a value without the numbers of processes in its texts."""
    if isinstance(value, Mapping):
        return {key: plain_value(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(each) for each in value]
    return re.sub(r"\(\d+\)|<\d+>", "", value) if isinstance(value, str) else repr(value)  # nan equals itself so


def unordered(value: Any) -> Any:
    """Return a value whose mappings are in the order of their keys."""
    if isinstance(value, Mapping):
        return {key: unordered(value[key]) for key in sorted(value)}
    return [unordered(each) for each in value] if isinstance(value, list | tuple) else value
