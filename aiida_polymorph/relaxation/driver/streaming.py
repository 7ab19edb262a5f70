"""Records, one JSON object a line, that survive being cut off anywhere."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

Record = dict[str, Any]
"""What is known of one relaxed structure; keys:
    index: its identity.
    cell, positions: last geometry, angstrom.
    energy, enthalpy: eV of the whole cell, None if unknown; so are max_force (eV/angstrom), max_stress_error (GPa).
    pressure_gpa: target.
    converged, reason: reason is "" where converged.
    force_calls, cpu_seconds: what it cost; cpu_seconds is None where the worker was lost.

Of a structure that is evaluated as it is only index, energy, converged, reason, force_calls and cpu_seconds are there,
and forces (eV/angstrom) and stress (GPa, 3 x 3, positive under tension), None where it failed.
"""


def to_line(record: Record) -> str:
    """Return the record as one line with its end; numbers that are not finite become null."""
    try:
        return json.dumps(record, allow_nan=False) + "\n"
    except ValueError:
        return json.dumps({key: _finite(value) for key, value in record.items()}, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parse_records(text: str) -> list[Record]:
    """Return the records in a text; a last line without its end is left out, as are lines that are damaged."""
    parsed = [_parsed(line) for line in text.split("\n")[:-1]]
    return [record for record in parsed if record is not None]


def _parsed(line: str) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "index" in record else None


def cut_torn_line(path: Path) -> None:
    """Remove from a file what follows its last line end, so that records can be appended again."""
    if path.exists():
        content = path.read_bytes()
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
