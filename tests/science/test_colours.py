"""A phase has one colour in all figures."""

from __future__ import annotations

import numpy as np
import pytest
from invented_comparison import invented_comparison
from matplotlib.colors import to_hex, to_rgb
from report_data import invented_potentials
from test_enthalpy_curves import curve

from aiida_polymorph.report.canvas import COLOURS, MARKERS, new_figure
from aiida_polymorph.report.colours import look, phase_looks
from aiida_polymorph.report.enthalpy_figure import draw_enthalpies
from aiida_polymorph.report.phase_regions import phase_regions
from aiida_polymorph.report.potential_curves import chemical_potentials
from aiida_polymorph.report.potential_panels import potential_figure
from aiida_polymorph.thermodynamics.diagrams.phase_diagram import phase_diagram, usual_grid

ORDER = ["pyrite", "dense", "a", "soft", "rutile", "open", "b", "middle", "c", "d", "e"]

BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
"""Matrices on linear RGB by Machado, Oliveira and Fernandes, IEEE TVCG 15, 1291 (2009), severity 1."""


def lab(colour, matrix=None):
    """CIE L*a*b* of a colour as somebody with such eyes sees it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(matrix) @ linear, 0, 1) if matrix is not None else linear
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.array(to_xyz) @ linear / [0.9505, 1.0, 1.089]
    f = [np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z)]
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", [None, *BLINDNESS])
def test_colours_differ_for_all_eyes(kind):
    seen = [lab(colour, BLINDNESS.get(kind)) for colour in COLOURS]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > 13.0, "two colours differ by less than what is told apart at a glance"


def test_looks_follow_from_the_order_and_not_from_the_figure():
    one, other = phase_looks(["rutile", "pyrite"], ORDER), phase_looks(["a", "pyrite", "b", "rutile"], ORDER)
    assert {name: other[name] for name in one} == one
    assert one["pyrite"] == (COLOURS[0], MARKERS[0])
    more = phase_looks(["rutile", "new", "another"], ORDER)
    assert more["rutile"] == one["rutile"]
    assert (more["another"], more["new"]) == (look(len(ORDER)), look(len(ORDER) + 1))


def test_more_phases_than_colours_differ_in_their_markers():
    looks = [look(place) for place in range(60)]
    assert len(set(looks)) == 60
    assert [colour for colour, _ in looks[:12]] == list(COLOURS)


def label_colours(ax):
    return {text.get_text(): text.get_color() for text in ax.texts}


def test_a_phase_has_the_same_colour_in_all_figures():
    expected = {name: phase_looks([name], ORDER)[name][0] for name in ORDER}
    potentials = invented_potentials()
    _, (ax,) = new_figure()
    chemical_potentials(potentials, ax, 1600, "rutile", ["pyrite", "rutile"], window=1.0, order=ORDER)
    found = label_colours(ax)
    assert (found["pyrite"], found["rutile"]) == (expected["pyrite"], expected["rutile"])

    diagram = phase_diagram(potentials, *usual_grid(potentials), samples=50)
    _, (ax,) = new_figure()
    phase_regions(diagram, ax, ORDER)
    image = np.asarray(ax.collections[0].get_array()).reshape(*diagram.stable.shape, 3)
    for name in ("rutile", "pyrite"):
        cells = image[diagram.stable == potentials.names.index(name)]
        shade = 1 - (1 - cells[0]) / np.max(1 - cells[0])
        pure = 1 - (1 - np.array(to_rgb(expected[name]))) / np.max(1 - np.array(to_rgb(expected[name])))
        assert shade == pytest.approx(pure, abs=1e-6)

    legend = draw_enthalpies([curve("soft"), curve("open")], "open", order=ORDER).axes[0].get_legend()
    lines = zip(legend.get_texts(), legend.get_lines(), strict=True)
    shown = {text.get_text(): to_hex(line.get_color()).upper() for text, line in lines}
    assert (shown["soft"], shown["open"]) == (expected["soft"], expected["open"])

    legend = potential_figure(invented_comparison(), 700.0, ORDER).axes[-1].get_legend()
    lines = zip(legend.get_texts(), legend.get_lines(), strict=True)
    assert {t.get_text(): line.get_color() for t, line in lines} == {name: expected[name] for name in "abcde"}
