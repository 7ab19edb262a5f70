"""What people look at: figures, tables, the HTML page and the chemiscope view; takes plain data, no nodes.

Imports of matplotlib and jinja2 wait until something is drawn or written.
"""

from aiida_polymorph.report.data import LandscapeView, NodeRecord, ReportData, SurrogateView
from aiida_polymorph.report.gallery import write_figures
from aiida_polymorph.report.html import render_report, write_report

__all__ = [
    "LandscapeView",
    "NodeRecord",
    "ReportData",
    "SurrogateView",
    "render_report",
    "write_figures",
    "write_report",
]
