"""Lines that show how far processes are while they run."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.output import duration
from aiida_polymorph.results.scan_progress import ScanProgress, progress_text
from aiida_polymorph.results.search_progress import SearchProgress

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


class LineWatch:
    """Shows how far processes are, in one line; `_text` says what is in it."""

    def __init__(self) -> None:
        self._line = Line()

    def __call__(self, processes: Sequence[orm.ProcessNode]) -> None:
        """Look once, if it is time to or all have ended."""
        ended = all(process.is_terminated for process in processes)
        if not ended and not self._line.is_due():
            return
        self._line.show(self._text(processes))
        if ended:
            self._line.close()

    def _text(self, processes: Sequence[orm.ProcessNode]) -> str:
        raise NotImplementedError


class SearchWatch(LineWatch):
    """Shows how far several searches are, in one line; `asked` counts the structures of those to come as well."""

    def __init__(self, asked: int = 0) -> None:
        super().__init__()
        self._asked = asked
        self._searches: dict[int, SearchProgress] = {}

    def _text(self, processes: Sequence[orm.ProcessNode]) -> str:
        from aiida_polymorph.data.identity import pk_of

        self._searches |= {pk_of(each): SearchProgress(each) for each in processes if each.pk not in self._searches}
        rows = [self._searches[pk_of(process)].look() for process in processes]
        return searches_text(rows, self._asked)


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


class StepWatch(LineWatch):
    """Shows which step a WorkChain is at, in one line."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what

    def _text(self, processes: Sequence[orm.ProcessNode]) -> str:
        called = [child for process in processes for child in process.called_descendants]
        now = ", ".join(dict.fromkeys(str(child.process_label) for child in called if not child.is_terminated))
        finished = sum(child.is_terminated for child in called)
        return f"{self._what}: {finished} steps done{f', now {now}' if now else ''}"


class ScanWatch(LineWatch):
    """Shows how many points of scans are done, in one line."""

    def __init__(self) -> None:
        super().__init__()
        self._scans: dict[int, ScanProgress] = {}

    def _text(self, processes: Sequence[orm.ProcessNode]) -> str:
        from aiida_polymorph.data.identity import pk_of

        self._scans |= {pk_of(each): ScanProgress(each) for each in processes if each.pk not in self._scans}
        return "; ".join(progress_text(self._scans[pk_of(process)].look()) for process in processes)
