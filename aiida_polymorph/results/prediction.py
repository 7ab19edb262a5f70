"""What a prediction says, as rows for people and for `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from aiida import orm
from aiida.common.links import LinkType

from aiida_polymorph.data.identity import pk_of
from aiida_polymorph.results.costs import cpu_seconds_of_sets, known_sum
from aiida_polymorph.results.diagram import STABLE_COLUMNS, diagram_record, sequence_rows, undecided_text
from aiida_polymorph.results.line_rows import LINE_COLUMNS, table_rows
from aiida_polymorph.text_tables import Column, table
from aiida_polymorph.workflows.children import is_abandoned

PROCESS_LABEL = "PredictWorkChain"
"""Label of the process, whose class need not be imported for its nodes to be read."""

STAGES = {"search": "search", "relax": "candidates", "harmonic": "harmonic", "point": "dynamics"}
"""First word of the label of a call -> stage of the costs."""

PHASE_COLUMNS: list[Column] = [
    Column("phase", "name"),
    Column("space group", "space_group"),
    Column("found", "found_text"),
    Column("H above lowest", "least_gap_ev", ".4f"),
    Column("fate", "fate"),
    Column("source", "method"),
    Column("G above stable (eV/f.u.)", "above_stable_ev", ".4f"),
]

MOST_DROPPED = 5
"""Phases that were dropped, in the table for people."""


def prediction_record(process: orm.ProcessNode) -> dict[str, Any]:
    """Return the fields of `predict --json`.

    Raises:
        ValueError: if the process has no diagram.
    """
    record = diagram_record(diagram_of(process))
    return {
        **record,
        "process": pk_of(process),
        "phases": phase_entries(process, record["phases"]),
        "cpu_seconds": stage_costs(process),
        "window_ev": process.outputs.candidates.value("window_ev"),
    }


def diagram_of(process: orm.ProcessNode) -> Any:
    """Return the diagram of a prediction.

    Raises:
        ValueError: if it has none.
    """
    if "diagram" not in process.outputs:
        raise ValueError(f"prediction {process.pk} has no diagram: {process.exit_message or 'it is still under way'}")
    return process.outputs.diagram


def phase_entries(process: orm.ProcessNode, phases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what is known of all phases: what the diagram says, and how the search found them."""
    known = {each["name"]: each for each in process.outputs.candidates.value("phases")}
    extra = ("known", "found", "least_gap_ev", "becomes")
    return [{**phase, **{name: known.get(phase["name"], {}).get(name) for name in extra}} for phase in phases]


def stage_costs(process: orm.ProcessNode) -> dict[str, float | None]:
    """Return the CPU seconds of the jobs of each stage; None where they don't tell."""
    calls = stage_calls(process)
    return {stage: known_sum(map(cpu_seconds_of_sets, children)) for stage, children in calls.items() if children}


def stage_calls(process: orm.ProcessNode) -> dict[str, list[orm.ProcessNode]]:
    """Return the processes that each stage has called so far, the oldest first; the stages in their order."""
    calls: dict[str, list[orm.ProcessNode]] = {stage: [] for stage in STAGES.values()}
    for link in process.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all():
        stage, child = STAGES.get(link.link_label.split("_")[0]), cast(orm.ProcessNode, link.node)
        if stage and not is_abandoned(child):
            calls[stage].append(child)
    return {stage: sorted(children, key=pk_of) for stage, children in calls.items()}


def prediction_text(process: orm.ProcessNode) -> str:
    """Return a prediction for people: stable phases, lines, candidates, and what is undecided."""
    node = diagram_of(process)
    record = prediction_record(process)
    rows, _ = table_rows(node.value("lines"))
    chosen = [for_people(each) for each in record["phases"] if each["fate"] != "dropped"]
    dropped = [for_people(each) for each in record["phases"] if each["fate"] == "dropped"]
    parts = [
        f"Phase diagram {node.pk} of {node.value('composition')} by {', '.join(node.value('sources'))}.",
        table(sequence_rows(node.to_diagram()), STABLE_COLUMNS),
        table(rows, LINE_COLUMNS) if rows else "No two stable phases meet in this region.",
        table([*chosen, *dropped[:MOST_DROPPED]], PHASE_COLUMNS),
        f"{len(dropped) - MOST_DROPPED} more phases were dropped." if len(dropped) > MOST_DROPPED else "",
        "\n".join(f"Undecided: {undecided_text(each)}." for each in node.value("undecided")),
        costs_text(record["cpu_seconds"]),
    ]
    return "\n\n".join(part for part in parts if part)


def costs_text(costs: Mapping[str, float | None]) -> str:
    """Return the CPU seconds of the stages as one line."""
    known = [f"{stage} {seconds:.0f} s" for stage, seconds in costs.items() if seconds is not None]
    return f"CPU time of the jobs: {', '.join(known)}." if known else ""


def for_people(phase: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a phase with a text on where the search found it."""
    found = phase["found"] or {}
    where = f"{next(iter(found), '')} GPa" if len(found) == 1 else f"{len(found)} pressures"
    total = sum(found.values())
    times = "once" if total == 1 else f"{total} times"
    return {**phase, "found_text": f"{times} at {where}" if found else "not by the search"}
