"""The report: one HTML page that holds everything it shows, needs no network and escapes what it is given."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aiida_polymorph.report import sections
from aiida_polymorph.report.canvas import encode_figure, pretty_formula
from aiida_polymorph.report.chemiscope import MISSING, chemiscope_available, write_chemiscope
from aiida_polymorph.report.data import ReportData
from aiida_polymorph.report.sections import Link, Section
from aiida_polymorph.report.tables import Table

PRESSURE = "P (GPa)"
"""Title of the column that a table is filtered by."""


@dataclass(frozen=True)
class Image:
    """A picture inside the page."""

    source: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Block:
    """A section with everything that stands in it, ready for the template."""

    anchor: str
    heading: str
    texts: Sequence[str] = ()
    links: Sequence[Link] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Image] = ()
    side_by_side: bool = False
    filters: Sequence[str] | None = None

    @property
    def pressure_column(self) -> int:
        """Place of the column that a table is filtered by."""
        return self.tables[0].columns.index(PRESSURE) if self.tables else -1


def write_report(data: ReportData, path: str | Path, chemiscope: bool = True) -> list[Path]:
    """Write the report, and beside it the chemiscope view of the maps, and return the files written.

    Args:
        data: what to show; what is left out of it is said to be missing.
        path: of the HTML page. The chemiscope view is `<stem>-map.html` beside it.
        chemiscope: whether to write that view; it also needs the package and the structures in `data`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [path]
    link, note = None, MISSING
    if chemiscope and chemiscope_available() and any(view.structures is not None for view in data.landscapes):
        written.append(write_chemiscope(data, path.with_name(f"{path.stem}-map.html")))
        link, note = written[-1].name, ""
    elif chemiscope_available():
        note = "No view of single structures was asked for, or the structures were not handed over."
    path.write_text(render_report(replace(data, map_link=link, map_note=note)), encoding="utf-8")
    return written


def render_report(data: ReportData) -> str:
    """Return the page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    blocks = [block for section in sections.SECTIONS if (block := _block(section(data))) is not None]
    return environment.get_template("report.html.j2").render(
        data=data, formula=pretty_formula(data.formula), blocks=blocks
    )


def _block(section: Section) -> Block | None:
    """Return what stands in a section: its content, or why there is none; None to leave it out."""
    tables = [table for table in section.tables() if table.rows]
    figures = _images(section)
    if not tables and not figures:
        return Block(section.anchor, section.heading, (section.missing,)) if section.missing else None
    return Block(
        section.anchor,
        section.heading,
        (*section.texts(), *_origin(section)),
        section.links(),
        tables,
        figures,
        section.side_by_side,
        _pressures(section.data) if section.searchable else None,
    )


def _images(section: Section) -> list[Image]:
    """Return the figures of a section as SVG within the page."""
    return [
        Image(
            "data:image/svg+xml;base64," + base64.b64encode(encode_figure(picture.figure)).decode(),
            picture.alt,
            picture.caption,
        )
        for picture in section.pictures()
    ]


def _origin(section: Section) -> Sequence[str]:
    """Return from which nodes the numbers of a section come, as one sentence or none."""
    roles: dict[str, list[str]] = {}
    for node in section.data.nodes:
        if section.anchor in node.sections:
            roles.setdefault(node.role, []).append(str(node.pk))
    nodes = [f"{role} ({', '.join(numbers)})" for role, numbers in roles.items()]
    return (f"From nodes: {', '.join(nodes)}.",) if nodes else ()


def _pressures(data: ReportData) -> list[str]:
    return list(dict.fromkeys(f"{row['pressure_gpa']:g}" for row in data.phases if "pressure_gpa" in row))
