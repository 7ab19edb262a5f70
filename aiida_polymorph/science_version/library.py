"""Modules that are read once, and what a name in one of them stands for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aiida_polymorph.science_version.modules import Module, read_module
from aiida_polymorph.science_version.sources import PACKAGE, Sources, followed
from aiida_polymorph.science_version.statements import Alias, References

MACHINERY = (f"{PACKAGE}.science_version", f"{PACKAGE}.versioned")
"""What finds versions makes no numbers: its own code doesn't count."""
WHOLE = "*"
ACTS = "!"
FILES_OF_A_PACKAGE = ("__file__", "__path__")
LONGEST_NAME = 100
"""Characters of a text that may be a name or an annotation."""


@dataclass(frozen=True, order=True)
class Part:
    """A part of a module: a name that it binds, all of it (`*`), or what it does when it is imported (`!`)."""

    module: str
    name: str


class Library:
    """Modules of one set of sources, each read and parsed when it is first needed."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """Return a module whose code counts, None if it doesn't or there is none of that name."""
        if name not in self._modules:
            self._modules[name] = self._read(name)
        return self._modules[name]

    def _read(self, name: str) -> Module | None:
        if name.partition(".")[0] not in followed() or any(name == m or name.startswith(f"{m}.") for m in MACHINERY):
            return None
        text = self.sources.text(name)
        return None if text is None else read_module(name, text, self.sources.is_package(name))

    def text(self, part: Part) -> str:
        """Return the statements of a part in one form."""
        module = self._modules[part.module]
        assert module is not None
        if part.name in module.imported and part.name not in module.defined:
            return module.imported[part.name].text(part.name)
        return "\n".join(module.text(each) for each in self._statements(module, part.name))

    def _statements(self, module: Module, name: str) -> Sequence:
        if name == WHOLE:
            return module.statements
        return module.acts if name == ACTS else module.defined.get(name, [])

    def references(self, part: Part) -> References:
        """Return what a part refers to."""
        module = self._modules[part.module]
        assert module is not None
        return module.references(part.name, self._statements(module, part.name))

    def neighbours(self, part: Part) -> Iterator[Part]:
        """Yield the parts that a part refers to by name."""
        module, found = self._modules[part.module], self.references(part)
        assert module is not None
        for chain in found.chains:
            yield from self._resolve(module, chain, found)
        for text in found.texts:
            yield from self._resolve_text(module, text)
        if part.name == WHOLE:
            for alias in found.imports.values():
                yield from self._follow(Alias(alias.module, alias.name), ()) if alias.name == "*" else ()

    def _resolve(self, module: Module, chain: tuple[str, ...], found: References) -> Iterator[Part]:
        root, rest = chain[0], chain[1:]
        if root in module.defined:
            yield Part(module.name, root)
        if root in module.imported:
            yield Part(module.name, root)
            yield from self._follow(module.imported[root], rest)
        if root in found.imports:
            yield from self._follow(found.imports[root], rest)
        by_name = {"import_module", "__import__"} & {each[-1] for each in found.chains}
        if root == "__path__" or (root in ("__package__", "__name__") and by_name):
            yield from self._all_of(module.package)

    def _resolve_text(self, module: Module, text: str) -> Iterator[Part]:
        """Yield what a text names: a definition (a quoted annotation), a module, `module:object`, or modules."""
        if len(text) > LONGEST_NAME:
            return
        if text.startswith(f"{PACKAGE}."):
            yield from self.by_path(text)
            return
        if re.search(r"\s", tight := re.sub(r"\s*([|,\[\]])\s*", r"\1", text)):
            return
        for name in re.findall(r"[^\W\d][\w.]*", tight):
            root, *rest = name.split(".")
            if root in module.defined or (root in module.imported and module.imported[root].name):
                yield from self._resolve(module, (root, *rest), References())

    def by_path(self, path: str) -> Iterator[Part]:
        """Yield what `module`, `module:object` or the beginning of modules' names with a `*` behind stand for."""
        if path.endswith("*"):
            below = self.sources.below(path.rpartition(".")[0])
            yield from (Part(name, WHOLE) for name in below if name.startswith(path[:-1]) and self.module(name))
            return
        module, _, name = path.partition(":")
        if self.module(module):
            yield from self._inside(module, tuple(name.split(".")) if name else ())

    def _follow(self, alias: Alias, rest: tuple[str, ...]) -> Iterator[Part]:
        if alias.name == "*":
            yield from self._inside(alias.module, ())
        else:
            yield from self._inside(alias.module, (alias.name, *rest) if alias.name else rest)

    def _inside(self, name: str, chain: tuple[str, ...]) -> Iterator[Part]:
        """Yield what a chain of attributes of a module stands for; all of the module where that isn't clear."""
        module = self.module(name)
        if module is None:
            return
        root = chain[0] if chain else ""
        if root in module.defined:
            yield Part(name, root)
        elif root in module.imported:
            yield Part(name, root)
            if module.imported[root] != Alias(name, root):
                yield from self._follow(module.imported[root], chain[1:])
            elif self.module(f"{name}.{root}"):
                yield from self._inside(f"{name}.{root}", chain[1:])
        elif root and self.module(f"{name}.{root}"):
            yield from self._inside(f"{name}.{root}", chain[1:])
        elif not root or root in FILES_OF_A_PACKAGE:
            yield from self._all_of(name)
        else:
            yield Part(name, WHOLE)

    def _all_of(self, name: str) -> Iterator[Part]:
        """Yield a module, and if it is a package all modules in it."""
        names = self.sources.below(name) if self.sources.is_package(name) else (name,)
        yield from (Part(each, WHOLE) for each in names if self.module(each))

    def loaded_with(self, name: str) -> Iterator[str]:
        """Yield the modules that importing a module imports first: its packages, and what it imports itself."""
        module = self.module(name)
        if module is not None:
            parts = name.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts)))
            yield from module.loads
