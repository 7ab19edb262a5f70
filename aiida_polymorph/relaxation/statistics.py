"""What a relaxed set cost and how it went, in a few numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from aiida_polymorph.structures import StructureSet


def count(found: StructureSet, asked: int) -> dict[str, Any]:
    """Return counts and costs of a set that came back from relaxation, JSON-serialisable.

    Returns:
        asked: how many structures were to be relaxed; done: how many came back; relaxed: how many of those are
        converged; failed: reason -> times, `lost with their job` for those that did not come back; force_calls_mean:
        of the relaxed ones (None if unknown); cpu_seconds: sum of what is known; minimiser: as in the metadata.
    """
    reasons = Counter(reason for reason in found.column("reason", "").tolist() if reason)
    if asked > len(found):
        reasons["lost with their job"] = asked - len(found)
    converged = found.column("converged", False).astype(bool)
    calls = found.column("force_calls")[converged]
    return {
        "asked": asked,
        "done": len(found),
        "relaxed": int(np.sum(converged)),
        "failed": dict(reasons),
        "force_calls_mean": float(np.mean(calls)) if len(calls) and np.all(np.isfinite(calls)) else None,
        "cpu_seconds": float(np.nansum(found.column("cpu_seconds"))),
        "minimiser": found.metadata.get("minimiser"),
    }
