"""Results in a profile that today's code would compute anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiida import orm

from aiida_polymorph.results.subjects import Subject, subjects_of
from aiida_polymorph.results.versions import OURS, SHORT, MadeWith, code_today, made_with
from aiida_polymorph.science_version import UNSURE
from aiida_polymorph.text_tables import Column
from aiida_polymorph.versioned import SCIENCE_VERSION

FIELDS = ("version", SCIENCE_VERSION, "cache_version", "parser_name", "process_label", "exit_status", "process_state")
OF_OURS = {"or": [{"process_type": {"like": f"%{OURS}%"}}, {"attributes.parser_name": {"like": f"{OURS}.%"}}]}
"""Processes of this package, and jobs of others that a parser of ours reads."""
MOST_NAMED = 3
"""Kinds of steps that a reason names."""


COLUMNS: list[Column] = [
    Column("node", "node", "d"),
    Column("process", "process"),
    Column("of", lambda row: row["label"] or row["of"], why="their inputs have no labels"),
    Column("made", lambda row: row["made"][:16].replace("T", " ")),
    Column("version", "aiida_polymorph"),
    Column("code", lambda row: row["code"] and row["code"][:SHORT], why="earlier versions did not record it"),
    Column("why", "reason"),
]


@dataclass(frozen=True)
class Process:
    """What is needed to know of a process; `caller` is None for one that a person started."""

    pk: int
    process_type: str
    label: str
    created: datetime
    attributes: Mapping[str, Any]
    caller: int | None

    @property
    def name(self) -> str:
        """Its process label, e.g. `SearchWorkChain`."""
        return self.attributes.get("process_label") or self.process_type.rpartition(".")[2]

    @property
    def has_result(self) -> bool:
        """Whether it finished well."""
        return self.attributes.get("process_state") == "finished" and self.attributes.get("exit_status") == 0

    @property
    def made_with(self) -> MadeWith:
        """What made its results."""
        return made_with(self.process_type, self.attributes)


def outdated_rows() -> list[dict[str, Any]]:
    """Return a row for each result that the same command would not take again but compute anew, newest first.

    A result is that of a process that a person started: a WorkChain, or a calcfunction or job that no other process
    called. One that today's code has computed anew already, from the same inputs, is left out.

    Returns:
        Rows with the fields `node`, `process`, `label`, `of` (phase or composition, pressure, temperature), `made`
        (ISO 8601), `aiida_polymorph`, `code` (digest; None where it was not recorded), `reason`, and `steps` (name of
        a step -> how often, of those whose code has changed: the others would come from the cache).
    """
    processes = _processes()
    below = _steps(processes)
    roots = [each for each in processes.values() if each.caller is None and each.has_result]
    reasons = {root.pk: _reason(root, below.get(root.pk, ())) for root in roots}
    subjects = subjects_of([root.pk for root in roots]) if any(reasons.values()) else {}
    replaced = {_request(root, subjects) for root in roots if not reasons[root.pk]}
    old = [root for root in roots if reasons[root.pk] and _request(root, subjects) not in replaced]
    return [
        _row(root, subjects[root.pk], reasons[root.pk], below.get(root.pk, ()))
        for root in sorted(old, key=lambda root: root.pk, reverse=True)
    ]


def _processes() -> dict[int, Process]:
    """Return all processes of ours, and all jobs that a parser of ours read, with their callers: two queries."""
    query = orm.QueryBuilder().append(
        orm.ProcessNode,
        filters=OF_OURS,
        project=["id", "process_type", "label", "ctime", *(f"attributes.{name}" for name in FIELDS)],
    )
    callers = _callers()
    return {
        pk: Process(pk, kind, label, created, dict(zip(FIELDS, rest, strict=True)), callers.get(pk))
        for pk, kind, label, created, *rest in query.iterall()
    }


def _callers() -> dict[int, int]:
    """Return which process called which: pk of the called one -> pk of its caller."""
    query = orm.QueryBuilder().append(orm.ProcessNode, filters=OF_OURS, tag="called", project="id")
    query.append(orm.ProcessNode, with_outgoing="called", project="id")
    return dict(query.iterall())


def _steps(processes: Mapping[int, Process]) -> dict[int, list[Process]]:
    """Return the finished processes below each one that a person started."""
    found: dict[int, list[Process]] = {}
    for process in processes.values():
        root = process
        while (caller := processes.get(root.caller or 0)) is not None:
            root = caller
        if root is not process and process.has_result:
            found.setdefault(root.pk, []).append(process)
    return found


def _is_old(process: Process) -> bool:
    """Return whether a process ran code that is not today's; WorkChains of before this was recorded count as old."""
    today = code_today(process.process_type, process.attributes.get("parser_name"))
    return today is None or process.made_with.code != today


def _reason(root: Process, steps: Iterable[Process]) -> str:
    """Return why a result would be computed anew, "" if it would not."""
    code = root.made_with.code
    old = [step for step in steps if _is_old(step)]
    if not old and not _is_old(root):
        return ""
    if code_today(root.process_type, root.attributes.get("parser_name")) is None:
        return f"{root.name} is no longer part of the package"
    if code is None:
        return "made before the code was recorded"
    if any((each.made_with.code or "").startswith(UNSURE) for each in (root, *old)):
        return "files of the package were changed while it ran"
    names = [name for name, _ in Counter(step.name for step in old).most_common()] or [root.name]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"the code of {', '.join(names[:MOST_NAMED])}{more} has changed"


def _request(root: Process, subjects: Mapping[int, Subject]) -> tuple[Any, ...]:
    return (root.process_type, subjects[root.pk].inputs if root.pk in subjects else frozenset())


def _row(root: Process, subject: Subject, reason: str, steps: Sequence[Process]) -> dict[str, Any]:
    return {
        "node": root.pk,
        "process": root.name,
        "label": root.label if root.label not in ("", root.name) else None,
        "of": subject.text or None,
        "made": root.created.isoformat(timespec="seconds"),
        "aiida_polymorph": root.made_with.package,
        "code": root.made_with.code,
        "reason": reason,
        "steps": dict(Counter(step.name for step in steps if _is_old(step))),
    }
