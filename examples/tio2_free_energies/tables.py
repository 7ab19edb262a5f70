"""Tables of what run.sh made, in Markdown: tables.py FOLDER [REFERENCE] [--page FILE] [--csv FILE].

REFERENCE is the folder of the published data, for the comparison at 700 K. Energies are in kcal/mol per TiO2. With
`--page` each takes the place of what stands between its marks, `<!-- table: NAME -->` and `<!-- end -->`, in a page;
`--csv` writes all Gibbs energies into a file, in eV per TiO2.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_polymorph.units import KCAL_PER_MOL

Row = dict[str, Any]
SOURCES = ("integration", "harmonic", "basin")
COLUMNS = (
    "temperature_k",
    "pressure_gpa",
    "gibbs_energy_ev_per_formula_unit",
    "error_ev_per_formula_unit",
    "enthalpy_ev_per_formula_unit",
    "volume_a3_per_formula_unit",
)
TEMPERATURES = (700, 1000, 1300, 1600)
MARKS = re.compile(r"(<!-- table: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.S)


def main() -> None:
    """Print the tables, or put them into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of run.sh")
    parser.add_argument("reference", type=Path, nargs="?", help="folder with chemical-potential-700K.dat")
    parser.add_argument("--page", type=Path, help="page to put the tables into")
    parser.add_argument("--csv", type=Path, help="file for all Gibbs energies")
    arguments = parser.parse_args()
    phases = read_phases(arguments.folder)
    if arguments.csv:
        write_csv(phases, arguments.csv)
    temperatures = sorted({row["temperature_k"] for rows in phases.values() for row in rows})
    tables = {f"energies-{temperature:g}K": energies(phases, temperature) for temperature in temperatures}
    tables |= {"loops": loops(phases), "losses": losses(phases)}
    if (arguments.folder / "figures" / "summary.json").exists():
        summary = json.loads((arguments.folder / "figures" / "summary.json").read_text())
        lines = json.loads((arguments.folder / "coexistence.json").read_text())
        tables |= {"stable": stable(summary), "entropies": entropies(summary), "lines": coexistence(lines)}
        tables["harmonic"] = harmonic(json.loads((arguments.folder / "compare.json").read_text()))
    if arguments.reference:
        tables["published"] = comparison(phases, read_table(arguments.reference))
    if arguments.page:
        page = arguments.page.read_text()
        arguments.page.write_text(MARKS.sub(lambda found: filled(found, tables), page))
        return
    for name, table in tables.items():
        print(f"\n### {name}\n\n{table}")


def read_phases(folder: Path) -> dict[str, list[Row]]:
    """Return what `integrate` gave, by phase."""
    others = ("part", "compare", "coexistence")
    files = [path for path in sorted(folder.glob("*.json")) if path.stem not in others]
    return {path.stem: rows for path in files if (rows := json.loads(path.read_text()))}


def write_csv(phases: dict[str, list[Row]], path: Path) -> None:
    """Write what `integrate` gave, a place a line."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", *COLUMNS, "reason"])
        for name, rows in phases.items():
            for row in rows:
                numbers = [f"{row[each]:.7g}" if row[each] is not None else "" for each in COLUMNS]
                writer.writerow([name, *numbers, row["reason"]])


def filled(found: re.Match[str], tables: dict[str, str]) -> str:
    """Return the marks with a table between them, as they were where there is no such table."""
    return f"{found[1]}\n{tables[found['name']]}\n\n{found[3]}" if found["name"] in tables else found[0]


def energies(phases: dict[str, list[Row]], temperature: float) -> str:
    """Return Gibbs energies with errors, a phase a row, a pressure a column."""
    pressures = sorted({row["pressure_gpa"] for rows in phases.values() for row in rows})
    lines = []
    for name, rows in phases.items():
        at = {row["pressure_gpa"]: row for row in rows if row["temperature_k"] == temperature}
        lines.append([name, *(energy(at.get(pressure)) for pressure in pressures)])
    return markdown(["phase", *(f"{pressure:g} GPa" for pressure in pressures)], lines)


def energy(row: Row | None) -> str:
    """Return a Gibbs energy as -895.04(2)."""
    if row is None:
        return ""
    if not row["metastable"]:
        return "–"
    value, error = (row[f"{name}_ev_per_formula_unit"] / KCAL_PER_MOL for name in ("gibbs_energy", "error"))
    return f"{value:.2f}({max(1, round(100 * error))})"


def loops(phases: dict[str, list[Row]]) -> str:
    """Return how well loops close: gaps over their errors."""
    lines = []
    for name, rows in phases.items():
        found = [row for row in rows if row["loop_gap_error_ev_per_formula_unit"]]
        gaps = np.array([row["loop_gap_ev_per_formula_unit"] / KCAL_PER_MOL for row in found])
        errors = np.array([row["loop_gap_error_ev_per_formula_unit"] / KCAL_PER_MOL for row in found])
        if len(found):
            worst = int(np.argmax(np.abs(gaps / errors)))
            text = f"{gaps[worst]:+.3f}({1000 * errors[worst]:.0f})"
            lines.append(
                [name, len(found), f"{np.abs(gaps).max():.3f}", f"{np.sqrt(np.mean((gaps / errors) ** 2)):.2f}", text]
            )
    return markdown(["phase", "loops", "largest gap", "rms of gap/error", "the worst by its error"], lines)


def losses(phases: dict[str, list[Row]]) -> str:
    """Return where phases don't last, and why."""
    lost = [row for rows in phases.values() for row in rows if not row["metastable"]]
    return markdown(
        ["phase", "GPa", "K", "reason"],
        ([row["name"], f"{row['pressure_gpa']:g}", f"{row['temperature_k']:g}", row["reason"]] for row in lost),
    )


