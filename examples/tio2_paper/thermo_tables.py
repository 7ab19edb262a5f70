"""Entropies and chemical potentials against the published tables: plain rows for JSON, columns for Markdown."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from analysis_data import AnalysisData, Row
from measures import (
    Sample,
    compare_entropies,
    compare_potentials,
    lowest,
    root_mean_square,
    stable_ranges,
)
from reference_data import TEMPERATURE_K, Entry, Table
from tables import Column, Result, kcal

from aiida_polymorph.units import KB, KCAL_PER_MOL

GRID_GPA = 0.25
NOT_ITSELF = ("rutile", 20.0)
"""Rutile at 20 GPa lies 0.01 kcal/mol above 40-a, into which it goes over without a barrier that would hold at 700 K:
the paper finds the transition continuous. The counts tell the two apart, the thermodynamic entropy does not."""


def entropy_fits(data: AnalysisData) -> Result:
    """What the fit of the basin entropies says of its own assumptions."""
    rows = []
    for entropies in data.entropies.values():
        known = np.isfinite(entropies.values)
        errors = np.sqrt(np.diagonal(entropies.covariance)[known])
        rows.append(
            {
                **entropies.facts,
                "phases": len(entropies.names),
                "determined": int(known.sum()),
                "median_error": float(np.median(errors)) if known.any() else None,
                "spread": float(np.std(entropies.values[known])) if known.any() else None,
            }
        )
    columns: list[Column] = [
        ("P (GPa)", "pressure_gpa", "g"),
        ("phases", "phases", "d"),
        ("with a basin entropy", "determined", "d"),
        ("connected components", "components", "d"),
        ("χ² per degree of freedom at Poisson noise", "chi2_per_dof", ".1f"),
        ("over-dispersion σ", "overdispersion", ".2f"),
        ("±", "overdispersion_error", ".2f"),
        ("spread of s_b (kB)", "spread", ".2f"),
        ("median error of s_b (kB)", "median_error", ".2f"),
    ]
    return Result(rows, columns)


def entropy_sample(data: AnalysisData, entries: Iterable[Entry]) -> tuple[Sample, list[Entry]]:
    """Return the phases that have a basin entropy at a pressure and an entropy in the tables, and their entries."""
    enthalpies = {(row["name"], row["pressure_gpa"]): row["enthalpy_ev_per_formula_unit"] for row in data.phases}
    chosen, places, phases = [], [], []
    for each in entries:
        entropies, phase = data.entropies.get(each.pressure_gpa), data.phase_of(each.name, each.pressure_gpa)
        if entropies is None or phase not in entropies.names or not np.isfinite(each.entropy):
            continue
        place = entropies.names.index(phase)
        if np.isfinite(entropies.values[place]):
            chosen.append(each)
            places.append(place)
            phases.append(phase)
    n = len(chosen)
    groups = np.array([each.pressure_gpa for each in chosen])
    covariance = np.zeros((n, n))
    for i in range(n):
        for j in np.flatnonzero(groups == groups[i]):
            covariance[i, j] = data.entropies[groups[i]].covariance[places[i], places[j]]
    sample = Sample(
        names=tuple(each.name for each in chosen),
        groups=groups,
        basin=np.array(
            [data.entropies[each.pressure_gpa].values[place] for each, place in zip(chosen, places, strict=True)]
        ),
        covariance=covariance,
        enthalpy=np.array([enthalpies[phase, p] for phase, p in zip(phases, groups, strict=True)]),
        true=np.array([each.entropy for each in chosen]),
    )
    return sample, chosen


def entropy_comparison(data: AnalysisData, entries: list[Entry]) -> Result:
    """s_b and s_b - aH against the entropies of the tables, by pressure and pooled, with and without faulty entries."""
    sample, chosen = entropy_sample(data, entries)
    sound = np.array([not each.fault for each in chosen], dtype=bool)
    apart = np.array([(each.name, each.pressure_gpa) == NOT_ITSELF for each in chosen], dtype=bool)
    kinds = {"sound": sound, f"sound, no {NOT_ITSELF[0]} at {NOT_ITSELF[1]:g} GPa": sound & ~apart, "all": sound | True}
    rows = []
    for kind, members in kinds.items():
        for pressure in [*data.pressures, None]:
            if kind not in ("sound", "all") and pressure not in (NOT_ITSELF[1], None):
                continue
            here = members & ((sample.groups == pressure) if pressure is not None else True)
            if here.any():
                rows.append({"pressure_gpa": pressure, "entries": kind, **_entropy_row(sample.select(here))})
    columns: list[Column] = [
        ("P (GPa)", lambda row: "pooled" if row["pressure_gpa"] is None else f"{row['pressure_gpa']:g}", "s"),
        ("entries", "entries", "s"),
        ("phases", "phases", "d"),
        ("spread of S (kB)", "spread", ".2f"),
        ("r", "r", ".2f"),
        ("95 % interval", lambda row: None if row["r"] is None else f"{row['r_low']:.2f} … {row['r_high']:.2f}", "s"),
        ("RMSE (kB)", "rmse", ".2f"),
        ("a (kB per kcal/mol)", "a_kcal", ".3f"),
        ("±", "a_error_kcal", ".3f"),
        ("r of s_b - aH", "corrected_r", ".2f"),
        ("RMSE (kB)", "corrected_rmse", ".2f"),
    ]
    return Result(rows, columns)


def _entropy_row(sample: Sample) -> Row:
    row = compare_entropies(sample)
    scaled = {name: None if row[name] is None else row[name] * KCAL_PER_MOL for name in ("a", "a_error")}
    return row | {f"{name}_kcal": value for name, value in scaled.items()}


def entropy_points(data: AnalysisData, entries: list[Entry]) -> Result:
    """Each phase of the comparison of entropies, after centring each pressure over its sound entries."""
    sample, chosen = entropy_sample(data, entries)
    sound = np.array([not each.fault for each in chosen], dtype=bool)
    rows = [
        row
        for pressure in data.pressures
        if (sound & (sample.groups == pressure)).any()
        for row in _points_at(sample, chosen, sample.groups == pressure, sound)
    ]
    columns: list[Column] = [
        ("P (GPa)", "pressure_gpa", "g"),
        ("phase", lambda row: row["name"].removeprefix("newphase-"), "s"),
        ("H - H(lowest) (kcal/mol)", "above_kcal", ".2f"),
        ("s_b (kB)", "basin", "+.2f"),
        ("±", "error", ".2f"),
        ("S (kB)", "true", "+.2f"),
        ("fault of the table's entry", "fault", "s"),
    ]
    return Result(rows, columns)


def _points_at(sample: Sample, chosen: list[Entry], here: np.ndarray, sound: np.ndarray) -> list[Row]:
    centre = {name: getattr(sample, name)[here & sound].mean() for name in ("basin", "true", "enthalpy")}
    lowest_enthalpy = sample.enthalpy[here].min()
    return [
        {
            "pressure_gpa": float(sample.groups[i]),
            "name": sample.names[i],
            "basin": float(sample.basin[i] - centre["basin"]),
            "error": float(np.sqrt(sample.covariance[i, i])),
            "true": float(sample.true[i] - centre["true"]),
            "above_kcal": kcal(float(sample.enthalpy[i] - lowest_enthalpy)),
            "enthalpy_ev": float(sample.enthalpy[i] - centre["enthalpy"]),
            "fault": chosen[i].fault,
        }
        for i in np.flatnonzero(here)
    ]


def faults(entries: list[Entry]) -> Result:
    """Entries of the tables that are left out, and why."""
    rows = [
        {"pressure_gpa": e.pressure_gpa, "name": e.name, "entropy": e.entropy, "heating": e.heating, "fault": e.fault}
        for e in entries
        if e.fault
    ]
    columns: list[Column] = [
        ("P (GPa)", "pressure_gpa", "g"),
        ("phase", lambda row: row["name"].removeprefix("newphase-"), "s"),
        ("(H - G)/T (kB)", "entropy", ".2f"),
        ("why it is left out", "fault", "s"),
    ]
    return Result(rows, columns)


def potential_comparison(data: AnalysisData, entries: list[Entry]) -> Result:
    """Chemical potentials at 700 K against those of the tables, with the enthalpy alone on the same phases beside."""
    rows = []
    for pressure in [*data.pressures, None]:
        for kind in ("found", "found or predicted"):
            points = potential_points(data, entries, pressure, kind)
            for name in ("enthalpy", "basin"):
                values = np.array([each[name] for each in points]), np.array([each["gibbs"] for each in points])
                numbers = compare_potentials(*values) if pressure is not None else pooled_potentials(points, name)
                rows.append({"pressure_gpa": pressure, "phases_are": kind, "estimate": name, **numbers})
    labels = {"enthalpy": "h alone", "basin": "h - T s_b"}
    columns: list[Column] = [
        ("P (GPa)", lambda row: "pooled" if row["pressure_gpa"] is None else f"{row['pressure_gpa']:g}", "s"),
        ("phases", "phases_are", "s"),
        ("number", "phases", "d"),
        ("estimate", lambda row: labels[row["estimate"]], "s"),
        ("Spearman's ρ", "spearman", ".3f"),
        ("Kendall's τ", "kendall", ".3f"),
        ("RMSE (kcal/mol)", "rmse", ".2f"),
        ("largest deviation", "largest", ".2f"),
    ]
    return Result(rows, columns)


def potential_points(data: AnalysisData, entries: list[Entry], pressure: float | None, kind: str) -> list[Row]:
    """Return sound entries that have a chemical potential here as well: kcal/mol per TiO2."""
    methods = ("basin",) if kind == "found" else ("basin", "surrogate")
    points = []
    for each in entries:
        phase = data.phase_of(each.name, each.pressure_gpa)
        if each.fault or phase not in data.potentials.names or pressure not in (None, each.pressure_gpa):
            continue
        place = data.potentials.names.index(phase)
        column = int(np.flatnonzero(data.potentials.pressures_gpa == each.pressure_gpa)[0])
        enthalpy, entropy = data.potentials.enthalpy[place, column], data.potentials.entropy[place, column]
        if data.potentials.method[place, column] in methods and np.isfinite(enthalpy + entropy):
            points.append(
                {
                    "name": each.name,
                    "pressure_gpa": each.pressure_gpa,
                    "gibbs": each.gibbs,
                    "enthalpy": kcal(enthalpy),
                    "basin": kcal(enthalpy - KB * TEMPERATURE_K * entropy),
                }
            )
    return points


def pooled_potentials(points: list[Row], name: str) -> Row:
    """Return the RMSE over all pressures, each with a shift of its own; ranks mean nothing across pressures."""
    deviations: list[float] = []
    for pressure in dict.fromkeys(each["pressure_gpa"] for each in points):
        here = np.array([each[name] - each["gibbs"] for each in points if each["pressure_gpa"] == pressure])
        deviations += list(here - here.mean())
    largest = float(np.abs(deviations).max()) if deviations else None
    rmse = root_mean_square(np.array(deviations)) if deviations else None
    return {"phases": len(deviations), "spearman": None, "kendall": None, "rmse": rmse, "largest": largest}


def stable_phases(data: AnalysisData, tables: dict[str, Table]) -> Result:
    """Which phase is stable where, by the tables and by what the search gives."""
    grid = np.arange(data.pressures[0], data.pressures[-1] + GRID_GPA / 2, GRID_GPA)
    cold, warm = (np.array([data.potentials.evaluate(t, p).mu for p in grid]) for t in (0.0, TEMPERATURE_K))
    names = data.potentials.names
    listed = np.array([name in tables["gibbs_700"].names for name in names])
    curves = {
        "table, G(700 K)": lowest(*_tabulated(tables["gibbs_700"], grid)),
        "table, H(0 K)": lowest(*_tabulated(tables["enthalpy_0"], grid)),
        "h alone": lowest(cold, names),
        "h - T s_b, phases of the table": lowest(np.where(listed, warm, np.nan), names),
        "h - T s_b, all phases": lowest(warm, names),
    }
    rows = [{"source": source, **row} for source, stable in curves.items() for row in stable_ranges(grid, stable)]
    shown = [
        {"source": source, "sequence": ", ".join(map(range_text, (row for row in rows if row["source"] == source)))}
        for source in curves
    ]
    return Result(rows, [("stable phase by", "source", "s"), ("from … to (GPa)", "sequence", "s")], shown)


def _tabulated(table: Table, grid: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the values on a grid, by linear interpolation between the entries of each phase."""
    columns = []
    for values in table.values.T:
        known = np.isfinite(values)
        inside = (
            np.interp(grid, table.pressures[known], values[known], np.nan, np.nan) if known.any() else grid * np.nan
        )
        columns.append(inside)
    return np.array(columns).T, table.names


def range_text(row: Row) -> str:
    """Return e.g. `pyrite 12-58`."""
    return f"{str(row['phase']).removeprefix('newphase-')} {row['from_gpa']:g}-{row['to_gpa']:g}"
