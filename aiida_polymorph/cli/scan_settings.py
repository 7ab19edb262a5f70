"""Settings of the engines of a scan, as `--set NAME=VALUE` gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida_polymorph.engines import Engine

EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")


class Setting(click.ParamType):
    """A setting and its value, `NAME=VALUE`, the value as YAML has it, or a number; dots lead into nested ones."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Return name and value."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} must be NAME=VALUE, e.g. cutoff_ry=100 or param.cut_off_energy=900", param, ctx)
        import yaml

        try:
            entry = yaml.safe_load(text)
        except yaml.YAMLError:
            self.fail(f"{text!r} can't be read as YAML", param, ctx)
        # In YAML 1e-8 is a word, since it lacks a point.
        return name, float(text) if isinstance(entry, str) and EXPONENT.fullmatch(text) else entry


def settings_for(engine: Engine, names: Sequence[str], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings meant for an engine, nested: `castep:param.cut_off_energy` for CASTEP only.

    Raises:
        ValueError: if a setting is for an engine that isn't asked for, or the engine doesn't have it.
    """
    from aiida_polymorph.protocol_files import merge_inputs

    defaults = engine.parameters(chosen["protocol"])
    settings: dict[str, Any] = {}
    for key, value in chosen["settings"]:
        meant, colon, setting = key.rpartition(":")
        if colon and meant not in names:
            raise ValueError(f"--set {key}: engine {meant} is none of {', '.join(names)}")
        if colon and meant != engine.name:
            continue
        if setting.partition(".")[0] not in defaults:
            hint = f"; of several engines name the one that is meant, ENGINE:{setting}" if len(names) > 1 else ""
            raise ValueError(f"--set {key}: {engine.name} has no such setting, it has {', '.join(defaults)}{hint}")
        put_in(settings, setting.split("."), value)
    for name, value in settings.items():
        check_kind(engine, name, defaults[name], value)
    problem = engine.problem(merge_inputs(defaults, settings))
    if problem:
        raise ValueError(problem)
    return settings


def put_in(settings: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Put a value at its place in nested settings.

    Raises:
        ValueError: if a value is already on the way.
    """
    *way, last = path
    place = settings
    for step in way:
        place = place.setdefault(step, {})
        if not isinstance(place, dict):
            raise ValueError(f"--set {'.'.join(path)}: {step} was given a value of its own")
    place[last] = value


def check_kind(engine: Engine, name: str, default: Any, value: Any) -> None:
    """Refuse what is of another kind than the setting of the protocol: a word for a number, a value for many.

    Raises:
        ValueError: saying what is wanted.
    """
    if isinstance(default, Mapping) and not isinstance(value, Mapping):
        example = next(iter(default), "NAME")
        raise ValueError(f"--set {name}: {engine.name} has several settings there, e.g. --set {name}.{example}=VALUE")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(default, int | float) and not is_number:
        raise ValueError(f"--set {name}: {value!r} is not a number")
    if value is None:
        raise ValueError(f"--set {name}: {engine.name} can't do without")
