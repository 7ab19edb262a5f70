"""What parsers of the driver's jobs have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_polymorph.relaxation.driver.job import END_MARKER, RESULTS_FILE, SUMMARY_FILE
from aiida_polymorph.relaxation.jobs import ERROR_FILE, read_summary
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.versioned import CodeVersion

LAST_WORDS = 400
"""Characters of the error output that go into the exit message."""


class SetParser(Parser):
    """Reads what a job of the driver left behind, also one that was killed, and judges it.

    Exit code 0 only if every structure has a record, at least one of them is good, and the driver ended by itself.
    """

    CACHE_VERSION = CodeVersion()  # type: ignore[assignment]

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Read the records, hand out what they say, and return what is to be said of the job."""
        folder = Path(kwargs["retrieved_temporary_folder"])
        results, words = folder / RESULTS_FILE, self._last_words()
        if not results.is_file() and words:
            return self.exit_codes.ERROR_NOT_STARTED.format(message=words)
        try:
            text = results.read_text() if results.is_file() else ""
            found = self._read_records(text, self.node.inputs.structures.to_set())
        except (KeyError, TypeError, ValueError) as error:
            return self.exit_codes.ERROR_UNREADABLE_RESULTS.format(message=error)
        written = read_summary(folder) if (folder / SUMMARY_FILE).is_file() else {}
        self._hand_out(found, {key: written.get(key) for key in ("wall_seconds", "engine")})
        return self._judge(found)

    @abstractmethod
    def _read_records(self, text: str, structures: StructureSet) -> Any:
        """Return what the records in a text say of the structures of the job."""

    @abstractmethod
    def _hand_out(self, found: Any, told: dict[str, Any]) -> None:
        """Attach the outputs; `told` is what only the driver knows, `wall_seconds` and `engine`, None if unknown."""

    @abstractmethod
    def _judge(self, found: Any) -> ExitCode | None:
        """Return what is to be said of the job, by `_verdict`."""

    def _verdict(self, done: int, is_good: np.ndarray, reasons: np.ndarray) -> ExitCode | None:
        """Judge a job.

        Args:
            done: how many structures have a record.
            is_good: whether each structure came to a good end, shape (n,).
            reasons: why not, shape (n,).
        """
        asked = len(self.node.inputs.structures)
        if done < asked or not self._is_complete():
            return self.exit_codes.ERROR_STOPPED_EARLY.format(done=done, asked=asked)
        if not np.any(is_good):
            reason = Counter(reasons.tolist()).most_common(1)[0][0]
            return self.exit_codes.ERROR_ALL_FAILED.format(asked=asked, reason=reason)
        return None

    def _potential_name(self) -> str | None:
        return self.node.inputs.potential.base.attributes.get("name")

    def _is_complete(self) -> bool:
        """Return whether the driver ended by itself with all structures done."""
        return END_MARKER in self._read(self.node.get_option("output_filename"))

    def _read(self, name: str | None) -> str:
        try:
            return self.retrieved.base.repository.get_object_content(str(name), mode="rb").decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _last_words(self) -> str:
        names = (ERROR_FILE, self.node.get_option("scheduler_stderr"))
        return next((text for text in (self._read(name).strip() for name in names) if text), "")[-LAST_WORDS:]
