"""Made-up results of searches: elemental crystals whose fingerprints are places on a circle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.build import bulk

from aiida_polymorph.landscape.assembly import PressureResult
from aiida_polymorph.landscape.clusters import summarise
from aiida_polymorph.structures import StructureSet

EPS = 1e-3
SPACE_GROUPS = {"fcc": "Fm-3m", "bcc": "Im-3m", "hcp": "P6_3/mmc", "sc": "Pm-3m", "diamond": "Fd-3m"}


def feature(place: float) -> np.ndarray:
    """A unit vector; the distance of two is nearly that of their places."""
    return np.array([np.cos(place), np.sin(place)])


def crystal(kind: str, size: int = 2) -> Atoms:
    """A crystal of copper with `size` atoms, a multiple of those in its primitive cell."""
    primitive = bulk("Cu", kind, a=3.6)
    return primitive.repeat((size // len(primitive), 1, 1))


@dataclass(frozen=True)
class Found:
    """A minimum, found `times` times by a search; enthalpies are per formula unit, which is an atom here."""

    kind: str
    place: float
    enthalpy: float
    times: int = 3
    size: int = 2


@dataclass(frozen=True)
class Candidate:
    """A relaxed reference (with a name), or what was found at another pressure."""

    kind: str
    place: float
    enthalpy: float
    name: str = ""
    origin_gpa: float = np.nan
    origin_cluster: int = -1
    rattled: bool = False


def result(
    pressure: float, found: Sequence[Found], candidates: Sequence[Candidate] = (), min_samples: int = 3
) -> PressureResult:
    """What is known at one pressure; clusters are numbered as their minima are listed."""
    minima = [number for number, each in enumerate(found) for _ in range(each.times)]
    members = [found[number] for number in minima]
    frequent = [number for number, each in enumerate(found) if each.times >= min_samples]
    labels = np.array([frequent.index(n) if n in frequent else -1 for n in minima], dtype=int)
    structures = StructureSet.from_atoms(
        [crystal(each.kind, each.size) for each in members],
        {"enthalpy": [each.enthalpy * each.size for each in members], "index": range(100, 100 + len(members))},
    )
    return PressureResult(
        pressure_gpa=pressure,
        structures=structures,
        features=np.array([feature(each.place) for each in members]).reshape(-1, 2),
        labels=labels,
        distinct=np.array(minima, dtype=int),
        clusters=summarise(structures, labels),
        eps=EPS,
        candidates=relaxed(candidates),
        candidate_features=np.array([feature(each.place) for each in candidates]).reshape(-1, 2),
    )


def relaxed(candidates: Sequence[Candidate]) -> StructureSet:
    """Candidates as a set with the columns that the assembly needs; an empty one without any, as a node gives it."""
    if not candidates:
        return StructureSet.from_atoms([])
    columns = {
        "enthalpy": [2 * each.enthalpy for each in candidates],
        "kind": ["reference" if each.name else "carried" for each in candidates],
        "rattled": [each.rattled for each in candidates],
        "name": [each.name for each in candidates],
        "origin_gpa": [each.origin_gpa for each in candidates],
        "origin_cluster": [each.origin_cluster for each in candidates],
    }
    return StructureSet.from_atoms([crystal(each.kind) for each in candidates], columns)
