"""Potentials that are nodes already: ours, and those of aiida-lammps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.plugins import DataFactory

from aiida_polymorph.data.lammps_potential import potential_of
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.potential import Potential, shipped_potentials

if TYPE_CHECKING:
    from aiida_lammps.data.potential import LammpsPotentialData

LAMMPS_POTENTIAL = "lammps.potential"
"""Entry point of aiida-lammps's node of a potential."""


def stored_potential(potential: Potential) -> PotentialData:
    """Return the node that holds a potential; it is stored if there is none yet."""
    known = orm.QueryBuilder().append(PotentialData, filters={"label": potential.name}).all(flat=True)
    same = [node for node in known if node.to_potential() == potential]
    return same[0] if same else PotentialData.from_potential(potential).store()


def find_potential(identifier: str) -> PotentialData:
    """Return the potential of a node; one of aiida-lammps is converted, once.

    Args:
        identifier: number, UUID or label of the node.

    Raises:
        ValueError: if there is no such node, it is something else, or several that differ have the label.
    """
    named = [] if identifier.isdigit() else labelled(identifier)
    candidates = named or [by_identifier(identifier)]
    contents = [content(node) for node in candidates]
    if any(each != contents[0] for each in contents):
        listed = ", ".join(str(node.pk) for node in candidates)
        raise ValueError(f"--potential {identifier}: nodes {listed} have this label and differ; give the number of one")
    node = candidates[0]
    return node if isinstance(node, PotentialData) else converted(node)


def labelled(label: str) -> list[PotentialData | LammpsPotentialData]:
    """Return the potentials with this label, ours first."""
    kinds = (PotentialData, DataFactory(LAMMPS_POTENTIAL))
    queries = [orm.QueryBuilder().append(kind, filters={"label": label}) for kind in kinds]
    return [node for query in queries for node in query.all(flat=True)]


def by_identifier(identifier: str) -> PotentialData | LammpsPotentialData:
    """Return the potential with this number or UUID.

    Raises:
        ValueError: if there is no such node, or it is something else.
    """
    try:
        node = orm.load_node(int(identifier) if identifier.isdigit() else identifier)
    except (NotExistent, MultipleObjectsError, ValueError, OverflowError) as error:
        names = ", ".join(shipped_potentials())
        raise ValueError(
            f"potential {identifier!r} is neither a file, nor one that ships ({names}), nor the number, UUID or label "
            "of a node"
        ) from error
    if not isinstance(node, PotentialData | DataFactory(LAMMPS_POTENTIAL)):
        raise ValueError(f"--potential {identifier}: the node is no potential but {type(node).__name__}")
    return node


def content(node: PotentialData | LammpsPotentialData) -> Potential:
    """Return what a node holds.

    Raises:
        ValueError: if a node of aiida-lammps lacks what is needed, with how to give it.
    """
    if isinstance(node, PotentialData):
        return node.to_potential()
    try:
        return potential_of(node)
    except ValueError as error:
        raise ValueError(
            f"{error}; convert node {node.pk} in Python with PotentialData.from_lammps_potential, which takes what the "
            "node lacks, and give the number of the result"
        ) from error


def converted(node: LammpsPotentialData) -> PotentialData:
    """Return the potential of this package that holds the same; it is made if there is none yet."""
    from aiida_polymorph.calculations.functions.potential import convert_lammps_potential

    query = orm.QueryBuilder().append(orm.Node, filters={"id": node.pk}, tag="given")
    query.append(orm.CalcFunctionNode, with_incoming="given", tag="conversion")
    query.append(PotentialData, with_incoming="conversion")
    same = [known for known in query.all(flat=True) if known.to_potential() == potential_of(node)]
    return same[0] if same else convert_lammps_potential(node, orm.Dict({}))
