"""Gibbs energies of nodes as what the report shows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiida import orm

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.identity import pk_of
from aiida_polymorph.data.phase_diagram import PhaseDiagramData
from aiida_polymorph.report.data import EnergiesView, NodeRecord
from aiida_polymorph.results.basin_table import potentials_of_analysis
from aiida_polymorph.results.comparison import make_comparison
from aiida_polymorph.results.diagram import diagram_of_results
from aiida_polymorph.results.free_energies import OUTPUTS, Result, renamed, result_of, without_dynamics
from aiida_polymorph.results.free_energy_views import free_energy_view
from aiida_polymorph.results.provenance import record

SECTIONS = ("gibbs-energies", "integrands", "coexistence")


def energies_view(
    analysis: orm.ProcessNode,
    nodes: Sequence[orm.Node],
    names: Mapping[str, str],
    diagram: orm.Node | None = None,
    relative_to: str | None = None,
) -> tuple[EnergiesView, list[NodeRecord]]:
    """Return Gibbs energies beside those of an analysis, and the nodes that they come from.

    Args:
        analysis: of searches; its phases are compared by their names.
        nodes: processes of `integrate` and `free-energy`, or what they returned.
        names: new names of phases, see `free_energies.renamed`.
        diagram: a phase diagram that was made before; None makes one of the nodes where they suffice.
        relative_to: the reference phase; None for the one that is lowest at most places.

    Raises:
        ValueError: if a node has no Gibbs energies, they can't be compared, or the diagram is none.
    """
    results = renamed(list({each.data.pk: each for each in map(result_of, nodes)}.values()), names)
    chosen = relative_to if relative_to in {result.phase for result in results} else None
    compared = make_comparison(results, analysis, relative_to=chosen)
    drawn, reason = _diagram(results, diagram)
    integrands = [
        free_energy_view(result.data, result.phase, result.formula)
        for result in results
        if isinstance(result.data, FreeEnergyData)
    ]
    view = EnergiesView(
        comparison=compared.comparison,
        summary=compared.summary(),
        nodes=[pk_of(result.data) for result in results],
        integrands=integrands,
        diagram=None if drawn is None else drawn.to_diagram(),
        no_diagram=reason,
    )
    return view, _records(results, compared.node, drawn)


def _diagram(results: Sequence[Result], given: orm.Node | None) -> tuple[PhaseDiagramData | None, str]:
    """Return the phase diagram, or why there is none."""
    if isinstance(given, PhaseDiagramData):
        return given, ""
    if given is not None:
        raise ValueError(f"node {given.pk} is a {type(given).__name__}, no phase diagram; `diagram` makes one")
    try:
        return diagram_of_results(results, {}), ""
    except ValueError as error:
        return None, str(error)


def _records(results: Sequence[Result], comparison: orm.Node, diagram: PhaseDiagramData | None) -> list[NodeRecord]:
    found = [record(f"Gibbs energies of {result.phase}", result.data, *SECTIONS) for result in results]
    found.append(record("Comparison of sources", comparison, "gibbs-energies"))
    return [*found, record("Phase diagram by Gibbs energies", diagram, "coexistence")] if diagram is not None else found


def energies_in_profile(analysis: orm.ProcessNode) -> list[orm.ProcessNode]:
    """Return the processes with Gibbs energies that have an analysis' composition and potential, oldest first.

    Processes that others called count by these only. There are none where the analysis doesn't tell its potential.
    """
    _, formula, potential = potentials_of_analysis(analysis)
    if potential is None:
        return []
    query = orm.QueryBuilder()
    query.append(orm.WorkChainNode, filters={"attributes.process_label": {"in": list(OUTPUTS)}}, tag="process")
    query.order_by({"process": {"id": "asc"}})
    wanted = (formula, without_dynamics(potential))
    return [each for each in query.all(flat=True) if each.caller is None and _material_of(each) == wanted]


def _material_of(process: orm.ProcessNode) -> tuple[str, object] | None:
    """Return composition and potential of the Gibbs energies that a process has made, None if it made none."""
    try:
        result = result_of(process)
    except ValueError:
        return None
    return result.formula, result.potential
