"""Rows of `status`: how far searches, scans and predictions are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.results.nodes import load
from aiida_polymorph.results.prediction import PROCESS_LABEL as PREDICTION
from aiida_polymorph.results.prediction_progress import PredictionProgress, progress_text
from aiida_polymorph.results.scan_progress import ScanProgress
from aiida_polymorph.results.search_progress import Progress, SearchProgress
from aiida_polymorph.text_tables import Column, duration

KINDS: Mapping[str, Callable[[orm.ProcessNode], Progress]] = {
    "SearchWorkChain": SearchProgress,
    "DftScanWorkChain": ScanProgress,
    PREDICTION: PredictionProgress,
}
"""Labels of the processes, whose classes need not be imported for their nodes to be read -> how far one is."""


def _what(row: Mapping[str, Any]) -> str | None:
    """Return e.g. `TiO2`, `TiO2 castep LDA,PBE`, or `TiO2 prediction: dynamics, 3 of 8 state points`."""
    if "stage" in row:
        return progress_text(row)
    if "engine" not in row:
        return row["composition"]
    return f"{row['composition']} {row['engine']} {','.join(row['functionals'])}"


COLUMNS: list[Column] = [
    Column("process", "process", "d"),
    Column("set", "node", "d", why="none has finished"),
    Column("what", _what),
    Column("P (GPa)", "pressure_gpa", "g", why="scans and predictions are at several pressures"),
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
    """Return a row for one process, or for each of those under way and the newest others."""
    processes = [find_process(identifier)] if identifier else newest_processes(last)
    return [KINDS[str(process.process_label)](process).look() for process in processes]


def newest_processes(last: int) -> list[orm.ProcessNode]:
    """Return the processes under way and the newest others, `last` of them at least, oldest first."""
    ours = {"attributes.process_label": {"in": list(KINDS)}}
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters=ours, tag="process")
    found = query.order_by({"process": {"id": "desc"}}).all(flat=True)
    return sorted((n for i, n in enumerate(found) if i < last or not n.is_terminated), key=lambda node: node.pk)


def find_process(identifier: str) -> orm.ProcessNode:
    """Return a search, scan or prediction by its identifier, or by that of what it made.

    Raises:
        ValueError: if the node is none of these.
    """
    node = load(identifier)
    if isinstance(node, orm.Data):
        callers = node.base.links.get_incoming(link_type=LinkType.RETURN).all_nodes()
        node = next((caller for caller in callers if caller.process_label in KINDS), node)
    if not isinstance(node, orm.WorkChainNode) or node.process_label not in KINDS:
        raise ValueError(
            f"node {identifier} is neither a search nor a scan nor a prediction, nor what one of them made: "
            "a set of structures or a diagram"
        )
    return node
