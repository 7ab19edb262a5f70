"""Formulas drawn by matplotlib into the pages, so that these need no network and no LaTeX."""

from __future__ import annotations

import io
import re

from docutils import nodes
from matplotlib import rc_context
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser, math_to_image
from sphinx.application import Sphinx

POINTS = 11.0
FONT = FontProperties(size=POINTS)


def svg_of(tex: str) -> str:
    """Return a formula as inline SVG in the colour of the text, sitting on the line."""
    source = f"${' '.join(tex.split())}$"
    buffer = io.BytesIO()
    with rc_context({"mathtext.fontset": "cm", "svg.fonttype": "path"}):
        depth = MathTextParser("path").parse(source, dpi=72, prop=FONT).depth
        math_to_image(source, buffer, prop=FONT, dpi=72, format="svg", color="black")
    svg = buffer.getvalue().decode()
    svg = re.sub(r"<metadata>.*?</metadata>|<\?xml.*?\?>|<!DOCTYPE[^>]*>", "", svg, flags=re.S)
    svg = svg.replace("fill: black", "fill: currentColor").replace("fill: #000000", "fill: currentColor")
    svg = svg.replace("<svg ", '<svg fill="currentColor" ', 1) if "currentColor" not in svg else svg
    label = re.sub(r"[<>&\"]", " ", tex)
    return svg.replace(
        "<svg ", f'<svg class="formula" role="img" aria-label="{label}" style="vertical-align: -{depth:.1f}pt" ', 1
    ).strip()


def visit_inline(writer: object, node: nodes.Element) -> None:
    writer.body.append(svg_of(node.astext()))
    raise nodes.SkipNode


def visit_block(writer: object, node: nodes.Element) -> None:
    rows = [row for row in re.split(r"\\\\", node.astext()) if row.strip()]
    writer.body.append("".join(f'<div class="formula">{svg_of(row)}</div>' for row in rows))
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("drawn", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
