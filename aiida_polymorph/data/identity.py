"""The number by which people call a node."""

from __future__ import annotations

from aiida import orm


def pk_of(node: orm.Node) -> int:
    """Return the number (pk) of a stored node.

    Raises:
        ValueError: if the node is not stored, and so has none.
    """
    if node.pk is None:
        raise ValueError(f"{node} is not stored: it has no number yet")
    return node.pk
