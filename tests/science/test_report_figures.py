"""Figures: what is drawn, how found and missing phases differ, labels that don't overlap."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from report_data import NASTY, invented_landscape, invented_potentials, invented_report

from aiida_polymorph.report import canvas, figures, gallery, labels, phase_regions, potential_curves
from aiida_polymorph.thermodynamics.diagrams.phase_diagram import phase_diagram


def axes(columns=1):
    figure, (ax, *_) = canvas.new_figure(columns=columns)
    return figure, ax


def texts(ax):
    return [text.get_text() for text in ax.texts]


def hollow(line):
    return to_rgba(line.get_markerfacecolor()) == to_rgba("white")


def test_map_names_found_and_missing_phases():
    _, ax = axes()
    assert figures.landscape_map(invented_landscape(), ax, "TiO2") is ax
    assert sorted(texts(ax)) == sorted(["rutile", NASTY, "pyrite"])
    missing = next(c for c in ax.collections if c.get_label() == "reference, not found")
    assert len(missing.get_facecolors()) == 0
    assert missing.get_offsets().tolist() == [[0.0, -0.1]]


def test_map_area_is_the_logarithm_of_the_size():
    _, ax = axes()
    figures.landscape_map(invented_landscape(), ax)
    areas = figures.marker_areas(np.array([3, 4]))
    assert areas[1] / areas[0] == pytest.approx(np.log(5) / np.log(4))
    drawn = [c.get_sizes() for c in ax.collections if len(c.get_offsets()) == 2 and len(c.get_sizes()) == 2]
    assert any(sorted(sizes) == pytest.approx(sorted(areas)) for sizes in drawn)


def test_inset_covers_no_point_of_the_map():
    view = invented_landscape()
    figure, ax = axes()
    figures.landscape_map(view, ax)
    figure.canvas.draw()
    inset = next(child for child in ax.child_axes if len(child.collections) >= 2)
    box = inset.get_window_extent()
    assert not any(box.contains(*point) for point in ax.transData.transform(view.coordinates))


def test_map_without_any_cluster_or_reference():
    view = invented_landscape()
    empty = replace(
        view,
        labels=np.full(9, -1),
        names=[],
        known=np.zeros(0, bool),
        representatives=np.zeros(0, int),
        missing_names=[],
        missing_coordinates=np.zeros((0, 2)),
    )
    figure, ax = axes()
    figures.landscape_map(empty, ax)
    assert texts(ax) == []
    assert canvas.encode_figure(figure, "png")[:4] == b"\x89PNG"


def test_curves_found_are_solid_and_filled_predicted_dashed_and_hollow():
    _, ax = axes()
    potential_curves.chemical_potentials(invented_potentials(), ax, 1600, "rutile", ["pyrite"])
    marked = [line for line in ax.lines if line.get_marker() not in ("None", "", None)]
    by_pressure = {float(x): hollow(line) for line in marked for x in line.get_xdata()}
    assert by_pressure == {0.0: True, 20.0: False}
    curve = [line.get_linestyle() for line in ax.lines if line not in marked and len(line.get_xdata()) > 1]
    assert curve[0] == "--"
    _, ax = axes()
    potential_curves.chemical_potentials(invented_potentials(), ax, 1600, "rutile", ["rutile"])
    assert {line.get_linestyle() for line in ax.lines if len(line.get_xdata()) > 10} == {"-"}


def test_curves_have_a_band_of_the_error_of_the_difference():
    curves = potential_curves.relative_curves(invented_potentials(), 1600, "rutile", np.array([0.0, 20.0]))
    assert curves.error[0].tolist() == [0.0, 0.0]
    assert curves.error[2, 0] > curves.error[2, 1] > 0
    assert curves.relative[0].tolist() == [0.0, 0.0]


def test_curves_carry_their_names_and_the_axis_its_unit():
    _, ax = axes()
    potential_curves.chemical_potentials(invented_potentials(), ax, 1600, formula="TiO2", window=1.0)
    assert sorted(texts(ax)) == sorted(["rutile", NASTY, "pyrite"])
    assert "eV per TiO₂" in ax.get_ylabel()
    assert ax.get_xlabel() == "pressure, GPa"


def test_reference_phase_unknown_is_named():
    with pytest.raises(ValueError, match="'gold' is not among"):
        potential_curves.relative_curves(invented_potentials(), 300, "gold", np.array([0.0]))


def test_phase_diagram_names_every_region():
    diagram = phase_diagram(invented_potentials(), np.linspace(0, 1500, 16), np.linspace(0, 20, 21), samples=50)
    _, ax = axes()
    phase_regions.phase_regions(diagram, ax)
    assert sorted(texts(ax)) == sorted(diagram.names[i] for i in np.unique(diagram.stable))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("pressure, GPa", "temperature, K")


def test_eps_scan_and_parity():
    _, ax = axes()
    figures.eps_scan(invented_landscape(), ax)
    assert "0.001" in texts(ax)[0]
    _, ax = axes()
    figures.surrogate_parity(invented_report().surrogates[0], ax, "TiO2")
    assert "eV per TiO₂" in ax.get_ylabel()


def test_labels_in_a_crowd_do_not_overlap():
    points = np.random.default_rng(0).normal(0, 0.05, (12, 2))
    figure, ax = axes()
    ax.set(xlim=(-0.4, 0.4), ylim=(-0.4, 0.4))
    placed = labels.label_points(ax, points, ["a label"] * 12, points)
    figure.canvas.draw()
    boxes = [Text.get_window_extent(label) for label in placed]
    shared = [(i, j) for i in range(12) for j in range(i) if labels_overlap(boxes[i], boxes[j])]
    assert shared == []


def labels_overlap(a, b):
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


def test_spread_keeps_gap_order_and_bounds():
    moved = labels.spread(np.array([0.5, 0.5, 0.52, 3.0, 0.0]), 0.2, 0.0, 3.0)
    assert np.diff(np.sort(moved)).min() >= 0.2 - 1e-12
    assert moved[3] == 3.0
    assert moved[4] >= 0.0
    assert np.argsort(moved, kind="stable").tolist() == [4, 0, 1, 2, 3]
    assert labels.spread(np.array([1.0, 2.0]), 0.5).tolist() == [1.0, 2.0]
    assert len(labels.spread(np.zeros(0), 0.5)) == 0


def test_figures_are_written_and_the_same_each_time(tmp_path):
    report = invented_report(structures=False)
    small = replace(report, landscapes=report.landscapes[:1], potentials=None, diagram=None, energies=None)
    files = gallery.write_figures(small, tmp_path / "figures", ("svg",))
    assert {f.name for f in files} == {"map-0GPa.svg", "eps-0GPa.svg", "surrogate-enthalpy-0GPa.svg"}
    before = (tmp_path / "figures" / "eps-0GPa.svg").read_bytes()
    figure, ax = axes()
    figure.set_size_inches(4.6, 3.4)
    figures.eps_scan(invented_landscape(), ax)
    assert canvas.encode_figure(figure) == before


def test_other_endings_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected \.svg or \.png"):
        canvas.save_figure(axes()[0], tmp_path / "figure.jpeg")


def test_importing_the_report_draws_in_nothing_heavy():
    code = (
        "import sys, aiida_polymorph.report; print([m for m in ('matplotlib', 'jinja2', 'aiida') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
