"""Statements without what doesn't change a number: comments, docstrings, formatting and help texts."""

from __future__ import annotations

import ast
from typing import Any


class _Strip(ast.NodeTransformer):
    """Takes out docstrings, also those below a constant or a field, and constant help texts."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if _is_text(node.value) else self._inner(node)

    def visit_Assign(self, node: ast.Assign) -> ast.Assign | None:
        targets = node.targets
        if _is_text(node.value) and len(targets) == 1 and isinstance(targets[0], ast.Attribute):
            return None if targets[0].attr == "help" else node
        return self._inner(node)

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.keywords = [each for each in node.keywords if each.arg != "help" or not _is_text(each.value)]
        return self._inner(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.stmt) and getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        return node

    def _inner(self, node: Any) -> Any:
        return self.generic_visit(node)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def parse(text: str) -> ast.Module:
    """Return a module's statements without docstrings and help texts.

    Raises:
        SyntaxError: if the text is not Python.
    """
    tree: ast.Module = _Strip().visit(ast.parse(text))
    return tree
