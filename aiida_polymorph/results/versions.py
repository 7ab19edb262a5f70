"""With which version of the package, and with which code, a process made its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aiida import orm

from aiida_polymorph.science_version import UNSURE, plugin_target, version_of_name
from aiida_polymorph.versioned import SCIENCE_VERSION

SHORT = 8
"""Digits of a digest that people are shown."""
OURS = "polymorph"
"""What the process types of this package's processes have in them."""


@dataclass(frozen=True)
class MadeWith:
    """What made a result.

    Attributes:
        package: the version of the package that the process belongs to, None if the node doesn't tell.
        code: the digest of the code, None for nodes of versions that did not record it.
        is_ours: whether the process is one of aiida-polymorph.
    """

    package: str | None
    code: str | None
    is_ours: bool = True

    @property
    def short_code(self) -> str | None:
        """The digest as people are shown it."""
        return None if self.code is None else "unsure" if self.code.startswith(UNSURE) else self.code[:SHORT]

    def __str__(self) -> str:
        name = "aiida-polymorph" if self.is_ours else "plugin"
        package = f"{name} {self.package or '(version not recorded)'}"
        code = self.short_code
        return f"{package}, code {'not recorded' if code is None else code}" if self.is_ours or code else package


def made_with(process_type: str | None, attributes: Mapping[str, Any]) -> MadeWith:
    """Return what made a result, from the process type and the attributes of the process's node."""
    version = attributes.get("version") or {}
    return MadeWith(version.get("plugin"), recorded_code(attributes), OURS in (process_type or ""))


def recorded_code(attributes: Mapping[str, Any]) -> str | None:
    """Return the digest that a process's attributes hold, None if they hold none.

    Of a job it is that of the job, or that of the parser where only this is ours. Earlier versions stored small
    numbers there, which somebody had to raise: they say nothing about the code.
    """
    cached = attributes.get("cache_version") or {}
    found = (attributes.get(SCIENCE_VERSION), cached.get("calc_job"), cached.get("parser"))
    return next((each for each in found if isinstance(each, str)), None)


def made_by(node: orm.Node) -> MadeWith | None:
    """Return what made a node: for data the process that created it, None where there is none."""
    process = node if isinstance(node, orm.ProcessNode) else node.creator if isinstance(node, orm.Data) else None
    return None if process is None else made_with(process.process_type, process.base.attributes.all)


@lru_cache(maxsize=256)
def code_today(process_type: str, parser: str | None = None) -> str | None:
    """Return the digest that a process would record today, None if this version has no such process.

    Args:
        process_type: as AiiDA stores it, an entry point or the full name of a function.
        parser: entry point of a job's parser, which counts where the job itself is of another package.
    """
    group, _, name = process_type.partition(":")
    target = plugin_target(group, name) if name else process_type
    if target is None and parser:
        target = plugin_target("aiida.parsers", parser)
    return None if target is None else version_of_name(target)
