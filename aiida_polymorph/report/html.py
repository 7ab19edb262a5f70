"""The report: one HTML page that holds everything it shows, needs no network and escapes what it is given."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aiida_polymorph.report import tables
from aiida_polymorph.report.chemiscope import MISSING, chemiscope_available, write_chemiscope
from aiida_polymorph.report.data import ReportData
from aiida_polymorph.report.enthalpy_figure import enthalpy_table
from aiida_polymorph.report.tables import Cell, Table
from aiida_polymorph.thermodynamics.static.curve_checks import check_curves
from aiida_polymorph.thermodynamics.static.enthalpy_transitions import transitions


@dataclass(frozen=True)
class Image:
    """A picture inside the page."""

    source: str
    alt: str
    caption: str


@dataclass(frozen=True)
class Link:
    """Where to go on, and the text for it."""

    target: str
    text: str


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    anchor: str
    heading: str
    texts: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    figures: Sequence[Image] = ()
    paired: bool = False
    filters: Sequence[str] = ()
    link: Link | None = None


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
    path.write_text(render_report(data, link, note), encoding="utf-8")
    return written


def render_report(data: ReportData, map_link: str | None = None, map_note: str = "") -> str:
    """Return the page as text.

    Args:
        data: what to show.
        map_link: relative link to the chemiscope view, if there is one.
        map_note: why there is none.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    body = [_with_origin(data, section) for section in _sections(data, map_link, map_note)]
    return environment.get_template("report.html.j2").render(
        data=data, body=body, sections=[(section.anchor, section.heading) for section in body]
    )


def _images(data: ReportData) -> dict[str, list[Image]]:
    """Return the figures by the section that they belong to, as SVG within the page."""
    from aiida_polymorph.report.canvas import encode_figure
    from aiida_polymorph.report.gallery import all_pictures

    images: dict[str, list[Image]] = {}
    for picture in all_pictures(data):
        source = "data:image/svg+xml;base64," + base64.b64encode(encode_figure(picture.figure)).decode()
        images.setdefault(picture.section, []).append(Image(source, picture.alt, picture.caption))
    return images


def _section(
    anchor: str, heading: str, texts: Sequence[str], table: Table | None = None, missing: str = "", **more: object
) -> Section:
    """Return a section with a table and figures, or with the reason why it has neither."""
    table = table or Table((), ())
    if missing and not table.rows and not more.get("figures"):
        return Section(anchor, heading, (missing,))
    return Section(anchor, heading, texts, table.columns if table.rows else (), table.rows, **more)  # type: ignore[arg-type]


def _sections(data: ReportData, map_link: str | None, map_note: str) -> list[Section]:
    images = _images(data)
    pressures = list(dict.fromkeys(f"{row['pressure_gpa']:g}" for row in data.phases if "pressure_gpa" in row))
    view = Link(map_link, "Open the map in chemiscope: a click on a point shows its structure.") if map_link else None
    unit = f"Energies are in eV, volumes in Å³ and entropies in kB, all per {data.formula}."
    gauge = "Basin entropies and chemical potentials of one pressure have a common zero: only differences count."
    return [
        _section(
            "phase-diagram", "Phase diagram", (), None, "There are no chemical potentials.",
            figures=images.get("phase-diagram", ()),
        ),
        _section(
            "chemical-potentials", "Chemical potentials", ("μ = h − T s_b, h the enthalpy, s_b the basin entropy.",),
            None, "There are no chemical potentials.", figures=images.get("chemical-potentials", ()), paired=True,
        ),
        _section(
            "phases", "Phases", (unit, gauge), tables.phase_table(data), "No phases were handed over.",
            filters=pressures,
        ),
        _section("searches", "Searches", (), tables.search_table(data.landscapes), "No searches were handed over."),
        _section(
            "landscape", "Landscape", (map_note,) if map_note and not view else (), None,
            "No landscapes were handed over.", figures=images.get("landscape", ()), link=view,
        ),
        _section(
            "clustering", "Choice of eps", ("The number of clusters is flat where eps separates phases.",), None,
            "The scan of eps was not handed over.", figures=images.get("clustering", ()), paired=True,
        ),
        _section(
            "basin-entropy", "Basin entropy", (), tables.mapping_table(data.basin_entropy),
            "No basin entropies were handed over.",
        ),
        _section(
            "surrogate", "Surrogate", ("Errors on structures that the model had not seen, by how they were chosen.",),
            tables.surrogate_table(data.surrogates), "No surrogate was handed over.",
            figures=images.get("surrogate", ()), paired=True,
        ),
        *([_enthalpy_section(data, images.get("enthalpies", ()))] if data.enthalpy_curves else []),
        _section("settings", "Settings", (), tables.settings_table(data.settings), "No settings were handed over."),
        _section(
            "nodes", "Where the numbers come from", ("`verdi node show UUID` shows a node with its inputs.",),
            tables.node_table(data.nodes), "No nodes were handed over: these numbers have no provenance.",
        ),
    ]  # fmt: skip


def _enthalpy_section(data: ReportData, figures: Sequence[Image]) -> Section:
    curves = data.enthalpy_curves
    found = [each.text for sequence in transitions(curves).values() for each in sequence.transitions]
    wrong = [finding.text for finding in check_curves(curves)]
    told = ("Static enthalpies: without vibrations. Only differences within a method mean something.", *found, *wrong)
    table = enthalpy_table(curves, data.enthalpy_relative_to)
    return _section("enthalpies", "Enthalpies against pressure", told, table, figures=figures)


def _with_origin(data: ReportData, section: Section) -> Section:
    """Add to a section the nodes that its numbers come from."""
    nodes = [f"{node.role} ({node.pk})" for node in data.nodes if section.anchor in node.sections]
    return replace(section, texts=(*section.texts, f"From nodes: {', '.join(nodes)}.")) if nodes else section
