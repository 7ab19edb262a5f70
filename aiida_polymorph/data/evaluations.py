"""EvaluationsData: energies, forces and stresses of a set of structures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Self

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.relaxation.evaluations import Evaluations, count_evaluations


class EvaluationsData(RecordData):
    """Energies, forces and stresses of the structures of a set, in their order.

    Attributes for queries: `asked`, `done`, `evaluated`, `failed` (reason -> times), `cpu_seconds`, `wall_seconds`,
    `potential` (name), `engine` (name and version). The arrays are those of `relaxation.evaluations.Evaluations`.
    """

    @classmethod
    def from_evaluations(
        cls,
        found: Evaluations,
        potential: str | None = None,
        wall_seconds: float | None = None,
        engine: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make an unstored node.

        Args:
            found: the evaluations.
            potential: name of the potential.
            wall_seconds: that the job took.
            engine: name and version of what computed them.
        """
        arrays = {each.name: getattr(found, each.name) for each in fields(Evaluations)}
        told = {"potential": potential, "wall_seconds": wall_seconds, "engine": engine}
        return cls.from_record(arrays, **count_evaluations(found), **told)

    def to_evaluations(self) -> Evaluations:
        """Return the evaluations."""
        return Evaluations(**self.to_arrays())
