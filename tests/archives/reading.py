"""Commands of this package in one process, and what they print with numbers of nodes replaced by their UUIDs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NODE_FIELDS = ("node", "pk", "process", "integration_node", "harmonic_node")
"""Fields that may hold the number of a node, which is another one in each profile."""


def run(arguments: Sequence[str]) -> str:
    """Run a command of `aiida-polymorph` and return what it prints on standard output.

    Raises:
        RuntimeError: if it ends with an error, with all that it printed.
    """
    from click.testing import CliRunner

    from aiida_polymorph.cli import main

    result = CliRunner().invoke(main, list(arguments))
    if result.exit_code:
        raise RuntimeError(f"aiida-polymorph {' '.join(arguments)}: {result.output}{result.exception!r}")
    return result.stdout


def fill_in(arguments: Sequence[str], nodes: Mapping[str, str]) -> list[str]:
    """Return the arguments with the UUIDs of nodes in place of their names in braces."""
    return [argument.format_map(nodes) for argument in arguments]


def read(arguments: Sequence[str], nodes: Mapping[str, str]) -> Any:
    """Return what a command prints: values where that is JSON, else the text."""
    output = run(fill_in(arguments, nodes))
    return anywhere(json.loads(output)) if "--json" in arguments else output


def anywhere(value: Any, key: str = "") -> Any:
    """Return values as in any profile and folder: numbers of nodes become UUIDs, paths of files their names."""
    if isinstance(value, list):
        return [anywhere(each, key) for each in value]
    if isinstance(value, dict):
        return {name: anywhere(each, name) for name, each in value.items()}
    if key == "file":
        return Path(value).name
    return uuid_of(value) if key in NODE_FIELDS else value


def uuid_of(identifier: Any) -> Any:
    """Return the UUID of the node with this number; anything that is no number stays as it is."""
    from aiida import orm

    return orm.load_node(identifier).uuid if isinstance(identifier, int) else identifier


def read_archive(archive: Path) -> list[Any]:
    """Import an archive into a new profile below AIIDA_PATH and return what each recorded command prints now."""
    from aiida.tools.archive import import_archive

    run(["setup"])
    import_archive(archive)
    recorded = json.loads(archive.with_suffix(".json").read_text())
    return [read(reading["arguments"], recorded["nodes"]) for reading in recorded["readings"]]


if __name__ == "__main__":
    json.dump(read_archive(Path(sys.argv[1])), sys.stdout)
