"""Phase diagrams: from nodes of any source to a node, and from that node to rows for people and for `--json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.calculations.functions.diagram import find_basin_diagram, find_surface_diagram, source_of
from aiida_polymorph.data.chemical_potential import ChemicalPotentialData
from aiida_polymorph.data.phase_diagram import PhaseDiagramData
from aiida_polymorph.results.analysis import PROCESS_LABEL
from aiida_polymorph.results.costs import costs_of_analysis, costs_of_processes
from aiida_polymorph.results.free_energies import Result, maker_of, renamed, result_of, the_same
from aiida_polymorph.results.line_rows import LINE_COLUMNS, table_rows
from aiida_polymorph.results.once import make_once
from aiida_polymorph.text_tables import Column, table
from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram
from aiida_polymorph.thermodynamics.diagrams.sources import SOURCES

PHASE_COLUMNS: list[Column] = [
    Column("phase", "name"),
    Column("space group", "space_group"),
    Column("fate", "fate"),
    Column("source", "method"),
    Column("above stable (eV/f.u.)", "above_stable_ev", ".4f"),
    Column("known", "known_share", ".0%"),
    Column("reason", "reason"),
]
STABLE_COLUMNS: list[Column] = [Column("T (K)", "temperature_k", ".0f"), Column("stable phases (GPa)", "sequence")]

TEMPERATURES = 5
"""Rows of the table of stable phases."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a diagram can be made of.

    Attributes:
        basins: Analyses, or their chemical potentials by basin entropy.
        energies: Gibbs energies of single phases.
    """

    basins: Sequence[orm.Node]
    energies: Sequence[Result]

    @property
    def sources(self) -> list[str]:
        """The sources that there are, the best first."""
        there = {source_of(result.data) for result in self.energies} | ({"basin"} if self.basins else set())
        return [source for source in SOURCES if source in there]

    def of_sources(self, wanted: Sequence[str]) -> Material:
        """Return the part that comes from some sources only."""
        energies = [result for result in self.energies if source_of(result.data) in wanted]
        return Material(self.basins if "basin" in wanted else (), energies)


def material_of(nodes: Sequence[orm.Node], names: Mapping[str, str]) -> Material:
    """Return what nodes hold for a diagram; a node that is given twice counts once.

    Args:
        nodes: Analyses, processes of `integrate` and `free-energy`, or what they returned.
        names: New names of phases, see `free_energies.renamed`.

    Raises:
        ValueError: If a node holds nothing for a diagram, or a phase to be renamed is not there.
    """
    once = list({node.pk: node for node in nodes}.values())
    for node in once:
        if isinstance(node, orm.ProcessNode) and is_basin(node) and not node.is_finished_ok:
            raise ValueError(f"analysis {node.pk} has no results: {node.exit_message or 'it is still under way'}")
    basins = [node for node in once if is_basin(node)]
    results = {result.data.pk: result for result in (result_of(node) for node in once if not is_basin(node))}
    return Material(basins, renamed(list(results.values()), names))


def is_basin(node: orm.Node) -> bool:
    """Return whether a node is an analysis, or the chemical potentials of one."""
    return isinstance(node, ChemicalPotentialData) or getattr(node, "process_label", None) == PROCESS_LABEL


def make_diagram(
    nodes: Sequence[orm.Node],
    names: Mapping[str, str] | None = None,
    sources: Sequence[str] | None = None,
    **settings: Any,
) -> PhaseDiagramData:
    """Return the phase diagram of nodes as a node.

    Args:
        nodes: Analyses, processes of `integrate` and `free-energy`, or what they returned.
        names: New names of phases.
        sources: Only these of `SOURCES`; None for all that there are.
        settings: Where wanted `temperatures` (K), `pressures` (GPa) and `error_gpa`, see `find_surface_diagram`.

    Raises:
        ValueError: If the nodes can't be put into one diagram; the message says why.
    """
    material = chosen_material(material_of(nodes, names or {}), sources)
    given = {name: list(each) if isinstance(each, tuple) else each for name, each in settings.items()}
    given = {name: value for name, value in given.items() if value is not None}
    return _of_basins(material.basins, given) if material.basins else diagram_of_results(material.energies, given)


def chosen_material(material: Material, sources: Sequence[str] | None) -> Material:
    """Return what is to be put into the diagram.

    Raises:
        ValueError: If a source is not there, or sources have no common zero.
    """
    missing = [source for source in sources or () if source not in material.sources]
    if missing:
        raise ValueError(
            f"no node tells of the source {', '.join(missing)}; there is {', '.join(material.sources) or 'none'}"
        )
    found = material if sources is None else material.of_sources(sources)
    if len(found.sources) > 1 and "basin" in found.sources:
        others = ",".join(source for source in found.sources if source != "basin")
        raise ValueError(
            "chemical potentials by basin entropy have a zero of their own at each pressure, so they can't be in one "
            f"diagram with Gibbs energies; choose `--source basin` or `--source {others}`"
        )
    if len(found.basins) > 1:
        raise ValueError(
            f"nodes {', '.join(str(node.pk) for node in found.basins)} are several analyses; a diagram by basin "
            "entropy is that of one, which may hold the searches of all of them"
        )
    return found


def diagram_of_analysis(analysis: orm.ProcessNode) -> PhaseDiagramData | None:
    """Return the phase diagram of an analysis over all searched pressures, as a node; None if it found no phase."""
    return _of_basins([analysis], {}) if len(analysis.outputs.phases) else None


def _of_basins(basins: Sequence[orm.Node], settings: Mapping[str, Any]) -> PhaseDiagramData:
    (node,) = basins
    if isinstance(node, ChemicalPotentialData):
        phases = node.creator.inputs.phases if node.creator is not None else None
    else:
        if not len(node.outputs.phases):
            raise ValueError(f"analysis {node.pk} found no phase, so there is nothing to draw a phase diagram of")
        node, phases = node.outputs.chemical_potentials, node.outputs.phases
    inputs: dict[str, Any] = {"chemical_potentials": node, "settings": orm.Dict(dict(settings))}
    inputs |= {} if phases is None else {"phases": phases}
    return make_once(find_basin_diagram, **inputs)


def diagram_of_results(results: Sequence[Result], settings: Mapping[str, Any]) -> PhaseDiagramData:
    """Return the phase diagram of Gibbs energies, as a node.

    Args:
        results: One or several of each phase.
        settings: See `find_surface_diagram`.

    Raises:
        ValueError: If they differ in composition, potential or convention, or do not suffice.
    """
    for attribute in ("formula", "potential", "convention"):
        the_same(results, attribute, "a phase diagram needs the same one for all")
    names = {f"gibbs_{number:03d}": result.phase for number, result in enumerate(results)}
    nodes: dict[str, orm.Data] = {key: result.data for key, result in zip(names, results, strict=True)}
    structures = {f"structure_{number:03d}": result.structure for number, result in enumerate(results)}
    nodes |= {key: structure for key, structure in structures.items() if structure is not None}
    material = {"phases": names, "atoms": results[0].atoms, "composition": results[0].formula}
    return make_once(find_surface_diagram, settings=orm.Dict({**material, **settings}), **nodes)


# --- rows ------------------------------------------------------------------------------------------------------------


def diagram_record(node: PhaseDiagramData) -> dict[str, Any]:
    """Return the fields of `diagram --json`."""
    diagram = node.to_diagram()
    return {
        "node": node.pk,
        "lines": node.value("lines"),
        "stable": stable_rows(diagram),
        "phases": list(node.phases),
        "undecided": node.value("undecided"),
        "cpu_seconds": costs_of(node),
        "sources": node.value("sources"),
        "convention": node.value("convention"),
    }


def stable_rows(diagram: PhaseDiagram) -> list[dict[str, Any]]:
    """Return the stable phase at each state point of the grid, None where no phase is known."""
    return [
        {
            "temperature_k": float(temperature),
            "pressure_gpa": float(pressure),
            "phase": diagram.names[diagram.stable[i, j]] if diagram.stable[i, j] >= 0 else None,
            "probability": float(diagram.probability[i, j]) if diagram.stable[i, j] >= 0 else None,
        }
        for i, temperature in enumerate(diagram.temperatures)
        for j, pressure in enumerate(diagram.pressures_gpa)
    ]


def sequence_rows(diagram: PhaseDiagram) -> list[dict[str, Any]]:
    """Return which phases are stable in which order of pressure, at some temperatures, for people."""
    chosen = np.unique(np.linspace(0, len(diagram.temperatures) - 1, TEMPERATURES).round().astype(int))
    return [{"temperature_k": float(diagram.temperatures[i]), "sequence": _sequence(diagram, int(i))} for i in chosen]


def _sequence(diagram: PhaseDiagram, row: int) -> str:
    """Return the stable phases along one temperature as text, with the pressures of the grid that they are at."""
    stable = diagram.stable[row]
    starts = np.flatnonzero(np.append(True, stable[1:] != stable[:-1]))
    ends = np.append(starts[1:] - 1, len(stable) - 1)
    return ", ".join(
        f"{diagram.names[stable[start]] if stable[start] >= 0 else 'unknown'} "
        f"{diagram.pressures_gpa[start]:.3g} to {diagram.pressures_gpa[end]:.3g}"
        for start, end in zip(starts, ends, strict=True)
    )


def diagram_text(node: PhaseDiagramData) -> str:
    """Return a diagram for people: phases, stable phases over pressure, lines, and what is undecided."""
    rows, _ = table_rows(node.value("lines"))
    parts = [
        f"Phase diagram {node.pk} by {', '.join(node.value('sources'))}.",
        table(node.phases, PHASE_COLUMNS),
        table(sequence_rows(node.to_diagram()), STABLE_COLUMNS),
        table(rows, LINE_COLUMNS) if rows else "No two stable phases meet here.",
        "\n".join(f"Undecided: {undecided_text(each)}." for each in node.value("undecided")),
    ]
    return "\n\n".join(part for part in parts if part)


def undecided_text(entry: Mapping[str, Any]) -> str:
    """Return what is not decided, for people."""
    (coldest, hottest), (lowest, highest) = entry["temperatures_k"], entry["pressures_gpa"]
    what = f"{entry['first']} and {entry['second']}: " if entry["first"] else ""
    largest = f" (up to {entry['error_gpa']:.2g} GPa)" if entry["error_gpa"] is not None else ""
    where = f"between {coldest:.4g} and {hottest:.4g} K, {lowest:.3g} and {highest:.3g} GPa"
    return f"{what}{entry['reason']}{largest} {where}"


def costs_of(node: PhaseDiagramData) -> dict[str, float | None]:
    """Return the CPU seconds by stage of all jobs that a diagram rests on; none where its history is lost."""
    if node.creator is None:
        return {}
    given = node.creator.inputs
    if "chemical_potentials" in given:
        analysis = _analysis_of(given.chemical_potentials)
        return {} if analysis is None else costs_of_analysis(analysis)
    makers = [maker_of(given[key]) for key in given if key.startswith("gibbs_")]
    return costs_of_processes([process for process in makers if process is not None])


def _analysis_of(potentials: ChemicalPotentialData) -> orm.ProcessNode | None:
    return potentials.creator.caller if potentials.creator is not None else None
