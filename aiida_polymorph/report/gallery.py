"""All figures of a report: which there are, with captions, and how they are written to files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aiida_polymorph.report import figures, thermo_figures
from aiida_polymorph.report.canvas import new_figure, save_figure
from aiida_polymorph.report.data import LandscapeView, ReportData
from aiida_polymorph.report.enthalpy_figure import draw_enthalpies
from aiida_polymorph.thermodynamics.diagrams.phase_diagram import PhaseDiagram, phase_diagram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its file stem, the anchor of its section, what it shows in short, and its caption."""

    stem: str
    section: str
    alt: str
    caption: str
    figure: Figure


def all_pictures(data: ReportData) -> Iterator[Picture]:
    """Yield the figures that the data suffices for, drawn one by one."""
    if data.potentials is not None:
        yield _diagram_picture(data)
        for temperature in data.temperatures:
            yield from _potential_pictures(data, temperature)
    for view in data.landscapes:
        yield _map_picture(view, data.formula)
        if len(view.scan_eps):
            yield _scan_picture(view)
    for view in data.surrogates:
        if len(view.actual):
            figure, (ax,) = new_figure(4.2, 4.0)
            figures.surrogate_parity(view, ax, data.formula)
            stem = f"surrogate-{view.target}-{view.pressure_gpa:g}GPa".replace(" ", "-")
            caption = f"Surrogate of the {view.target} at {view.pressure_gpa:g} GPa on structures held out of training."
            yield Picture(stem, "surrogate", f"Parity plot of the predicted {view.target}", caption, figure)
    if data.enthalpy_curves:
        yield _enthalpy_picture(data)


def _enthalpy_picture(data: ReportData) -> Picture:
    figure = draw_enthalpies(data.enthalpy_curves, data.enthalpy_relative_to, data.formula)
    caption = f"Enthalpy at 0 K relative to {data.enthalpy_relative_to}; the strip shows which phase is lowest."
    return Picture("enthalpies", "enthalpies", "Enthalpy of the phases against pressure", caption, figure)


def write_figures(data: ReportData, folder: str | Path, formats: tuple[str, ...] = ("svg", "png")) -> list[Path]:
    """Write every figure of the report to a folder, which is made if need be, and return the files."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        save_figure(picture.figure, folder / f"{re.sub(r'[^A-Za-z0-9.-]', '_', picture.stem)}.{form}")
        for picture in all_pictures(data)
        for form in formats
    ]


def diagram_of(data: ReportData, cells: int = 60) -> PhaseDiagram:
    """Return the phase diagram over the searched pressures, or 10 GPa around the only one.

    Raises:
        ValueError: if the data holds no chemical potentials.
    """
    if data.potentials is None:
        raise ValueError("the report's data holds no chemical potentials, so there is no phase diagram")
    low, high = data.potentials.pressures[[0, -1]]
    if low == high:
        low, high = low - 10.0, high + 10.0
    temperatures = np.linspace(*data.diagram_temperatures, cells + 1)
    return phase_diagram(data.potentials, temperatures, np.linspace(low, high, cells + 1))


def known_names(data: ReportData) -> list[str]:
    """Return the names of the phases that are references."""
    known = [str(row["name"]) for row in data.phases if row.get("known")]
    for view in data.landscapes:
        known += [name for name, flag in zip(view.names, view.known, strict=True) if flag] + list(view.missing_names)
    return list(dict.fromkeys(known))


def _diagram_picture(data: ReportData) -> Picture:
    diagram = diagram_of(data)
    figure, (ax,) = new_figure(6.4, 4.6)
    thermo_figures.phase_regions(diagram, ax)
    caption = (
        "Phase with the lowest chemical potential. The colour is the paler, the less probable it is that this phase "
        "is the stable one, given the errors. Black lines: coexistence; grey bands: one standard deviation of its "
        "pressure."
    )
    if len(data.potentials.pressures) == 1:
        caption += " Only one pressure was searched: the others are extrapolated by V dP."
    return Picture("phase-diagram", "phase-diagram", "Phase diagram over pressure and temperature", caption, figure)


def _potential_pictures(data: ReportData, temperature: float) -> Iterator[Picture]:
    known = [name for name in known_names(data) if name in data.potentials.names]
    new = [name for name in data.potentials.names if name not in known]
    reference = thermo_figures.reference_phase(data.potentials, temperature, data.relative_to)
    for kind, shown, grey in (("known", known, []), ("new", new, known)):
        if not shown:
            continue
        figure, (ax,) = new_figure(6.0, 4.8)
        thermo_figures.chemical_potentials(
            data.potentials, ax, temperature, reference, shown, grey, formula=data.formula
        )
        caption = (
            f"Chemical potentials of {kind} phases at {temperature:g} K, relative to {reference}. Solid, filled: found "
            "in the search; dashed, hollow: predicted by the surrogate; dotted: extrapolated from the next searched "
            "pressure. Bands: one standard deviation of the difference."
        )
        caption += " At most the twelve that come closest to being stable." if len(shown) > 12 else ""
        caption += " Known phases in grey." if grey else ""
        alt = f"Chemical potentials of {kind} phases against pressure"
        yield Picture(f"chemical-potentials-{temperature:g}K-{kind}", "chemical-potentials", alt, caption, figure)


def _map_picture(view: LandscapeView, formula: str) -> Picture:
    figure, (ax,) = new_figure(8.6, 6.0)
    figures.landscape_map(view, ax, formula)
    caption = (
        f"Minima found at {view.pressure_gpa:g} GPa, projected onto the first two kernel principal components. A "
        "circle is a phase, its area in proportion to the logarithm of how often it was found; dots are minima found "
        f"fewer than {view.min_samples} times. Heavy edges: known phases; hollow diamonds: references that were not "
        "found; blue names: the new phases of lowest enthalpy. The inset is the same map, coloured by volume."
    )
    alt = f"Map of the minima at {view.pressure_gpa:g} GPa"
    return Picture(f"map-{view.pressure_gpa:g}GPa", "landscape", alt, caption, figure)


def _scan_picture(view: LandscapeView) -> Picture:
    figure, (ax,) = new_figure(4.6, 3.4)
    figures.eps_scan(view, ax)
    alt = f"Number of clusters against eps at {view.pressure_gpa:g} GPa"
    caption = f"How many clusters DBSCAN finds at {view.pressure_gpa:g} GPa, by its radius eps; dashed: the one used."
    return Picture(f"eps-{view.pressure_gpa:g}GPa", "clustering", alt, caption, figure)
