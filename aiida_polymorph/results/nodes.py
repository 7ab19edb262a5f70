"""Nodes by what a person types: a number or a UUID, and the structure set that such a node stands for."""

from __future__ import annotations

import re

from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.structures import composition_formula, reduced_composition
from aiida_polymorph.workflows.reasons import why_not

IDENTIFIER = re.compile(r"\d+|[0-9a-fA-F]{8}(-[0-9a-fA-F-]*)?")
"""Whole numbers, UUIDs, and beginnings of UUIDs of eight digits or more, so that `fcc` and `bcc` are none."""

SETS = ("structures", "relaxed", "points")
"""Outputs of processes that hold the set that they made."""


def is_identifier(text: str) -> bool:
    """Return whether a text is the number of a node, its UUID or a beginning of one."""
    return IDENTIFIER.fullmatch(text) is not None


def load(identifier: str) -> orm.Node:
    """Return the node with this PK or UUID.

    Raises:
        ValueError: if there is none.
    """
    try:
        return orm.load_node(int(identifier) if identifier.isdigit() else identifier)
    except (NotExistent, MultipleObjectsError, ValueError, OverflowError) as error:
        raise ValueError(f"there is no node {identifier}; give the number or the UUID that a search printed") from error


def structure_set(identifier: str) -> StructureSetData:
    """Return a structure set by its own identifier, or that of the process that made it.

    Raises:
        ValueError: if the node is something else, or the process has not made its set yet.
    """
    node = load(identifier)
    if isinstance(node, orm.ProcessNode):
        node = set_made_by(node)
    if not isinstance(node, StructureSetData):
        raise ValueError(f"node {identifier} is not a set of structures but {type(node).__name__}")
    return node


def set_made_by(process: orm.ProcessNode) -> StructureSetData:
    """Return the structure set that a search, a relaxation or a scan has made.

    Raises:
        ValueError: if there is none (yet).
    """
    for name in SETS:
        if name in process.outputs:
            return process.outputs[name]
    if not process.is_terminated:
        raise ValueError(
            f"process {process.pk} is still under way; `aiida-polymorph status {process.pk}` shows how far"
        )
    raise ValueError(f"process {process.pk} made no set of structures: {why_not(process)}")


def formula_of(structure: orm.StructureData) -> str:
    """Return the formula of a formula unit."""
    return composition_formula(reduced_composition(structure.get_ase().numbers))
