"""A comparison put together from nodes and a table of phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aiida import orm

from aiida_polymorph.potential import Potential
from aiida_polymorph.report.comparison import COMPUTED, Comparison, Measured, usual_reference
from aiida_polymorph.results.basin_table import potentials_of_analysis, potentials_of_file
from aiida_polymorph.results.free_energies import Result, by_source, the_same, without_dynamics
from aiida_polymorph.thermodynamics.diagrams.chemical_potential import ChemicalPotentials


def collect_comparison(
    results: Sequence[Result],
    phases: str | Path | orm.ProcessNode | None = None,
    temperatures: Sequence[float] | None = None,
    relative_to: str | None = None,
) -> Comparison:
    """Return Gibbs energies of several nodes side by side, and basin entropies beside them.

    Args:
        results: of the nodes, with the names that phases shall have.
        phases: an analysis, or a file that `export` made of one; None for no basin entropies.
        temperatures: only these, K; None for all.
        relative_to: the reference phase; None for the one that is lowest at most places.

    Raises:
        ValueError: if the nodes can't be compared, or a temperature or the reference phase is unknown.
    """
    formula = the_same(results, "formula", "compare those of one composition")
    potential = the_same(results, "potential", "compare those of one potential")
    convention = the_same(
        results, "convention", "compare those of one convention (`--convention` of integrate and free-energy)"
    )
    entries = at_temperatures([entry for result in results for entry in result.measured()], temperatures)
    measured, remarks = by_source(entries)
    basin = None
    if phases is not None:
        basin = basin_of(phases, results[0])
        remarks += missing_phases(basin, sorted({entry.phase for entry in entries}), phases)
    return Comparison(
        measured=measured,
        basin=basin,
        relative_to=reference_of(measured, relative_to),
        formula=formula,
        convention=convention,
        potential=getattr(potential, "name", potential),
        remarks=tuple(remarks),
    )


def at_temperatures(entries: Sequence[Measured], temperatures: Sequence[float] | None) -> list[Measured]:
    """Return the entries of the temperatures asked for.

    Raises:
        ValueError: if a temperature is not there, or no two phases or sources share one.
    """
    by_node: dict[int, set[float]] = {}
    for entry in entries:
        by_node.setdefault(entry.node, set()).add(entry.place[0])
    known = sorted(set().union(*by_node.values()))
    there = "; ".join(f"node {node} has {numbers(sorted(values))} K" for node, values in by_node.items())
    unknown = [each for each in temperatures or () if each not in known]
    if unknown:
        raise ValueError(f"no node has a temperature of {numbers(unknown)} K; there are {numbers(known)} K")
    if len(by_node) > 1 and all(sum(each in values for values in by_node.values()) < 2 for each in known):
        raise ValueError(f"the nodes have no common temperature: {there}")
    return [entry for entry in entries if temperatures is None or entry.place[0] in temperatures]


def numbers(values: Sequence[float]) -> str:
    """Return numbers for a message."""
    return ", ".join(f"{each:g}" for each in values)


def basin_of(phases: str | Path | orm.ProcessNode, result: Result) -> ChemicalPotentials:
    """Return the table of phases.

    Raises:
        ValueError: if it is that of another composition or potential.
    """
    if isinstance(phases, orm.ProcessNode):
        table, formula, potential = potentials_of_analysis(phases)
        name = f"analysis {phases.pk}"
    else:
        table, formula = potentials_of_file(phases)
        name, potential = str(phases), None
    if formula != result.formula:
        raise ValueError(f"{name} has phases of {formula}, the nodes those of {result.formula}")
    if potential is not None and not _alike(without_dynamics(potential), result):
        raise ValueError(
            f"{name} was made with the potential {potential.name}, the nodes with {result.potential_name} "
            "(or other commands of the same name); compare those of one potential"
        )
    return table


def _alike(potential: Potential, result: Result) -> bool:
    """Whether a potential is that of a result, by its name where no more is known."""
    return (potential.name if isinstance(result.potential, str) else potential) == result.potential


def missing_phases(table: ChemicalPotentials, phases: Sequence[str], source: object) -> list[str]:
    """Return a remark on phases that the table doesn't have.

    Raises:
        ValueError: if it has none of them.
    """
    missing = [phase for phase in phases if phase not in table.names]
    name = f"analysis {source.pk}" if isinstance(source, orm.ProcessNode) else str(source)
    hint = "`--name LABEL=PHASE` gives a node the name that its phase has there"
    if missing and len(missing) == len(phases):
        some = ", ".join([*table.names[:12], *(["..."] if len(table.names) > 12 else [])])
        raise ValueError(f"none of {', '.join(phases)} is a phase of {name}, which has {some}; {hint}")
    return [f"{', '.join(missing)}: not among the phases of {name}, no basin entropy; {hint}"] if missing else []


def reference_of(measured: Mapping[str, Mapping[str, Mapping]], wanted: str | None) -> str:
    """Return the reference phase.

    Raises:
        ValueError: if the one wanted is not there, or none has a Gibbs energy.
    """
    phases = sorted({phase for source in COMPUTED for phase in measured[source]})
    if wanted is not None and wanted not in phases:
        raise ValueError(f"no node is of the phase {wanted}; there are {', '.join(phases)}")
    found = wanted or usual_reference(measured)
    if found is None:
        raise ValueError(f"none of {', '.join(phases)} has a Gibbs energy: none of them is metastable here")
    return found
