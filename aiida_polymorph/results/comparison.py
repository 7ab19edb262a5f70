"""Comparisons of sources: from nodes and a table of phases to a node, and from that node to rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_polymorph.calculations.functions.compare import compare_sources, comparison_of, measured
from aiida_polymorph.data.chemical_potential import ChemicalPotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.landscape.source_comparison import (
    COMPUTED,
    Comparison,
    Measured,
    Overlap,
    by_source,
    usual_reference,
)
from aiida_polymorph.potential import Potential
from aiida_polymorph.results.basin_table import potentials_of_analysis, potentials_of_file
from aiida_polymorph.results.free_energies import Result, the_same, without_dynamics
from aiida_polymorph.results.once import make_once
from aiida_polymorph.text_tables import Column, empty_columns, table

HINT = "`--name LABEL=NAME` gives a node the name that its phase has there"
TOO_FEW = "no pressure has three phases or more, so that there is no correlation"
NO_FIT = "the correction needs four phases at a pressure, or three at each of two pressures"

STABLE: list[Column] = [
    Column("T (K)", "temperature_k", "g"),
    Column("P (GPa)", "pressure_gpa", "g"),
    Column("stable: integration", "integration"),
    Column("harmonic", "harmonic"),
    Column("basin", "basin"),
]
ENTROPIES: list[Column] = [
    Column("T (K)", "temperature_k", "g"),
    Column("phases", "phases", "d"),
    Column("s_b and S: r", "r", ".2f", why=TOO_FEW),
    Column("RMSE (kB)", "rmse_kb", ".3f"),
    Column("a (kB/eV)", "a_kb_per_ev", ".2f", why=NO_FIT),
    Column("+-", "a_error_kb_per_ev", ".2f"),
    Column("s_b - aH and S: r", "corrected_r", ".2f", why=NO_FIT),
    Column("RMSE (kB)", "corrected_rmse_kb", ".3f"),
]
HARMONIC: list[Column] = [
    Column("T (K)", "temperature_k", "g"),
    Column("phases", "phases", "d"),
    Column("harmonic and integration: r", "r", ".3f", why=TOO_FEW),
    Column("RMSE (eV/f.u.)", "rmse_ev_per_formula_unit", ".4f"),
    Column("mean difference", "mean_difference_ev_per_formula_unit", ".4f"),
]


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison with its node.

    Attributes:
        node: What `compare_sources` made.
        comparison: The same, for figures.
        results: The Gibbs energies, in the order of their numbers.
    """

    node: RecordData
    comparison: Comparison
    results: Sequence[Result]

    def rows(self) -> list[dict[str, Any]]:
        """Return the fields of `compare --json`."""
        return [
            {
                **entry,
                **{name: self._pk(entry[name]) for name in ("integration_node", "harmonic_node")},
                "node": self.node.pk,
            }
            for entry in self.node.value("entries")
        ]

    def summary(self) -> dict[str, Any]:
        """Return how well the sources agree, which phase is stable by each, and what the reader should know."""
        names = ("relative_to", "convention", "potential", "entropies", "harmonic", "stable")
        return {
            **{name: self.node.value(name) for name in names},
            "remarks": list(self.comparison.remarks),
            "notes": self.notes(),
            "node": self.node.pk,
        }

    def notes(self) -> list[str]:
        """Return why columns of the tables are empty."""
        return [note for rows, columns in self._tables() for note in empty_columns(rows, columns)]

    def text(self) -> str:
        """Return a comparison for people."""
        value = self.node.value
        title = (
            f"{value('composition')}, potential {value('potential')}, convention {value('convention')}; chemical "
            f"potentials mu relative to {value('relative_to')}, eV per formula unit."
        )
        tables = ["\n".join([table(*each), *empty_columns(*each)]) for each in self._tables()]
        return "\n\n".join([title, *tables])

    def _tables(self) -> list[tuple[list[dict[str, Any]], list[Column]]]:
        agreements = [
            ([row for row in self.node.value(name) if row["phases"]], columns)
            for name, columns in (("entropies", ENTROPIES), ("harmonic", HARMONIC))
        ]
        stable = list(self.node.value("stable"))
        return [(self.rows(), columns_of(self.comparison)), (stable, STABLE), *(each for each in agreements if each[0])]

    def _pk(self, number: int | None) -> int | None:
        return None if number is None else self.results[number].data.pk


