"""Protocols as YAML files: sets of inputs by name, each what differs from the default ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

FORMER_NAMES = {"balanced": "moderate", "stringent": "precise"}
"""Names that protocols had, and those that they have now."""


def protocol_inputs(content: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """Return the inputs of a protocol as plain values.

    Args:
        content: what the file holds: `default_protocol`, `default_inputs` and `protocols`, name -> `description` and
            the inputs that differ from the default ones. Protocols are called `fast`, `moderate`, `precise` and, where
            published settings are repeated, `paper`.
        name: of the protocol, None for the default. A former name is taken with a FutureWarning.

    Raises:
        ValueError: if there is no such protocol.
    """
    content = with_present_names(content)
    name = present_name(name or content["default_protocol"], content["protocols"])
    inputs = merge_inputs(content["default_inputs"], content["protocols"][name])
    del inputs["description"]
    return inputs


def present_name(name: str, names: Iterable[str]) -> str:
    """Return the name that a protocol has now, one of `names`, with a FutureWarning where it is a former one.

    Raises:
        ValueError: if there is no such protocol.
    """
    known = list(names)
    if name in known:
        return name
    if FORMER_NAMES.get(name) not in known:
        raise ValueError(f"protocol {name!r} is none of {', '.join(known)}")
    warnings.warn(f"protocol {name!r} is now called {FORMER_NAMES[name]!r}", FutureWarning, stacklevel=2)
    return FORMER_NAMES[name]


def with_present_names(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file of protocols holds with the names that protocols have now.

    A file of another package may still have a former name; a FutureWarning says what to write there instead.
    """
    protocols = content["protocols"]
    former = {old: new for old, new in FORMER_NAMES.items() if old in protocols and new not in protocols}
    for old, new in former.items():
        warnings.warn(
            f"a file of protocols calls one of them {old!r}: write {new!r} there, the file has {', '.join(protocols)}",
            FutureWarning,
            stacklevel=2,
        )
    default = content["default_protocol"]
    return {
        **content,
        "default_protocol": former.get(default, default),
        "protocols": {former.get(name, name): inputs for name, inputs in protocols.items()},
    }


def merge_inputs(inputs: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `inputs` with `overrides` put in, dictionaries entry by entry; None takes an entry out."""
    merged = dict(inputs)
    for key, value in overrides.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge_inputs(merged[key], value) if both else value
    return {key: value for key, value in merged.items() if value is not None}
