"""`status`: how far searches and scans are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.options import AS_JSON, add_profile
from aiida_polymorph.cli.output import Column, counts_text, duration, print_json, table

if TYPE_CHECKING:
    from aiida import orm

SEARCH, SCAN = "SearchWorkChain", "DftScanWorkChain"
"""Labels of the processes; their classes are not imported here, which would take longer than all the rest."""


def _what(row: dict[str, Any]) -> str | None:
    """Return e.g. `TiO2`, or `TiO2 castep LDA,PBE`."""
    if "engine" not in row:
        return row["composition"]
    return f"{row['composition']} {row['engine']} {','.join(row['functionals'])}"


COLUMNS: list[Column] = [
    ("process", "process", "d"),
    ("set", "node", "d"),
    ("what", _what, ""),
    ("P (GPa)", "pressure_gpa", "g"),
    ("state", "state", ""),
    ("relaxed", "relaxed", "d"),
    ("of", "asked", "d"),
    ("jobs", lambda row: f"{row['jobs_finished']}/{row['jobs']}", ""),
    ("structures/s", "rate_per_second", ".3g"),
    ("took", lambda row: duration(row["seconds"]), ""),
    ("left", lambda row: duration(row["seconds_left"]), ""),
    ("failed", lambda row: counts_text(row["failed"]), ""),
]


@click.command("status")
@click.argument("node", required=False, metavar="[NODE]")
@click.option(
    "--last", type=click.IntRange(min=1), default=10, show_default=True, help="How many searches and scans to list."
)
@click.option("--watch", is_flag=True, help="Update the table until all are finished, or until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.2),
    default=2.0,
    show_default=True,
    help="Seconds between two updates of --watch.",
)
@AS_JSON
@add_profile
def status_command(node: str | None, last: int, watch: bool, interval: float, as_json: bool) -> None:
    """Show how far searches and DFT scans are: relaxed of asked, rate, failures by reason, and what is left.

    NODE is a search, a scan, or the set that it made; without it all that are under way and the newest others are
    listed. Structures of a search's jobs that still run are counted where the job's folder is on this machine;
    elsewhere a job counts when it is finished.

    \b
    Examples:
      aiida-polymorph status
      aiida-polymorph status 123 --json
      aiida-polymorph status --watch
    """
    if as_json and watch:
        raise click.UsageError("--json shows one moment, --watch a live view; choose one")
    if watch:
        _watch(node, last, interval)
        return
    rows = status_rows(node, last)
    if as_json:
        print_json(rows)
    else:
        click.echo(
            table(rows, COLUMNS) if rows else "No search or scan yet; `aiida-polymorph search --help` shows how."
        )


def status_rows(identifier: str | None, last: int) -> list[dict[str, Any]]:
    """Return a row for a search or scan, or for each of those under way and the newest others."""
    from aiida_polymorph.cli.progress import SearchProgress
    from aiida_polymorph.cli.scan_progress import ScanProgress

    kinds = {SEARCH: SearchProgress, SCAN: ScanProgress}
    processes = [find_process(identifier)] if identifier else newest_processes(last)
    return [kinds[process.process_label](process).look() for process in processes]


def newest_processes(last: int) -> list[orm.WorkChainNode]:
    """Return the searches and scans under way and the newest others, `last` of them at least, oldest first."""
    from aiida import orm

    ours = {"attributes.process_label": {"in": [SEARCH, SCAN]}}
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters=ours, tag="process")
    found = query.order_by({"process": {"id": "desc"}}).all(flat=True)
    return sorted((n for i, n in enumerate(found) if i < last or not n.is_terminated), key=lambda node: node.pk)


def find_process(identifier: str) -> orm.WorkChainNode:
    """Return a search or scan by its identifier, or by that of the set that it made.

    Raises:
        ValueError: if the node is neither.
    """
    from aiida import orm
    from aiida.common.links import LinkType

    from aiida_polymorph.results.nodes import load

    node = load(identifier)
    if isinstance(node, orm.Data):
        callers = node.base.links.get_incoming(link_type=LinkType.RETURN).all_nodes()
        node = next((caller for caller in callers if caller.process_label in (SEARCH, SCAN)), node)
    if not isinstance(node, orm.WorkChainNode) or node.process_label not in (SEARCH, SCAN):
        raise ValueError(f"node {identifier} is neither a search or scan nor a set that one of them made")
    return node


def _watch(identifier: str | None, last: int, interval: float) -> None:
    from rich.live import Live
    from rich.text import Text

    rows = status_rows(identifier, last)
    with Live(Text(table(rows, COLUMNS), no_wrap=True), auto_refresh=False) as live:
        while any(row["state"] == "under way" for row in rows):
            time.sleep(interval)
            rows = status_rows(identifier, last)
            live.update(Text(table(rows, COLUMNS), no_wrap=True), refresh=True)
