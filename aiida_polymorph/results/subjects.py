"""What a process is of, as far as its inputs tell: phases or composition, pressures, temperatures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiida import orm
from aiida.common.links import LinkType

HOW_THE_WORK_IS_SHARED = ("jobs", "batch_size", "options", "at_once")
"""Inputs that don't change what comes out."""
SAY_HOW = ("data.core.code", "data.polymorph.potential", "data.pseudo")
"""How the types of nodes begin that say how a number is computed, not of what."""
CONDITIONS = {"GPa": ("pressure_gpa", "pressures_gpa", "pressures"), "K": ("temperature", "temperatures")}
"""Unit -> names of inputs, and of attributes of inputs, that hold numbers of this unit."""
ATTRIBUTES = ("phase", "composition", "value", "list", "pressure_gpa", "temperature")
MOST_NAMED = 4
"""How many phases, pressures or temperatures are named."""


@dataclass(frozen=True)
class Subject:
    """What a process is of.

    Attributes:
        text: for people, e.g. `rutile, 20 GPa, 700 K`; "" if the inputs don't tell.
        inputs: (name, hash) of all inputs that decide; equal for processes that were asked for the same.
    """

    text: str
    inputs: frozenset[tuple[str, str]]


class _Input(NamedTuple):
    """A node that a process took, and what is read of it."""

    name: str
    label: str
    node_type: str
    digest: str | None
    attributes: dict[str, Any]


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
    inputs: dict[int, list[_Input]] = defaultdict(list)
    for pk, label, node_type, digest, *values, name in query.iterall():
        attributes = dict(zip(ATTRIBUTES, values, strict=True))
        inputs[pk].append(_Input(name, label, node_type, digest, attributes))
    return {pk: _subject(sorted(inputs[pk], key=lambda each: each.name)) for pk in processes}


def _subject(inputs: Sequence[_Input]) -> Subject:
    decide = (each for each in inputs if each.name.rpartition("__")[2] not in HOW_THE_WORK_IS_SHARED)
    told = [each for each in inputs if not each.node_type.startswith(SAY_HOW)]
    names = [each.label or each.attributes["phase"] for each in told]
    compositions = [each.attributes["composition"] for each in told]
    parts = [_first([name for name in names if name] or [each for each in compositions if isinstance(each, str)])]
    for unit, fields in CONDITIONS.items():
        numbers = _first(f"{number:g}" for number in sorted(set(_numbers(told, fields))))
        parts.append(f"{numbers} {unit}" if numbers else "")
    return Subject(", ".join(filter(None, parts)), frozenset((each.name, str(each.digest)) for each in decide))


def _first(texts: Iterable[str]) -> str:
    """Return different texts as an enumeration, the first few of them if they are many."""
    different = list(dict.fromkeys(texts))
    more = [f"{len(different) - MOST_NAMED} more"] if len(different) > MOST_NAMED else []
    *others, last = [*different[:MOST_NAMED], *more] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _numbers(inputs: Iterable[_Input], fields: Sequence[str]) -> Iterator[float]:
    """Yield the numbers of inputs that are called as one of the fields, and of attributes that are."""
    for each in inputs:
        values = [each.attributes.get(field) for field in fields]
        if each.name in fields:
            values += [each.attributes["value"], *(each.attributes["list"] or ())]
        yield from (float(value) for value in values if isinstance(value, int | float))
