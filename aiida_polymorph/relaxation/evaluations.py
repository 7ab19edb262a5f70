"""Energies, forces and stresses of many structures as they are, as the driver computes them in one job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aiida_polymorph.relaxation.driver.streaming import Record, parse_records
from aiida_polymorph.relaxation.merging import indices_of
from aiida_polymorph.structures import StructureSet

NOT_EVALUATED = "not evaluated"
"""Reason of a structure of which no record is there."""


@dataclass(frozen=True, eq=False)
class Evaluations:
    """What the engine says of n structures with N atoms in all, in their order.

    Attributes:
        index: identity of each structure, shape (n,).
        offsets: where the atoms of each begin, shape (n + 1,).
        energies: eV of the whole cell, shape (n,); nan where an evaluation failed, as in the other arrays.
        forces: eV/angstrom, shape (N, 3).
        stresses: GPa, positive under tension, shape (n, 3, 3).
        reasons: why an evaluation failed, "" where it did not, shape (n,).
        cpu_seconds: that each took, nan where unknown, shape (n,).
    """

    index: np.ndarray
    offsets: np.ndarray
    energies: np.ndarray
    forces: np.ndarray
    stresses: np.ndarray
    reasons: np.ndarray
    cpu_seconds: np.ndarray

    def __len__(self) -> int:
        return len(self.energies)

    @property
    def there(self) -> np.ndarray:
        """Whether a structure has a record, be it of a failure, shape (n,)."""
        return self.reasons != NOT_EVALUATED


def read_evaluations(text: str, structures: StructureSet) -> Evaluations:
    """Read the records of a job, also of one that was killed; a torn last line is left out.

    Args:
        text: of results.jsonl.
        structures: that the job was made from.
    """
    records: dict[int, Record] = {}
    for record in parse_records(text):
        records.setdefault(record["index"], record)
    found = [records.get(int(index), {"reason": NOT_EVALUATED}) for index in indices_of(structures)]
    forces = [_array(record.get("forces"), (atoms, 3)) for record, atoms in zip(found, structures.lengths, strict=True)]
    return Evaluations(
        index=indices_of(structures),
        offsets=structures.offsets,
        energies=np.array([_array(record.get("energy"), ()) for record in found], dtype=float),
        forces=np.concatenate([np.zeros((0, 3)), *forces]),
        stresses=np.array([_array(record.get("stress"), (3, 3)) for record in found], dtype=float).reshape(-1, 3, 3),
        reasons=np.array([record["reason"] for record in found], dtype=str),
        cpu_seconds=np.array([_array(record.get("cpu_seconds"), ()) for record in found], dtype=float),
    )


def left(structures: StructureSet, parts: Sequence[Evaluations]) -> StructureSet:
    """Return those structures of which none of several evaluations has a record."""
    seen = np.concatenate([np.zeros(0, dtype=int), *(part.index[part.there] for part in parts)])
    return structures.with_columns(index=indices_of(structures)).select(~np.isin(indices_of(structures), seen))


def joined(parts: Sequence[Evaluations], structures: StructureSet) -> Evaluations:
    """Return for each structure what the first of several evaluations says that has a record of it.

    Args:
        parts: evaluations of some of the structures each.
        structures: that the whole is of.
    """
    found: dict[int, tuple[Evaluations, int]] = {}
    for part in parts:
        for row in np.flatnonzero(part.there):
            found.setdefault(int(part.index[row]), (part, int(row)))
    whole = read_evaluations("", structures)
    reasons = whole.reasons.tolist()
    for row, index in enumerate(whole.index):
        if int(index) not in found:
            continue
        part, own = found[int(index)]
        atoms, theirs = (slice(*each) for each in (whole.offsets[row : row + 2], part.offsets[own : own + 2]))
        whole.forces[atoms] = part.forces[theirs]
        for name in ("energies", "stresses", "cpu_seconds"):
            getattr(whole, name)[row] = getattr(part, name)[own]
        reasons[row] = str(part.reasons[own])
    return replace(whole, reasons=np.array(reasons, dtype=str))


def count_evaluations(found: Evaluations) -> dict[str, Any]:
    """Return counts and costs, JSON-serialisable.

    Returns:
        asked: structures; done: those with a record; evaluated: those with numbers; failed: reason -> times;
        cpu_seconds: sum of what is known.
    """
    reasons = Counter(reason for reason in found.reasons.tolist() if reason)
    return {
        "asked": len(found),
        "done": int(np.sum(found.there)),
        "evaluated": int(np.sum(found.reasons == "")),
        "failed": dict(reasons),
        "cpu_seconds": float(np.nansum(found.cpu_seconds)),
    }


def _array(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, np.nan) if value is None else np.asarray(value, dtype=float).reshape(shape)
