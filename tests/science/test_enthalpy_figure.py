"""The figure of enthalpies by several methods: what is drawn where, and that all of it can be read."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from test_enthalpy_curves import EVERY_10, PHASES, curve, true_crossing, without

from aiida_polymorph.report.canvas import COLOURS, encode_figure
from aiida_polymorph.report.enthalpy_figure import draw_enthalpies
from aiida_polymorph.report.enthalpy_table import enthalpy_table
from aiida_polymorph.thermodynamics.static.enthalpy_curves import relative_enthalpies
from aiida_polymorph.thermodynamics.static.enthalpy_transitions import transitions
from aiida_polymorph.units import KCAL_PER_MOL

COLOUR = dict(zip(PHASES, COLOURS, strict=False))


def invented(methods=("castep LDA", "castep PBE")):
    """All phases by each method, the middle phase a little higher by every further one."""
    return [
        replace(curve(name), method=method, enthalpies=curve(name).enthalpies + 0.03 * (name == "middle") * rank)
        for rank, method in enumerate(methods)
        for name in PHASES
    ]


def markers(ax, colour):
    """Data of the filled and the hollow markers of a colour."""
    lines = [line for line in ax.lines if line.get_marker() not in ("None", "x") and line.get_color() == colour]
    filled = [line for line in lines if line.get_markerfacecolor() == colour]
    return [
        np.concatenate([line.get_xydata() for line in each]) for each in (filled, [x for x in lines if x not in filled])
    ]


def dashes(ax, colour):
    return [line.get_xdata() for line in ax.lines if line.get_color() == colour and line.get_linestyle() == "--"]


def crosses(ax):
    return {(float(line.get_xdata()[0]), line.get_color()) for line in ax.lines if line.get_marker() == "x"}


def strip(ax):
    patches = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    return [(to_hex(patch.get_facecolor()).upper(), patch.get_x(), patch.get_width()) for patch in patches]


def legend_texts(figure):
    return [text.get_text() for ax in figure.axes if ax.get_legend() for text in ax.get_legend().get_texts()]


def test_a_panel_for_each_method_with_shared_axes():
    figure = draw_enthalpies(invented(), "open", "TiO2")
    assert [ax.get_title("left") for ax in figure.axes] == ["castep LDA", "castep PBE"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert figure.axes[0].get_ylabel() == "H − H(open), eV per TiO₂"
    assert {ax.get_xlabel() for ax in figure.axes} == {"pressure, GPa"}


def test_the_right_axis_is_in_kcal_per_mol():
    figure = draw_enthalpies(invented(), "open", "TiO2")
    figure.canvas.draw()
    (right,) = figure.axes[1].child_axes
    assert right.get_ylabel() == "kcal/mol per TiO₂"
    assert np.array(right.get_ylim()) * KCAL_PER_MOL == pytest.approx(figure.axes[1].get_ylim())
    assert figure.axes[0].child_axes == []


def test_points_are_the_relative_enthalpies_and_lines_go_through_them():
    curves = invented()
    figure = draw_enthalpies(curves, "open", window=5.0)
    relative = relative_enthalpies(curves, "open")
    for ax in figure.axes:
        for name in PHASES:
            filled, hollow = markers(ax, COLOUR[name])
            assert filled[:, 0].tolist() == EVERY_10.tolist()
            assert filled[:, 1] == pytest.approx(relative[ax.get_title("left"), name])
            assert len(hollow) == 0
            assert dashes(ax, COLOUR[name]) == []
    low, high = figure.axes[0].get_ylim()
    values = np.concatenate(list(relative.values()))
    assert low < values.min()
    assert high > values.max()


def test_the_window_cuts_what_is_far_above():
    curves = invented()
    wide, narrow = (draw_enthalpies(curves, "open", window=window).axes[0].get_ylim() for window in (5.0, 0.1))
    assert narrow[1] < wide[1]
    assert narrow[1] > 0.1


def test_colours_are_the_same_in_all_panels_and_in_the_legend():
    curves = invented()
    figure = draw_enthalpies(curves[:4] + curves[:3:-1], "open")
    legend = figure.axes[-1].get_legend()
    shown = {t.get_text(): line.get_color() for t, line in zip(legend.get_texts(), legend.get_lines(), strict=True)}
    assert {name: shown[name] for name in PHASES} == COLOUR
    for ax in figure.axes:
        for name in PHASES:
            assert len(markers(ax, COLOUR[name])[0]) == 8


def test_strip_and_lines_show_stable_phases_and_transitions():
    curves = invented()
    figure = draw_enthalpies(curves, "open")
    ax, sequence = figure.axes[0], transitions(curves)["castep LDA"]
    for (colour, low, width), stable_range in zip(strip(ax), sequence.ranges, strict=True):
        assert colour == COLOUR[stable_range.phase]
        assert (low, low + width) == pytest.approx((stable_range.low_gpa, stable_range.high_gpa))
    truth = [true_crossing(*pair) for pair in (("soft", "open"), ("open", "middle"), ("middle", "dense"))]
    assert [text.get_text() for text in ax.texts] == [f"{pressure:.1f}" for pressure in truth]
    assert [text.xy[0] for text in ax.texts] == pytest.approx(truth, abs=0.01)


def test_numbers_of_near_transitions_do_not_overlap():
    figure = draw_enthalpies(invented(), "open")
    figure.canvas.draw()
    for ax in figure.axes:
        boxes = sorted(text_box(text) for text in ax.texts)
        assert all(left[1] < right[0] for left, right in pairwise(boxes))


def text_box(text):
    extent = Text.get_window_extent(text)
    return extent.x0, extent.x1


def test_failed_points_are_crosses_and_lines_over_them_dashed():
    curves = invented()
    curves[3] = without(curves[3], 30.0)
    figure = draw_enthalpies(curves, "open")
    dense = COLOUR["dense"]
    assert crosses(figure.axes[0]) == {(30.0, dense)}
    assert crosses(figure.axes[1]) == set()
    assert [(x[0], x[-1]) for x in dashes(figure.axes[0], dense)] == [(20.0, 30.0), (30.0, 40.0)]
    assert markers(figure.axes[0], dense)[0][:, 0].tolist() == [0, 10, 20, 40, 50, 60, 70]
    assert legend_texts(figure)[-3:] == ["lowest in enthalpy", "failed", "across failed points"]


def test_transitions_across_failed_points_are_about():
    curves = invented(["castep LDA"])
    curves[3] = without(curves[3], 40.0)
    assert "≈" in draw_enthalpies(curves, "open").axes[0].texts[-1].get_text()


def test_crosses_at_the_same_pressure_lie_above_each_other():
    curves = [without(each, 30.0) for each in invented()]
    ax = draw_enthalpies(curves, "open").axes[0]
    heights = [float(line.get_ydata()[0]) for line in ax.lines if line.get_marker() == "x"]
    assert len(set(np.round(heights, 6))) == 4
    inside = ax.transData.inverted().transform(ax.transAxes.transform((0.0, max(heights))))[1]
    assert inside < min(markers(ax, COLOUR[name])[0][:, 1].min() for name in PHASES)


def test_where_the_reference_failed_markers_are_hollow():
    curves = invented()
    curves[1] = without(curves[1], 30.0)
    figure = draw_enthalpies(curves, "open")
    filled, hollow = markers(figure.axes[0], COLOUR["dense"])
    assert (len(filled), hollow[:, 0].tolist()) == (7, [30.0])
    true = curve("dense").enthalpies[3] - curve("open").enthalpies[3]
    assert hollow[0, 1] == pytest.approx(true, abs=2e-3)
    assert legend_texts(figure)[-1] == "open interpolated"


def test_a_method_without_the_reference_says_so():
    curves = [each for each in invented() if (each.name, each.method) != ("open", "castep PBE")]
    figure = draw_enthalpies(curves, "open")
    assert "no values of open" in [text.get_text() for text in figure.axes[1].texts]
    with pytest.raises(ValueError, match="no phase 'gold' to compare with, only soft, open, middle, dense"):
        draw_enthalpies(curves, "gold")


def test_many_methods_and_phases_stay_inside():
    many = [
        replace(
            curve(name), name=f"{name}-{copy}", method=f"engine {number}", enthalpies=curve(name).enthalpies + copy / 50
        )
        for number in range(7)
        for copy in range(3)
        for name in PHASES
    ]
    figure = draw_enthalpies(many, "open-0")
    assert len(figure.axes) == 7
    legend = next(ax.get_legend() for ax in figure.axes if ax.get_legend())
    assert len(legend.get_texts()) == 13
    figure.canvas.draw()
    assert legend.get_window_extent().x0 > figure.axes[2].get_tightbbox().x0 + figure.axes[2].bbox.width
    looks = {(line.get_color(), line.get_marker()) for line in legend.get_lines()[:12]}
    assert len(looks) == 12
    assert encode_figure(figure, "png")[:4] == b"\x89PNG"


@pytest.mark.parametrize("curves", [[], [without(curve("open"), *EVERY_10)], [curve("open", [20.0])]], ids=len)
def test_little_or_nothing_to_draw(curves):
    if not curves:
        with pytest.raises(ValueError, match="no phase 'open' to compare with, nor any other"):
            draw_enthalpies(curves, "open")
    else:
        assert encode_figure(draw_enthalpies(curves, "open"))[:5] == b"<?xml"


def test_names_are_not_taken_for_formulas():
    odd = [replace(each, name=f"$x_{{{each.name}$") for each in invented(["$a_{$"])]
    assert encode_figure(draw_enthalpies(odd, odd[0].name), "png")[:4] == b"\x89PNG"


def test_the_table_has_a_row_for_each_point():
    curves = invented()
    curves[3] = without(curves[3], 30.0)
    table = enthalpy_table(curves, "open")
    assert len(table.rows) == 64
    assert table.columns[4] == "h − h(open), eV"
    row = table.rows[3 * 8 + 3]
    assert [each.text for each in row] == ["castep LDA", "dense", "30", "–", "–", "–", "–"]
    assert table.rows[8][4].text == "0.0000"
