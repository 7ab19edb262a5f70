"""What a process is of, as far as its inputs tell: composition or phase, pressure, temperature."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

HOW_THE_WORK_IS_SHARED = ("jobs", "batch_size", "options", "at_once")
"""Inputs that don't change what comes out."""
UNITS = {"pressure_gpa": "GPa", "temperature": "K", "temperature_k": "K"}
SAY_HOW = ("data.core.code", "data.polymorph.potential", "data.pseudo")
"""How the types of nodes begin that say how a number is computed, not of what."""
MOST_NAMED = 4
"""How many phases or compositions are named."""


@dataclass(frozen=True)
class Subject:
    """What a process is of.

    Attributes:
        text: for people, e.g. `rutile, 20 GPa, 700 K`; "" if the inputs don't tell.
        inputs: (name, hash) of all inputs that decide; equal for processes that were asked for the same.
    """

    text: str
    inputs: frozenset[tuple[str, str]]


Input = tuple[str, str, str | None, dict[str, Any]]
"""Name, label of the node, its hash, and some of its attributes."""
ATTRIBUTES = ("composition", "name", "value")


def subjects_of(processes: Sequence[int]) -> dict[int, Subject]:
    """Return what each process is of, by its pk: one query."""
    query = orm.QueryBuilder().append(orm.ProcessNode, filters={"id": {"in": list(processes)}}, tag="p", project="id")
    query.append(
        orm.Data,
        with_outgoing="p",
        edge_filters={"type": {"in": [LinkType.INPUT_CALC.value, LinkType.INPUT_WORK.value]}},
        project=["label", "node_type", "extras._aiida_hash", *(f"attributes.{name}" for name in ATTRIBUTES)],
        edge_project="label",
    )
    inputs: dict[int, list[Input]] = defaultdict(list)
    for pk, label, kind, digest, *rest in query.iterall():
        attributes = {"node_type": kind, **dict(zip(ATTRIBUTES, rest[:-1], strict=True))}
        inputs[pk].append((rest[-1], label, digest, attributes))
    return {pk: _subject(sorted(inputs[pk], key=lambda each: each[0])) for pk in processes}


def _subject(inputs: Sequence[Input]) -> Subject:
    decide = frozenset(
        (name, str(digest)) for name, _, digest, _ in inputs if name.partition("__")[0] not in HOW_THE_WORK_IS_SHARED
    )
    names = list(dict.fromkeys(_names(inputs)))
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return Subject(", ".join([*names[:MOST_NAMED], *more, *_conditions(inputs)]), decide)


def _names(inputs: Sequence[Input]) -> Iterator[str]:
    """Yield labels of the inputs, and compositions of those without one; neither codes nor potentials are meant."""
    for _, label, _, attributes in inputs:
        if attributes["node_type"].startswith(SAY_HOW):
            continue
        if label:
            yield label
        elif isinstance(attributes["composition"], str):
            yield attributes["composition"]


def _conditions(inputs: Sequence[Input]) -> Iterator[str]:
    for name, _, _, attributes in inputs:
        if name in UNITS and isinstance(attributes["value"], int | float):
            yield f"{attributes['value']:g} {UNITS[name]}"
