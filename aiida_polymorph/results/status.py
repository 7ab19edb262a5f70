"""Rows of `status`: how far searches and scans are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.results.nodes import load
from aiida_polymorph.results.scan_progress import ScanProgress
from aiida_polymorph.results.search_progress import SearchProgress
from aiida_polymorph.text_tables import Column, duration

SEARCH, SCAN = "SearchWorkChain", "DftScanWorkChain"
"""Labels of the processes, whose classes need not be imported for their nodes to be read."""


def _what(row: Mapping[str, Any]) -> str | None:
    """Return e.g. `TiO2`, or `TiO2 castep LDA,PBE`."""
    if "engine" not in row:
        return row["composition"]
    return f"{row['composition']} {row['engine']} {','.join(row['functionals'])}"


COLUMNS: list[Column] = [
    Column("process", "process", "d"),
    Column("set", "node", "d", why="none has finished"),
    Column("what", _what),
    Column("P (GPa)", "pressure_gpa", "g", why="scans are at several pressures"),
    Column("state", "state"),
    Column("relaxed", "relaxed", "d"),
    Column("of", "asked", "d"),
    Column("jobs", lambda row: f"{row['jobs_finished']}/{row['jobs']}"),
    Column("structures/s", "rate_per_second", ".3g", why="nothing is relaxed yet"),
    Column("took", lambda row: duration(row["seconds"])),
    Column("left", lambda row: duration(row["seconds_left"])),
    Column("failed", "failed", empty=""),
]


def status_rows(identifier: str | None, last: int) -> list[dict[str, Any]]:
    """Return a row for a search or scan, or for each of those under way and the newest others."""
    kinds = {SEARCH: SearchProgress, SCAN: ScanProgress}
    processes = [find_process(identifier)] if identifier else newest_processes(last)
    return [kinds[str(process.process_label)](process).look() for process in processes]


def newest_processes(last: int) -> list[orm.ProcessNode]:
    """Return the searches and scans under way and the newest others, `last` of them at least, oldest first."""
    ours = {"attributes.process_label": {"in": [SEARCH, SCAN]}}
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters=ours, tag="process")
    found = query.order_by({"process": {"id": "desc"}}).all(flat=True)
    return sorted((n for i, n in enumerate(found) if i < last or not n.is_terminated), key=lambda node: node.pk)


def find_process(identifier: str) -> orm.ProcessNode:
    """Return a search or scan by its identifier, or by that of the set that it made.

    Raises:
        ValueError: if the node is neither.
    """
    node = load(identifier)
    if isinstance(node, orm.Data):
        callers = node.base.links.get_incoming(link_type=LinkType.RETURN).all_nodes()
        node = next((caller for caller in callers if caller.process_label in (SEARCH, SCAN)), node)
    if not isinstance(node, orm.WorkChainNode) or node.process_label not in (SEARCH, SCAN):
        raise ValueError(f"node {identifier} is neither a search or scan nor a set that one of them made")
    return node
