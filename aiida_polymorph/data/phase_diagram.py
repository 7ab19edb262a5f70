"""PhaseDiagramData: the stable phase over temperature and pressure, and the lines between phases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from aiida_polymorph.data.lines import entry_of, line_of
from aiida_polymorph.data.record import RecordData

if TYPE_CHECKING:
    from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram, Undecided

DROPPED = "dropped"
"""Fate of a phase that was not computed, since it can't be stable."""

ARRAYS = ("temperatures", "pressures_gpa", "stable", "probability", "above_stable", "known")


class PhaseDiagramData(RecordData):
    """The phase diagram of one composition, with the source of each phase.

    Attributes for queries: `composition` (None if unknown), `names` (of all phases), `stable_phases` (names of those
    that are stable somewhere), `sources` (`basin`, `harmonic`, `integration`), `convention` (None for basin entropies),
    `lines` (between stable phases, as `find_coexistence` stores them), `phases` (a list of `name`, `space_group`,
    `fate`, `method`, `reason`, `above_stable_ev`, `known_share`), `undecided` (a list of `first`, `second`,
    `temperatures_k`, `pressures_gpa`, `error_gpa`, `reason`), `temperatures_k` and `pressures_gpa` (lowest and
    highest). The arrays are those of `thermodynamics.diagrams.diagram.PhaseDiagram`.
    """

    @classmethod
    def from_diagram(
        cls,
        diagram: PhaseDiagram,
        methods: Mapping[str, str],
        error_gpa: float,
        composition: str | None = None,
        convention: str | None = None,
        space_groups: Mapping[str, str | None] | None = None,
        lost: Mapping[str, str] | None = None,
        dropped: Mapping[str, str] | None = None,
    ) -> Self:
        """Make an unstored node.

        Args:
            diagram: What it holds.
            methods: Phase -> source of its values; also phases without any, which the diagram does not have.
            error_gpa: Largest error of a line's pressure that counts as decided, GPa.
            composition: Formula of a formula unit.
            convention: Of the thermal wavelengths.
            space_groups: Phase -> international symbol, None where unknown.
            lost: Phase -> reason, of phases that were seen to be not metastable somewhere.
            dropped: Phase -> reason, of phases that were not computed since they can't be stable.
        """
        from aiida_polymorph.thermodynamics.diagrams.diagram import undecided

        known, reasons = space_groups or {}, lost or {}
        phases = [_phase(diagram, name, source, known.get(name), reasons.get(name)) for name, source in methods.items()]
        phases += [_dropped(name, reason, known.get(name)) for name, reason in (dropped or {}).items()]
        open_parts = undecided(diagram, error_gpa)
        return cls.from_record(
            {name: getattr(diagram, name) for name in ARRAYS},
            composition=composition,
            names=list(diagram.names),
            stable_phases=[each["name"] for each in phases if each["fate"] == "stable"],
            sources=sorted(set(methods.values())),
            convention=convention,
            lines=[entry_of(line) for line in diagram.lines],
            phases=phases,
            undecided=[undecided_entry(each) for each in open_parts],
            temperatures_k=[diagram.temperatures[0], diagram.temperatures[-1]],
            pressures_gpa=[diagram.pressures_gpa[0], diagram.pressures_gpa[-1]],
        )

    def to_diagram(self) -> PhaseDiagram:
        """Return the diagram."""
        from aiida_polymorph.thermodynamics.diagrams.diagram import PhaseDiagram

        arrays = self.to_arrays()
        lines = tuple(line_of(entry) for entry in self.value("lines"))
        return PhaseDiagram(names=tuple(self.value("names")), lines=lines, **{name: arrays[name] for name in ARRAYS})

    @property
    def phases(self) -> Sequence[dict[str, Any]]:
        """What becomes of each phase."""
        return self.value("phases", [])


def undecided_entry(part: Undecided) -> dict[str, Any]:
    """Return a part of a diagram that is not decided, as the attribute `undecided` holds it."""
    entry = asdict(part)
    return {**entry, "temperatures_k": entry.pop("temperatures")}


def _phase(
    diagram: PhaseDiagram, name: str, method: str, space_group: str | None, reason: str | None
) -> dict[str, Any]:
    """Return the entry of one phase, which the diagram may not have."""
    place = diagram.names.index(name) if name in diagram.names else None
    fate = ("not metastable" if reason else "unknown") if place is None else diagram.fate(name, bool(reason))
    return {
        "name": name,
        "space_group": space_group,
        "fate": fate,
        "method": method,
        "reason": reason or "",
        "above_stable_ev": None if place is None else diagram.above_stable[place],
        "known_share": 0.0 if place is None else diagram.known[place],
    }


def _dropped(name: str, reason: str, space_group: str | None) -> dict[str, Any]:
    """Return the entry of a phase that was not computed."""
    return {
        "name": name,
        "space_group": space_group,
        "fate": DROPPED,
        "method": None,
        "reason": reason,
        "above_stable_ev": None,
        "known_share": 0.0,
    }
