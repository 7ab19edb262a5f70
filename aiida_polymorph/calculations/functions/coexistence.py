"""Calcfunction that finds where phases coexist."""

from __future__ import annotations

from collections.abc import Mapping

from aiida import orm

from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.lines import entry_of
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.state_points import state_points
from aiida_polymorph.thermodynamics.diagrams.coexistence import all_lines
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhaseSurface, fit_surface, phase_points
from aiida_polymorph.versioned import calcfunction


@calcfunction
def find_coexistence(
    names: orm.Dict, atoms: orm.Int, temperatures: orm.List | None = None, **gibbs_energies: GibbsEnergiesData
) -> RecordData:
    """Return where two phases or more coexist.

    The node's values: `convention`, `phases` (names), `lines` (a list of `first`, `second`, `stable`, `points`),
    `verdicts` (what there is to say of pairs without a line) and `surfaces` (name -> what each phase's surface is off
    by: root mean squares of G and H in eV, of V in angstrom^3, per formula unit, and its error between points in eV).

    Args:
        names: key of a node among `gibbs_energies` -> name of the phase, which need not be an identifier.
        atoms: in a formula unit.
        temperatures: where lines shall have points, K, besides those of the phases' grids.
        gibbs_energies: of each phase.

    Raises:
        ValueError: for different conventions, names that are missing or there twice, or a phase without values.
    """
    surfaces = phase_surfaces(names.get_dict(), atoms.value, gibbs_energies)
    pairs = all_lines(surfaces, temperatures.get_list() if temperatures is not None else ())
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
            found.append(fit_surface(names[key], phase_points(state_points(node, atoms), convention, atoms)))
        except ValueError as error:
            raise ValueError(f"{names[key]} (node {node.pk}): {error}") from error
    return found


def common_convention(gibbs_energies: Mapping[str, RecordData]) -> str:
    """Return the convention of the thermal wavelength that all have.

    Raises:
        ValueError: if they have different ones.
    """
    found = {str(node.value("convention")) for node in gibbs_energies.values()}
    if len(found) != 1:
        each = ", ".join(f"{node.value('convention')} in {node.pk}" for node in gibbs_energies.values())
        raise ValueError(f"the nodes differ in their convention: {each or 'there is none'}")
    return found.pop()