def columns_of(comparison: Comparison) -> list[Column]:
    """Return the columns of the table of all state points, with the reasons for which some may be empty."""
    missing = {source: why_missing(comparison, source) for source in ("integration", "harmonic", "basin")}
    integration, harmonic, basin = missing.values()
    return [
        Column("phase", "name"),
        Column("P (GPa)", "pressure_gpa", "g"),
        Column("T (K)", "temperature_k", "g"),
        Column("G (eV/f.u.)", "gibbs_energy_ev_per_formula_unit", ".4f", reason="reason", why=integration),
        Column("harmonic G", "harmonic_gibbs_energy_ev_per_formula_unit", ".4f", why=harmonic),
        Column("mu: integration", "relative_integration_ev_per_formula_unit", ".4f", why=integration),
        Column("+-", "relative_integration_error_ev_per_formula_unit", ".4f"),
        Column("harmonic", "relative_harmonic_ev_per_formula_unit", ".4f", why=harmonic),
        Column("+-", "relative_harmonic_error_ev_per_formula_unit", ".4f"),
        Column("basin", "relative_basin_ev_per_formula_unit", ".4f", why=basin),
        Column("+-", "relative_basin_error_ev_per_formula_unit", ".4f"),
        Column("S (kB)", "entropy_kb", ".2f", why=integration),
        Column("s_b (kB)", "basin_entropy_kb", ".2f", why=basin),
        Column("+-", "basin_entropy_error_kb", ".2f"),
        Column("reason", "reason"),
    ]


def why_missing(comparison: Comparison, source: str) -> str:
    """Return why a source may have no values relative to the reference phase."""
    reference = comparison.relative_to
    if source == "basin":
        if comparison.basin is None:
            return "--phases was not given"
        if reference not in comparison.basin.names:
            return f"the reference phase {reference} is not among the phases of --phases"
        return "the phases were not found by the searches at these pressures"
    if not comparison.measured[source]:
        return f"no node has Gibbs energies by the source {source}"
    if reference not in comparison.measured[source]:
        return f"no node has Gibbs energies of the reference phase {reference} by the source {source}"
    return f"the reference phase {reference} has no value by the source {source} at these state points"


def make_comparison(
    results: Sequence[Result],
    phases: str | Path | orm.ProcessNode | None = None,
    temperatures: Sequence[float] | None = None,
    relative_to: str | None = None,
) -> Compared:
    """Return Gibbs energies of several nodes side by side, and basin entropies beside them, as a node.

    Args:
        results: Of the nodes, with the names that phases shall have.
        phases: An analysis, or a file that `export` made of one; None for no basin entropies.
        temperatures: Only these, K; None for all.
        relative_to: The reference phase; None for the one that is lowest at most state points.

    Raises:
        ValueError: If the nodes can't be compared, or a temperature or the reference phase is unknown.
    """
    shared = {name: the_same(results, name, f"compare those of one {name}") for name in ("formula", "potential")}
    convention = the_same(
        results, "convention", "compare those of one convention (`--convention` of integrate and free-energy)"
    )
    entries = [
        entry
        for number, result in enumerate(results)
        for entry in measured(result.data, result.phase, number, result.atoms)
    ]
    entries = at_temperatures(entries, temperatures, results)
    found, overlaps = by_source(entries)
    basin = None if phases is None else basin_of(phases, results[0])
    remarks = [overlap_text(overlap, results) for overlap in overlaps]
    if basin is not None:
        remarks += missing_phases(basin, sorted({entry.phase for entry in entries}), phases)
    settings = {
        "phases": {f"gibbs_{number:03d}": result.phase for number, result in enumerate(results)},
        "composition": shared["formula"],
        "atoms": results[0].atoms,
        "convention": convention,
        "potential": results[0].potential_name,
        "relative_to": reference_of(found, relative_to),
        **({} if temperatures is None else {"temperatures": list(temperatures)}),
    }
    nodes: dict[str, orm.Data] = {f"gibbs_{number:03d}": result.data for number, result in enumerate(results)}
    comparison = replace(comparison_of(settings, nodes, basin), remarks=tuple(remarks))
    node = make_once(compare_sources, settings=orm.Dict(settings), basin=basin, **nodes)
    return Compared(node, comparison, results)


