"""Phases from several sources as one set: for relaxations, scans and as references."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from aiida import orm

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import primitive_cells
from aiida_polymorph.versioned import calcfunction

KEPT = ("name", "enthalpy", "pressure_gpa", "space_group", "published_pressure_gpa")
"""Columns that phases keep, where all of them have these; what an earlier relaxation said of itself is left behind."""


@calcfunction
def gather_phases(plan: orm.Dict, **sources: orm.Data) -> StructureSetData:
    """Return phases of sets and structures as one set; see `gather`.

    `plan` holds `phases`, a list of (key in `sources`, position there, name), and what else `gather` takes;
    `sources` are StructureSetData and StructureData.
    """
    asked = plan.get_dict()
    sets = {key: as_set(node) for key, node in sources.items()}
    chosen = [(sets[key], int(row), str(name)) for key, row, name in asked.pop("phases")]
    return StructureSetData.from_set(gather(chosen, **asked))


def as_set(node: Any) -> StructureSet:
    """Return the set that a StructureSetData holds, or a StructureData as a set of one."""
    return node.to_set() if isinstance(node, StructureSetData) else StructureSet.from_atoms([node.get_ase()])


def gather(
    phases: Sequence[tuple[StructureSet, int, str]],
    primitive: bool = False,
    pressures_gpa: Sequence[float] | None = None,
) -> StructureSet:
    """Return phases of several sets as one set, with names.

    Args:
        phases: set, position in it from 0, and the name that the phase gets.
        primitive: whether each is replaced by its primitive cell, exactly symmetric, where spglib finds one.
        pressures_gpa: repeats each phase at each of these pressures, with `pressure_gpa` and `index` telling them
            apart; None keeps the phases once, with the pressures that the sets give.

    Returns:
        The set, with those columns of `KEPT` that all sets have, and enthalpy and pressure if one has them.
    """
    runs = [list(run) for _, run in groupby(phases, key=lambda phase: id(phase[0]))]
    parts = [run[0][0].select([row for _, row, _ in run]) for run in runs]
    given = {name for part in parts for name in part.columns}
    unknown = [name for name in ("enthalpy", "pressure_gpa") if name in given]
    parts = [part.with_columns(**{name: part.column(name) for name in unknown}) for part in parts]
    texts = {name: text for part in parts for name, text in part.metadata.get("references", {}).items()}
    together = StructureSet.concatenate(parts, {"references": texts} if texts else {})
    together = together.with_columns(name=[name for _, _, name in phases]).with_only(*KEPT)
    if primitive:
        # The enthalpy is that of the whole cell, which is another one now.
        together = primitive_cells(together.with_only(*(name for name in KEPT if name != "enthalpy")))
    return together if pressures_gpa is None else together.at_pressures(pressures_gpa)
