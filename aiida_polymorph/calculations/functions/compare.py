"""Calcfunction that puts Gibbs energies of several sources side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.calculations.functions.diagram import source_of
from aiida_polymorph.data.chemical_potential import ChemicalPotentialData
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.state_points import state_points
from aiida_polymorph.landscape.comparison_record import comparison_entries, comparison_summary
from aiida_polymorph.landscape.source_comparison import Comparison, Measured, by_source
from aiida_polymorph.thermodynamics.diagrams.comparison import entropy
from aiida_polymorph.thermodynamics.free_energy.kinetic import gibbs_helmholtz_enthalpy
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.versioned import calcfunction

LISTED_AS = {"anharmonic": "integration"}
"""Source -> under which one its Gibbs energies are compared: both rest on molecular dynamics."""


@calcfunction
def compare_sources(settings: orm.Dict, basin: ChemicalPotentialData | None = None, **nodes: orm.Data) -> RecordData:
    """Return chemical potentials by several sources side by side.

    The node's values: `composition`, `relative_to`, `convention`, `potential` (its name), `entries` (an entry for each
    state point and phase, with the fields of `compare --json`), and of the summary `entropies`, `harmonic` and
    `stable`. Nodes are told by their numbers, in the order of their keys.

    Args:
        settings: See `comparison_of`.
        basin: Enthalpies and basin entropies.
        nodes: Gibbs energies `gibbs_000`, `gibbs_001`, ...
    """
    found = comparison_of(settings.get_dict(), nodes, basin)
    summary = comparison_summary(found)
    return RecordData.from_record(
        {},
        composition=found.formula,
        entries=comparison_entries(found),
        **{name: value for name, value in summary.items() if name != "remarks"},
    )


def comparison_of(
    settings: Mapping[str, Any], nodes: Mapping[str, Any], basin: ChemicalPotentialData | None
) -> Comparison:
    """Return the comparison that nodes and settings stand for.

    Args:
        settings: `phases` (key -> name of the phase), `composition`, `atoms` (in a formula unit), `convention`,
            `potential` (its name), `relative_to`, and where wanted `temperatures` (only these, K).
        nodes: Gibbs energies by key.
        basin: Enthalpies and basin entropies; None without.
    """
    wanted = settings.get("temperatures")
    entries = [
        entry
        for number, key in enumerate(sorted(nodes))
        for entry in measured(nodes[key], settings["phases"][key], number, settings["atoms"])
        if wanted is None or entry.state_point[0] in wanted
    ]
    return Comparison(
        measured=by_source(entries)[0],
        basin=basin.to_potentials() if basin is not None else None,
        relative_to=settings["relative_to"],
        formula=settings["composition"],
        convention=settings["convention"],
        potential=settings["potential"],
    )


def measured(node: FreeEnergyData | GibbsEnergiesData, phase: str, number: int, atoms: int) -> list[Measured]:
    """Return what a node tells, state point by state point.

    Args:
        node: Gibbs energies of one phase.
        phase: Its name.
        number: That the entries keep.
        atoms: Number of atoms in a formula unit.
    """
    source, convention = LISTED_AS.get(source_of(node), source_of(node)), str(node.value("convention"))
    return [_measured(point, phase, source, convention, number, atoms) for point in state_points(node, atoms)]


def _measured(point: Mapping[str, Any], phase: str, source: str, convention: str, number: int, atoms: int) -> Measured:
    temperature = point["temperature_k"]
    gibbs_energy = Estimate(_number(point["gibbs_energy"]), _number(point["error"]))
    configurational = _number(point["configurational_enthalpy"])
    enthalpy = Estimate(
        gibbs_helmholtz_enthalpy(configurational, temperature, convention, atoms),
        _number(point.get("configurational_enthalpy_error")),
    )
    known = bool(np.isfinite(gibbs_energy.value))
    has_entropy = known and np.isfinite(enthalpy.value) and convention != "quantum"
    return Measured(
        phase=phase,
        source=source,
        state_point=(temperature, point["pressure_gpa"]),
        gibbs_energy=gibbs_energy if known else None,
        volume=_number(point["volume"]),
        entropy=entropy(gibbs_energy, enthalpy, temperature) if has_entropy else None,
        reason=point["reason"],
        node=number,
    )


def _number(value: float | None) -> float:
    """Return a number of a node, nan for None."""
    return np.nan if value is None else float(value)
