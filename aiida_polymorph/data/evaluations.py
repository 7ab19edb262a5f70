"""EvaluationsData: energies, forces and stresses of a set of structures."""

from __future__ import annotations

from dataclasses import fields
from typing import Self

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.relaxation.evaluations import Evaluations, count_evaluations


class EvaluationsData(RecordData):
    """Energies, forces and stresses of the structures of a set, in their order.

    Attributes for queries: `asked`, `done`, `evaluated`, `failed` (reason -> times), `cpu_seconds`, `potential` (name).
    The arrays are those of `relaxation.evaluations.Evaluations`.
    """

    @classmethod
    def from_evaluations(cls, found: Evaluations, potential: str | None = None) -> Self:
        """Make an unstored node."""
        arrays = {each.name: getattr(found, each.name) for each in fields(Evaluations)}
        return cls.from_record(arrays, **count_evaluations(found), potential=potential)

    def to_evaluations(self) -> Evaluations:
        """Return the evaluations."""
        return Evaluations(**self.to_arrays())
