"""RelaxSetParser: what a relaxation job left behind -> nodes and an exit code."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.parsers.set_parser import SetParser
from aiida_polymorph.relaxation.jobs import minimiser_description, read_results
from aiida_polymorph.relaxation.statistics import count
from aiida_polymorph.structures import StructureSet


class RelaxSetParser(SetParser):
    """Parse a job of `RelaxSetCalculation`."""

    def _read_records(self, text: str, structures: StructureSet) -> StructureSet:
        inputs = self.node.inputs
        parameters = inputs.parameters.get_dict() if "parameters" in inputs else None
        found = read_results(text, structures)
        found = found.with_metadata(minimiser=minimiser_description(parameters), potential=self._potential_name())
        return found.with_metadata(pressure_gpa=inputs.pressure_gpa.value) if "pressure_gpa" in inputs else found

    def _hand_out(self, found: StructureSet, told: dict[str, Any]) -> None:
        """Count anew what the records say, rather than believe the driver's own summary."""
        self.out("summary", orm.Dict({**told, **count(found, len(self.node.inputs.structures))}))
        if len(found):
            self.out("relaxed", StructureSetData.from_set(found))

    def _judge(self, found: StructureSet) -> ExitCode | None:
        return self._verdict(len(found), found.column("converged", False), found.column("reason", ""))
