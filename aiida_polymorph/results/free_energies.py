"""Gibbs energies gathered from nodes: of which phase, with which potential, by which source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.calculations.functions.diagram import source_of
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.state_points import state_points
from aiida_polymorph.potential import Potential
from aiida_polymorph.report.comparison import COMPUTED, Measured
from aiida_polymorph.structures import composition_formula, formula_units_of, reduced_composition
from aiida_polymorph.thermodynamics.diagrams.comparison import Place, entropy
from aiida_polymorph.thermodynamics.free_energy.kinetic import gibbs_helmholtz_enthalpy
from aiida_polymorph.thermodynamics.sampling.series import Estimate

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
        phase: its name: the label of the structure, else formula and PK.
        data: the node.
        process: that made it.
        formula: of a formula unit.
        atoms: in a formula unit.
        potential: with which it was computed; settings of dynamics alone make no other potential.
    """

    phase: str
    data: FreeEnergyData | GibbsEnergiesData
    process: orm.ProcessNode
    formula: str
    atoms: int
    potential: Potential

    @property
    def convention(self) -> str:
        """Of the thermal wavelengths."""
        return self.data.value("convention")

    def measured(self) -> list[Measured]:
        """Return what the node tells, state point by state point."""
        return [self._measured(source_of(self.data), point) for point in state_points(self.data, self.atoms)]

    def _measured(self, source: str, point: Mapping[str, Any]) -> Measured:
        """Return one entry."""
        temperature = point["temperature_k"]
        gibbs_energy = Estimate(number(point["gibbs_energy"]), number(point["error"]))
        configurational = number(point["configurational_enthalpy"])
        enthalpy = Estimate(
            gibbs_helmholtz_enthalpy(configurational, temperature, self.convention, self.atoms),
            number(point.get("configurational_enthalpy_error")),
        )
        known = bool(np.isfinite(gibbs_energy.value))
        has_entropy = known and np.isfinite(enthalpy.value) and self.convention != "quantum"
        return Measured(
            phase=self.phase,
            source=source,
            place=(temperature, point["pressure_gpa"]),
            gibbs_energy=gibbs_energy if known else None,
            volume=number(point["volume"]),
            entropy=entropy(gibbs_energy, enthalpy, temperature) if has_entropy else None,
            reason=point["reason"],
            node=self.data.pk,
        )


def number(value: float | None) -> float:
    """Return a number of a node, nan for None."""
    return np.nan if value is None else float(value)


def result_of(node: orm.Node) -> Result:
    """Return the Gibbs energies that a node is, or that a process has made.

    Raises:
        ValueError: if the node is something else, the process made none, or their history doesn't tell the phase.
    """
    if isinstance(node, orm.ProcessNode):
        data, process = output_of(node), node
    elif isinstance(node, FreeEnergyData | GibbsEnergiesData):
        data, process = node, maker_of(node)
    else:
        raise ValueError(f"node {node.pk} is a {type(node).__name__}; compared are {WANTED}")
    structure = process.inputs.structure
    numbers, formula = structure.get_ase().numbers, formula_of(structure)
    phase = structure.label.partition("@")[0] or f"{formula}-{structure.pk}"
    atoms = len(numbers) // formula_units_of(numbers)
    potential = replace(process.inputs.potential.to_potential(), dynamics_commands=())
    return Result(phase, data, process, formula, atoms, potential)


def formula_of(structure: orm.StructureData) -> str:
    """Return the formula of a formula unit."""
    return composition_formula(reduced_composition(structure.get_ase().numbers))


def output_of(process: orm.ProcessNode) -> FreeEnergyData | GibbsEnergiesData:
    """Return the Gibbs energies that a process has made.

    Raises:
        ValueError: if it made none (yet), or is another process.
    """
    name = OUTPUTS.get(process.process_label)
    if name is None:
        raise ValueError(f"process {process.pk} is a {process.process_label}; compared are {WANTED}")
    if name not in process.outputs:
        state = process.exit_message or "it failed" if process.is_terminated else "it is still under way"
        raise ValueError(f"process {process.pk} has no Gibbs energies: {state}")
    return process.outputs[name]


def maker_of(data: orm.Data) -> orm.ProcessNode:
    """Return the process that returned a node.

    Raises:
        ValueError: if there is none.
    """
    links = data.base.links.get_incoming(orm.WorkChainNode, link_type=LinkType.RETURN).all_nodes()
    makers = [node for node in links if node.process_label in OUTPUTS]
    if not makers:
        raise ValueError(f"node {data.pk} has lost its history: no process tells its phase and potential")
    return min(makers, key=lambda node: node.pk)


def renamed(results: Sequence[Result], names: Mapping[str, str]) -> list[Result]:
    """Return the results with names of one's own.

    Args:
        results: of all nodes.
        names: phase, or PK of the node or its process, -> name wanted.

    Raises:
        ValueError: if there is no such phase or node.
    """
    used = set()
    found = []
    for result in results:
        keys = (str(result.process.pk), str(result.data.pk), result.phase)
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
        results: of all nodes.
        name: attribute of `Result`.
        advice: what to do where they differ.

    Raises:
        ValueError: naming what they have, where they differ.
    """
    groups: list[list[Result]] = []
    for result in results:
        group = next((each for each in groups if getattr(each[0], name) == getattr(result, name)), None)
        groups.append([result]) if group is None else group.append(result)
    values = [getattr(group[0], name) for group in groups]
    if len(groups) > 1:
        lines = [
            f"{getattr(value, 'name', value)} in {', '.join(str(result.process.pk) for result in group)}"
            for value, group in zip(values, groups, strict=True)
        ]
        raise ValueError(f"the nodes differ in their {name}: {'; '.join(lines)}; {advice}")
    return values[0]


def by_source(
    entries: Iterable[Measured],
) -> tuple[dict[str, dict[str, dict[Place, Measured]]], list[str]]:
    """Return source -> phase -> place -> entry, and remarks on places that several nodes tell of.

    Of two Gibbs energies of a phase at one place by one source, that of the smaller error counts.
    """
    found: dict[str, dict[str, dict[Place, Measured]]] = {source: {} for source in COMPUTED}
    remarks = []
    for entry in entries:
        places = found[entry.source].setdefault(entry.phase, {})
        other = places.get(entry.place)
        if other is None or other.node == entry.node:
            places[entry.place] = entry
            continue
        kept, left = sorted((other, entry), key=lambda each: each.gibbs_energy.error if each.gibbs_energy else np.inf)
        places[entry.place] = kept
        remarks.append(
            f"{entry.phase} at {entry.place[0]:g} K, {entry.place[1]:g} GPa is in nodes {left.node} and {kept.node}; "
            "the latter counts, which has the smaller error"
        )
    return found, remarks
