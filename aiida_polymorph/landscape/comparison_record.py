"""A comparison of sources as plain values: an entry for each state point and phase, and a summary."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiida_polymorph.landscape.source_comparison import COMPUTED, SOURCES, Comparison
from aiida_polymorph.thermodynamics.diagrams.comparison import Agreement, agreement, lowest
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import StatePoint


def comparison_entries(comparison: Comparison) -> list[dict[str, Any]]:
    """Return an entry for each state point and phase: by temperature, pressure and name; None for what is unknown.

    The fields are those of `compare --json`; `integration_node` and `harmonic_node` are numbers of the nodes among
    those that are compared, from 0.
    """
    return [
        _row(comparison, phase, point)
        for point in comparison.state_points
        for phase in comparison.phases
        if any(comparison.at(source, phase, point) for source in COMPUTED)
    ]


def _row(comparison: Comparison, phase: str, point: StatePoint) -> dict[str, Any]:
    integrated, harmonic = (comparison.at(source, phase, point) for source in COMPUTED)
    gibbs_energy, error = _pair(integrated.gibbs_energy if integrated else None)
    harmonic_energy, harmonic_error = _pair(harmonic.gibbs_energy if harmonic else None)
    entropy, entropy_error = _pair(integrated.entropy if integrated else None)
    basin_entropy, basin_error = _pair(comparison.basin_entropy(phase, point[1]))
    row = {
        "name": phase,
        "pressure_gpa": point[1],
        "temperature_k": point[0],
        "gibbs_energy_ev_per_formula_unit": gibbs_energy,
        "error_ev_per_formula_unit": error,
        "harmonic_gibbs_energy_ev_per_formula_unit": harmonic_energy,
        "harmonic_error_ev_per_formula_unit": harmonic_error,
        "relative_to": comparison.relative_to,
    }
    for source in SOURCES:
        value, error = _pair(comparison.relative[source].get(phase, {}).get(point))
        row[f"relative_{source}_ev_per_formula_unit"] = value
        row[f"relative_{source}_error_ev_per_formula_unit"] = error
    return row | {
        "entropy_kb": entropy,
        "entropy_error_kb": entropy_error,
        "basin_entropy_kb": basin_entropy,
        "basin_entropy_error_kb": basin_error,
        "reason": integrated.reason if integrated else harmonic.reason if harmonic else "",
        "integration_node": integrated.node if integrated else None,
        "harmonic_node": harmonic.node if harmonic else None,
    }


def _pair(estimate: Estimate | None) -> tuple[float | None, float | None]:
    """Return value and error of an estimate, None for both where it is unknown."""
    return (None, None) if estimate is None else (float(estimate.value), float(estimate.error))


def comparison_summary(comparison: Comparison) -> dict[str, Any]:
    """Return how well the sources agree, and which phase is stable by each of them.

    Returns:
        `relative_to`, `convention`, `potential`; `entropies` and `harmonic`, one entry a temperature; `stable`, one
        entry a state point, with the phase that is lowest by each source among two or more that it knows there or
        between the pressures around.
    """
    return {
        "relative_to": comparison.relative_to,
        "convention": comparison.convention,
        "potential": comparison.potential,
        "entropies": [_entropy_summary(comparison, each) for each in comparison.temperatures],
        "harmonic": [_harmonic_summary(comparison, each) for each in comparison.temperatures],
        "stable": _stable(comparison),
        "remarks": list(comparison.remarks),
    }


def _entropy_summary(comparison: Comparison, temperature: float) -> dict[str, Any]:
    found = comparison.entropies(temperature)
    after = found.after or Agreement(0, float("nan"), float("nan"))
    return {
        "temperature_k": temperature,
        "phases": found.before.count,
        "r": found.before.r,
        "rmse_kb": found.before.rmse,
        "a_kb_per_ev": found.fit.a if found.fit else None,
        "a_error_kb_per_ev": found.fit.error if found.fit else None,
        "corrected_r": after.r,
        "corrected_rmse_kb": after.rmse,
    }


def _harmonic_summary(comparison: Comparison, temperature: float) -> dict[str, Any]:
    """Return how harmonic Gibbs energies agree with those by integration, relative to the mean at each pressure."""
    one, other = (comparison.surfaces(source) for source in reversed(COMPUTED))
    pairs = [
        (value.value, other[phase][point].value, point[1])
        for phase, values in one.items()
        for point, value in values.items()
        if point[0] == temperature and point in other.get(phase, {})
    ]
    harmonic, integrated, pressures_gpa = np.array(pairs, dtype=float).reshape(-1, 3).T
    found = agreement(harmonic, integrated, pressures_gpa)
    shift = float(np.mean(harmonic - integrated)) if pairs else None
    return {
        "temperature_k": temperature,
        "phases": found.count,
        "r": found.r,
        "rmse_ev_per_formula_unit": found.rmse,
        "mean_difference_ev_per_formula_unit": shift,
    }


def _stable(comparison: Comparison) -> list[dict[str, Any]]:
    stable = {source: lowest(comparison.interpolated(source)) for source in COMPUTED}
    stable["basin"] = lowest(comparison.basin_surfaces())
    return [
        {
            "pressure_gpa": pressure_gpa,
            "temperature_k": temperature,
            **{source: stable[source].get((temperature, pressure_gpa)) for source in SOURCES},
        }
        for temperature, pressure_gpa in comparison.state_points
    ]
