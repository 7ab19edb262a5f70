"""RelaxSetParser: what a relaxation job left behind -> nodes and an exit code."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.parsers.set_parser import SetParser
from aiida_polymorph.relaxation.driver.job import RESULTS_FILE, SUMMARY_FILE
from aiida_polymorph.relaxation.jobs import minimiser_description, read_results, read_summary
from aiida_polymorph.relaxation.statistics import count
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.versioned import CodeVersion


class RelaxSetParser(SetParser):
    """Parse a job of `RelaxSetCalculation`.

    Exit code 0 only if every structure has a record, at least one is relaxed, and the driver ended by itself.
    """

    CACHE_VERSION = CodeVersion()  # type: ignore[assignment]

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Read the records, also those of a job that was killed."""
        folder = Path(kwargs["retrieved_temporary_folder"])
        words = self._last_words()
        if not (folder / RESULTS_FILE).is_file() and words:
            return self.exit_codes.ERROR_NOT_STARTED.format(message=words)
        try:
            found = self._found(folder)
        except (KeyError, TypeError, ValueError) as error:
            return self.exit_codes.ERROR_UNREADABLE_RESULTS.format(message=error)
        asked = len(self.node.inputs.structures)
        self.out("summary", orm.Dict(self._summary(folder, found, asked)))
        if len(found):
            self.out("relaxed", StructureSetData.from_set(found))
        return self._judge(found, asked)

    def _found(self, folder: Path) -> StructureSet:
        inputs = self.node.inputs
        parameters = inputs.parameters.get_dict() if "parameters" in inputs else None
        results = folder / RESULTS_FILE
        found = read_results(results.read_text() if results.is_file() else "", inputs.structures.to_set())
        name = inputs.potential.base.attributes.get("name")
        found = found.with_metadata(minimiser=minimiser_description(parameters), potential=name)
        return found.with_metadata(pressure_gpa=inputs.pressure_gpa.value) if "pressure_gpa" in inputs else found

    def _summary(self, folder: Path, found: StructureSet, asked: int) -> dict[str, Any]:
        """Count anew what the records say; take from the driver's own summary what only it knows."""
        written = read_summary(folder) if (folder / SUMMARY_FILE).is_file() else {}
        return {**{key: written.get(key) for key in ("wall_seconds", "engine")}, **count(found, asked)}

    def _judge(self, found: StructureSet, asked: int) -> ExitCode | None:
        if len(found) < asked or not self._is_complete():
            return self.exit_codes.ERROR_STOPPED_EARLY.format(done=len(found), asked=asked)
        if not np.any(found.column("converged", False)):
            reason = Counter(found.column("reason", "").tolist()).most_common(1)[0][0]
            return self.exit_codes.ERROR_ALL_FAILED.format(asked=asked, reason=reason)
        return None
