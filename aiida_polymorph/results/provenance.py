"""The nodes that lead to a number, from an analysis back to the jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.data.identity import pk_of
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.report.data import NodeRecord
from aiida_polymorph.results.explain import Step
from aiida_polymorph.results.versions import made_by
from aiida_polymorph.workflows.children import is_abandoned


def step(label: str, node: orm.Node, level: int = 0, detail: str = "") -> Step:
    """Return a node as a step of an explanation."""
    process = getattr(node, "process_label", None) or type(node).__name__
    seconds = (node.mtime - node.ctime).total_seconds() if isinstance(node, orm.ProcessNode) else None
    made = made_by(node) if isinstance(node, orm.ProcessNode) else None
    return Step(
        label=label,
        pk=pk_of(node),
        uuid=node.uuid,
        process=process,
        started=f"{node.ctime:%Y-%m-%d %H:%M:%S}",
        seconds=seconds,
        detail=detail,
        level=level,
        made_with="" if made is None else str(made),
        version=None if made is None else made.package,
        code=None if made is None else made.code,
    )


def searches_of(structures: StructureSetData) -> list[orm.ProcessNode | StructureSetData]:
    """Return the searches that a set came from: WorkChains, or for an imported set the set itself."""
    creator = structures.creator
    if creator is None:
        return [structures]
    if creator.process_label == "pool_structures":
        pooled = creator.base.links.get_incoming(link_type=LinkType.INPUT_CALC).all_nodes()
        return [search for each in pooled for search in searches_of(each)]
    while creator.caller is not None:
        creator = creator.caller
    return [creator]


def jobs_below(process: orm.ProcessNode) -> list[orm.CalcJobNode]:
    """Return the jobs that a process ran, however deep, oldest first, but for those that never began."""
    jobs = (n for n in process.called_descendants if isinstance(n, orm.CalcJobNode) and not is_abandoned(n))
    return sorted(jobs, key=pk_of)


def steps_to(outputs: Any, key: str) -> list[Step]:
    """Return the steps from the chemical potentials back to the jobs, for the pressure of `key`."""
    landscape, structures = outputs.landscapes[key], outputs.landscapes[key].creator.inputs.structures
    return [
        step("chemical potentials", outputs.chemical_potentials.creator),
        step("surrogate", outputs.surrogates[key].creator, 1),
        step("basin entropies", outputs.basin_entropies[key].creator, 1),
        step("table of phases", outputs.phases.creator, 1),
        step("clusters", landscape.creator, 2, f"{landscape.value('structures')} structures"),
        step("fingerprints", outputs.fingerprints[key].creator, 2),
        step("structures", structures, 3, f"{len(structures)} structures"),
        *(each for search in searches_of(structures) for each in _search_steps(search)),
    ]


def _search_steps(search: orm.ProcessNode | StructureSetData) -> Iterator[Step]:
    if isinstance(search, StructureSetData):
        yield step("import", search, 4, search.description)
        return
    yield step("search", search, 4, f"exit status {search.exit_status}")
    for job in jobs_below(search):
        yield step("relaxation job", job, 5, f"exit status {job.exit_status}")


def records(analysis: orm.ProcessNode, keys: list[str]) -> list[NodeRecord]:
    """Return the nodes that a report rests on."""
    outputs = analysis.outputs
    found = [
        record("Analysis", analysis),
        record("Phases", outputs.phases, "phases"),
        record("Chemical potentials", outputs.chemical_potentials, "chemical-potentials"),
    ]
    for key in keys:
        landscape = outputs.landscapes[key]
        structures = landscape.creator.inputs.structures
        at = f"at {landscape.pressure_gpa:g} GPa"
        found += [record(f"Search {at}", search, "searches") for search in searches_of(structures)]
        found += [
            record(f"Structures {at}", structures, "searches"),
            record(f"Landscape {at}", landscape, "landscape", "clustering"),
            record(f"Basin entropies {at}", outputs.basin_entropies[key], "basin-entropy"),
            record(f"Surrogate {at}", outputs.surrogates[key], "surrogate"),
        ]
    return found


def record(role: str, node: orm.Node, *sections: str) -> NodeRecord:
    """Return a node as a line of the report, and the sections of the report that rest on it."""
    return NodeRecord(
        role=role,
        pk=pk_of(node),
        uuid=node.uuid,
        kind=getattr(node, "process_label", None) or type(node).__name__,
        created=f"{node.ctime:%Y-%m-%d %H:%M}",
        made_with=str(made_by(node) or ""),
        sections=sections,
    )
