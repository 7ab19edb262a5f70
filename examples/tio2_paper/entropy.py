"""Better estimates of the entropy from the same searches: `python entropy.py ANALYSIS REFERENCE [--json FILE]`.

Sets several estimates against two truths: the harmonic entropy of every phase that was found, from forces on displaced
supercells, and the entropies of the reference tables at 700 K, where they have the phase. What an estimate has to fit
is fitted without the phase that is judged. REFERENCE is the folder of the reference data, `shared/reference/tio2`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiida import load_profile, orm
from ase import Atoms
from estimates import Judgement, judge
from joblib import Parallel, delayed
from multiplicity import log_multiplicity
from reference_data import Table, entry, read_tables

from aiida_polymorph.landscape.basin_entropy import fit_basin_entropy
from aiida_polymorph.relaxation.driver.calculators import make_calculator
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import point_group_order, primitive_cell
from aiida_polymorph.thermodynamics.phonons.harmonic_entropy import harmonic_entropy

TEMPERATURE_K = 700.0
WINDOW = 0.5
"""eV per formula unit above the lowest phase of a pressure: what is looked at."""
SUPERCELL_LENGTH = 10.0
SMALL_CELLS = 4
"""Formula units up to which the estimate from small cells looks."""


@dataclass(frozen=True)
class Phases:
    """All phases that were found, over the pressures: one entry for each phase and pressure."""

    name: np.ndarray
    pressure: np.ndarray
    enthalpy: np.ndarray
    basin: np.ndarray
    small_cells: np.ndarray
    with_multiplicity: np.ndarray
    harmonic: np.ndarray
    table: np.ndarray

    def select(self, which: np.ndarray) -> Phases:
        """Return those where `which` is true."""
        return Phases(**{name: values[which] for name, values in vars(self).items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("analysis", type=int, help="number of the analysis")
    parser.add_argument("reference", type=Path, help="folder with the reference tables")
    parser.add_argument("--json", type=Path, help="where to write all figures")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    load_profile()
    analysis = orm.load_node(arguments.analysis)
    phases = collect(analysis, read_tables(arguments.reference), arguments.processes)
    usable = phases.select(np.isfinite(phases.harmonic + phases.basin))
    known = usable.select(np.isfinite(usable.table))
    comparisons = {
        "harmonic": list(judgements(usable, usable.harmonic, with_harmonic=False)),
        "table": list(judgements(known, known.table, with_harmonic=True)),
    }
    for truth, rows in comparisons.items():
        print(f"\nAgainst the {truth} entropy, {rows[0][1].phases} entries:\n\n{as_table(rows)}")
    print(f"\nNo restoring force somewhere: {int(np.isnan(phases.harmonic).sum())} of {len(phases.name)} entries.")
    if arguments.json:
        content = {truth: {label: asdict(row) for label, row in rows} for truth, rows in comparisons.items()}
        entries = {name: values.tolist() for name, values in vars(phases).items()}
        arguments.json.write_text(json.dumps({**content, "phases": entries}, indent=1) + "\n")


def judgements(phases: Phases, truth: np.ndarray, with_harmonic: bool) -> Iterator[tuple[str, Judgement]]:
    """Judge each estimate against a truth."""
    none, enthalpy = np.zeros((len(truth), 0)), phases.enthalpy[:, None]
    nothing = np.zeros(len(truth))
    estimates = {
        "the same for all phases": (nothing, none),
        "c H": (nothing, enthalpy),
        "s_b (the paper's)": (phases.basin, none),
        f"s_b from cells up to {SMALL_CELLS}": (phases.small_cells, none),
        "s_b with multiplicity": (phases.with_multiplicity, none),
        "s_b + c H (the paper's s_b - a H)": (phases.basin, enthalpy),
        "s_b with multiplicity + c H": (phases.with_multiplicity, enthalpy),
        "b s_b + c H": (nothing, np.column_stack([phases.basin, phases.enthalpy])),
        "b s_b with multiplicity + c H": (nothing, np.column_stack([phases.with_multiplicity, phases.enthalpy])),
    }
    if with_harmonic:
        estimates["harmonic"] = (phases.harmonic, none)
        estimates["harmonic + b s_b + c H"] = (phases.harmonic, np.column_stack([phases.basin, phases.enthalpy]))
    for label, (known, variables) in estimates.items():
        yield label, judge(known, variables, truth, phases.name, phases.pressure)


def as_table(rows: list[tuple[str, Judgement]]) -> str:
    """Return a table in Markdown."""
    lines = ["| estimate | r | RMSE left out (kB) | fitted: b, c (kB per eV) |", "|---|---|---|---|"]
    for label, row in rows:
        fitted = ", ".join(f"{each:.2f}" for each in row.parameters)
        lines.append(f"| {label} | {row.correlation:.2f} | {row.rmse:.3f} | {fitted} |")
    return "\n".join(lines)


def collect(analysis: Any, tables: dict[str, Table], processes: int) -> Phases:
    """Estimate the entropy of the low phases that the searches found, in every way."""
    table = analysis.outputs.phases.to_set()
    found = table.select(np.flatnonzero(table.column("state", "") == "found"))
    pressures = found.columns["pressure_gpa"]
    sets = [found.select(np.flatnonzero(pressures == pressure)) for pressure in np.unique(pressures)]
    estimates = [basin_entropies(each) for each in sets]
    phases = StructureSet.concatenate(sets)
    which = np.flatnonzero(low(phases))
    names, pressures = phases.columns["name"][which], phases.columns["pressure_gpa"][which]
    potential = analysis.inputs.relax.potential.to_potential().to_dict()
    parts = np.array_split(which, 4 * processes)
    jobs = (delayed(harmonic_entropies)(potential, [phases[i] for i in part.tolist()]) for part in parts)
    return Phases(
        name=names,
        pressure=pressures,
        enthalpy=phases.enthalpy_per_formula_unit[which],
        harmonic=np.concatenate(Parallel(n_jobs=processes)(jobs)),
        table=np.array([table_entropy(tables, str(n), float(p)) for n, p in zip(names, pressures, strict=True)]),
        **{kind: np.concatenate([each[kind] for each in estimates])[which] for kind in estimates[0]},
    )


def low(phases: StructureSet) -> np.ndarray:
    """Return which phases lie within the window above the lowest one of their pressure."""
    pressures, enthalpies = phases.column("pressure_gpa"), phases.enthalpy_per_formula_unit
    lowest = {pressure: np.nanmin(enthalpies[pressures == pressure]) for pressure in np.unique(pressures)}
    return enthalpies < np.array([lowest[pressure] for pressure in pressures]) + WINDOW


def table_entropy(tables: dict[str, Table], name: str, pressure_gpa: float) -> float:
    """Return the table's entropy in kB per formula unit; nan where it has none or can't be trusted."""
    found = entry(tables, name, pressure_gpa)
    return np.nan if found.fault else found.entropy


def harmonic_entropies(potential: dict[str, Any], structures: list[Atoms]) -> list[float]:
    """Return the harmonic entropy of relaxed structures, nan where there is no restoring force somewhere."""
    engine = make_calculator(potential)

    def forces(atoms: Atoms) -> np.ndarray:
        cell = np.asarray(atoms.cell)
        engine.load(atoms.numbers, atoms.positions, cell)
        return engine.evaluate(atoms.positions, cell)[1].copy()

    primitives = [primitive_cell(atoms) or atoms for atoms in structures]
    return [harmonic_entropy(atoms, forces, TEMPERATURE_K, SUPERCELL_LENGTH).entropy for atoms in primitives]


def basin_entropies(phases: StructureSet) -> dict[str, np.ndarray]:
    """Return basin entropies of the phases of one pressure, kB per formula unit: the paper's and variations of it."""
    counts, sizes = phases.columns["found"], np.array(phases.metadata["sizes"])
    primitive = np.maximum(phases.columns["primitive_formula_units"], 1)
    multiplicity = log_multiplicity(sizes, primitive, np.array([point_group_order(atoms) for atoms in phases]))
    small = counts * (sizes <= SMALL_CELLS)
    seen = small.sum(axis=1) > 0
    small_cells = np.full(len(counts), np.nan)
    small_cells[seen] = fit_basin_entropy(small[seen], sizes, primitive[seen]).entropy
    return {
        "basin": fit_basin_entropy(counts, sizes, primitive).entropy,
        "small_cells": small_cells,
        "with_multiplicity": fit_basin_entropy(counts, sizes, primitive, log_multiplicity=multiplicity).entropy,
    }


if __name__ == "__main__":
    main()
