"""What nodes of Gibbs energies tell, state point by state point, whichever version of this package stored them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.thermodynamics.free_energy.kinetic import kinetic_energy

ENTHALPY = "configurational_enthalpy"
"""Key of a state point's enthalpy without kinetic energy, eV per formula unit."""

OLD_ENTHALPY = "enthalpy"
"""Key in nodes of older versions, whose enthalpies hold the kinetic energy."""


def state_points(node: FreeEnergyData | GibbsEnergiesData, atoms: int) -> list[dict[str, Any]]:
    """Return the state points of a node, per formula unit.

    Args:
        node: Gibbs energies of one phase at one or at several state points.
        atoms: Number of atoms in a formula unit, for nodes of older versions.

    Returns:
        For each: `temperature_k`, `pressure_gpa`, `gibbs_energy` and `error` (eV), `configurational_enthalpy` (eV) and
        its error `configurational_enthalpy_error`, `volume` (angstrom^3), `metastable`, `reason`, and of Gibbs energies
        by integration `gap` and `gap_error` (eV). None for what is unknown.
    """
    if isinstance(node, GibbsEnergiesData):
        return [{**point, ENTHALPY: configurational_enthalpy(point, atoms)} for point in node.points]
    return [_single(node)]


def configurational_enthalpy(point: Mapping[str, Any], atoms: int) -> float | None:
    """Return the configurational enthalpy of an entry of `GibbsEnergiesData.points`, eV per formula unit.

    Args:
        point: With the key `configurational_enthalpy`, or as older versions stored it with `enthalpy`.
        atoms: Number of atoms in a formula unit.
    """
    if ENTHALPY in point:
        return point[ENTHALPY]
    whole = point[OLD_ENTHALPY]
    return None if whole is None else whole - kinetic_energy(point["temperature_k"], atoms)


def _single(node: FreeEnergyData) -> dict[str, Any]:
    enthalpy, error = node.value("enthalpy")
    return {
        "temperature_k": node.value("temperature"),
        "pressure_gpa": node.value("pressure_gpa"),
        "gibbs_energy": node.value("gibbs_energy"),
        "error": node.value("error"),
        ENTHALPY: enthalpy,
        f"{ENTHALPY}_error": error,
        "volume": node.value("volume")[0],
        "metastable": node.value("metastable"),
        "reason": node.value("reason"),
    }
