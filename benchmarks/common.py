"""What the benchmarks share: timing, the machine they ran on, and where results go."""

from __future__ import annotations

import json
import os
import platform
import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass
class Elapsed:
    """Seconds that a block took: wall time and CPU time, the latter with finished child processes."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed() -> Iterator[Elapsed]:
    """Time a block: `with timed() as elapsed: ...`; the figures are there when the block has ended."""
    elapsed = Elapsed()
    wall, cpu = time.perf_counter(), _cpu_seconds()
    try:
        yield elapsed
    finally:
        elapsed.wall, elapsed.cpu = time.perf_counter() - wall, _cpu_seconds() - cpu


def _cpu_seconds() -> float:
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def peak_memory_gb() -> float:
    """Return the largest resident memory of this process or of one of its finished children, in GB."""
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return largest / 1024**2


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, load before the run and versions of packages."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in ("aiida-polymorph", *packages)},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def save(name: str, content: dict[str, Any]) -> Path:
    """Write results as JSON to `benchmarks/results` and return the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    return path
