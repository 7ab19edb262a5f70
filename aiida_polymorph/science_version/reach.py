"""All that a function or class reaches, and the digest of it."""

from __future__ import annotations

import ast
import gc
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import uuid4

from aiida_polymorph.science_version.library import ACTS, WHOLE, Library, Part
from aiida_polymorph.science_version.sources import OWN_GROUPS, Sources, plugins

DIGEST_BYTES = 16
UNSURE = "unsure-"
"""How a version begins that never fits another: files had changed while the process ran."""


@dataclass(frozen=True)
class ScienceVersion:
    """Which code makes a number.

    Attributes:
        digest: of the code, 32 hexadecimal digits; equal digests mean equal code.
        listing: the code itself, each module's definitions in one form.
        starting_line: where the definition that was asked for begins in `listing`, from 1.
        lines: how many lines it has there.
        modules: names of the modules that `listing` has code of.
    """

    digest: str
    listing: str
    starting_line: int
    lines: int
    modules: tuple[str, ...]


class _Reach:
    """The parts that a part reaches; `parts` is complete after it is made."""

    def __init__(self, library: Library, start: Part) -> None:
        self._library = library
        self._attributes: set[str] = set()
        self._texts: set[str] = set()
        self._groups = {"aiida.parsers"}  # a job names its parser among its options
        self._loaded: set[str] = set()
        self.parts: set[Part] = set()
        waiting = [start]
        while waiting:
            for part in waiting:
                self._take(part)
            waiting = [part for part in self._by_name() if part not in self.parts]

    def _take(self, start: Part) -> None:
        stack = [start]
        while stack:
            part = stack.pop()
            if part in self.parts:
                continue
            self.parts.add(part)
            found = self._library.references(part)
            self._attributes |= found.attributes
            self._texts |= found.texts
            self._groups |= found.groups
            for group, name in found.plugins:
                stack += self._entries(group, name)
            stack += self._library.neighbours(part)
            stack += self._load(part.module)
            for alias in found.imports.values():
                stack += self._load(alias.module)

    def _load(self, name: str) -> list[Part]:
        """Return what is done when a module is imported for the first time."""
        acts: list[Part] = []
        stack = [name]
        while stack:
            name = stack.pop()
            if name in self._loaded:
                continue
            self._loaded.add(name)
            module = self._library.module(name)
            if module is not None:
                acts += [Part(name, ACTS)] if module.acts else []
                stack += self._library.loaded_with(name)
        return acts

    def _by_name(self) -> Iterator[Part]:
        """Yield what comes in through names: plugins, and classes of nodes whose methods are used."""
        for group, names in plugins().items():
            if group in self._texts and group.startswith(OWN_GROUPS):
                for name in names:
                    yield from self._entries(group, name)
            elif group in self._groups:
                for name in self._texts & set(names):
                    yield from self._entries(group, name)
        for paths in plugins().get("aiida.data", {}).values():
            for path in paths:
                if self._attributes & _methods(self._library, path):
                    yield from self._library.by_path(path)

    def _entries(self, group: str, name: str) -> list[Part]:
        paths = plugins().get(group, {}).get(name, ())
        return [part for path in paths for part in self._library.by_path(path)]


def _methods(library: Library, path: str) -> set[str]:
    """Return the names of the public methods that a class defines itself."""
    name, _, cls = path.partition(":")
    module = library.module(name)
    statements = module.defined.get(cls, []) if module else []
    body = [each for statement in statements if isinstance(statement, ast.ClassDef) for each in statement.body]
    methods = {each.name for each in body if isinstance(each, ast.FunctionDef)}
    return {method for method in methods if not method.startswith("_")}


def science_version(target: Any, sources: Sources | None = None) -> ScienceVersion:
    """Return which code a function or class reaches.

    Args:
        target: a function, decorated or not, or a class, on the top level of a module.
        sources: where the code is read; without them, the installed package.

    Raises:
        LookupError: if the target's module has no source that can be found.
    """
    if sources is None:
        return _of_installed(target.__module__, target.__qualname__.partition(".")[0])
    return _find(Library(sources), target.__module__, target.__qualname__.partition(".")[0])


def version_of_name(path: str) -> str | None:
    """Return the digest of what `module:name` or `module.name` stands for, None if there is no such thing today."""
    module, _, name = path.partition(":") if ":" in path else path.rpartition(".")
    found = installed().module(module)
    return _of_installed(module, name).digest if found is not None and name in found.defined else None


def changed_since(version: ScienceVersion, time: float) -> list[str]:
    """Return the names of those modules of a version whose files were changed after a time (seconds since 1970)."""
    return [name for name in version.modules if installed().sources.changed_at(name) > time]


@lru_cache(maxsize=1)
def installed() -> Library:
    """Return the installed package as this process found it."""
    return Library(Sources())


@lru_cache(maxsize=256)
def _of_installed(module: str, name: str) -> ScienceVersion:
    return _find(installed(), module, name)


def _find(library: Library, module: str, name: str) -> ScienceVersion:
    with _without_collector():
        found = library.module(module)
        if found is None:
            raise LookupError(f"{module} has no source that can be found, or is not of this package or a plugin of it")
        start = Part(module, name if name in found.defined else WHOLE)
        parts = _Reach(library, start).parts
        version = _summarise(library, start, parts)
    changed = library.sources.changed & set(version.modules)
    return version if not changed else _unsure(version)


def _summarise(library: Library, start: Part, parts: set[Part]) -> ScienceVersion:
    """Return the parts as a listing, module by module, with what was asked for first."""
    whole = {part.module for part in parts if part.name == WHOLE}
    kept = sorted(part for part in parts if part.name == WHOLE or part.module not in whole)
    own = library.text(start)
    lines, modules = [f"# {start.module}", own], [start.module]
    for part in kept:
        if part != start:
            lines += [f"# {part.module}"] if part.module != modules[-1] else []
            modules.append(part.module)
            lines.append(library.text(part))
    listing = "\n".join(lines) + "\n"
    digest = hashlib.blake2b(listing.encode(), digest_size=DIGEST_BYTES).hexdigest()
    return ScienceVersion(digest, listing, 2, own.count("\n") + 1, tuple(sorted(set(modules))))


def _unsure(version: ScienceVersion) -> ScienceVersion:
    """Return a version that is equal to no other: which code runs can't be known."""
    return ScienceVersion(
        f"{UNSURE}{uuid4().hex}", version.listing, version.starting_line, version.lines, version.modules
    )


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python's collector off: syntax trees are many objects without a cycle that it would go through in vain."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
