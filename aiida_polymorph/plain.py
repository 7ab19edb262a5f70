"""Values as JSON and databases know them, and settings made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")


def plain(value: Any) -> Any:
    """Return a value with text as keys, lists, Python's own numbers, and None for a number that is not finite.

    NumPy's scalars and arrays, tuples and sets are unpacked; other objects are returned as they are.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def refuse_unknown(entries: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse keys that mean nothing.

    Raises:
        ValueError: naming them and those that are known.
    """
    unknown = sorted(set(entries) - set(known))
    if unknown:
        raise ValueError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(known)}")


def checked(settings: type[T], entries: Mapping[str, Any], where: str) -> T:
    """Return settings, a frozen dataclass that checks itself, from plain values; what is missing takes its default.

    Raises:
        ValueError: if a key is unknown, or as the dataclass.
    """
    refuse_unknown(entries, [each.name for each in fields(settings)], where)  # type: ignore[arg-type]
    return settings(**entries)
