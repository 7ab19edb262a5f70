"""What an analysis found, read from its nodes: the rows and numbers behind the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.data.basin_entropy import BasinEntropyData
from aiida_polymorph.data.chemical_potential import ChemicalPotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.plain import plain
from aiida_polymorph.results.nodes import load
from aiida_polymorph.results.unseen import unseen_rows
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.text_tables import Column
from aiida_polymorph.workflows.reasons import why_not

PROCESS_LABEL = "LandscapeWorkChain"
SPLITS = ("random", "novel", "cluster")
MEASURES = ("mae", "rmse", "r2")

UNTESTED = "the surrogate could not be tested: too few phases or structures were found"
SUMMARY_COLUMNS: list[Column] = [
    Column("P (GPa)", "pressure_gpa", "g"),
    Column("structures", "structures", "d"),
    Column("phases", "phases", "d"),
    Column("found once", "found_once", "d"),
    Column("eps", "eps", ".2g"),
    Column("connected components", lambda row: row["basin_entropy"]["components"], "d"),
    Column(
        "over-dispersion",
        lambda row: row["basin_entropy"]["overdispersion"],
        ".2f",
        why="too few phases were found for the counts to tell their scatter",
    ),
    Column("surrogate MAE (eV/f.u.): random", lambda row: row["surrogate"]["random"]["mae"], ".5f", why=UNTESTED),
    Column("no copy", lambda row: row["surrogate"]["novel"]["mae"], ".5f", why=UNTESTED),
    Column("whole clusters", lambda row: row["surrogate"]["cluster"]["mae"], ".5f", why=UNTESTED),
]
"""Of the entries under `pressures` in the summary of an analysis."""

NOT_FOUND = "the search at this pressure did not find the phase"
NOT_SEARCHED = "this pressure was not searched"
UNDETERMINED = "the counts do not determine it"
NOT_KNOWN = "it is told of known phases only, those given as references or shipped"
NOT_RATTLED = "no displaced copy of the phase was relaxed to see whether it falls lower"
"""Why entries of the table of phases are unknown."""


def latest_analysis() -> orm.ProcessNode | None:
    """Return the newest analysis that finished, None if there is none."""
    builder = orm.QueryBuilder()
    filters = {"attributes.process_label": PROCESS_LABEL, "attributes.exit_status": 0}
    builder.append(orm.WorkChainNode, filters=filters, tag="analysis")
    builder.order_by({"analysis": {"id": "desc"}})
    return builder.first(flat=True)


def is_analysis(node: orm.Node) -> bool:
    """Return whether a node is an analysis, finished or not."""
    return isinstance(node, orm.WorkChainNode) and node.process_label == PROCESS_LABEL


def check_analysis(node: orm.ProcessNode) -> orm.ProcessNode:
    """Return an analysis that has results.

    Raises:
        ValueError: if it has none.
    """
    if not node.is_finished_ok:
        reason = why_not(node) if node.is_terminated else "still under way"
        raise ValueError(f"analysis {node.pk} has no results: {reason}")
    return node


def find_analysis(identifier: str | None) -> orm.ProcessNode:
    """Return an analysis by identifier, the newest one without.

    Raises:
        ValueError: if it is none, or there is none.
    """
    node: Any = load(identifier) if identifier else latest_analysis()
    if node is None:
        raise ValueError("there is no finished analysis yet; `aiida-polymorph analyse NODES...` makes one")
    if not is_analysis(node):
        raise ValueError(f"node {identifier} is not an analysis; `aiida-polymorph analyse NODES...` makes one")
    return check_analysis(node)


def analysis_summary(analysis: orm.ProcessNode) -> dict[str, Any]:
    """Return the fields of `analyse`; with several pressures sums over them, and each apart under `pressures`.

    What was missed (`unseen`) is known for each pressure only: its sum would count a phase at each of them. Test errors
    of the surrogate are then root mean squares and means over the pressures' test members.
    """
    outputs = analysis.outputs
    phases = outputs.phases.to_set()
    each = [_pressure_summary(outputs, key, phases) for key in by_pressure(outputs.landscapes)]
    if len(each) == 1:
        return {"node": analysis.pk, **each[0], "pressures": each}
    names = set(phases.columns["name"].tolist()) if len(phases) else set()
    return {
        "node": analysis.pk,
        "structures": sum(entry["structures"] for entry in each),
        "phases": len(names) if names else sum(entry["phases"] for entry in each),
        "found_once": sum(entry["found_once"] for entry in each),
        "unseen": None,
        "eps": shared([entry["eps"] for entry in each]),
        "surrogate": {split: _pooled([entry["surrogate"][split] for entry in each]) for split in SPLITS},
        "basin_entropy": {
            "components": max(entry["basin_entropy"]["components"] for entry in each),
            "overdispersion": _mean([entry["basin_entropy"]["overdispersion"] for entry in each]),
        },
        "pressures": each,
    }


def by_pressure(namespace: Any) -> dict[str, Any]:
    """Return the nodes of an output namespace by key, by rising pressure."""
    nodes = {key: namespace[key] for key in namespace}
    return dict(sorted(nodes.items(), key=lambda item: item[1].value("pressure_gpa")))


def _pressure_summary(outputs: Any, key: str, phases: StructureSet) -> dict[str, Any]:
    landscape, entropy, surrogate = outputs.landscapes[key], outputs.basin_entropies[key], outputs.surrogates[key]
    return {
        "pressure_gpa": landscape.pressure_gpa,
        "structures": landscape.value("structures"),
        "phases": len(landscape.clusters),
        "found_once": landscape.value("minima")["found_once"],
        "unseen": unseen_rows(landscape, phases),
        "eps": landscape.eps,
        "surrogate": {split: test_errors(surrogate.value("evaluation"), split) for split in SPLITS},
        "basin_entropy": {
            "components": entropy.value("components"),
            "overdispersion": entropy.value("overdispersion"),
        },
    }


def test_errors(evaluation: dict[str, Any] | None, split: str) -> dict[str, float | None]:
    """Return mae, rmse and r2 of the enthalpy on the test members of a split; None where it could not be made."""
    test = (evaluation or {}).get(split) or {}
    return {measure: test.get(measure) for measure in (*MEASURES, "tested")}


def shared(values: list[float]) -> float | None:
    """Return the value that all have, None if they differ."""
    return values[0] if len(set(values)) == 1 else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _pooled(errors: list[dict[str, Any]]) -> dict[str, float | None]:
    """Join test errors of several pressures, weighted by their members; r2 in the mean."""
    known = [entry for entry in errors if entry["mae"] is not None]
    if not known:
        return dict.fromkeys((*MEASURES, "tested"))
    weights = [entry["tested"] or 1 for entry in known]
    r2 = [entry["r2"] for entry in known if entry["r2"] is not None]
    return {
        "mae": float(np.average([entry["mae"] for entry in known], weights=weights)),
        "rmse": float(np.sqrt(np.average([entry["rmse"] ** 2 for entry in known], weights=weights))),
        "r2": _mean(r2),
        "tested": sum(weights),
    }


def phase_rows(
    analysis: orm.ProcessNode, pressure_gpa: float | None = None, temperature: float | None = None
) -> list[dict[str, Any]]:
    """Return the fields of `phases`, by pressure and enthalpy, or with a temperature by chemical potential.

    Args:
        analysis: a finished analysis.
        pressure_gpa: only rows of this pressure; one that was not searched needs a temperature, and the rows are
            then interpolated: found, symmetry and basin entropy are unknown there.
        temperature: K; adds chemical potentials.

    Raises:
        ValueError: if the pressure was not searched and no temperature is given.
    """
    outputs = analysis.outputs
    phases = outputs.phases.to_set()
    searched = [node.pressure_gpa for node in by_pressure(outputs.landscapes).values()]
    chosen = searched if pressure_gpa is None else [float(pressure_gpa)]
    rows: list[dict[str, Any]] = []
    for at_gpa in chosen:
        if at_gpa in searched:
            entropy = basin_entropy_at(outputs, at_gpa)
            here = _rows_at(phases, at_gpa, entropy)
        elif temperature is None:
            raise ValueError(f"pressure {at_gpa:g} GPa was not searched; searched are {searched}: give a temperature")
        else:
            here = _unsearched_rows(phases, at_gpa)
        if temperature is not None:
            here = with_chemical_potentials(here, outputs.chemical_potentials, at_gpa, temperature)
        rows += here
    return plain(rows)


def basin_entropy_at(outputs: Any, pressure_gpa: float) -> BasinEntropyData:
    """Return the basin entropies of a searched pressure."""
    nodes = by_pressure(outputs.basin_entropies).values()
    return next(node for node in nodes if node.value("pressure_gpa") == pressure_gpa)


def _rows_at(phases: StructureSet, pressure_gpa: float, entropy: BasinEntropyData) -> list[dict[str, Any]]:
    rows = np.flatnonzero(phases.column("pressure_gpa") == pressure_gpa)
    known = {name: (*pair, entropy.reasons().get(name)) for name, pair in entropy.by_name().items()}
    entries = [_row(phases, int(i), known) for i in rows]
    return sorted(entries, key=lambda row: row["enthalpy_ev_per_formula_unit"])


def _row(
    phases: StructureSet, i: int, entropies: Mapping[str, tuple[float | None, float | None, str | None]]
) -> dict[str, Any]:
    columns = phases.columns
    name, state, known = str(columns["name"][i]), str(columns["state"][i]), bool(columns["known"][i])
    undetermined = (None, None, UNDETERMINED)
    entropy, error, why = entropies.get(name, undetermined) if state == "found" else (None, None, NOT_FOUND)
    saddle = {0: False, 1: True}.get(int(columns["saddle"][i])) if known else None
    found = zip(phases.metadata["sizes"], columns["found"][i].tolist(), strict=True)
    return {
        "name": name,
        "known": known,
        "space_group": str(columns["space_group"][i]) or None,
        "pressure_gpa": float(columns["pressure_gpa"][i]),
        "enthalpy_ev_per_formula_unit": float(phases.enthalpy_per_formula_unit[i]),
        "volume_a3_per_formula_unit": float(phases.volume_per_formula_unit[i]),
        "primitive_formula_units": int(columns["primitive_formula_units"][i]) or None,
        "found": {str(size): times for size, times in found if times},
        "basin_entropy_kb": entropy,
        "basin_entropy_error_kb": error,
        "basin_entropy_reason": None if entropy is not None else why or UNDETERMINED,
        "saddle": saddle,
        "saddle_reason": None if saddle is not None else NOT_RATTLED if known else NOT_KNOWN,
        "state": state,
    }


def _unsearched_rows(phases: StructureSet, pressure_gpa: float) -> list[dict[str, Any]]:
    empty = dict.fromkeys(
        (
            "space_group",
            "enthalpy_ev_per_formula_unit",
            "volume_a3_per_formula_unit",
            "primitive_formula_units",
            "basin_entropy_kb",
            "basin_entropy_error_kb",
            "saddle",
            "state",
        )
    )
    empty |= {"basin_entropy_reason": NOT_SEARCHED, "saddle_reason": NOT_SEARCHED}
    known = dict(zip(phases.column("name", "").tolist(), phases.column("known", False).tolist(), strict=True))
    return [
        {"name": name, "known": is_known, "pressure_gpa": pressure_gpa, "found": {}, **empty}
        for name, is_known in known.items()
    ]


def with_chemical_potentials(
    rows: list[dict[str, Any]], node: ChemicalPotentialData, pressure_gpa: float, temperature: float
) -> list[dict[str, Any]]:
    """Return rows of one pressure with chemical potentials added, lowest first, unknown last.

    The error is that of the difference from the stable phase; for the stable phase itself from its closest rival.
    """
    potentials = node.to_potentials()
    evaluation = potentials.evaluate(temperature, pressure_gpa)
    condition = potentials.at_pressure(pressure_gpa)
    errors = relative_errors(evaluation)
    place = {name: i for i, name in enumerate(potentials.names)}
    added = [row | _thermal(evaluation, condition, errors, place.get(row["name"]), row) for row in rows]
    return sorted(added, key=lambda row: (row["chemical_potential_ev"] is None, row["chemical_potential_ev"] or 0.0))


def relative_errors(evaluation: Any) -> np.ndarray:
    """Return the error of mu relative to the stable phase, for that phase relative to its closest rival."""
    stable = evaluation.stable
    if stable is None:
        return np.full(len(evaluation.mu), np.nan)
    errors = evaluation.error_relative_to(stable)
    rivals = [i for i in np.argsort(evaluation.mu) if i != stable and np.isfinite(evaluation.mu[i])]
    errors[stable] = errors[rivals[0]] if rivals else np.nan
    return errors


def _thermal(evaluation: Any, condition: Any, errors: np.ndarray, i: int | None, row: dict[str, Any]) -> dict[str, Any]:
    if i is None:
        names = ("chemical_potential_ev", "chemical_potential_error_ev", "above_hull_ev", "probability_stable")
        return {**dict.fromkeys(names), "method": "absent", "reason": "not known at this pressure"}
    known = np.isfinite(evaluation.mu[i])
    enthalpy = row["enthalpy_ev_per_formula_unit"]
    return plain(
        {
            "enthalpy_ev_per_formula_unit": float(condition.enthalpy[i]) if enthalpy is None else enthalpy,
            "chemical_potential_ev": float(evaluation.mu[i]),
            "chemical_potential_error_ev": float(errors[i]) if known else None,
            "above_hull_ev": float(evaluation.above_hull[i]),
            "probability_stable": float(evaluation.probability_stable[i]) if known else None,
            "method": str(evaluation.method[i]),
            "reason": str(evaluation.reason[i]),
        }
    )


def phase_set(analysis: orm.ProcessNode) -> StructureSet:
    """Return one structure for each phase and pressure, with what `phases` says of it in columns that files carry.

    Returns:
        The structures by pressure and enthalpy, with the columns `name` (`PHASE@PGPa`), `phase`, `known`, `state`
        (`found` or `missed`), `saddle` (`yes`, `no` or, where nobody looked, ""), `space_group`,
        `primitive_formula_units`, `found` (times by formula units in the cell, as text: `2:14 4:7`),
        `basin_entropy_kb` and its error (nan where undetermined), `pressure_gpa` and `enthalpy`.
    """
    phases = analysis.outputs.phases.to_set()
    rows = phase_rows(analysis)
    place = {key: i for i, key in enumerate(zip(phases.column("name", ""), phases.column("pressure_gpa"), strict=True))}
    ordered = phases.select([place[row["name"], row["pressure_gpa"]] for row in rows])
    columns = {
        "name": [f"{row['name']}@{row['pressure_gpa']:g}GPa" for row in rows],
        "phase": [row["name"] for row in rows],
        "known": [row["known"] for row in rows],
        "state": [row["state"] for row in rows],
        "saddle": [{True: "yes", False: "no"}.get(row["saddle"], "") for row in rows],
        "space_group": [row["space_group"] or "" for row in rows],
        "primitive_formula_units": [row["primitive_formula_units"] or 0 for row in rows],
        "found": [" ".join(f"{size}:{times}" for size, times in row["found"].items()) for row in rows],
        "basin_entropy_kb": [_number(row["basin_entropy_kb"]) for row in rows],
        "basin_entropy_error_kb": [_number(row["basin_entropy_error_kb"]) for row in rows],
        "pressure_gpa": ordered.column("pressure_gpa"),
        "enthalpy": ordered.column("enthalpy"),
    }
    return replace(ordered, columns={name: np.asarray(values) for name, values in columns.items()})


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def searched_structures(analysis: orm.ProcessNode, pressure_gpa: float) -> StructureSetData:
    """Return the set, pooled where there were several, that the landscape of a pressure was made of."""
    landscapes = by_pressure(analysis.outputs.landscapes).values()
    landscape = next(node for node in landscapes if node.pressure_gpa == pressure_gpa)
    return landscape.creator.inputs.structures