def stable(summary: dict[str, Any]) -> str:
    """Return which phase is stable by each source, ranges of pressure in words."""
    places = [each for each in summary["stable"] if each["temperature_k"] in (700, 1600)]
    lines = [
        [f"{each['temperature_k']:g}", f"{each['pressure_gpa']:g}", *(each[source] or "" for source in SOURCES)]
        for each in places
    ]
    return markdown(["K", "GPa", "integration", "harmonic", "basin entropy"], lines)


def entropies(summary: dict[str, Any]) -> str:
    """Return how basin entropies compare with those of integration."""
    numbers = ("r", "rmse_kb", "corrected_r", "corrected_rmse_kb")
    lines = [
        [f"{row['temperature_k']:g}", row["phases"], *(f"{row[name]:.2f}" for name in numbers)]
        for row in summary["entropies"]
    ]
    return markdown(["K", "entries", "r", "RMSE (kB)", "r after s_b - aH", "RMSE (kB)"], lines)


def harmonic(rows: list[Row]) -> str:
    """Return by how much Gibbs energies of integration lie above quasi-harmonic ones."""
    lines = []
    for row in rows:
        one, other = row["gibbs_energy_ev_per_formula_unit"], row["harmonic_gibbs_energy_ev_per_formula_unit"]
        if one is not None and other is not None:
            error = row["error_ev_per_formula_unit"] / KCAL_PER_MOL
            text = f"{(one - other) / KCAL_PER_MOL:+.2f}({max(1, round(100 * error))})"
            lines.append([row["name"], f"{row['pressure_gpa']:g}", f"{row['temperature_k']:g}", text])
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name, pressure, temperature, text in lines:
        found.setdefault((name, pressure), {})[temperature] = text
    table = [[*place, at.get("700", ""), at.get("1600", "")] for place, at in sorted(found.items())]
    return markdown(["phase", "GPa", "700 K", "1600 K"], table)


def coexistence(lines: list[Row]) -> str:
    """Return pressures at which stable phases coexist, at the temperatures that were computed."""
    rows = []
    for line in lines:
        if line["stable"]:
            at = {round(point["temperature_k"]): point for point in line["points"]}
            shown = (at.get(temperature) for temperature in TEMPERATURES)
            texts = ["" if p is None else f"{p['pressure_gpa']:.1f}({round(10 * p['error_gpa'])})" for p in shown]
            rows.append([f"{line['first']} → {line['second']}", *texts])
    return markdown(["", *(f"{temperature} K" for temperature in TEMPERATURES)], rows)


def read_table(folder: Path) -> dict[str, dict[float, float]]:
    """Return phase -> pressure (GPa) -> published chemical potential, kcal/mol."""
    header, *lines = (folder / "chemical-potential-700K.dat").read_text().split("\n")
    numbers = np.array([[float(each) for each in line.split()] for line in lines if line.strip()])
    columns = zip(header.split()[1:], numbers[:, 1:].T, strict=True)
    return {
        name.removeprefix("newphase-"): dict(zip(np.round(numbers[:, 0], 6).tolist(), values.tolist(), strict=True))
        for name, values in columns
    }


def comparison(phases: dict[str, list[Row]], table: dict[str, dict[float, float]]) -> str:
    """Return how far the published chemical potentials lie above ours."""
    lines = []
    for name, rows in phases.items():
        found = {
            row["pressure_gpa"]: table[name].get(row["pressure_gpa"], np.nan)
            - row["gibbs_energy_ev_per_formula_unit"] / KCAL_PER_MOL
            for row in rows
            if row["metastable"] and row["temperature_k"] == 700 and name in table
        }
        known = {pressure: value for pressure, value in found.items() if np.isfinite(value)}
        if known:
            text = ", ".join(f"{value:+.2f} ({pressure:g})" for pressure, value in known.items())
            lines.append([name, f"{np.mean(list(known.values())):+.3f}", text])
    return markdown(["phase", "mean", "table less ours (at GPa)"], lines)


def markdown(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    """Return a table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(str(each) for each in row)} |" for row in rows)


if __name__ == "__main__":
    main()
