"""Statements without what doesn't change a number: comments, docstrings, formatting and help texts."""

from __future__ import annotations

import ast

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields of statements that hold statements, or parts that hold statements in turn."""
HELP = "help"


def parse(text: str) -> ast.Module:
    """Return a module's statements without docstrings and help texts.

    Raises:
        SyntaxError: if the text is not Python.
    """
    tree = ast.parse(text)
    _take_out(tree, with_help=HELP in text)
    if HELP in text:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                node.keywords = [each for each in node.keywords if each.arg != HELP or not _is_text(each.value)]
    return tree


def _take_out(node: ast.AST, with_help: bool) -> None:
    """Take docstrings, also those below a constant or a field, out of all blocks; and texts that are set as help."""
    for name in BLOCKS:
        block = getattr(node, name, None)
        if not isinstance(block, list):
            continue
        kept = [each for each in block if not _is_docstring(each) and not (with_help and _sets_help(each))]
        if len(kept) < len(block):
            setattr(node, name, kept or ([] if isinstance(node, ast.Module) else [ast.Pass()]))
        for each in kept:
            _take_out(each, with_help)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and _is_text(node.value)


def _sets_help(node: ast.AST) -> bool:
    """Return whether a statement is `something.help = "text"`."""
    return (
        isinstance(node, ast.Assign)
        and _is_text(node.value)
        and all(isinstance(each, ast.Attribute) and each.attr == HELP for each in node.targets)
    )


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
