"""Protocols: sets of inputs by name, each WorkChain's in a YAML file beside this module."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml
from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_polymorph.protocol_files import merge_inputs, protocol_inputs


class ProtocolMixin:
    """Inputs by protocol for a WorkChain, from the file `_protocol_file` in `workflows/protocols`.

    The file holds `default_protocol`, `default_inputs` and `protocols`: name -> `description` and the inputs that
    differ from the default ones.
    """

    _protocol_file: str

    @classmethod
    def _load_protocols(cls) -> dict[str, Any]:
        return yaml.safe_load((resources.files(__package__) / cls._protocol_file).read_text())

    @classmethod
    def get_default_protocol(cls) -> str:
        """Return the name of the protocol that is used where none is named."""
        return cls._load_protocols()["default_protocol"]

    @classmethod
    def get_available_protocols(cls) -> dict[str, str]:
        """Return the names of the protocols with their descriptions."""
        return {name: entry["description"] for name, entry in cls._load_protocols()["protocols"].items()}

    @classmethod
    def get_protocol_inputs(
        cls, protocol: str | None = None, overrides: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the inputs of a protocol as plain values, with overrides put in.

        An override for which the WorkChain has no input means nothing: it is left out with a warning.

        Raises:
            ValueError: if there is no such protocol.
        """
        inputs = protocol_inputs(cls._load_protocols(), protocol)
        return merge_inputs(inputs, _with_meaning(overrides or {}, cls.spec().inputs))


def fill_builder(builder: ProcessBuilder, inputs: Mapping[str, Any]) -> None:
    """Put inputs into a builder, plain values as nodes; what is None is left out."""
    for name, value in inputs.items():
        if value is not None:
            builder[name] = value if isinstance(value, orm.Node) else orm.to_aiida_type(value)


def _with_meaning(overrides: Mapping[str, Any], ports: Any) -> dict[str, Any]:
    """Return the overrides for which there is a port, warning of the others."""
    known = {key: value for key, value in overrides.items() if key in ports}
    for key in overrides:
        if key not in known:
            warnings.warn(f"override {key!r} means nothing here: inputs are {', '.join(sorted(ports))}", stacklevel=4)
    return known
