"""Calcfunctions that put phases together into a phase diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm

from aiida_polymorph.calculations.functions.coexistence import common_convention
from aiida_polymorph.data.chemical_potential import ChemicalPotentialData
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.phase_diagram import PhaseDiagramData
from aiida_polymorph.data.state_points import state_points
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.symmetry import space_group
from aiida_polymorph.thermodynamics.diagrams import phase_diagram as basins
from aiida_polymorph.thermodynamics.diagrams import surface_diagram as surfaces_of
from aiida_polymorph.thermodynamics.diagrams.sources import SourceEnergies, best_sources, merged
from aiida_polymorph.thermodynamics.surfaces.phase_surface import PhasePoints, fit_surface, phase_points
from aiida_polymorph.versioned import calcfunction

ERROR_GPA = 0.5
"""Standard error of a line's pressure above which the line counts as undecided, GPa."""

Node = FreeEnergyData | GibbsEnergiesData

SOURCES_OF_OLDER = {"harmonic": "harmonic"}
"""Source of free energies by a method, where their nodes don't say it; of all others it is integration."""


@calcfunction
def find_basin_diagram(
    chemical_potentials: ChemicalPotentialData, settings: orm.Dict, phases: StructureSetData | None = None
) -> PhaseDiagramData:
    """Return the phase diagram by enthalpies and basin entropies.

    Args:
        chemical_potentials: Of all phases.
        settings: Where wanted, `temperatures` (K) and `pressures` (GPa) of the grid, and `error_gpa`, the largest
            error of a line that counts as decided.
        phases: The phases of the analysis, for their space groups.

    Raises:
        ValueError: For a grid with fewer than two values or falling ones.
    """
    potentials = chemical_potentials.to_potentials()
    grid = grid_of(settings.get_dict(), basins.usual_grid(potentials))
    return PhaseDiagramData.from_diagram(
        basins.phase_diagram(potentials, *grid),
        dict.fromkeys(potentials.names, "basin"),
        settings.get_dict().get("error_gpa", ERROR_GPA),
        phases.value("composition") if phases is not None else None,
        space_groups=space_groups_of(phases) if phases is not None else None,
    )


@calcfunction
def find_surface_diagram(settings: orm.Dict, **nodes: orm.Data) -> PhaseDiagramData:
    """Return the phase diagram by Gibbs energies over temperature and pressure, of each phase by its best source.

    Args:
        settings: `phases` (key of a node among `nodes` -> name of the phase), `atoms` (in a formula unit),
            `composition`, and where wanted `temperatures` (K) and `pressures` (GPa) of the grid, `error_gpa`, the
            largest error of a line that counts as decided, `space_groups` (name -> international symbol), `dropped`
            (name -> why a phase was not computed), and `fewest`, the phases with values that there must be (2).
        nodes: Gibbs energies `gibbs_...`, several of one phase if need be, and, for the space groups, structures
            `structure_...` with the same endings.

    Raises:
        ValueError: For different conventions, fewer than two phases with values, values at a single temperature or
            pressure only, or a grid with fewer than two values or falling ones.
    """
    given = settings.get_dict()
    energies = {key: node for key, node in nodes.items() if isinstance(node, Node)}
    convention = common_convention(energies)
    best = best_sources(source_energies(energies, given["phases"], convention, given["atoms"]))
    surfaces = [fit_surface(entry.phase, entry.points) for entry in best if entry.points is not None]
    if len(surfaces) < given.get("fewest", 2):
        names = ", ".join(each.name for each in surfaces) or "none"
        raise ValueError(f"a phase diagram needs two phases with Gibbs energies or more; there are: {names}")
    grid = grid_of(given, surfaces_of.usual_grid(surfaces))
    lines = surfaces_of.stable_lines(surfaces, *grid)
    found = {name: group for key, name in given["phases"].items() if (group := _space_group(nodes, key))}
    return PhaseDiagramData.from_diagram(
        surfaces_of.surface_diagram(surfaces, lines, *grid),
        {entry.phase: entry.source for entry in best},
        given.get("error_gpa", ERROR_GPA),
        given.get("composition"),
        convention,
        {**given.get("space_groups", {}), **found},
        {entry.phase: "; ".join(dict.fromkeys(entry.lost.values())) for entry in best if entry.lost},
        given.get("dropped", {}),
    )


def source_energies(
    nodes: Mapping[str, Node], names: Mapping[str, str], convention: str, atoms: int
) -> list[SourceEnergies]:
    """Return the Gibbs energies of all nodes by phase and source.

    Args:
        nodes: By key.
        names: Key -> name of the phase.
        convention: Of the thermal wavelengths of all.
        atoms: Number of atoms in a formula unit.

    Raises:
        ValueError: If a node has no name.
    """
    missing = sorted(set(nodes) - set(names))
    if missing:
        raise ValueError(f"phases: there is no name for {', '.join(missing)}")
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    parts: dict[tuple[str, str], list[PhasePoints]] = {}
    for key, node in nodes.items():
        group, points = (names[key], source_of(node)), state_points(node, atoms)
        groups.setdefault(group, []).extend(points)
        if any(usable(point) for point in points):
            parts.setdefault(group, []).append(phase_points(list(filter(usable, points)), convention, atoms))
    return [SourceEnergies(*group, merged(parts.get(group, [])), losses(points)) for group, points in groups.items()]


def usable(point: Mapping[str, Any]) -> bool:
    """Return whether a state point has a Gibbs energy with an error."""
    return point["gibbs_energy"] is not None and point["error"] is not None


def losses(points: Sequence[Mapping[str, Any]]) -> dict[tuple[float, float], str]:
    """Return the state points at which a phase is not metastable, with the reasons."""
    return {
        (point["temperature_k"], point["pressure_gpa"]): point["reason"]
        for point in points
        if point["gibbs_energy"] is None and point["reason"]
    }


def source_of(node: Node) -> str:
    """Return by which source a node was made; nodes of older versions of free energies tell it by their method."""
    return node.value("source") or SOURCES_OF_OLDER.get(node.value("method"), "integration")


def grid_of(settings: Mapping[str, Any], usual: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return temperatures and pressures that settings ask for, the usual ones where they don't."""
    temperatures, pressures = (settings.get(name) for name in ("temperatures", "pressures"))
    return (
        usual[0] if temperatures is None else np.array(temperatures, dtype=float),
        usual[1] if pressures is None else np.array(pressures, dtype=float),
    )


def space_groups_of(phases: StructureSetData) -> dict[str, str | None]:
    """Return the space group of each phase of an analysis, None where it is unknown."""
    table = phases.to_set()
    groups: dict[str, str | None] = {}
    for name, group in zip(table.column("name", ""), table.column("space_group", ""), strict=True):
        groups[str(name)] = groups.get(str(name)) or str(group) or None
    return groups


def _space_group(nodes: Mapping[str, orm.Data], key: str) -> str | None:
    structure = nodes.get(key.replace("gibbs", "structure", 1))
    return None if structure is None else space_group(structure.get_ase()) or None
