"""Calcfunction that compares scans of enthalpy over pressure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from aiida import orm

from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.static.curve_checks import check_curves
from aiida_polymorph.thermodynamics.static.enthalpy_curves import EnthalpyCurve, check_reference, curves_of
from aiida_polymorph.thermodynamics.static.enthalpy_transitions import transitions
from aiida_polymorph.thermodynamics.static.equation_of_state import equation_of_state
from aiida_polymorph.thermodynamics.static.ranking import ranking_agreement
from aiida_polymorph.versioned import calcfunction


@calcfunction
def compare_scans(relative_to: orm.Str, **scans: StructureSetData) -> RecordData:
    """Return what several scans of the same phases say together.

    The node's values: `relative_to`, `stable` (method -> `phases` with `low_gpa`, `high_gpa`, and `remarks`),
    `transitions` (a list: method, first, second, pressure_gpa, error_gpa, interpolation, between,
    across_missing, volume_change), `agreement` (a list for pairs of methods: Kendall's `tau` at each of
    `pressures_gpa`, `p_value`, `mean`, `reason`), `equations_of_state` and `findings` (points that don't fit together).

    Args:
        relative_to: phase whose enthalpy is zero.
        scans: points, as polymorph.dft_scan gives them.

    Raises:
        ValueError: if no scan has that phase, or two have the same phase by the same method.
    """
    curves = curves_of_scans(node.to_set() for _, node in sorted(scans.items()))
    check_reference(curves, relative_to.value)
    stable = transitions(curves)
    found = [crossing for sequence in stable.values() for crossing in sequence.transitions]
    return RecordData.from_record(
        {},
        relative_to=relative_to.value,
        stable={
            method: {"phases": [asdict(each) for each in sequence.ranges], "remarks": list(sequence.remarks)}
            for method, sequence in stable.items()
        },
        transitions=[{**asdict(crossing), "between": list(crossing.between)} for crossing in found],
        agreement=agreement_of(curves),
        equations_of_state=[fit_of(curve) for curve in curves],
        findings=[asdict(finding) for finding in check_curves(curves)],
    )


def curves_of_scans(scans: Iterable[StructureSet]) -> list[EnthalpyCurve]:
    """Return the curves of several scans one after the other."""
    return [curve for scan in scans for curve in curves_of(scan)]


def agreement_of(curves: list[EnthalpyCurve]) -> list[dict[str, Any]]:
    """Return how far each pair of methods ranks the phases alike."""
    return [
        {
            "methods": list(pair.methods),
            "pressures_gpa": list(pair.pressures_gpa),
            "tau": [each.tau for each in pair.correlations],
            "p_value": [each.p_value for each in pair.correlations],
            "phases": [len(each.phases) for each in pair.correlations],
            "mean": pair.mean,
            "reason": pair.reason,
        }
        for pair in ranking_agreement(curves)
    ]


def fit_of(curve: EnthalpyCurve) -> Mapping[str, Any]:
    """Return the equation of state of a curve, with the reason where there is none."""
    fit = equation_of_state(curve)
    return {
        "name": fit.name,
        "method": fit.method,
        "volume": fit.volume,
        "bulk_modulus_gpa": fit.bulk_modulus_gpa,
        "bulk_modulus_derivative": fit.bulk_modulus_derivative,
        "energy": fit.energy,
        "pressure_rms_gpa": fit.pressure_rms_gpa,
        "enthalpy_rms": fit.enthalpy_rms,
        "reason": fit.reason,
    }
