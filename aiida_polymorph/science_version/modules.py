"""Modules as what they define, what they import, and what they do when they are imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from aiida_polymorph.science_version.normalise import parse
from aiida_polymorph.science_version.statements import Alias, References, aliases, imported_modules, references


class Module:
    """A module's statements by the names that they bind.

    Attributes:
        defined: name -> the statements that bind it.
        imported: name -> what an import binds it to.
        acts: statements that do more than define: they count as soon as the module is imported.
        loads: modules that importing this one loads as well.
    """

    def __init__(self, name: str, text: str, is_package: bool) -> None:
        self.name = name
        self.package = name if is_package else name.rpartition(".")[0]
        self.defined: dict[str, list[ast.stmt]] = {}
        self.imported: dict[str, Alias] = {}
        self.acts: list[ast.stmt] = []
        self.loads: set[str] = set()
        self.statements = parse(text).body
        self._texts: dict[int, str] = {}
        self._references: dict[str, References] = {}
        self._take(self.statements, runs=True)
        self.acts += [each for each in self.statements if self._calls_own_code(each)]

    def text(self, statement: ast.stmt) -> str:
        """Return a statement in one form, whatever its formatting was."""
        return self._texts.setdefault(id(statement), ast.unparse(statement))

    def references(self, name: str, statements: Iterable[ast.stmt]) -> References:
        """Return what the statements of a part of the module refer to; they are looked through once for each name."""
        if name not in self._references:
            self._references[name] = references(statements, self.package)
        return self._references[name]

    def _take(self, statements: Iterable[ast.stmt], runs: bool) -> None:
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.imported.update(aliases(statement, self.package))
                if runs:
                    self.loads.update(imported_modules(statement, self.package))
            elif names := list(_bound(statement)):
                for name in names:
                    self.defined.setdefault(name, []).append(statement)
            elif isinstance(statement, ast.If) and _is_for_types(statement.test):
                self._take(statement.body, runs=False)
            elif not isinstance(statement, ast.Pass):
                self._take_compound(statement)

    def _take_compound(self, statement: ast.stmt) -> None:
        """Take a statement that may do anything: it counts whenever the module does, and may bind names."""
        self.acts.append(statement)
        for part in ast.walk(statement):
            if isinstance(part, ast.Import | ast.ImportFrom):
                self.imported.update(aliases(part, self.package))
                self.loads.update(imported_modules(part, self.package))
            elif isinstance(part, ast.stmt) and part is not statement:
                for name in _bound(part):
                    self.defined.setdefault(name, []).append(statement)

    def _calls_own_code(self, statement: ast.stmt) -> bool:
        """Return whether a definition calls a function of the package, which may do more than return a value."""
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            called = [part.func for part in ast.walk(statement) if isinstance(part, ast.Call)]
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            called = [each.func if isinstance(each, ast.Call) else each for each in statement.decorator_list]
        else:
            return False
        return any(self._is_own_function(each) for each in called)

    def _is_own_function(self, called: ast.AST) -> bool:
        """Return whether something called is of a followed package; classes, by their capital letter, only make."""
        names = [part.id for part in ast.walk(called) if isinstance(part, ast.Name)]
        last = called.attr if isinstance(called, ast.Attribute) else (names or [""])[0]
        if last[:1].isupper() or last in HARMLESS:
            return False
        top = self.name.partition(".")[0]
        return any(
            name in self.defined or (name in self.imported and self.imported[name].module.partition(".")[0] == top)
            for name in names
        )


@lru_cache(maxsize=1024)
def read_module(name: str, text: str, is_package: bool) -> Module:
    """Return a module of this text; the same text is parsed once in a process.

    Raises:
        SyntaxError: if the text is not Python.
    """
    return Module(name, text, is_package)


HARMLESS = ("calcfunction",)
"""Functions of ours that may decorate a definition or make a constant without an effect on anything else."""


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a plain definition binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id
    elif isinstance(statement, ast.Assign):
        yield from _names(statement.targets)


def _names(targets: list[ast.expr]) -> list[str]:
    """Return the names of targets, none if one of them is no name (an item or an attribute)."""
    flat = [each for target in targets for each in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [each.id for each in flat if isinstance(each, ast.Name)] if _all_names(flat) else []


def _all_names(targets: list[ast.expr]) -> bool:
    return all(isinstance(each, ast.Name) for each in targets)


def _is_for_types(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
