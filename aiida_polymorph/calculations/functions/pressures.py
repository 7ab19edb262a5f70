"""Nodes of several pressures as flat keyword arguments of a calcfunction: `structures__gpa_20`, `landscape__gpa_20`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm

SEPARATOR = "__"


def pressure_key(pressure_gpa: float) -> str:
    """Return a name for namespaces and links: `gpa_20`, `gpa_2_5`, `gpa_m5` for 20, 2.5 and -5 GPa."""
    return "gpa_" + f"{pressure_gpa:g}".replace("-", "m").replace(".", "_").replace("+", "")


def flatten(nodes: Mapping[str, Mapping[str, orm.Data]]) -> dict[str, orm.Data]:
    """Turn role -> pressure key -> node into keyword arguments of a calcfunction."""
    return {f"{role}{SEPARATOR}{key}": node for role, members in nodes.items() for key, node in members.items()}


def unflatten(arguments: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Turn keyword arguments of `flatten` into pressure key -> role -> node, by rising pressure."""
    nodes: dict[str, dict[str, Any]] = {}
    for name, node in arguments.items():
        role, key = name.split(SEPARATOR, 1)
        nodes.setdefault(key, {})[role] = node
    return dict(sorted(nodes.items(), key=lambda item: _pressure(item[1])))


def _pressure(nodes: Mapping[str, Any]) -> float:
    return next(pressure for node in nodes.values() if (pressure := node.value("pressure_gpa")) is not None)
