"""DynamicsParser: what a task of molecular dynamics left behind -> a node and an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.lammps.output import is_complete, last_error, neighbour_cutoff
from aiida_polymorph.lammps.results import collect
from aiida_polymorph.lammps.scripts import SNAPSHOTS_FILE
from aiida_polymorph.lammps.system import energy_unit
from aiida_polymorph.lammps.tasks import ERROR_FILE, LOG_FILE, OUTPUT_FILE
from aiida_polymorph.versioned import CodeVersion

LAST_WORDS = 400
"""Characters of the error output that go into the exit message."""


class DynamicsParser(Parser):
    """Parse a job of `DynamicsCalculation`; exit code 0 only if LAMMPS came to the end of its script."""

    CACHE_VERSION = CodeVersion()  # type: ignore[assignment]

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Read log, series and crystals."""
        log = self._read(LOG_FILE)
        if not is_complete(log):
            return self._why(log)
        folder = Path(kwargs["retrieved_temporary_folder"])
        texts = {path.name: path.read_text() for path in folder.iterdir() if path.name != SNAPSHOTS_FILE}
        try:
            arrays = collect(texts, energy_unit(self.node.inputs.potential.to_potential()))
        except (IndexError, ValueError) as error:
            return self.exit_codes.ERROR_UNREADABLE_RESULTS.format(message=error)
        task = self.node.inputs.parameters["task"]
        self.out("results", RecordData.from_record(arrays, task=task, neighbour_cutoff=neighbour_cutoff(log)))
        return None

    def _why(self, log: str) -> ExitCode:
        if last_error(log):
            return self.exit_codes.ERROR_LAMMPS.format(message=last_error(log))
        if log:
            return self.exit_codes.ERROR_STOPPED_EARLY
        output = self.node.get_option("output_filename") or OUTPUT_FILE
        names = (ERROR_FILE, self.node.get_option("scheduler_stderr"), output)
        words = next((text for text in (self._read(name).strip() for name in names) if text), "none")
        return self.exit_codes.ERROR_NOT_STARTED.format(message=words[-LAST_WORDS:])

    def _read(self, name: str | None) -> str:
        try:
            return self.retrieved.base.repository.get_object_content(str(name), mode="rb").decode(errors="replace")
        except FileNotFoundError:
            return ""
