"""What a statement refers to: names with their attributes, imports within it, and texts that may be names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

FACTORIES = {
    "CalculationFactory": "aiida.calculations",
    "DataFactory": "aiida.data",
    "ParserFactory": "aiida.parsers",
    "WorkflowFactory": "aiida.workflows",
}
"""AiiDA's functions that load a plugin by its name, and the groups where they look."""


@dataclass(frozen=True)
class Alias:
    """What an import binds: a module, or with `name` something in it."""

    module: str
    name: str | None = None

    def text(self, bound: str) -> str:
        """Return the import as a statement."""
        return f"from {self.module} import {self.name} as {bound}" if self.name else f"import {self.module} as {bound}"


@dataclass
class References:
    """What statements refer to.

    Attributes:
        chains: `("numpy", "linalg", "norm")` for `numpy.linalg.norm`, one entry for a bare name.
        attributes: names of all attributes, of whatever object.
        texts: constant strings, those that begin an f-string with a `*` behind.
        imports: name -> what it is bound to by an import within the statements.
        groups: entry point groups where something is looked up by a name that is not a constant.
        plugins: (group, name) of what is looked up by a constant name.
    """

    chains: set[tuple[str, ...]] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    imports: dict[str, Alias] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    plugins: set[tuple[str, str]] = field(default_factory=set)


def references(statements: Iterable[ast.AST], package: str) -> References:
    """Return what statements of a module refer to.

    Args:
        statements: without docstrings.
        package: from which relative imports go.
    """
    found = References()
    for statement in statements:
        _visit(statement, package, found)
    return found


def _visit(node: ast.AST, package: str, found: References) -> None:
    if isinstance(node, ast.Import | ast.ImportFrom):
        found.imports.update(aliases(node, package))
        return
    if isinstance(node, ast.Attribute | ast.Name):
        chain = _chain(node)
        found.attributes.update(chain[1:])
        if chain[0]:
            found.chains.add(chain)
            return
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.texts.add(node.value)
    elif isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        found.texts.add(f"{node.values[0].value!s}*")
    elif isinstance(node, ast.Call):
        _look_up(node, found)
    for child in ast.iter_child_nodes(node):
        _visit(child, package, found)


def _chain(node: ast.AST) -> tuple[str, ...]:
    """Return the names of an attribute of an attribute of ..., the first "" if that is no name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id if isinstance(node, ast.Name) else "", *reversed(names))


def _look_up(call: ast.Call, found: References) -> None:
    group = FACTORIES.get(_chain(call.func)[-1])
    if group is None:
        return
    name = call.args[0] if call.args else None
    if isinstance(name, ast.Constant):
        found.plugins.add((group, str(name.value)))
    else:
        found.groups.add(group)


def aliases(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Alias]]:
    """Yield the names that an import binds, `*` for all of a module, with what they are bound to."""
    if isinstance(node, ast.Import):
        for each in node.names:
            top = each.name.partition(".")[0]
            yield (each.asname, Alias(each.name)) if each.asname else (top, Alias(top))
        return
    parts = package.split(".")
    base = ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])
    module = base if node.level else node.module or ""
    for each in node.names:
        yield each.asname or each.name, Alias(module, each.name)


def imported_modules(node: ast.Import | ast.ImportFrom, package: str) -> Iterator[str]:
    """Yield the names of the modules that an import may load."""
    if isinstance(node, ast.Import):
        yield from (each.name for each in node.names)
        return
    for _, alias in aliases(node, package):
        yield alias.module
        yield f"{alias.module}.{alias.name}"
