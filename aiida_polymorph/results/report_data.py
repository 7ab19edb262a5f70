"""An analysis as the plain data that the report and the explanation show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.calculations.functions.dft_scan import curves_of_scans
from aiida_polymorph.data.landscape import LandscapeData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.report.data import EnergiesView, LandscapeView, NodeRecord, ReportData, SurrogateView
from aiida_polymorph.results.analysis import SPLITS, by_pressure, phase_rows, test_errors
from aiida_polymorph.results.diagram import diagram_of_analysis
from aiida_polymorph.results.energies_view import energies_view
from aiida_polymorph.results.explain import Explanation
from aiida_polymorph.results.phase_order import phase_order
from aiida_polymorph.results.provenance import record, records, steps_to
from aiida_polymorph.results.unseen import known_missed
from aiida_polymorph.results.versions import made_by
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.static.enthalpy_curves import check_reference

CANDIDATE_COMPONENTS = 2


def report_data(
    analysis: orm.ProcessNode,
    scans: Sequence[orm.ProcessNode] = (),
    relative_to: str | None = None,
    free_energies: Sequence[orm.Node] = (),
    names: Mapping[str, str] | None = None,
    diagram: orm.Node | None = None,
) -> ReportData:
    """Return everything that the report of an analysis shows.

    Args:
        analysis: of searches.
        scans: of enthalpies over pressure, with an output `points`.
        relative_to: phase whose enthalpy or chemical potential is zero in these and in free energies; None for the
            first one of scans, and the one that is lowest at most state points of free energies.
        free_energies: processes of `integrate` and `free-energy`, or what they returned.
        names: new names of the phases of free energies, see `free_energies.renamed`.
        diagram: a phase diagram by Gibbs energies that was made before; None makes one where free energies suffice.

    Raises:
        ValueError: if a scan has no points or another composition, no scan has that phase, or the free energies can't
            be compared with each other or with the analysis.
    """
    outputs = analysis.outputs
    landscapes = by_pressure(outputs.landscapes)
    first = next(iter(landscapes.values()))
    formula = first.value("composition")
    curves = curves_of_scans(points_of(scan, formula).to_set() for scan in scans)
    zero = relative_to or (curves[0].name if curves else "")
    if curves:
        check_reference(curves, zero)
    phases = outputs.phases.to_set()
    by_basin = diagram_of_analysis(analysis)
    energies: EnergiesView | None = None
    made_of: list[NodeRecord] = []
    if free_energies:
        energies, made_of = energies_view(analysis, free_energies, names or {}, diagram, relative_to)
    return ReportData(
        title=f"Polymorphs of {formula}",
        formula=formula,
        settings=_settings(first),
        landscapes=[_landscape_view(outputs, key, phases) for key in landscapes],
        phases=phase_rows(analysis),
        potentials=outputs.chemical_potentials.to_potentials(),
        diagram=by_basin.to_diagram() if by_basin is not None else None,
        phase_order=phase_order(formula),
        surrogates=[view for key in landscapes for view in _surrogate_views(outputs.surrogates[key])],
        basin_entropy=[_entropy_summary(outputs.basin_entropies[key]) for key in landscapes],
        nodes=[
            *records(analysis, list(landscapes)),
            *([record("Phase diagram", by_basin, "phase-diagram")] if by_basin is not None else []),
            *made_of,
            *(record("Scan", scan, "enthalpies") for scan in scans),
        ],
        energies=energies,
        enthalpy_curves=curves,
        enthalpy_relative_to=zero,
        created=f"{analysis.ctime:%Y-%m-%d %H:%M}, {made_by(analysis)}",
        notes=[_transformed_note(entry) for entry in phases.metadata["transformed"]],
    )


def points_of(scan: orm.ProcessNode, formula: str) -> StructureSetData:
    """Return the points of a scan of a composition.

    Raises:
        ValueError: if the node has none, or they are of another composition.
    """
    if not isinstance(scan, orm.WorkChainNode) or "points" not in scan.outputs:
        raise ValueError(f"node {scan.pk} is no scan with results; `aiida-polymorph dft-scan` makes one")
    points = scan.outputs.points
    if points.value("composition") != formula:
        raise ValueError(f"scan {scan.pk} is of {points.value('composition')}, not of {formula}")
    return points


def _settings(landscape: LandscapeData) -> dict[str, Any]:
    structures = landscape.creator.inputs.structures.value("metadata", {})
    made_with = {name: structures[name] for name in ("potential", "minimiser", "recipe") if name in structures}
    return {**made_with, "analysis": landscape.value("settings")}


def _transformed_note(entry: dict[str, Any]) -> str:
    place = f"{entry['name']} at {entry['pressure_gpa']:g} GPa"
    return f"{place} does not keep its space group when relaxed: it ends as {entry['space_group']}."


def _landscape_view(outputs: Any, key: str, phases: StructureSet) -> LandscapeView:
    landscape: LandscapeData = outputs.landscapes[key]
    source = landscape.creator.inputs.structures
    structures = landscape.usable(source)
    labels = _all_labels(landscape, phases)
    clusters = _cluster_names(landscape, phases)
    scan = landscape.value("eps")["scan"]
    missing_names, missing_coordinates = _missing(landscape, outputs.fingerprints[key], phases)
    return LandscapeView(
        pressure_gpa=landscape.pressure_gpa,
        coordinates=landscape.get_array("coordinates"),
        labels=labels,
        enthalpy=structures.enthalpy_per_formula_unit,
        volume=structures.volume_per_formula_unit,
        names=[name for name, _, _ in clusters],
        known=np.array([known for _, known, _ in clusters], dtype=bool),
        representatives=np.array([representative for _, _, representative in clusters], dtype=int),
        missing_names=missing_names,
        missing_coordinates=missing_coordinates,
        eps=landscape.eps,
        scan_eps=np.array([entry[0] for entry in scan]),
        scan_clusters=np.array([entry[1] for entry in scan]),
        min_samples=landscape.value("settings")["min_samples"],
        found_once=landscape.value("minima")["found_once"],
        relaxed=len(structures),
        failed=_failures(source.to_set()),
        unseen=landscape.unseen,
        missed_enthalpies=list(known_missed(phases, landscape.pressure_gpa).values()),
        structures=structures,
    )


def _failures(structures: StructureSet) -> dict[str, int]:
    reasons, times = np.unique([r for r in structures.column("reason", "").astype(str) if r], return_counts=True)
    return dict(zip(reasons.tolist(), times.tolist(), strict=True))


def _found_here(landscape: LandscapeData, phases: StructureSet) -> StructureSet:
    here = (phases.column("pressure_gpa") == landscape.pressure_gpa) & (phases.column("state", "") == "found")
    return phases.select(here)


def _all_labels(landscape: LandscapeData, phases: StructureSet) -> np.ndarray:
    """Labels with the rarely found minima added that a reference or another pressure names."""
    labels = landscape.get_array("labels").copy()
    distinct, rows = landscape.get_array("distinct"), landscape.get_array("rows")
    found = _found_here(landscape, phases)
    place = {int(index): i for i, index in enumerate(_indices(landscape)[rows])}
    for cluster, index in zip(found.column("cluster", -1), found.column("index", -1), strict=True):
        if cluster >= len(landscape.clusters):
            labels[distinct == distinct[place[int(index)]]] = cluster
    return labels


def _indices(landscape: LandscapeData) -> np.ndarray:
    structures = landscape.creator.inputs.structures.to_set()
    return structures.columns.get("index", np.arange(len(structures)))


def _cluster_names(landscape: LandscapeData, phases: StructureSet) -> list[tuple[str, bool, int]]:
    """Name, known and representative of each cluster, in the order of the labels."""
    found = _found_here(landscape, phases)
    rows = {int(index): i for i, index in enumerate(_indices(landscape)[landscape.get_array("rows")])}
    by_cluster = sorted(
        (int(cluster), str(name), bool(known), rows[int(index)])
        for cluster, name, known, index in zip(
            *(found.column(column) for column in ("cluster", "name", "known", "index")), strict=True
        )
    )
    return [(name, known, representative) for _, name, known, representative in by_cluster]


def _missing(landscape: LandscapeData, fingerprints: Any, phases: StructureSet) -> tuple[list[str], np.ndarray]:
    """Known phases that the search missed, and their place on the map."""
    from aiida_polymorph.landscape.fingerprints import compute_fingerprints
    from aiida_polymorph.landscape.maps import make_map, project
    from aiida_polymorph.landscape.settings import AnalysisSettings

    here = (phases.column("pressure_gpa") == landscape.pressure_gpa) & (phases.column("state", "") == "missed")
    missed = phases.select(here & phases.column("known", False).astype(bool))
    if len(missed) == 0:
        return [], np.zeros((0, CANDIDATE_COMPONENTS))
    settings = AnalysisSettings.from_dict(landscape.value("settings"))
    structures = landscape.usable(landscape.creator.inputs.structures)
    pressure_map = landscape.to_map() or make_map(structures, fingerprints.get_array("features"), settings)
    own = compute_fingerprints(missed, settings.fingerprints, species=structures.species)
    coordinates = project(pressure_map, missed, own, structures, settings)
    return missed.columns["name"].tolist(), coordinates


def _surrogate_views(node: Any) -> list[SurrogateView]:
    views = []
    for target, attribute in (("enthalpy", "evaluation"), ("basin entropy", "entropy_evaluation")):
        evaluation = node.value(attribute) or {}
        if evaluation:
            tests = {split: test_errors(evaluation, split) for split in SPLITS}
            views.append(SurrogateView(node.value("pressure_gpa"), target, tests, **node.parity(target.split()[-1])))
    return views


def _entropy_summary(node: Any) -> dict[str, Any]:
    names = ("pressure_gpa", "components", "overdispersion", "overdispersion_error", "chi2_per_dof")
    return {name: node.value(name) for name in names} | {"phases": len(node.names)}


def explain(analysis: orm.ProcessNode, phase: str, pressure_gpa: float, temperature: float) -> Explanation:
    """Return how the chemical potential of a phase came about.

    Raises:
        ValueError: if there is no such phase, or the temperature is negative.
    """
    outputs = analysis.outputs
    potentials = outputs.chemical_potentials.to_potentials()
    if phase not in potentials.names:
        raise ValueError(f"there is no phase {phase!r}; known are {', '.join(potentials.names)}")
    landscapes = by_pressure(outputs.landscapes)
    searched = {node.pressure_gpa: key for key, node in landscapes.items()}
    nearest = min(searched, key=lambda each: abs(each - pressure_gpa))
    rows = phase_rows(analysis, pressure_gpa, temperature)
    row = next((row for row in rows if row["name"] == phase), None)
    if row is None:
        row = {"name": phase, "method": "absent", "reason": "neither found here nor known from elsewhere", "found": {}}
    condition = potentials.at_pressure(pressure_gpa)
    place = potentials.names.index(phase)
    landscape, surrogate = outputs.landscapes[searched[nearest]], outputs.surrogates[searched[nearest]]
    stable = potentials.evaluate(temperature, pressure_gpa).stable
    return Explanation(
        phase=phase,
        formula=landscape.value("composition"),
        pressure_gpa=pressure_gpa,
        temperature_k=temperature,
        method=row["method"],
        chemical_potential_ev=row.get("chemical_potential_ev"),
        error_ev=row.get("chemical_potential_error_ev"),
        enthalpy_ev=_known(condition.enthalpy[place]),
        enthalpy_error_ev=_known(condition.enthalpy_error[place]) or None,
        basin_entropy_kb=_known(condition.entropy[place]),
        basin_entropy_error_kb=_known(np.sqrt(condition.entropy_covariance[place, place])),
        above_hull_ev=row.get("above_hull_ev"),
        stable_phase=None if stable is None else potentials.names[stable],
        probability_stable=row.get("probability_stable"),
        known=row.get("known"),
        space_group=row.get("space_group"),
        volume_a3=row.get("volume_a3_per_formula_unit"),
        found={int(size): times for size, times in row["found"].items()},
        structures=landscape.value("structures") if pressure_gpa in searched else None,
        representative=_representative(outputs.phases.to_set(), phase, pressure_gpa),
        eps=landscape.eps,
        min_samples=landscape.value("settings")["min_samples"],
        interpolated_from=[] if pressure_gpa in searched else _around(sorted(searched), pressure_gpa),
        surrogate=_surrogate_facts(surrogate) if row["method"] == "surrogate" else {},
        reason=row.get("reason") or "",
        steps=steps_to(outputs, searched[nearest]),
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _around(searched: list[float], pressure_gpa: float) -> list[float]:
    lower = [p for p in searched if p < pressure_gpa][-1:]
    return lower + [p for p in searched if p > pressure_gpa][:1]


def _representative(phases: StructureSet, name: str, pressure_gpa: float) -> str | None:
    rows = np.flatnonzero((phases.column("name", "") == name) & (phases.column("pressure_gpa") == pressure_gpa))
    if len(rows) == 0 or phases.columns["index"][rows[0]] < 0:
        return None
    return f"structure with index {phases.columns['index'][rows[0]]} of the search"


def _surrogate_facts(node: Any) -> dict[str, Any]:
    facts = {}
    for target, attribute in (("enthalpy", "evaluation"), ("basin entropy", "entropy_evaluation")):
        error = test_errors(node.value(attribute), "cluster")["rmse"]
        if error is not None:
            facts[f"RMSE of the {target} on phases held out"] = error
    return facts
