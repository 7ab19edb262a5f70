"""From what a person types to nodes: phases, codes, potentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida_polymorph.cli.output import say
from aiida_polymorph.results.nodes import load as load
from aiida_polymorph.results.nodes import structure_set as structure_set

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

    from aiida_polymorph.data.potential import PotentialData
    from aiida_polymorph.data.structures import StructureSetData
    from aiida_polymorph.results.phase_nodes import PhasesGiven


def given_phases(
    given: Sequence[str], only: Sequence[str] | None, pressure_gpa: float, most: int | None = None
) -> PhasesGiven:
    """Return the phases that a command was given, and say how they were chosen; see `results.phase_inputs`.

    Raises:
        ValueError: if one can't be found, or two have the same name.
    """
    from aiida_polymorph.results.phase_inputs import find_phases

    phases = find_phases(given, only, pressure_gpa, most)
    for remark in phases.remarks:
        say(remark)
    return phases


def tell_phase(builder: ProcessBuilder, name: str, known: StructureSetData | None) -> ProcessBuilder:
    """Tell a builder what its phase is called, where it asks for that, and among which phases to look up a lost one."""
    from aiida import orm

    if "name" in builder.process_class.spec().inputs:
        builder.name = orm.Str(name)
    if known is not None:
        builder.phases = known
    return builder


def find_code(label: str | None) -> orm.AbstractCode:
    """Return the code that runs relaxations: the one named, or the one that `setup` made.

    Raises:
        ValueError: if there is none, or it is LAMMPS's executable.
    """
    from aiida_polymorph.calculations.validation import problem_of_relax_code
    from aiida_polymorph.cli.profiles import RELAX_CODE, RELAX_PLUGIN

    return _accepted(_load_code(label, RELAX_CODE, (RELAX_PLUGIN,)), problem_of_relax_code)


def find_lammps(label: str | None) -> orm.AbstractCode:
    """Return the code of LAMMPS: the one named, or the one that `setup` made; codes for aiida-lammps are taken.

    Raises:
        ValueError: if there is none, or it is set up for something else.
    """
    from aiida_polymorph.calculations.validation import LAMMPS_PLUGINS, problem_of_lammps_code
    from aiida_polymorph.cli.profiles import LAMMPS_CODE

    return _accepted(_load_code(label, LAMMPS_CODE, LAMMPS_PLUGINS), problem_of_lammps_code)


def _accepted(code: orm.AbstractCode, problem_of: Callable[[orm.AbstractCode], str | None]) -> orm.AbstractCode:
    problem = problem_of(code)
    if problem:
        raise ValueError(problem)
    return code


def _load_code(label: str | None, own: str, plugins: Sequence[str]) -> orm.AbstractCode:
    """Return the code of a label; without it the one that `setup` made, else the only one set up for the plugins."""
    from aiida import orm
    from aiida.common.exceptions import MultipleObjectsError, NotExistent

    from aiida_polymorph.cli.profiles import COMPUTER

    if label:
        return load_named_code(label)
    try:
        return orm.load_code(f"{own}@{COMPUTER}")
    except (NotExistent, MultipleObjectsError) as error:
        query = orm.QueryBuilder().append(orm.AbstractCode, filters={"attributes.input_plugin": {"in": list(plugins)}})
        found = [code for code in query.all(flat=True) if not code.is_hidden]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(code.full_label for code in found)
        hint = f"choose one with --code: {listed}" if found else "`aiida-polymorph setup` makes it"
        raise ValueError(f"there is no code {own}@{COMPUTER}; {hint}") from error


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


def potential_node(given: str) -> PotentialData:
    """Return the node of a potential, the same one each time as long as the potential stays the same.

    Args:
        given: the name of one that ships, a file, or the number, UUID or label of a node: `PotentialData`, or
            aiida-lammps's `LammpsPotentialData`, which is converted.

    Raises:
        ValueError: if there is no such potential.
    """
    from aiida_polymorph.cli.potentials import find_potential, stored_potential
    from aiida_polymorph.potential import load_potential, shipped_potentials

    if given in shipped_potentials() or Path(given).is_file():
        return stored_potential(load_potential(given))
    return find_potential(given)


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
