"""Gibbs energies gathered from nodes: of which phase, with which potential, by which source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from ase.formula import Formula

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.potential import Potential
from aiida_polymorph.results.nodes import formula_of, load

OUTPUTS = {
    "IntegrateWorkChain": "gibbs_energies",
    "FreeEnergyWorkChain": "free_energy",
    "HarmonicWorkChain": "free_energy",
}
"""Processes that can be compared, and the output that holds their Gibbs energies."""

WANTED = "processes of `integrate` and `free-energy`, or their GibbsEnergiesData and FreeEnergyData"


@dataclass(frozen=True, eq=False)
class Result:
    """Gibbs energies of one phase in one node.

    Attributes:
        phase: Its name.
        data: The node.
        given: The node that was asked for: the same, or the process that returned it.
        formula: Of a formula unit.
        potential: With which it was computed, without settings that only dynamics has; its name alone where the
            node's history is not in this profile.
    """

    phase: str
    data: FreeEnergyData | GibbsEnergiesData
    given: orm.Node
    formula: str
    potential: Potential | str

    @property
    def atoms(self) -> int:
        """Number of atoms in a formula unit."""
        return len(Formula(self.formula))

    @property
    def potential_name(self) -> str:
        """Name of the potential."""
        return self.potential if isinstance(self.potential, str) else self.potential.name

    @property
    def structure(self) -> orm.StructureData | None:
        """The structure of the phase, None where the node's history is not in this profile."""
        return input_of(self.data, "structure")

    @property
    def convention(self) -> str:
        """Of the thermal wavelengths."""
        return self.data.value("convention")


def load_results(identifiers: Sequence[str], names: Mapping[str, str]) -> list[Result]:
    """Return the Gibbs energies of nodes; a node that is given twice counts once.

    Args:
        identifiers: Numbers or UUIDs of processes of `integrate` and `free-energy`, or of their results.
        names: New names of phases, see `renamed`.

    Raises:
        ValueError: If there is no such node, it holds no Gibbs energies, or a phase to be renamed is not there.
    """
    found = (result_of(load(each)) for each in identifiers)
    return renamed(list({result.data.pk: result for result in found}.values()), names)


def warnings_of(results: Iterable[Result]) -> list[str]:
    """Return what went wrong in the processes that were given, as lines for people."""
    given = ((result, result.given) for result in results if isinstance(result.given, orm.ProcessNode))
    return [
        f"{result.phase} ({process.pk}): {process.exit_message}"
        for result, process in given
        if not process.is_finished_ok and process.exit_message
    ]


def result_of(node: orm.Node) -> Result:
    """Return the Gibbs energies that a node is, or that a process has made.

    Raises:
        ValueError: If the node is something else, the process made none, or neither the node nor its history tells the
            phase.
    """
    data = output_of(node) if isinstance(node, orm.ProcessNode) else node
    if not isinstance(data, FreeEnergyData | GibbsEnergiesData):
        raise ValueError(f"node {node.pk} is a {type(node).__name__}; what is needed are {WANTED}")
    composition = data.value("composition")
    name, formula = (data.value("phase") or "", composition) if composition else named_by_history(data)
    potential = input_of(data, "potential")
    if potential is None and not data.value("potential"):
        raise ValueError(f"node {data.pk} has lost its history: no process tells its potential")
    known = data.value("potential") if potential is None else without_dynamics(potential.to_potential())
    return Result(bare(name) or f"{formula}-{data.pk}", data, node, formula, known)


def bare(name: str) -> str:
    """Return the name of a phase without the pressure that `export` puts behind it: `pyrite` of `pyrite@20GPa`."""
    return name.partition("@")[0]


def without_dynamics(potential: Potential) -> Potential:
    """Return a potential without the settings that only speed up dynamics, which make no other potential."""
    return replace(potential, dynamics_commands=())


# --- nodes of older versions, which do not know their phase -----------------------------------------------------------


def named_by_history(data: orm.Data) -> tuple[str, str]:
    """Return the phase and the formula of a node of an older version: by the label of its structure.

    Raises:
        ValueError: If the structure is not in this profile.
    """
    structure = input_of(data, "structure")
    if structure is None:
        raise ValueError(f"node {data.pk} has lost its history: no process tells its phase and potential")
    formula = formula_of(structure)
    return bare(structure.label) or f"{formula}-{structure.pk}", formula


def input_of(data: orm.Data, name: str) -> Any:
    """Return an input of the calcfunction that made a node, else of the process that returned it; None for none."""
    for process in (data.creator, maker_of(data)):
        if process is not None and name in process.inputs:
            return process.inputs[name]
    return None


def maker_of(data: orm.Data) -> orm.ProcessNode | None:
    """Return the process that returned a node, the first one of several; None if there is none."""
    links = data.base.links.get_incoming(orm.WorkChainNode, link_type=LinkType.RETURN).all_nodes()
    makers = [node for node in links if isinstance(node, orm.WorkChainNode) and node.process_label in OUTPUTS]
    return min(makers, key=lambda node: node.pk or 0, default=None)


def output_of(process: orm.ProcessNode) -> FreeEnergyData | GibbsEnergiesData:
    """Return the Gibbs energies that a process has made.

    Raises:
        ValueError: if it made none (yet), or is another process.
    """
    name = OUTPUTS.get(str(process.process_label))
    if name is None:
        raise ValueError(f"process {process.pk} is a {process.process_label}; what is needed are {WANTED}")
    if name not in process.outputs:
        state = process.exit_message or "it failed" if process.is_terminated else "it is still under way"
        raise ValueError(f"process {process.pk} has no Gibbs energies: {state}")
    return process.outputs[name]


def renamed(results: Sequence[Result], names: Mapping[str, str]) -> list[Result]:
    """Return the results with names of one's own.

    Args:
        results: of all nodes.
        names: phase, or PK of the node or of the process that was given, -> new name.

    Raises:
        ValueError: if there is no such phase or node.
    """
    used = set()
    found = []
    for result in results:
        nodes = (result.given, result.data, maker_of(result.data))
        keys = (*(str(node.pk) for node in nodes if node is not None), result.phase)
        key = next((each for each in keys if each in names), None)
        used |= set(keys) & set(names)
        found.append(result if key is None else replace(result, phase=names[key]))
    unknown = sorted(set(names) - used)
    if unknown:
        there = ", ".join(dict.fromkeys(result.phase for result in results))
        raise ValueError(f"no node is called {', '.join(unknown)}; there are {there}")
    return found


def the_same(results: Sequence[Result], name: str, advice: str) -> Any:
    """Return what all results share.

    Args:
        results: Of all nodes.
        name: `formula`, `potential` or `convention`. Potentials are compared by all that they hold where all of them
            are in this profile, else by their names.
        advice: What to do where they differ.

    Raises:
        ValueError: Naming what they have, where they differ.
    """
    if name == "potential" and any(isinstance(result.potential, str) for result in results):
        name = "potential_name"
    groups: list[list[Result]] = []
    for result in results:
        group = next((each for each in groups if getattr(each[0], name) == getattr(result, name)), None)
        groups.append([result]) if group is None else group.append(result)
    values = [getattr(group[0], name) for group in groups]
    if len(groups) > 1:
        lines = [
            f"{getattr(value, 'name', value)} in {', '.join(str(result.given.pk) for result in group)}"
            for value, group in zip(values, groups, strict=True)
        ]
        what = name.removesuffix("_name")
        raise ValueError(f"the nodes differ in their {what}: {'; '.join(lines)}; {advice}")
    return values[0]
