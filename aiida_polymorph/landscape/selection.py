"""Candidates: which of the minima that searches found could be the stable phase somewhere in a region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_polymorph.landscape.lineage import Lineage, least_gaps
from aiida_polymorph.landscape.minima import Tolerances, find_minima
from aiida_polymorph.plain import checked
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import primitive_cells, space_group
from aiida_polymorph.units import KB

ENTROPY_SPREAD = 0.1
"""kB per atom: standard deviation of the vibrational entropies of polymorphs before any of them is known. Published
differences between polymorphs of elements, oxides and molecular crystals are mostly below 0.2, seldom above 0.4."""

STARTED_AS = 0.1
"""angstrom, for the space group of a reference as published."""


@dataclass(frozen=True)
class SelectionSettings:
    """How candidates are chosen.

    Attributes:
        deviations: of the entropies, standard deviations that the window of enthalpies allows for.
        most_minima: of each pressure at most, the lowest ones.
        symprec: of spglib for structures as searches leave them, angstrom.

    Raises:
        ValueError: if a number is out of range.
    """

    deviations: float = 3.0
    most_minima: int = 200
    symprec: float = 0.02

    def __post_init__(self) -> None:
        for name in ("deviations", "most_minima", "symprec"):
            if not getattr(self, name) > 0:
                raise ValueError(f"selection: {name} is {getattr(self, name)}, must be positive")

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any]) -> SelectionSettings:
        """Build from plain values; what is missing takes its default.

        Raises:
            ValueError: if a key is unknown or a number out of range.
        """
        return checked(cls, entries, "selection")


def entropy_window(temperature: float, atoms: int, deviations: float, spread: float = ENTROPY_SPREAD) -> float:
    """Return how far above the lowest enthalpy a phase may lie and still be the stable one, eV per formula unit.

    The Gibbs energies of two phases differ by their enthalpies less T times the difference of their entropies, whose
    standard deviation is sqrt(2) times that of one entropy.

    Args:
        temperature: the highest one, K.
        atoms: in a formula unit.
        deviations: standard deviations that are allowed for.
        spread: standard deviation of the entropies, kB per atom.
    """
    return float(deviations * np.sqrt(2) * spread * KB * temperature * atoms)


def gather_minima(
    searches: Mapping[float, StructureSet], references: StructureSet, window: float, settings: SelectionSettings
) -> StructureSet:
    """Return the minima that are worth relaxing at every pressure.

    Args:
        searches: pressure (GPa) -> relaxed structures, with the columns `enthalpy` and `converged`.
        references: known structures with the column `name`; may be empty.
        window: minima up to this enthalpy above the lowest of their pressure, eV per formula unit.
        settings: tolerance and largest number.

    Returns:
        Primitive cells with the columns `minimum` (0, 1, ...), `origin_gpa` (nan for references), `found` (times),
        `name` and `started_as` (of references: the space group that they had before, else ""), as
        `lineage.trace_lineages` takes them when they are relaxed.
    """
    parts = []
    for pressure, structures in sorted(searches.items()):
        minima = find_minima(structures, window, Tolerances(symprec=settings.symprec)).structures
        lowest = minima.select(np.arange(min(len(minima), settings.most_minima)))
        parts.append(_labelled(lowest, pressure, lowest.column("found", 0), [""] * len(lowest), [""] * len(lowest)))
    names = references.column("name", "").astype(str).tolist()
    started = [space_group(atoms, STARTED_AS) for atoms in references]
    known = primitive_cells(references, STARTED_AS)
    parts.append(_labelled(known, np.nan, np.zeros(len(known), dtype=int), names, started))
    together = StructureSet.concatenate(parts, metadata={})
    return together.with_columns(minimum=np.arange(len(together)))


def _labelled(
    structures: StructureSet, origin_gpa: float, found: np.ndarray, names: Sequence[str], started_as: Sequence[str]
) -> StructureSet:
    columns = {
        "origin_gpa": np.full(len(structures), origin_gpa, dtype=float),
        "found": np.asarray(found, dtype=int),
        "name": np.asarray(names, dtype=str),
        "started_as": np.asarray(started_as, dtype=str),
    }
    return StructureSet(structures.positions, structures.cells, structures.numbers, structures.offsets, columns)


def select_phases(relaxed: StructureSet, lineages: Sequence[Lineage], window: float) -> StructureSet:
    """Return one structure of each phase that lies within the window somewhere, where it lies lowest.

    Args:
        relaxed: what `lineages` was traced in.
        lineages: all phases.
        window: eV per formula unit above the lowest phase.

    Returns:
        Primitive cells with the columns `name`, `space_group`, `pressure_gpa` and `gap` (the least that the phase lies
        above the lowest one at any pressure, eV per formula unit).
    """
    gaps = least_gaps(lineages)
    chosen = [each for each, gap in zip(lineages, gaps, strict=True) if gap <= window]
    rows = [int(each.rows[home(each, lineages)]) for each in chosen]
    picked = primitive_cells(relaxed.select(rows))
    columns = {
        "name": np.array([each.name for each in chosen], dtype=str),
        "space_group": np.array([each.space_group for each in chosen], dtype=str),
        "pressure_gpa": relaxed.column("pressure_gpa")[rows],
        "gap": gaps[gaps <= window],
    }
    return StructureSet(picked.positions, picked.cells, picked.numbers, picked.offsets, columns)


def home(lineage: Lineage, lineages: Sequence[Lineage]) -> int:
    """Return which of its own pressures a phase lies least above the lowest one at."""
    above = [
        enthalpy - np.nanmin([other.enthalpy_at(np.array([pressure]))[0] for other in lineages])
        for pressure, enthalpy in zip(lineage.pressures_gpa, lineage.enthalpies, strict=True)
    ]
    return int(np.argmin(above))
