"""The nodes that the numbers of the page came from."""

from __future__ import annotations

from collections.abc import Sequence

from aiida_polymorph.report.data import NodeRecord
from aiida_polymorph.report.sections.interface import Section
from aiida_polymorph.report.tables import Cell, Table, cell, safe_link

HEADS = ("gives", "pk", "uuid", "kind", "created", "made with")


class NodesSection(Section):
    """A row for each node."""

    anchor = "nodes"
    heading = "Where the numbers come from"
    missing = "No nodes were handed over: these numbers have no provenance."

    def texts(self) -> Sequence[str]:
        """Return how to go on from a node."""
        return ("The command verdi node show UUID shows a node with its inputs.",)

    def tables(self) -> Sequence[Table]:
        """Return the nodes."""
        return (Table(HEADS, tuple(_row(node) for node in self.data.nodes)),)


def _row(node: NodeRecord) -> tuple[Cell, ...]:
    number = Cell(str(node.pk), "number", str(node.pk), safe_link(node.link))
    return (Cell(node.role), number, Cell(node.uuid), cell(node.kind), cell(node.created), cell(node.made_with))
