"""Why a process failed, in words."""

from __future__ import annotations

from typing import Any

from aiida import orm

LONGEST_COMPLAINT = 200


def why_not(process: orm.ProcessNode) -> str:
    """Return why a process failed, in one line."""
    if process.is_excepted:
        return f"it stopped with {process.exception}"
    if process.is_killed:
        return "it was killed"
    if not process.is_finished_ok:
        return f"exit code {process.exit_status}, {process.exit_message or 'no message'}"
    return f"it is {process.process_label}"


def reason_of(process: orm.ProcessNode) -> str:
    """Return why a process failed: the last that it called says it best, if that is what failed, and so on down."""
    last: Any = process
    while children := sorted(last.called, key=lambda node: node.pk):
        if children[-1].is_finished_ok or not children[-1].is_terminated:
            break
        last = children[-1]
    return f"{last.process_label} ({last.pk}): {why_not(last).removeprefix('it ')}{complaint_of(last)}"


def complaint_of(process: orm.ProcessNode) -> str:
    """Return the last line of standard error of a job that left nothing else, in words to follow its reason."""
    if not isinstance(process, orm.CalcJobNode) or set(process.outputs) - {"remote_folder", "retrieved"}:
        return ""
    lines = [line.strip() for line in (process.get_scheduler_stderr() or "").splitlines() if line.strip()]
    return f" (its standard error: {lines[-1][:LONGEST_COMPLAINT]})" if lines else ""
