"""Calcfunctions that decide where a phase diagram needs dynamics, and correct harmonic Gibbs energies by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.phase_diagram import undecided_entry
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.thermodynamics.diagrams.decision import DecisionSettings, Knowledge, candidates_of, decide
from aiida_polymorph.thermodynamics.diagrams.refinement import Candidate
from aiida_polymorph.thermodynamics.free_energy.kinetic import gibbs_helmholtz_enthalpy
from aiida_polymorph.thermodynamics.surfaces.departures import MeasuredPoints
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhasePoints
from aiida_polymorph.versioned import calcfunction

HARMONIC, DYNAMICS = "phase_", "point_"
"""What the keys of the nodes begin with: quasi-harmonic Gibbs energies, and free energies by dynamics."""

SOURCE = "anharmonic"
"""Source of quasi-harmonic Gibbs energies that dynamics have corrected."""


@calcfunction
def choose_points(settings: orm.Dict, atoms: orm.Int, avoided: orm.List | None = None, **nodes: orm.Data) -> RecordData:
    """Return which state points molecular dynamics should compute next.

    Args:
        settings: of `DecisionSettings`.
        atoms: in a formula unit.
        avoided: state points that failed: name of the phase, temperature (K) and pressure (GPa) of each.
        nodes: `phase_...`, the quasi-harmonic Gibbs energies of all phases on one grid; `point_...`, free energies by
            dynamics, of phases with these names.

    Returns:
        A record with the attributes `points` (a list of `key` of the phase, `phase`, `temperature`, `pressure_gpa`,
        `target_error` in eV per formula unit), `undecided` (as `PhaseDiagramData` holds it), `further_points` (about
        how many would decide it), `is_enough`, and `odds` (phase -> probability to be stable somewhere).
    """
    failed = [] if avoided is None else avoided.get_list()
    known = knowledge(nodes, atoms.value, failed)
    keys = {node.value("phase"): key for key, node in nodes.items() if key.startswith(HARMONIC)}
    spent = sum(key.startswith(DYNAMICS) for key in nodes) + len(failed)
    found = decide(known, atoms.value, DecisionSettings.from_dict(settings.get_dict()), spent)
    return RecordData.from_record(
        {},
        points=[{**asdict(each), "key": keys[each.phase]} for each in found.points],
        undecided=[undecided_entry(each) for each in found.undecided],
        further_points=found.effort.points,
        is_enough=found.effort.is_enough,
        odds=dict(zip(found.odds.names, found.odds.anywhere.tolist(), strict=True)),
    )


@calcfunction
def correct_energies(atoms: orm.Int, **nodes: orm.Data) -> dict[str, orm.Data]:
    """Return the Gibbs energies of all phases with what dynamics add to them, under the keys of the phases.

    Args:
        atoms: in a formula unit.
        nodes: as for `choose_points`.
    """
    corrected = {each.name: each for each in candidates_of(knowledge(nodes, atoms.value), atoms.value)}
    found: dict[str, orm.Data] = {}
    for key, node in nodes.items():
        if isinstance(node, GibbsEnergiesData) and node.value("phase") in corrected:
            found[key] = _corrected_node(node, corrected[node.value("phase")], atoms.value)
    return found


def knowledge(nodes: Mapping[str, Any], atoms: int, avoided: Sequence[Sequence[Any]] = ()) -> list[Knowledge]:
    """Return what nodes tell of each phase.

    Args:
        nodes: as for `choose_points`.
        atoms: in a formula unit.
        avoided: phase, temperature (K) and pressure (GPa) of each state point that is not to be asked for.
    """
    known = []
    for key in sorted(nodes):
        node = nodes[key]
        if not key.startswith(HARMONIC):
            continue
        own = [each for name, each in sorted(nodes.items()) if _is_of(name, each, node.value("phase"))]
        good = [each for each in own if each.value("gibbs_energy") is not None and not each.value("reason")]
        lost = [(each.value("temperature"), each.value("pressure_gpa")) for each in own if each.value("reason")]
        places = tuple((t, p) for phase, t, p in avoided if phase == node.value("phase"))
        known.append(Knowledge(node.value("phase"), _grid(node, atoms), _measured(good, atoms), tuple(lost), places))
    return known


def _is_of(name: str, node: Any, phase: str) -> bool:
    return name.startswith(DYNAMICS) and node.value("phase") == phase


def _grid(node: GibbsEnergiesData, atoms: int) -> PhasePoints:
    """Return all state points of a node, nan where there is no Gibbs energy."""
    names = ("temperature_k", "pressure_gpa", "gibbs_energy", "error", "configurational_enthalpy", "volume")
    rows = [[np.nan if each[name] is None else each[name] for name in names] for each in node.points]
    t, p, gibbs, error, enthalpy, volume = np.array(rows, dtype=float).T
    return PhasePoints(
        t, p, gibbs, error, gibbs_helmholtz_enthalpy(enthalpy, t, node.value("convention"), atoms), volume
    )


def _measured(nodes: Sequence[FreeEnergyData], atoms: int) -> MeasuredPoints | None:
    """Return what dynamics say; the enthalpy of a classical run says nothing of a quantum crystal's."""
    if not nodes:
        return None
    t, p, gibbs, error = (
        np.array([node.value(name) for node in nodes], dtype=float)
        for name in ("temperature", "pressure_gpa", "gibbs_energy", "error")
    )
    enthalpy, volume = (np.array([node.value(name) for node in nodes], dtype=float) for name in ("enthalpy", "volume"))
    convention = nodes[0].value("convention")
    slope = gibbs_helmholtz_enthalpy(enthalpy[:, 0], t, convention, atoms)
    if convention == "quantum":
        slope = np.full_like(slope, np.nan)
    return MeasuredPoints(t, p, gibbs, error, slope, enthalpy[:, 1], volume[:, 0], volume[:, 1])


