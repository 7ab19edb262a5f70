"""The package as its files say, read without `science_version`: what it has of calcfunctions, and what they call."""

from __future__ import annotations

import ast
from functools import lru_cache
from importlib.metadata import distribution
from pathlib import Path

import aiida_polymorph

PACKAGE = Path(aiida_polymorph.__file__).parent
Name = tuple[str, str]
"""A module and something that it defines."""


def file_of(module: str) -> Path:
    stem = PACKAGE.joinpath(*module.split(".")[1:])
    return stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")


def modules() -> list[str]:
    parts = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in sorted(PACKAGE.rglob("*.py"))]
    return [".".join(each[:-1] if each[-1] == "__init__" else each) for each in parts]


@lru_cache(maxsize=512)
def tree_of(module: str) -> ast.Module:
    return ast.parse(file_of(module).read_text())


def calcfunctions() -> list[Name]:
    """Every function of the package under a decorator that is called calcfunction."""
    return [
        (module, node.name)
        for module in modules()
        for node in tree_of(module).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(each).split(".")[-1] == "calcfunction" for each in node.decorator_list)
    ]


def plugins(group: str) -> list[Name]:
    found = [entry.value for entry in distribution("aiida-polymorph").entry_points if entry.group == group]
    return sorted(tuple(value.split(":")) for value in set(found))


def definition(name: Name) -> ast.stmt | None:
    return next((node for node in tree_of(name[0]).body if getattr(node, "name", None) == name[1]), None)


def called_by(name: Name) -> list[Name]:
    """Functions and classes of other modules that a definition uses, by the imports at the top of its module."""
    node = definition(name)
    if node is None:
        return []
    imported = {
        alias.asname or alias.name: (statement.module or "", alias.name)
        for statement in tree_of(name[0]).body
        if isinstance(statement, ast.ImportFrom) and statement.level == 0
        for alias in statement.names
    }
    used = sorted({part.id for part in ast.walk(node) if isinstance(part, ast.Name)} & set(imported))
    own = [imported[each] for each in used if imported[each][0].startswith("aiida_polymorph.")]
    return [each for each in own if not each[0].endswith(".versioned") and has_a_function(each)]


def has_a_function(name: Name) -> bool:
    node = definition(name) if file_of(name[0]).is_file() else None
    return node is not None and any(isinstance(part, ast.FunctionDef) for part in ast.walk(node))


def farthest_below(name: Name) -> Name:
    """Return the function or class that is the most imports away, the thing itself if it calls nothing of ours."""
    seen, layer = [name], [name]
    while layer:
        layer = [each for upper in layer for each in called_by(upper) if each not in seen]
        layer = list(dict.fromkeys(layer))
        seen += layer
    return seen[-1]


def changed(name: Name) -> dict[str, str]:
    """Return the text of a module in which one definition does something else."""
    tree = ast.parse(file_of(name[0]).read_text())
    node = next(each for each in tree.body if getattr(each, "name", None) == name[1])
    functions = [part for part in ast.walk(node) if isinstance(part, ast.FunctionDef)]
    for function in functions:
        function.body.append(ast.parse("other = 1").body[0])
    return {name[0]: ast.unparse(ast.fix_missing_locations(tree))}


def reworded(module: str) -> dict[str, str]:
    """Return the text of a module with other comments, docstrings and formatting."""
    tree = ast.parse(file_of(module).read_text())
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            for each in getattr(node, field, []) if isinstance(getattr(node, field, []), list) else []:
                if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
                    each.value.value = f"Other words.\n\n{each.value.value}"
    return {module: f"# A comment.\n\n\n{ast.unparse(tree)}\n# Another.\n"}
