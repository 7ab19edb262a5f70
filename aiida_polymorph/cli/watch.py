"""Lines that show how far processes are while they run."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.output import duration
from aiida_polymorph.cli.progress import SearchProgress

if TYPE_CHECKING:
    from aiida import orm

SHORTEST_PAUSE, LONGEST_PAUSE = 15.0, 60.0
"""Seconds between two lines of a log, at first and after ten minutes."""
SECONDS_BETWEEN_LOOKS = 2.0
"""In a terminal."""


class Line:
    """One line on standard error, rewritten in a terminal, written anew now and then elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._began, self._last, self._text, self._open = time.monotonic(), -math.inf, "", False

    def is_due(self) -> bool:
        """Return whether the last text is old enough for another: the longer it takes, the longer in a log."""
        now = time.monotonic()
        pause = min(max(SHORTEST_PAUSE, (now - self._began) / 10), LONGEST_PAUSE)
        return now - self._last >= (SECONDS_BETWEEN_LOOKS if self._live else pause)

    def show(self, text: str) -> None:
        """Show a text if it is new."""
        self._last = time.monotonic()
        if text != self._text:
            click.echo(f"\r\x1b[2K{text}" if self._live else text, err=True, nl=not self._live)
            self._text, self._open = text, self._live

    def close(self) -> None:
        """End the line; the same text is not shown again."""
        if self._open:
            click.echo(err=True)
        self._open = False


class SearchWatch:
    """Shows how far several searches are, in one line; `asked` counts the structures of those to come as well."""

    def __init__(self, asked: int = 0) -> None:
        self._line, self._asked = Line(), asked
        self._searches: dict[int, SearchProgress] = {}

    def __call__(self, processes: Sequence[orm.ProcessNode]) -> None:
        """Look once, if it is time to or all have ended."""
        ended = all(process.is_terminated for process in processes)
        if not ended and not self._line.is_due():
            return
        new = [process for process in processes if process.pk not in self._searches]
        self._searches |= {process.pk: SearchProgress(process) for process in new}
        rows = [self._searches[process.pk].look() for process in processes]
        self._line.show(searches_text(rows, self._asked))
        if ended:
            self._line.close()


def searches_text(rows: Sequence[dict[str, Any]], asked: int = 0) -> str:
    """Return e.g. `0 GPa 240 of 600, 20 GPa 12 of 600; 5.1 a second, 1 min 2 s left`."""
    parts = [f"{row['pressure_gpa']:g} GPa {row['relaxed']} of {row['asked']}" for row in rows]
    failed = sum(sum(row["failed"].values()) for row in rows)
    under_way = [row for row in rows if row["state"] == "under way"]
    rate = sum(row["rate_per_second"] or 0.0 for row in under_way)
    to_come = max(asked - sum(row["asked"] for row in rows), 0)
    left = to_come + sum(row["asked"] - row["relaxed"] - sum(row["failed"].values()) for row in under_way)
    text = ", ".join(parts) + (f"; {failed} failed" if failed else "")
    return text + (f"; {rate:.1f} a second, {duration(left / rate)} left" if rate and left > 0 else "")


class StepWatch:
    """Shows which step a WorkChain is at, in one line."""

    def __init__(self, what: str) -> None:
        self._line, self._what = Line(), what

    def __call__(self, processes: Sequence[orm.ProcessNode]) -> None:
        """Look once, if it is time to or all have ended."""
        ended = all(process.is_terminated for process in processes)
        if not ended and not self._line.is_due():
            return
        called = [child for process in processes for child in process.called_descendants]
        now = ", ".join(dict.fromkeys(child.process_label for child in called if not child.is_terminated))
        finished = sum(child.is_terminated for child in called)
        self._line.show(f"{self._what}: {finished} steps done{f', now {now}' if now else ''}")
        if ended:
            self._line.close()


class ScanWatch:
    """Shows how many points of scans are done, in one line."""

    def __init__(self) -> None:
        self._line = Line()

    def __call__(self, processes: Sequence[orm.ProcessNode]) -> None:
        """Look once, if it is time to or all have ended."""
        ended = all(process.is_terminated for process in processes)
        if not ended and not self._line.is_due():
            return
        self._line.show("; ".join(scan_progress(process) for process in processes))
        if ended:
            self._line.close()


MOST_NAMED = 3
"""Phases that are named as those under way."""


def scan_progress(scan: orm.ProcessNode) -> str:
    """Return e.g. `castep: 12 of 144 points, 1 failed, now rutile PBE, anatase PBE, about 3 h 20 min left`."""
    asked = len(scan.inputs.phases) * len(scan.inputs.functionals.get_list()) * len(scan.inputs.pressures.get_list())
    chains = chains_of(scan)
    points = [point for chain in chains for point in last_attempts(chain).values()]
    ended = [point for point in points if point.is_terminated]
    failed = sum(not point.is_finished_ok for point in ended)
    now = [chain.label for chain in chains if not chain.is_terminated]
    parts = [f"{scan.inputs.engine.value}: {len(ended)} of {asked} points"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"now {', '.join(now[:MOST_NAMED])}"] if now else []
    parts += [f"{len(now) - MOST_NAMED} more"] if len(now) > MOST_NAMED else []
    if 0 < len(ended) < asked:
        seconds = (datetime.now(UTC) - scan.ctime).total_seconds()
        parts.append(f"about {duration(seconds / len(ended) * (asked - len(ended)))} left")
    return ", ".join(parts)


def chains_of(scan: orm.ProcessNode) -> list[orm.ProcessNode]:
    """Return the processes of a scan, one for each phase and functional."""
    return [child for child in scan.called if child.process_label == "PressureChainWorkChain"]


def last_attempts(chain: orm.ProcessNode) -> dict[str, orm.ProcessNode]:
    """Return the newest relaxation of each point of a chain over pressure, by the point's label."""
    from aiida.common.links import LinkType

    links = chain.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    return {link.link_label[: len("point_00")]: link.node for link in sorted(links, key=lambda link: link.node.pk)}
