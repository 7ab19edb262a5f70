"""Coexistence of phases: from nodes of Gibbs energies to a node, and from that node to rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm

from aiida_polymorph.calculations.functions.coexistence import find_coexistence
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.lines import line_of, point_entry
from aiida_polymorph.data.phase_diagram import PhaseDiagramData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.results.diagram import diagram_of_results
from aiida_polymorph.results.free_energies import Result, the_same
from aiida_polymorph.results.once import make_once


def make_coexistence(results: Sequence[Result], temperatures: Sequence[float] = ()) -> RecordData:
    """Return where phases coexist, as a node.

    Args:
        results: Gibbs energies by integration, one node a phase.
        temperatures: Where lines shall have points, K, besides the temperatures of the phases' grids.

    Raises:
        ValueError: If a node is something else, or they can't be compared.
    """
    check_phases(results)
    keys = [f"phase_{number:03d}" for number in range(len(results))]
    names = orm.Dict({key: result.phase for key, result in zip(keys, results, strict=True)})
    nodes: dict[str, Any] = {key: result.data for key, result in zip(keys, results, strict=True)}
    wanted = orm.List(sorted(temperatures)) if temperatures else None
    return make_once(find_coexistence, names=names, atoms=orm.Int(results[0].atoms), temperatures=wanted, **nodes)


def check_phases(results: Sequence[Result]) -> None:
    """Refuse what can't coexist.

    Raises:
        ValueError: If there are fewer than two phases, two of the same name, single free energies, or phases of
            different composition, potential or convention.
    """
    for result in results:
        if not isinstance(result.data, GibbsEnergiesData):
            raise ValueError(
                f"node {result.data.pk} is the free energy at one state point; `integrate` gives what is needed"
            )
    for attribute in ("formula", "potential", "convention"):
        the_same(results, attribute, "coexistence needs the same one for all")
    names = [result.phase for result in results]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"several nodes are called {', '.join(twice)}; tell them apart with --name LABEL=NAME")
    if len(results) < 2:
        raise ValueError("coexistence needs two phases or more")


def diagram_of_coexistence(results: Sequence[Result]) -> PhaseDiagramData:
    """Return the phase diagram of the same phases, as a node."""
    return diagram_of_results(results, {})


def coexistence_rows(node: RecordData, temperatures: Sequence[float] = ()) -> list[dict[str, Any]]:
    """Return the fields of `coexistence --json`.

    Args:
        node: Of `find_coexistence`.
        temperatures: K; the points of each line at these are its field `at_temperatures`.
    """
    return [
        {
            **entry,
            "at_temperatures": [point_entry(point) for point in line_of(entry).at_temperatures(temperatures)],
            "node": node.pk,
        }
        for entry in node.value("lines")
    ]


def without_a_line(rows: Sequence[Mapping[str, Any]], temperatures: Sequence[float]) -> list[float]:
    """Return the temperatures (K) at which rows of `table_rows` have no point."""
    found = [row["temperature_k"] for row in rows]
    return [each for each in temperatures if not any(abs(each - other) < 1.0 for other in found)]
