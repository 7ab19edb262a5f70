"""Protocols as YAML files: sets of inputs by name, each what differs from the default ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def protocol_inputs(content: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """Return the inputs of a protocol as plain values.

    Args:
        content: what the file holds: `default_protocol`, `default_inputs` and `protocols`, name -> `description` and
            the inputs that differ from the default ones.
        name: of the protocol, None for the default.

    Raises:
        ValueError: if there is no such protocol.
    """
    name = name or content["default_protocol"]
    if name not in content["protocols"]:
        raise ValueError(f"protocol {name!r} is none of {', '.join(content['protocols'])}")
    inputs = merge_inputs(content["default_inputs"], content["protocols"][name])
    del inputs["description"]
    return inputs


def merge_inputs(inputs: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `inputs` with `overrides` put in, dictionaries entry by entry; None takes an entry out."""
    merged = dict(inputs)
    for key, value in overrides.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge_inputs(merged[key], value) if both else value
    return {key: value for key, value in merged.items() if value is not None}
