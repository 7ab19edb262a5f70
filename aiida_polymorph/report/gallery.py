"""All figures of a report, and how they are written to files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from aiida_polymorph.report import sections
from aiida_polymorph.report.canvas import save_figure
from aiida_polymorph.report.data import ReportData
from aiida_polymorph.report.sections import Picture


def all_pictures(data: ReportData) -> Iterator[Picture]:
    """Yield the figures that the data suffices for, drawn one by one, section by section."""
    for section in sections.SECTIONS:
        yield from section(data).pictures()


def write_figures(data: ReportData, folder: str | Path, formats: tuple[str, ...] = ("svg", "png")) -> list[Path]:
    """Write every figure of the report to a folder, which is made if need be, and return the files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        save_figure(picture.figure, folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', picture.stem)}.{form}")
        for picture in all_pictures(data)
        for form in formats
    ]
