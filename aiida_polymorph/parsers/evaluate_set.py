"""EvaluateSetParser: what a job of evaluations left behind -> a node and an exit code."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode

from aiida_polymorph.data.evaluations import EvaluationsData
from aiida_polymorph.parsers.set_parser import SetParser
from aiida_polymorph.relaxation.driver.job import RESULTS_FILE
from aiida_polymorph.relaxation.evaluations import Evaluations, read_evaluations
from aiida_polymorph.versioned import CodeVersion


class EvaluateSetParser(SetParser):
    """Parse a job of `EvaluateSetCalculation`.

    Exit code 0 only if every structure has a record, at least one has numbers, and the driver ended by itself.
    """

    CACHE_VERSION = CodeVersion()  # type: ignore[assignment]

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Read the records, also those of a job that was killed."""
        results, words = Path(kwargs["retrieved_temporary_folder"]) / RESULTS_FILE, self._last_words()
        if not results.is_file() and words:
            return self.exit_codes.ERROR_NOT_STARTED.format(message=words)
        try:
            text = results.read_text() if results.is_file() else ""
            found = read_evaluations(text, self.node.inputs.structures.to_set())
        except (KeyError, TypeError, ValueError) as error:
            return self.exit_codes.ERROR_UNREADABLE_RESULTS.format(message=error)
        if found.there.any():
            name = self.node.inputs.potential.base.attributes.get("name")
            self.out("evaluations", EvaluationsData.from_evaluations(found, name))
        return self._judge(found)

    def _judge(self, found: Evaluations) -> ExitCode | None:
        if not found.there.all() or not self._is_complete():
            return self.exit_codes.ERROR_STOPPED_EARLY.format(done=int(np.sum(found.there)), asked=len(found))
        if not np.any(found.reasons == ""):
            reason = Counter(found.reasons.tolist()).most_common(1)[0][0]
            return self.exit_codes.ERROR_ALL_FAILED.format(asked=len(found), reason=reason)
        return None
