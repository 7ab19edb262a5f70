"""Engines of a DFT scan: what each code needs to relax a structure at a pressure, and how its results are read."""

from __future__ import annotations

from importlib.metadata import entry_points

from aiida_polymorph.engines.interface import Engine, Reading, Relaxation

__all__ = ["Engine", "Reading", "Relaxation", "engine_names", "load_engine"]

GROUP = "aiida_polymorph.engines"
"""Entry point group in which an engine, ours or another package's, is found by its name."""


def engine_names() -> list[str]:
    """Return the names of the engines that are installed, by alphabet."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def load_engine(name: str) -> Engine:
    """Return the engine of a name.

    Raises:
        ValueError: if there is none, its module can't be imported, or the AiiDA plugin that it runs through is missing.
    """
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        raise ValueError(f"engine {name!r} is none of {', '.join(engine_names())}")
    try:
        engine: Engine = found[0].load()()
    except ImportError as error:
        raise ValueError(f"engine {name!r} can't be loaded from {found[0].value}: {error}") from error
    engine.check_plugin()
    return engine