def _corrected_node(node: GibbsEnergiesData, candidate: Candidate, atoms: int) -> GibbsEnergiesData:
    """Return the unstored node of a phase: the harmonic points where it lasts, with the anharmonic part."""
    points = candidate.corrected
    places = list(zip(points.temperatures.tolist(), points.pressures_gpa.tolist(), strict=True))
    zero = gibbs_helmholtz_enthalpy(
        np.zeros_like(points.enthalpy), points.temperatures, node.value("convention"), atoms
    )
    rows = {place: row for row, place in enumerate(places)}
    entries = []
    for each in node.points:
        row = rows.get((each["temperature_k"], each["pressure_gpa"]))
        entries.append(_lost(each) if row is None else _corrected(each, points, row, zero))
    kept = ("convention", "phase", "composition", "potential", "problem", "remarks")
    told = {name: node.value(name) for name in kept}
    return GibbsEnergiesData.from_record(
        {},
        points=entries,
        source=SOURCE if len(candidate.model.observed.temperatures) else "harmonic",
        dynamics_points=len(candidate.model.observed.temperatures),
        **told,
    )


def _corrected(point: Mapping[str, Any], points: PhasePoints, row: int, zero: np.ndarray) -> dict[str, Any]:
    return {
        **point,
        "harmonic_gibbs_energy": point["gibbs_energy"],
        "gibbs_energy": float(points.gibbs_energy[row]),
        "error": float(points.error[row]),
        "configurational_enthalpy": float(points.enthalpy[row] - zero[row]),
        "volume": float(points.volume[row]),
    }


def _lost(point: Mapping[str, Any]) -> dict[str, Any]:
    """Return a point without a value; where there was a harmonic one, dynamics have lost the phase."""
    reason = point["reason"] or "not metastable here or at a lower temperature: molecular dynamics lost the phase"
    names = ("gibbs_energy", "error", "configurational_enthalpy", "volume")
    return {**point, **dict.fromkeys(names), "metastable": False, "reason": reason}
