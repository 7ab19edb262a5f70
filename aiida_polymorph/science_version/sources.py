"""Where the text of modules comes from: the installed package, or a copy of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
OWN_GROUPS = f"{PACKAGE}."
"""How entry point groups begin that this package reads; those who offer something there are followed."""
STARTED = time.time()
"""When this process began to load the package, within some milliseconds."""


class Sources:
    """The text of modules by their dotted names.

    Args:
        root: folder of the package; without it, the one that is installed.
        replaced: dotted name -> text that stands in for the file's.
    """

    def __init__(self, root: Path | None = None, replaced: Mapping[str, str] | None = None) -> None:
        self.root = root or Path(__file__).parents[1]
        self.replaced = dict(replaced or {})
        self.is_running = root is None
        self.changed: set[str] = set()

    def text(self, module: str) -> str | None:
        """Return the text of a module, None if there is no such module or it isn't Python.

        A file that was changed after this process had started is remembered in `changed`: which of the two texts
        the process runs can't be known.
        """
        if module in self.replaced:
            return self.replaced[module]
        path = self._path(module)
        if path is None:
            return None
        if self.is_running and self.changed_at(module) > STARTED:
            self.changed.add(module)
        return path.read_text()

    def changed_at(self, module: str) -> float:
        """Return when the file of a module was changed, in seconds since 1970; 0 if there is no file."""
        path = self._path(module)
        return 0.0 if path is None else path.stat().st_mtime

    def is_package(self, module: str) -> bool:
        """Return whether a module is a package."""
        path = self._path(module)
        return path is not None and path.name == "__init__.py"

    def below(self, package: str) -> Iterator[str]:
        """Yield the names of all modules within a package."""
        path = self._path(package)
        if path is None or path.name != "__init__.py":
            return
        for each in sorted(path.parent.rglob("*.py")):
            parts = each.relative_to(path.parent).with_suffix("").parts
            yield ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])

    def _path(self, module: str) -> Path | None:
        top, _, rest = module.partition(".")
        folder = self.root if top == PACKAGE else _folder(top)
        if folder is None or not all(part.isidentifier() for part in module.split(".")):
            return None
        stem = folder.joinpath(*rest.split(".")) if rest else folder
        found = (stem / "__init__.py", stem.with_suffix(".py")) if rest else (stem / "__init__.py",)
        return next((path for path in found if path.is_file()), None)


@lru_cache(maxsize=1)
def plugins() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return group -> name -> `module:object` of the entry points whose code counts.

    Those are this package's own, in groups of AiiDA and others, and all in groups that this package reads.
    """
    found: dict[str, dict[str, list[str]]] = {}
    installed = entry_points()
    for group in installed.groups:
        for entry in installed.select(group=group):
            if group.startswith(OWN_GROUPS) or entry.value.startswith(f"{PACKAGE}."):
                found.setdefault(group, {}).setdefault(entry.name, []).append(entry.value)
    return {group: {name: sorted(set(values)) for name, values in names.items()} for group, names in found.items()}


def plugin_target(group: str, name: str) -> str | None:
    """Return `module:object` of an entry point whose code counts, None if there is none."""
    return next(iter(plugins().get(group, {}).get(name, ())), None)


@lru_cache(maxsize=1)
def followed() -> frozenset[str]:
    """Return the names of the packages whose code counts: this one, and those that plug into it."""
    values = (value for names in plugins().values() for each in names.values() for value in each)
    return frozenset({PACKAGE, *(value.partition(".")[0].partition(":")[0] for value in values)})


@lru_cache(maxsize=64)
def _folder(package: str) -> Path | None:
    """Return the folder of another package, None if it isn't one or isn't there."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None
