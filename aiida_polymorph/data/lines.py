"""Coexistence lines as plain values, as nodes keep them and as `--json` prints them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_polymorph.thermodynamics.diagrams.lines import CoexistenceLine, CoexistencePoint

POINT = {
    "temperature_k": "temperature",
    "pressure_gpa": "pressure_gpa",
    "error_gpa": "error_gpa",
    "slope_gpa_per_k": "slope",
    "entropy_difference_kb": "entropy_difference",
    "volume_difference_a3": "volume_difference",
}
"""Key in the node -> attribute of `CoexistencePoint`."""


def entry_of(line: CoexistenceLine) -> dict[str, Any]:
    """Return a line as plain values; an infinite slope or error, where volumes are equal, becomes None in a node."""
    points = [point_entry(point) for point in line.points]
    return {"first": line.first, "second": line.second, "stable": line.stable, "points": points}


def point_entry(point: CoexistencePoint) -> dict[str, float]:
    """Return a point of a line as plain values."""
    return {key: getattr(point, name) for key, name in POINT.items()}


def line_of(entry: Mapping[str, Any]) -> CoexistenceLine:
    """Return the line that `entry_of` took apart."""
    points = [
        CoexistencePoint(**{name: float("inf") if point[key] is None else point[key] for key, name in POINT.items()})
        for point in entry["points"]
    ]
    return CoexistenceLine(entry["first"], entry["second"], entry["stable"], tuple(points))
