"""Protocols: sets of inputs by name, each WorkChain's in a YAML file beside this module."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, ClassVar

import yaml
from aiida import orm
from aiida.engine import PortNamespace, ProcessBuilder, ProcessBuilderNamespace

from aiida_polymorph.protocol_files import merge_inputs, protocol_inputs

PROTOCOL = "protocol"
"""Key of a child's entry that names the child's protocol; the other keys override its inputs."""


@dataclass(frozen=True)
class ProtocolChild:
    """A WorkChain whose protocols another one's refer to.

    Attributes:
        process: the child.
        namespace: whether its inputs are in a namespace of the parent that is called as its entry is; otherwise the
            parent has those of its inputs that it takes over beside its own.
    """

    process: type[ProtocolMixin]
    namespace: bool = False


class ProtocolMixin:
    """Inputs by protocol for a WorkChain, from the file `_protocol_file` in `workflows/protocols`.

    The file holds `default_protocol`, `default_inputs` and `protocols`: name -> `description` and the inputs that
    differ from the default ones. An entry called as one of `_protocol_children` holds the name of that child's
    protocol under `protocol`, None for its default, and what differs from it:

        relax:
          protocol: precise
          parameters: {max_force_calls: 2000}
    """

    _protocol_file: ClassVar[str]
    _protocol_children: ClassVar[Mapping[str, ProtocolChild]] = {}

    @classmethod
    def _load_protocols(cls) -> dict[str, Any]:
        content: dict[str, Any] = yaml.safe_load((resources.files(__package__) / cls._protocol_file).read_text())
        return content

    @classmethod
    def get_default_protocol(cls) -> str:
        """Return the name of the protocol that is used where none is named."""
        return str(cls._load_protocols()["default_protocol"])

    @classmethod
    def get_available_protocols(cls) -> dict[str, str]:
        """Return the names of the protocols with their descriptions."""
        return {name: entry["description"] for name, entry in cls._load_protocols()["protocols"].items()}

    @classmethod
    def get_protocol_inputs(
        cls, protocol: str | None = None, overrides: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the inputs of a protocol as plain values, nested as the inputs of the WorkChain are.

        Args:
            protocol: its name, None for the default. A former name is taken with a FutureWarning.
            overrides: inputs that differ, nested in the same way. The entry of a child whose protocol this one names
                may name another, e.g. `{"relax": {"protocol": "precise", "parameters": {"max_force_calls": 500}}}`.
                An override for which there is no input means nothing: it is left out with a warning, at any depth.

        Raises:
            ValueError: if there is no such protocol.
        """
        return cls._nested_inputs(protocol, overrides or {}, "")

    @classmethod
    def _nested_inputs(cls, protocol: str | None, overrides: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the inputs of a protocol; `path` says where this WorkChain's overrides are, for warnings."""
        stored, own = cls._load_protocols(), cls._with_meaning(overrides, path)
        children = {name: child for name, child in cls._protocol_children.items() if own.get(name, {}) is not None}
        from_file = protocol_inputs(stored, protocol)
        entries = {name: merge_inputs(from_file.get(name, {}), own.get(name, {})) for name in children}
        inputs = {name: value for name, value in from_file.items() if name not in cls._protocol_children}
        for name, child in children.items():
            inputs = merge_inputs(cls._inputs_of_child(name, child, entries[name], path), inputs)
        return merge_inputs(inputs, {name: value for name, value in own.items() if name not in cls._protocol_children})

    @classmethod
    def _inputs_of_child(cls, name: str, child: ProtocolChild, entry: Mapping[str, Any], path: str) -> dict[str, Any]:
        overrides = {key: value for key, value in entry.items() if key != PROTOCOL}
        inputs = child.process._nested_inputs(entry.get(PROTOCOL), overrides, f"{path}{name}.")
        if child.namespace:
            return {name: inputs}
        return {key: value for key, value in inputs.items() if key in cls.spec().inputs}  # type: ignore[attr-defined]

    @classmethod
    def _with_meaning(cls, overrides: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return the overrides for which there is an input, warning of the others."""
        children = {name: overrides[name] for name in cls._protocol_children if name in overrides}
        others = {name: value for name, value in overrides.items() if name not in children}
        ports = cls.spec().inputs  # type: ignore[attr-defined]
        return {**with_meaning(others, ports, path, tuple(cls._protocol_children)), **children}


def with_meaning(
    overrides: Mapping[str, Any], ports: PortNamespace, path: str = "", also: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the overrides for which there is a port, warning of the others, also of those within namespaces.

    Args:
        overrides: inputs that differ from a protocol's.
        ports: inputs that there are.
        path: where the ports are, with a dot at its end; empty for the WorkChain's own.
        also: names that are no ports and mean something all the same.
    """
    known: dict[str, Any] = {}
    for name, value in overrides.items():
        port = ports.get(name)
        if port is None and not (ports.dynamic and not len(ports)):
            listed = ", ".join(sorted({*ports, *also}))
            warnings.warn(f"override {path + name!r} means nothing here: inputs are {listed}", stacklevel=2)
        elif isinstance(port, PortNamespace) and isinstance(value, Mapping):
            known[name] = with_meaning(value, port, f"{path}{name}.")
        else:
            known[name] = value
    return known


def fill_builder(builder: ProcessBuilder | ProcessBuilderNamespace, inputs: Mapping[str, Any]) -> None:
    """Put inputs into a builder, plain values as nodes and namespaces entry by entry; what is None is left out."""
    for name, value in inputs.items():
        port = builder._port_namespace.get(name)
        if value is None:
            continue
        if isinstance(value, Mapping) and isinstance(port, PortNamespace):
            fill_builder(builder[name], value)
        elif isinstance(value, orm.Node) or getattr(port, "non_db", False):
            builder[name] = value
        else:
            builder[name] = orm.to_aiida_type(value)
