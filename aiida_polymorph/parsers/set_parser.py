"""What parsers of the driver's jobs have in common."""

from __future__ import annotations

from aiida.parsers import Parser

from aiida_polymorph.relaxation.driver.job import END_MARKER
from aiida_polymorph.relaxation.jobs import ERROR_FILE

LAST_WORDS = 400
"""Characters of the error output that go into the exit message."""


class SetParser(Parser):
    """Reads what a job of the driver has written beside its results."""

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
