"""What a section of the report is: its heading, its texts, its tables and its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from aiida_polymorph.report.data import ReportData
from aiida_polymorph.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its file stem, what it shows in short, and its caption."""

    stem: str
    alt: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class Link:
    """Where to go on, and the text for it."""

    target: str
    text: str


class Section:
    """A section of the report; a subclass says what stands in it, from the views in `data`.

    To add one, write a module with a subclass, and name it in `sections.SECTIONS`, whose order is that of the page.

    Attributes:
        anchor: Name of the section within the page, to which the records of nodes refer.
        heading: Above it.
        missing: What the page says where the section has neither table nor figure; "" leaves the section out there.
        side_by_side: Whether its figures stand beside each other.
        searchable: Whether its table can be filtered by name and pressure; one section of a page at most.
    """

    anchor: ClassVar[str]
    heading: ClassVar[str]
    missing: ClassVar[str] = ""
    side_by_side: ClassVar[bool] = False
    searchable: ClassVar[bool] = False

    def __init__(self, data: ReportData) -> None:
        """Take the views of the whole page."""
        self.data = data

    def texts(self) -> Sequence[str]:
        """Return the paragraphs above tables and figures."""
        return ()

    def links(self) -> Sequence[Link]:
        """Return links to other pages."""
        return ()

    def tables(self) -> Sequence[Table]:
        """Return the tables; one without rows is left out."""
        return ()

    def pictures(self) -> Iterator[Picture]:
        """Yield the figures that the data suffices for, drawn one by one."""
        return iter(())
