"""`status`: how far searches, scans and predictions are, and which results today's code would compute anew."""

from __future__ import annotations

import time

import click

from aiida_polymorph.cli.options import AS_JSON, add_profile
from aiida_polymorph.cli.output import show, table


@click.command("status")
@click.argument("node", required=False, metavar="[NODE]")
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="How many searches, scans and predictions to list.",
)
@click.option("--watch", is_flag=True, help="Update the table until all are finished, or until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.2),
    default=2.0,
    show_default=True,
    help="Seconds between two updates of --watch.",
)
@click.option("--outdated", is_flag=True, help="List the results that today's code would compute anew.")
@AS_JSON
@add_profile
def status_command(node: str | None, last: int, watch: bool, interval: float, outdated: bool, as_json: bool) -> None:
    """Show how far searches, DFT scans and predictions are: relaxed of asked, rate, failures by reason, what is left.

    NODE is a search, a scan or a prediction, or the set or the diagram that it made; without it all that are under way
    and the newest others are listed. Structures of jobs that still run are counted where the job's folder is on this
    machine; elsewhere a job counts when it is finished.

    A prediction is listed with its stage and with what is done of it. The searches that it calls are listed as well.
    Rate and what is left are those of its searches; how long the other stages take is not known beforehand.

    With --outdated the results of all commands are listed that the same command would not take again, because the code
    that made them has changed since, or was not recorded. They stay in the profile; repeat the command to have them
    computed anew.

    \b
    Examples:
      aiida-polymorph status
      aiida-polymorph status 123 --json
      aiida-polymorph status --watch
      aiida-polymorph status --outdated
    """
    if outdated:
        if node or watch:
            raise click.UsageError("--outdated lists all results of the profile; it goes with neither NODE nor --watch")
        _show_outdated(as_json)
        return
    if as_json and watch:
        raise click.UsageError("--json shows one moment, --watch a live view; choose one")
    if watch:
        _watch(node, last, interval)
        return
    from aiida_polymorph.results.status import COLUMNS, status_rows

    rows = status_rows(node, last)
    if rows or as_json:
        show(rows, COLUMNS, as_json)
    else:
        click.echo("No search, scan or prediction yet; `aiida-polymorph predict --help` shows how.")


def _show_outdated(as_json: bool) -> None:
    from aiida_polymorph.results.outdated import COLUMNS, outdated_rows

    rows = outdated_rows()
    if rows or as_json:
        show(rows, COLUMNS, as_json)
    else:
        click.echo("Every result in this profile was made by the code as it is today.")


def _watch(identifier: str | None, last: int, interval: float) -> None:
    from rich.live import Live
    from rich.text import Text

    from aiida_polymorph.results.status import COLUMNS, status_rows

    rows = status_rows(identifier, last)
    with Live(Text(table(rows, COLUMNS), no_wrap=True), auto_refresh=False) as live:
        while any(row["state"] == "under way" for row in rows):
            time.sleep(interval)
            rows = status_rows(identifier, last)
            live.update(Text(table(rows, COLUMNS), no_wrap=True), refresh=True)