def at_temperatures(
    entries: Sequence[Measured], temperatures: Sequence[float] | None, results: Sequence[Result]
) -> list[Measured]:
    """Return the entries of the temperatures asked for.

    Raises:
        ValueError: If a temperature is not there, or no two phases or sources share one.
    """
    by_node: dict[int, set[float]] = {}
    for entry in entries:
        by_node.setdefault(entry.node, set()).add(entry.state_point[0])
    known = sorted(set().union(*by_node.values()))
    unknown = [each for each in temperatures or () if each not in known]
    if unknown:
        raise ValueError(f"no node has a temperature of {numbers(unknown)} K; there are {numbers(known)} K")
    if len(by_node) > 1 and all(sum(each in values for values in by_node.values()) < 2 for each in known):
        there = (f"node {results[number].data.pk} has {numbers(sorted(each))} K" for number, each in by_node.items())
        raise ValueError(f"the nodes have no common temperature: {'; '.join(there)}")
    return [entry for entry in entries if temperatures is None or entry.state_point[0] in temperatures]


def overlap_text(overlap: Overlap, results: Sequence[Result]) -> str:
    """Return which of two nodes counts at a state point."""
    temperature, pressure = overlap.kept.state_point
    left, kept = (results[each.node].data.pk for each in overlap)
    return (
        f"{overlap.kept.phase} at {temperature:g} K, {pressure:g} GPa is in nodes {left} and {kept}; the latter "
        "counts, which has the smaller error"
    )


def numbers(values: Sequence[float]) -> str:
    """Return numbers for a message."""
    return ", ".join(f"{each:g}" for each in values)


def basin_of(phases: str | Path | orm.ProcessNode, result: Result) -> ChemicalPotentialData:
    """Return the table of phases as a node: that of an analysis, or a new one of a file, which says where it is from.

    Raises:
        ValueError: If it is that of another composition or potential.
    """
    if isinstance(phases, orm.ProcessNode):
        _, formula, potential = potentials_of_analysis(phases)
        node, name = phases.outputs.chemical_potentials, f"analysis {phases.pk}"
    else:
        potentials, formula = potentials_of_file(phases)
        node, name, potential = ChemicalPotentialData.from_potentials(potentials), str(phases), None
        digest = hashlib.sha256(Path(phases).read_bytes()).hexdigest()
        node.description = f"from the file {Path(phases).name}, SHA-256 {digest}"
    if formula != result.formula:
        raise ValueError(f"{name} has phases of {formula}, the nodes those of {result.formula}")
    if potential is not None and not _alike(without_dynamics(potential), result):
        raise ValueError(
            f"{name} was made with the potential {potential.name}, the nodes with {result.potential_name} "
            "(or other commands of the same name); compare those of one potential"
        )
    return node


def _alike(potential: Potential, result: Result) -> bool:
    """Whether a potential is that of a result, by its name where no more is known."""
    return (potential.name if isinstance(result.potential, str) else potential) == result.potential


def missing_phases(node: ChemicalPotentialData, phases: Sequence[str], source: object) -> list[str]:
    """Return a remark on phases that the table doesn't have.

    Raises:
        ValueError: If it has none of them.
    """
    there = node.value("names")
    missing = [phase for phase in phases if phase not in there]
    name = f"analysis {source.pk}" if isinstance(source, orm.ProcessNode) else str(source)
    if missing and len(missing) == len(phases):
        some = ", ".join([*there[:12], *(["..."] if len(there) > 12 else [])])
        raise ValueError(f"none of {', '.join(phases)} is a phase of {name}, which has {some}; {HINT}")
    return [f"{', '.join(missing)}: not among the phases of {name}, no basin entropy; {HINT}"] if missing else []


def reference_of(measured: Mapping[str, Mapping[str, Mapping]], wanted: str | None) -> str:
    """Return the reference phase.

    Raises:
        ValueError: If the one wanted is not there, or none has a Gibbs energy.
    """
    phases = sorted({phase for source in COMPUTED for phase in measured[source]})
    if wanted is not None and wanted not in phases:
        raise ValueError(f"no node is of the phase {wanted}; there are {', '.join(phases)}")
    found = wanted or usual_reference(measured)
    if found is None:
        raise ValueError(f"none of {', '.join(phases)} has a Gibbs energy: none of them is metastable here")
    return found
