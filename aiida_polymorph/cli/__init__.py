"""The command line `aiida-polymorph`."""

from __future__ import annotations

from aiida_polymorph.cli.root import main

__all__ = ["main"]
