"""Calcfunction that finds where phases coexist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import calcfunction

from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.thermodynamics.diagrams.coexistence import LinePoint, PhaseLine, all_lines
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhaseSurface, fit_surface, phase_points

POINT = {
    "temperature_k": "temperature",
    "pressure_gpa": "pressure_gpa",
    "error_gpa": "error_gpa",
    "slope_gpa_per_k": "slope",
    "entropy_difference_kb": "entropy_difference",
    "volume_difference_a3": "volume_difference",
}
"""Key in the node -> attribute of `LinePoint`."""


@calcfunction
def find_coexistence(names: orm.Dict, atoms: orm.Int, **gibbs_energies: GibbsEnergiesData) -> RecordData:
    """Return where two phases or more coexist.

    The node's values: `convention`, `phases` (names), `lines` (a list of `first`, `second`, `stable`, `points`),
    `verdicts` (what there is to say of pairs without a line) and `surfaces` (name -> what each phase's surface is off
    by: root mean squares of G and H in eV, of V in angstrom^3, per formula unit, and its error between points in eV).

    Args:
        names: key of a node among `gibbs_energies` -> name of the phase, which need not be an identifier.
        atoms: in a formula unit.
        gibbs_energies: of each phase.

    Raises:
        ValueError: for different conventions, names that are missing or there twice, or a phase without values.
    """
    surfaces = phase_surfaces(names.get_dict(), atoms.value, gibbs_energies)
    pairs = all_lines(surfaces)
    return RecordData.from_record(
        {},
        convention=common_convention(gibbs_energies),
        phases=[each.name for each in surfaces],
        lines=[entry_of(line) for pair in pairs for line in pair.lines],
        verdicts=[pair.verdict for pair in pairs if pair.verdict],
        surfaces={each.name: {**each.misfit._asdict(), "interpolation": each.interpolation} for each in surfaces},
    )


def phase_surfaces(
    names: Mapping[str, str], atoms: int, gibbs_energies: Mapping[str, GibbsEnergiesData]
) -> list[PhaseSurface]:
    """Return the surfaces of all phases; arguments as of `find_coexistence`.

    Raises:
        ValueError: likewise.
    """
    convention = common_convention(gibbs_energies)
    missing = sorted(set(gibbs_energies) ^ set(names))
    if missing:
        raise ValueError(f"names and Gibbs energies must go together; {', '.join(missing)} is in one of them only")
    found = []
    for key, node in gibbs_energies.items():
        try:
            found.append(fit_surface(names[key], phase_points(node.points, convention, atoms)))
        except ValueError as error:
            raise ValueError(f"{names[key]} (node {node.pk}): {error}") from error
    return found


def common_convention(gibbs_energies: Mapping[str, GibbsEnergiesData]) -> str:
    """Return the convention of the thermal wavelength that all have.

    Raises:
        ValueError: if they have different ones.
    """
    found = {str(node.value("convention")) for node in gibbs_energies.values()}
    if len(found) != 1:
        each = ", ".join(f"{node.value('convention')} in {node.pk}" for node in gibbs_energies.values())
        raise ValueError(f"the nodes differ in their convention: {each or 'there is none'}")
    return found.pop()


def entry_of(line: PhaseLine) -> dict[str, Any]:
    """Return a line as plain values; an endless slope or error, where volumes are equal, becomes None in a node."""
    points = [{key: getattr(point, name) for key, name in POINT.items()} for point in line.points]
    return {"first": line.first, "second": line.second, "stable": line.stable, "points": points}


def line_of(entry: Mapping[str, Any]) -> PhaseLine:
    """Return the line that `entry_of` took apart."""
    points = [
        LinePoint(**{name: float("inf") if point[key] is None else point[key] for key, name in POINT.items()})
        for point in entry["points"]
    ]
    return PhaseLine(entry["first"], entry["second"], entry["stable"], tuple(points))
