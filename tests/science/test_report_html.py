"""The page: complete, escaped, without a network; the chemiscope view; the text of `explain`."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from report_data import NASTY, invented_landscape, invented_report

from aiida_polymorph.report import ReportData, canvas, chemiscope, gallery, html, sections, tables, write_report
from aiida_polymorph.report.data import NodeRecord
from aiida_polymorph.results.explain import Explanation, Step, explain_text


class Tags(HTMLParser):
    """Collects tags with their attributes, and the text outside of scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.shown = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.shown.append(data)


@pytest.fixture(scope="module")
def page():
    return html.render_report(invented_report(structures=False))


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the figures, which take seconds."""
    image = html.Image("data:,", "map", "")
    monkeypatch.setattr(html, "_images", lambda section: [image] if section.anchor == "landscape" else [])


def loads(tags):
    """What a browser would fetch by itself."""
    return [a[key] for tag, a in tags for key in ("src", "data", "poster", "srcset") if key in a] + [
        a["href"] for tag, a in tags if tag == "link" and "href" in a
    ]


def test_page_loads_nothing(page):
    sources = loads(Tags(page).tags)
    assert sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert "@import" not in page
    assert not re.search(r"url\(", page)


def test_page_escapes_what_it_shows(page):
    tags = Tags(page)
    assert "<script>alert" not in page
    assert sum(tag == "script" for tag, _ in tags.tags) == 1
    assert "".join(tags.shown).count(NASTY) >= 4  # title, note, phase, setting


def test_page_links_to_no_script(page):
    assert "javascript:" not in page
    assert "4711" in page


def test_page_says_where_numbers_come_from_and_what_they_are(page):
    text = "".join(Tags(page).shown)
    for expected in (
        "From nodes: Landscape (4711).",
        "P4_2/mnm",
        "recipe / seed",
        "over-dispersion",
        "did not converge",
    ):
        assert expected in text
    assert all(a.get("alt") for tag, a in Tags(page).tags if tag == "img")


def test_empty_report_says_what_is_missing():
    text = html.render_report(ReportData("Nothing", "TiO2"))
    assert "There are no chemical potentials." in text
    assert "have no provenance" in text
    assert "<img" not in text


class VolumesSection(sections.Section):
    """A new figure of the report: all that it takes beside its name in `SECTIONS`."""

    anchor = "volumes"
    heading = "Volumes"

    def tables(self):
        rows = [(tables.cell(view.pressure_gpa, "g"), tables.cell(view.volume.mean(), ".2f")) for view in self.views()]
        return (tables.Table(("P, GPa", "mean volume, Å³"), tuple(rows)),)

    def pictures(self):
        for view in self.views():
            figure, (ax,) = canvas.new_figure(3.0, 2.0)
            ax.hist(view.volume)
            yield sections.Picture(f"volumes-{view.pressure_gpa:g}GPa", "Volumes", "How large they are.", figure)

    def views(self):
        return [view for view in self.data.landscapes if view.pressure_gpa > 0]


def test_a_new_figure_is_one_class_and_one_registration(monkeypatch, tmp_path):
    report = replace(invented_report(structures=False), potentials=None, surrogates=(), energies=None, diagram=None)
    monkeypatch.setattr(sections, "SECTIONS", (VolumesSection, *sections.SECTIONS[2:]))
    page = html.render_report(report)
    parts = Tags(page)
    assert ("a", {"href": "#volumes"}) in parts.tags
    text = "".join(parts.shown)
    assert text.index("mean volume, Å³") < text.index("How large they are.") < text.index("Minima found at 0 GPa")
    files = gallery.write_figures(report, tmp_path, ("svg",))
    assert files[0].name == "volumes-20GPa.svg"
    assert "Volumes" not in html.render_report(replace(report, landscapes=report.landscapes[:1]))


def test_anchors_are_unique_and_every_section_has_a_heading():
    anchors = [section.anchor for section in sections.SECTIONS]
    assert len(set(anchors)) == len(anchors)
    assert all(section.heading for section in sections.SECTIONS)
    assert sum(section.searchable for section in sections.SECTIONS) == 1


def test_what_is_missing_is_told_for_each_window_or_said_to_be_unknown(page):
    text = "".join(Tags(page).shown)
    assert "is not recorded" not in text
    assert "up to 0.1" in text
    data = invented_report(structures=False)
    older = replace(data, landscapes=[replace(data.landscapes[0], unseen=None)])
    (sentence,) = [each for each in sections.LandscapeSection(older).texts() if "missing" in each]
    assert sentence.startswith("How many minima are still missing at 0 GPa is not recorded")


def test_gibbs_energies_stand_beside_the_search(page):
    parts = Tags(page)
    text = "".join(parts.shown)
    for expected in (
        "classical, with a thermal wavelength of 1 Å for every atom",
        "it melts",
        "a, 700 K, 0 GPa, switching (node 42)",
        "harmonic and integration",
        "Triple points.",
        "a, b, c",
    ):
        assert expected in text
    anchors = [attributes["href"] for tag, attributes in parts.tags if tag == "a"]
    assert {"#gibbs-energies", "#coexistence", "#integrands"} <= set(anchors)


def test_without_gibbs_energies_there_are_no_such_sections():
    data = replace(invented_report(structures=False), energies=None)
    for section in sections.SECTIONS:
        if section.anchor in ("gibbs-energies", "coexistence", "integrands"):
            assert html._block(section(data)) is None


def test_lines_that_could_not_be_drawn_have_a_reason():
    data = invented_report(structures=False)
    without = replace(data.energies, diagram=None, no_diagram="values at a single temperature only")
    section = next(each for each in sections.SECTIONS if each.anchor == "coexistence")(replace(data, energies=without))
    assert list(section.pictures()) == []
    assert section.tables()[0].rows[0][0].text == "values at a single temperature only"


def test_the_pressure_filter_reads_the_column_of_pressures(page):
    (select,) = [attributes for tag, attributes in Tags(page).tags if attributes.get("id") == "pressure-filter"]
    (section,) = [each for each in sections.SECTIONS if each.searchable]
    table = section(invented_report(structures=False)).tables()[0]
    column = int(select["data-column"])
    assert table.columns[column] == "P (GPa)"
    assert [row[column].text for row in table.rows] == ["0", "0"]


def test_columns_of_numbers_are_aligned_where_a_number_is_unknown():
    table = tables.Table(
        ("a", "b"), ((tables.cell(1.0, "g"), tables.Cell("x")), (tables.cell(None), tables.cell(None)))
    )
    assert table.numeric == (True, False)


def test_nodes_of_one_role_are_told_together():
    nodes = [NodeRecord("Gibbs energies of a", pk, "u", sections=("landscape",)) for pk in (7, 9)]
    section = sections.LandscapeSection(replace(invented_report(structures=False), nodes=nodes))
    assert html._origin(section) == ("From nodes: Gibbs energies of a (7, 9).",)


def test_unknown_is_a_dash_and_sorts_last():
    for value in (None, float("nan"), ""):
        assert tables.cell(value, ".3f") == tables.Cell("–", "unknown", "")
    assert tables.cell(0.5, ".2f") == tables.Cell("0.50", "number", "0.5")
    assert tables.cell({"2": 3, "4": 1}) == tables.Cell("2: 3, 4: 1", "", "4")
    assert tables.cell(np.False_).text == "no"


def test_links_that_run_something_are_dropped():
    assert tables.safe_link("node.html") == "node.html"
    assert tables.safe_link(" JavaScript:alert(1)") is None
    assert tables.safe_link("data:text/html,x") is None


def test_report_comes_with_the_chemiscope_view(tmp_path, undrawn):
    pytest.importorskip("chemiscope")
    written = write_report(invented_report(), tmp_path / "new" / "report.html")
    assert [path.name for path in written] == ["report.html", "report-map.html"]
    assert 'href="report-map.html"' in written[0].read_text()
    view = written[1].read_text()
    assert loads(Tags(view).tags) == []
    assert NASTY not in view
    assert "default-src 'none'" in view


def test_report_without_chemiscope_says_so(tmp_path, undrawn, monkeypatch):
    monkeypatch.setattr(chemiscope, "find_spec", lambda name: None)
    (written,) = write_report(invented_report(), tmp_path / "report.html")
    assert "needs the package chemiscope" in written.read_text()
    with pytest.raises(ValueError, match="needs the package chemiscope"):
        chemiscope.write_chemiscope(invented_report(), tmp_path / "map.html")


def test_dataset_holds_representatives_then_loose_minima_by_enthalpy(tmp_path):
    view = invented_landscape()
    assert chemiscope.shown_structures(view).tolist() == [0, 3, 8, 7]
    path = chemiscope.write_dataset(view, tmp_path / "map.json.gz", "title", "TiO2", limit=1)
    dataset = json.loads(gzip.decompress(path.read_bytes()))
    assert len(dataset["structures"]) == 3
    assert dataset["structures"][0]["size"] == 6
    assert len(dataset["structures"][0]["cell"]) == 9
    assert dataset["properties"]["times found"]["values"] == [3.0, 4.0, 1.0]
    assert dataset["properties"]["kind"]["values"] == ["known phase", "new phase", "found fewer than 3 times"]
    assert "<" not in json.dumps(dataset)
    assert "the 1 lowest in enthalpy of 2" in dataset["meta"]["description"]


def test_dataset_without_structures_is_refused():
    with pytest.raises(ValueError, match="without its structures"):
        chemiscope.chemiscope_dataset(invented_landscape(structures=False), "title", "TiO2")


EXPLANATION = Explanation(
    phase="20-a-Pbca",
    formula="TiO2",
    pressure_gpa=20.0,
    temperature_k=1000.0,
    method="basin",
    chemical_potential_ev=-36.1,
    error_ev=0.01,
    enthalpy_ev=-36.0,
    basin_entropy_kb=1.16,
    basin_entropy_error_kb=0.1,
    above_hull_ev=0.05,
    stable_phase="columbite",
    probability_stable=0.2,
    known=False,
    found={4: 7, 8: 2},
    structures=1000,
    representative="seed index 812",
    eps=1e-3,
    min_samples=3,
    steps=[Step("Relaxation", 12, process="polymorph.relax_set", seconds=61.5, detail="150 structures", level=1)],
)


def test_explanation_gives_the_terms_the_counts_and_the_jobs():
    text = explain_text(EXPLANATION)
    for expected in (
        "20-a-Pbca (new phase), TiO2, at 20 GPa and 1000 K",
        "-36.1000 ± 0.0100 eV",
        "0.1000 ± 0.0086 eV",
        "0.0500 eV above columbite",
        "Found 9 times of 1000 relaxed structures: 7 times with 4, 2 times with 8 formula units.",
        "seed index 812",
        "eps 0.001",
        "Relaxation <12> [polymorph.relax_set], 61.5 s: 150 structures",
    ):
        assert expected in text


def test_explanation_of_an_unknown_number_says_why():
    text = explain_text(Explanation("OI", "TiO2", 0.0, 300.0, "absent", reason="not metastable at 0 GPa"))
    assert "not metastable at 0 GPa" in text
    assert "mu = h - T s_b      unknown" in text
    assert "Where it comes from" not in text


def test_explanation_of_the_stable_phase():
    assert "It is the stable phase here." in explain_text(replace(EXPLANATION, above_hull_ev=0.0))
