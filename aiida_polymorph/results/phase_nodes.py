"""Phases that a command was given, as nodes that remember where each structure comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiida import orm

from aiida_polymorph.calculations.functions.gathering import gather, gather_phases
from aiida_polymorph.calculations.functions.structures import extract_structure
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.results.once import make_once
from aiida_polymorph.structures import StructureSet

FROM_FILES = "given"
"""Key, among the sources of a set, of what is in no node yet."""
MOST_LISTED = 20
"""Names in a message."""


@dataclass(frozen=True, eq=False)
class Source:
    """One argument of a command, and the structures that it stands for.

    Attributes:
        what: the source in words, e.g. `file rutile.res`.
        structures: the set with the column `name`.
        node: that holds them; None for those of files and those that ship.
        analysis: of whose phases they are, if they are.
        description: of a node that is made of one of these structures.
    """

    what: str
    structures: StructureSet
    node: orm.StructureData | StructureSetData | None = None
    analysis: orm.ProcessNode | None = None
    description: str = ""


@dataclass(frozen=True, eq=False)
class Phase:
    """One structure with a name.

    Attributes:
        name: that it has in this call.
        source: where it is.
        row: its position there, from 0.
    """

    name: str
    source: Source
    row: int

    @property
    def pressure_gpa(self) -> float:
        """Pressure at which it was relaxed, nan where unknown."""
        return float(self.source.structures.column("pressure_gpa")[self.row])

    def structure(self) -> orm.StructureData:
        """Return the phase as a node, its name as label: drawn out of the set that holds it, or new and unstored."""
        node = self.source.node
        if isinstance(node, orm.StructureData):
            return node
        if node is None:
            return orm.StructureData(
                ase=self.source.structures[self.row], label=self.name, description=self.source.description
            )
        inputs: dict[str, Any] = {"structures": node, "position": orm.Int(self.row)}
        drawn = make_once(extract_structure, **inputs)
        drawn.label = drawn.label or self.name
        drawn.description = drawn.description or f"{self.name} of {self.source.what}"
        return drawn


@dataclass(frozen=True, eq=False)
class PhasesGiven:
    """The phases of one call of a command.

    Attributes:
        phases: each with a name of its own.
        remarks: what the person should know of how they were chosen.
    """

    phases: tuple[Phase, ...]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.phases)

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [phase.name for phase in self.phases]

    def single(self) -> Phase:
        """Return the phase, where only one is wanted.

        Raises:
            ValueError: if there are several.
        """
        if len(self) > 1:
            listed = f"{', '.join(self.names[:MOST_LISTED])}{', ...' if len(self) > MOST_LISTED else ''}"
            raise ValueError(f"one phase is wanted, and these are {len(self)}: {listed}; choose one with --only")
        return self.phases[0]

    @property
    def composition(self) -> str:
        """Reduced formula that all share.

        Raises:
            ValueError: if they have different compositions.
        """
        return self.structures.composition

    @property
    def structures(self) -> StructureSet:
        """The phases as one set."""
        return gather([(phase.source.structures, phase.row, phase.name) for phase in self.phases])

    def analysis_phases(self) -> StructureSetData | None:
        """Return the phases of the analysis that all these are of, None where they are of several or of none."""
        analyses = {phase.source.analysis.pk: phase.source for phase in self.phases if phase.source.analysis}
        alone = len(analyses) == 1 and all(phase.source.analysis for phase in self.phases)
        return next(iter(analyses.values())).node if alone else None  # type: ignore[return-value]

    def as_set(self, primitive: bool = False, pressures_gpa: Sequence[float] | None = None) -> StructureSetData:
        """Return the phases as one node, see `gather`: linked to the nodes that hold them, or new and unstored."""
        settings: dict[str, Any] = {"primitive": primitive, "pressures_gpa": pressures_gpa and list(pressures_gpa)}
        new = [phase for phase in self.phases if phase.source.node is None]
        if len(new) == len(self.phases):
            node = StructureSetData.from_set(self._gathered(new, **settings))
            node.description = described(new)
            return node
        sources, entries = self._sources(new)
        inputs: dict[str, Any] = {"plan": orm.Dict({"phases": entries, **settings}), **sources}
        return make_once(gather_phases, **inputs)

    def _sources(self, new: Sequence[Phase]) -> tuple[dict[str, orm.Data], list[list[Any]]]:
        """Return the nodes that hold the phases, and key, position and name of each phase."""
        sources: dict[str, orm.Data] = {
            f"node_{each.source.node.pk}": each.source.node for each in self.phases if each.source.node
        }
        if new:
            sources[FROM_FILES] = StructureSetData.from_set(self._gathered(new))
            sources[FROM_FILES].description = described(new)
        places = {id(phase): place for place, phase in enumerate(new)}
        return sources, [
            [f"node_{each.source.node.pk}", each.row, each.name]
            if each.source.node
            else [FROM_FILES, places[id(each)], each.name]
            for each in self.phases
        ]

    @staticmethod
    def _gathered(phases: Sequence[Phase], **settings: Any) -> StructureSet:
        return gather([(phase.source.structures, phase.row, phase.name) for phase in phases], **settings)


def described(phases: Sequence[Phase]) -> str:
    """Return where phases that are in no node yet come from, source by source."""
    return "; ".join(dict.fromkeys(phase.source.description for phase in phases))
