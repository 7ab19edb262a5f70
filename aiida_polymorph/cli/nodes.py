"""From what a person types to nodes: structure sets, codes, potentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida import orm

    from aiida_polymorph.data.potential import PotentialData
    from aiida_polymorph.data.structures import StructureSetData


def load(identifier: str) -> orm.Node:
    """Return the node with this PK or UUID.

    Raises:
        ValueError: if there is none.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        return orm.load_node(int(identifier) if identifier.isdigit() else identifier)
    except (NotExistent, MultipleObjectsError, ValueError, OverflowError) as error:
        raise ValueError(f"there is no node {identifier}; give the number or the UUID that a search printed") from error


def structure_set(identifier: str) -> StructureSetData:
    """Return a structure set by its own identifier, or that of the process that made it.

    Raises:
        ValueError: if the node is something else, or the process has not made its set yet.
    """
    from aiida import orm

    from aiida_polymorph.data.structures import StructureSetData

    node = load(identifier)
    if isinstance(node, orm.ProcessNode):
        node = result_of(node)
    if not isinstance(node, StructureSetData):
        raise ValueError(f"node {identifier} is not a set of structures but {type(node).__name__}")
    return node


def result_of(process: orm.ProcessNode) -> StructureSetData:
    """Return the structure set that a search, a relaxation or a scan has made.

    Raises:
        ValueError: if there is none (yet).
    """
    from aiida_polymorph.workflows.reasons import why_not

    for name in ("structures", "relaxed", "points"):
        if name in process.outputs:
            return process.outputs[name]
    if not process.is_terminated:
        raise ValueError(
            f"process {process.pk} is still under way; `aiida-polymorph status {process.pk}` shows how far"
        )
    raise ValueError(f"process {process.pk} made no set of structures: {why_not(process)}")


def find_code(label: str | None) -> orm.AbstractCode:
    """Return the code that runs relaxations: the one named, or the one that `setup` made.

    Raises:
        ValueError: if there is none.
    """
    from aiida_polymorph.cli.profiles import RELAX_CODE

    return _load_code(label, RELAX_CODE)


def find_lammps(label: str | None) -> orm.AbstractCode:
    """Return the code of LAMMPS: the one named, or the one that `setup` made.

    Raises:
        ValueError: if there is none.
    """
    from aiida_polymorph.cli.profiles import LAMMPS_CODE

    return _load_code(label, LAMMPS_CODE)


def _load_code(label: str | None, own: str) -> orm.AbstractCode:
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    from aiida_polymorph.cli.profiles import COMPUTER

    if label:
        return load_named_code(label)
    try:
        return orm.load_code(f"{own}@{COMPUTER}")
    except (NotExistent, MultipleObjectsError) as error:
        raise ValueError(f"there is no code {own}@{COMPUTER}; `aiida-polymorph setup` makes it") from error


def load_named_code(label: str) -> orm.AbstractCode:
    """Return the code of a label.

    Raises:
        ValueError: if there is none, or more than one.
    """
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    try:
        return orm.load_code(label)
    except (NotExistent, MultipleObjectsError) as error:
        raise ValueError(f"there is no code {label}; `verdi code list` shows those there are") from error


def potential_node(name_or_file: str) -> PotentialData:
    """Return the node of a potential, the same one each time as long as the potential stays the same.

    Raises:
        ValueError: if there is no such potential.
    """
    from aiida import orm

    from aiida_polymorph.data.potential import PotentialData
    from aiida_polymorph.potential import load_potential

    potential = load_potential(name_or_file)
    known = orm.QueryBuilder().append(PotentialData, filters={"label": potential.name}).all(flat=True)
    same = [node for node in known if node.to_potential() == potential]
    return same[0] if same else PotentialData.from_potential(potential).store()


def potential_of(sets: Sequence[StructureSetData]) -> PotentialData | None:
    """Return the potential that made these sets, None where their history doesn't tell.

    Raises:
        ValueError: if they were made with different ones.
    """
    from aiida import orm

    from aiida_polymorph.data.potential import PotentialData

    query = orm.QueryBuilder().append(orm.Node, filters={"id": {"in": [node.pk for node in sets]}}, tag="set")
    query.append(orm.WorkChainNode, with_outgoing="set", tag="process")
    query.append(PotentialData, with_outgoing="process")
    found: list[Any] = []
    for node in query.all(flat=True):
        if all(node.to_potential() != other.to_potential() for other in found):
            found.append(node)
    if len(found) > 1:
        names = ", ".join(f"{node.label} ({node.pk})" for node in found)
        raise ValueError(f"the sets were made with different potentials: {names}; analyse them apart")
    return found[0] if found else None


def known_phases(composition: str) -> StructureSetData | None:
    """Return the known phases that ship for a composition, None where none do."""
    from aiida_polymorph.data.structures import StructureSetData
    from aiida_polymorph.references import load_references

    references = load_references(composition)
    return StructureSetData.from_set(references) if len(references) else None
