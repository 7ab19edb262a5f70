"""What people read: figures, the HTML page, the chemiscope view and explanations; takes plain data, no nodes.

Imports of matplotlib and jinja2 wait until something is drawn or written.
"""

from aiida_polymorph.report.data import LandscapeView, NodeRecord, ReportData, SurrogateView
from aiida_polymorph.report.explain import Explanation, Step, explain_text
from aiida_polymorph.report.gallery import write_figures
from aiida_polymorph.report.html import render_report, write_report

__all__ = [
    "Explanation",
    "LandscapeView",
    "NodeRecord",
    "ReportData",
    "Step",
    "SurrogateView",
    "explain_text",
    "render_report",
    "write_figures",
    "write_report",
]
