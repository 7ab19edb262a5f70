"""EvaluateSetParser: what a job of evaluations left behind -> a node and an exit code."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida.engine import ExitCode

from aiida_polymorph.data.evaluations import EvaluationsData
from aiida_polymorph.parsers.set_parser import SetParser
from aiida_polymorph.relaxation.evaluations import Evaluations, read_evaluations
from aiida_polymorph.structures import StructureSet


class EvaluateSetParser(SetParser):
    """Parse a job of `EvaluateSetCalculation`."""

    def _read_records(self, text: str, structures: StructureSet) -> Evaluations:
        return read_evaluations(text, structures)

    def _hand_out(self, found: Evaluations, told: dict[str, Any]) -> None:
        if found.there.any():
            self.out("evaluations", EvaluationsData.from_evaluations(found, self._potential_name(), **told))

    def _judge(self, found: Evaluations) -> ExitCode | None:
        return self._verdict(int(np.sum(found.there)), found.reasons == "", found.reasons)
