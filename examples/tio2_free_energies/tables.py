"""Tables of what run.sh made, in Markdown: tables.py FOLDER [REFERENCE].

REFERENCE is the folder of the published data, for the comparison at 700 K. Energies are in kcal/mol per TiO2.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from aiida_polymorph.units import KCAL_PER_MOL

Row = dict[str, Any]
PLACES = ("pressure_gpa", "temperature_k")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of run.sh")
    parser.add_argument("reference", type=Path, nargs="?", help="folder with chemical-potential-700K.dat")
    arguments = parser.parse_args()
    others = ("part", "compare", "coexistence")
    files = [path for path in sorted(arguments.folder.glob("*.json")) if path.stem not in others]
    phases = {path.stem: json.loads(path.read_text()) for path in files}
    phases = {name: rows for name, rows in phases.items() if rows and "loop_gap_ev_per_formula_unit" in rows[0]}
    for temperature in sorted({row["temperature_k"] for rows in phases.values() for row in rows}):
        print(f"\n### Gibbs energies at {temperature:g} K\n\n{energies(phases, temperature)}")
    print(f"\n### Loops\n\n{loops(phases)}")
    print(f"\n### Where phases do not last\n\n{losses(phases)}")
    if arguments.reference:
        print(f"\n### Beside the published table\n\n{comparison(phases, read_table(arguments.reference))}")


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
