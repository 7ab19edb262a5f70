"""Compare an analysis of searches of TiO2 with the paper's published structures and tables.

`python compare.py ANALYSIS --reference FOLDER [--json FILE] [--figures FOLDER] [--page FILE]`

ANALYSIS is the number of an analysis that was made with the structures of the reference folder as references:
`aiida-polymorph analyse NODES... --references FOLDER/structures/*.res`. Tables in Markdown go to standard output; with
`--page` each takes the place of what stands between its marks, `<!-- table: NAME -->` and `<!-- end -->`, in a page.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import drawings
import numpy as np
import tables
import thermo_tables
from aiida import load_profile
from analysis_data import AnalysisData, read_analysis
from reference_data import Entry, Table, entries, read_tables

from aiida_polymorph.landscape.entropy_correction import enthalpy_correction
from aiida_polymorph.plain import plain
from aiida_polymorph.report.canvas import new_figure, save_figure
from aiida_polymorph.report.gallery import all_pictures
from aiida_polymorph.results.analysis import find_analysis
from aiida_polymorph.results.report_data import report_data

if TYPE_CHECKING:
    from aiida import orm
    from matplotlib.figure import Figure

DPI = 110
PICTURES = {
    "map-20GPa": "paper-map",
    "chemical-potentials-1600K-known": "paper-potentials-1600K-known",
    "chemical-potentials-1600K-new": "paper-potentials-1600K-new",
    "phase-diagram": "paper-phase-diagram",
}
"""Figures of the report that the page shows as well, and the stems of their files."""
MARKS = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.S)


def all_tables(data: AnalysisData, published: dict[str, Table]) -> dict[str, tables.Result]:
    """Return every table of the comparison by name."""
    known = entries(published, data.pressures)
    return {
        "references": tables.references_found(data),
        "new-phases": tables.new_phases(data),
        "minima": tables.minima(data),
        "surrogate": tables.surrogate_tests(data),
        "missed": tables.missed_summary(data),
        "missed-references": tables.missed_references(data),
        "entropy-fits": thermo_tables.entropy_fits(data),
        "entropy": thermo_tables.entropy_comparison(data, known),
        "entropy-points": thermo_tables.entropy_points(data, known),
        "faults": thermo_tables.faults(known),
        "potentials": thermo_tables.potential_comparison(data, known),
        "stable": thermo_tables.stable_phases(data, published),
    }


def draw(analysis: orm.ProcessNode, data: AnalysisData, published: dict[str, Table], folder: Path) -> None:
    """Write all figures of the page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    known = entries(published, data.pressures)
    own = {
        "paper-entropy": entropy_figure(data, known),
        "paper-missed": missed_figure(data),
        "paper-potentials-700K": potential_figure(data, published),
    }
    for stem, figure in own.items():
        if figure is not None:
            print(save_figure(figure, folder / f"{stem}.png", dpi=DPI), file=sys.stderr)
    for picture in all_pictures(report_data(analysis)):
        if picture.stem in PICTURES:
            print(save_figure(picture.figure, folder / f"{PICTURES[picture.stem]}.png", dpi=DPI), file=sys.stderr)


def entropy_figure(data: AnalysisData, known: list[Entry]) -> Figure | None:
    """Return s_b, and s_b - aH with the pooled a, against the entropies of the tables; None without any."""
    rows = [row for row in thermo_tables.entropy_points(data, known).rows if not row["fault"]]
    pooled = [row for row in thermo_tables.entropy_comparison(data, known).rows if row["pressure_gpa"] is None]
    fit = next((row for row in pooled if row["entries"] == "sound"), None)
    if not rows or fit is None or fit["a"] is None:
        return None
    figure, (left, right) = new_figure(9.0, 4.0, columns=2)
    basin = np.array([row["basin"] for row in rows])
    corrected = enthalpy_correction(basin, np.array([row["enthalpy_ev"] for row in rows]), fit["a"])
    drawings.entropies(rows, basin, left, "basin entropy $s_b$")
    markers = drawings.entropies(rows, corrected, right, "$s_b - aH$")
    for ax, r, rmse in ((left, fit["r"], fit["rmse"]), (right, fit["corrected_r"], fit["corrected_rmse"])):
        ax.set_title(f"r = {r:.2f}, RMSE {rmse:.2f} $k_B$", fontsize=9, loc="left")
    for ax in (left, right):
        ax.set_ylim(min(left.get_ylim()[0], right.get_ylim()[0]), max(left.get_ylim()[1], right.get_ylim()[1]))
    left.legend(loc="lower right", fontsize=7.5, frameon=False)
    bar = figure.colorbar(markers, ax=[left, right], fraction=0.025, pad=0.02)
    bar.set_label("enthalpy above the lowest, kcal/mol per TiO₂", fontsize=8)
    return figure


def missed_figure(data: AnalysisData) -> Figure | None:
    """Return predicted against relaxed enthalpies of missed minima; None without any."""
    rows = drawings.missed_points(data)
    if not rows:
        return None
    figure, (ax,) = new_figure(6.0, 3.8)
    drawings.missed(rows, ax)
    return figure


def potential_figure(data: AnalysisData, published: dict[str, Table]) -> Figure | None:
    """Return chemical potentials at 700 K by the table and by h - T s_b, the same phases in the same colours."""
    if drawings.RELATIVE_TO not in data.potentials.names:
        return None
    left_curves = drawings.table_curves(published["gibbs_700"], data.pressures[0], data.pressures[-1])
    names = drawings.lowest_curves(left_curves)
    figure, axes = new_figure(10.4, 4.6, columns=2)
    figure.subplots_adjust(wspace=0.42)
    axes[0].set_ylabel(f"chemical potential relative to {drawings.RELATIVE_TO}, {drawings.UNIT}")
    drawings.potentials(left_curves, names, axes[0], "free-energy calculations (table), 700 K")
    drawings.potentials(drawings.own_curves(data, names), names, axes[1], "$h - T s_b$ from the search, 700 K")
    return figure


def filled(page: str, results: dict[str, tables.Result]) -> str:
    """Return a page with each table put between its marks.

    Raises:
        ValueError: if the page asks for a table that there is not.
    """

    def put(match: re.Match[str]) -> str:
        if match["name"] not in results:
            raise ValueError(f"there is no table {match['name']!r}; there are {', '.join(results)}")
        return f"{match[1]}\n{results[match['name']].markdown()}\n\n{match[3]}"

    return MARKS.sub(put, page)


def main() -> None:
    """Read the arguments, compare, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analysis", help="number or UUID of the analysis")
    parser.add_argument("--reference", type=Path, required=True, help="folder with structures/*.res and the tables")
    parser.add_argument("--json", type=Path, help="write all rows of all tables to this file")
    parser.add_argument("--figures", type=Path, help="write the figures to this folder")
    parser.add_argument("--page", type=Path, help="renew the tables in this page")
    arguments = parser.parse_args()
    load_profile()
    published = read_tables(arguments.reference)
    analysis = find_analysis(arguments.analysis)
    data = read_analysis(analysis)
    results = all_tables(data, published)
    for name, result in results.items():
        print(f"\n## {name}\n\n{result.markdown()}")
    if arguments.json:
        rows = {name: plain(result.rows) for name, result in results.items()}
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    if arguments.page:
        arguments.page.write_text(filled(arguments.page.read_text(), results))
    if arguments.figures:
        draw(analysis, data, published, arguments.figures)


if __name__ == "__main__":
    main()
