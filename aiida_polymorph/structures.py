"""StructureSet: many structures of different size with per-structure properties, as flat arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import gcd
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols
from numpy.typing import ArrayLike

NON_METALS = ("B", "Si", "C", "Sb", "As", "P", "N", "H", "Te", "Se", "S", "At", "I", "Br", "Cl", "O", "F")
"""Non-metals in the order in which IUPAC's Red Book (2005, table VI) writes them in a formula."""

GEOMETRY = ("positions", "cells", "numbers", "offsets")


def reduced_composition(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Return the reduced composition as sorted pairs (atomic number, count), e.g. ((8, 2), (22, 1)) for TiO2."""
    counts = Counter(int(number) for number in numbers)
    divisor = gcd(*counts.values()) if counts else 1
    return tuple(sorted((number, count // divisor) for number, count in counts.items()))


def formula_units_of(numbers: Iterable[int]) -> int:
    """Return how many formula units the atoms make: the greatest common divisor of the element counts."""
    return gcd(*Counter(int(number) for number in numbers).values())


def composition_formula(composition: Iterable[tuple[int, int]]) -> str:
    """Return e.g. `TiO2` for ((8, 2), (22, 1)): metals first, then non-metals in IUPAC's order."""
    counts = {chemical_symbols[number]: count for number, count in composition}
    ordered = sorted(counts, key=lambda symbol: (NON_METALS.index(symbol) if symbol in NON_METALS else -1, symbol))
    return "".join(f"{symbol}{counts[symbol] if counts[symbol] > 1 else ''}" for symbol in ordered)


@dataclass(frozen=True, eq=False)
class StructureSet:
    """A set of periodic structures; n structures with N atoms in all.

    Structure i owns the atoms `offsets[i]:offsets[i + 1]`.

    Attributes:
        positions: Cartesian coordinates, angstrom, shape (N, 3).
        cells: lattice vectors as rows, angstrom, shape (n, 3, 3).
        numbers: atomic numbers, shape (N,).
        offsets: where each structure begins, shape (n + 1,), first 0, last N.
        columns: per-structure properties, each an array whose first axis is n. Names in use:
            `index` (identity within the search: the seed's index), `enthalpy` (eV of the whole cell, E + PV),
            `pressure_gpa` (target), `max_force` (eV/angstrom), `max_stress_error` (GPa, largest component of
            stress + P), `converged` (bool), `reason` (of failure, "" if none), `force_calls`, `cpu_seconds`,
            `start_space_group` (number of the group that a random structure was made with), `name`.
        metadata: what holds for the whole set, JSON-serialisable (`pressure_gpa`, `minimiser`, `recipe`, ...).

    Raises:
        ValueError: if the shapes don't fit together.
    """

    positions: np.ndarray
    cells: np.ndarray
    numbers: np.ndarray
    offsets: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, atoms = len(self.offsets) - 1, len(self.numbers)
        if self.cells.shape != (n, 3, 3):
            raise ValueError(f"cells has shape {self.cells.shape}, expected {(n, 3, 3)} from the offsets")
        if self.positions.shape != (atoms, 3):
            raise ValueError(f"positions has shape {self.positions.shape}, expected {(atoms, 3)} from the numbers")
        if n < 0 or self.offsets[0] != 0 or self.offsets[-1] != atoms or np.any(np.diff(self.offsets) < 0):
            raise ValueError("offsets must start at 0, never decrease and end at the number of atoms")
        for name, values in self.columns.items():
            if len(values) != n:
                raise ValueError(f"column {name!r} has {len(values)} entries for {n} structures")

    @classmethod
    def from_atoms(
        cls,
        structures: Sequence[Atoms],
        columns: Mapping[str, ArrayLike] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> StructureSet:
        """Collect ASE atoms into a set; an empty sequence gives an empty set."""
        lengths = [len(atoms) for atoms in structures]
        return cls(
            positions=np.concatenate([a.get_positions() for a in structures]) if structures else np.zeros((0, 3)),
            cells=np.array([np.asarray(a.cell) for a in structures], dtype=float).reshape(-1, 3, 3),
            numbers=np.concatenate([a.numbers for a in structures]) if structures else np.zeros(0, dtype=int),
            offsets=np.concatenate([[0], np.cumsum(lengths, dtype=int)]),
            columns={name: np.asarray(values) for name, values in (columns or {}).items()},
            metadata=dict(metadata or {}),
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any] | None = None) -> StructureSet:
        """Rebuild a set from `to_arrays`."""
        columns = {name: values for name, values in arrays.items() if name not in GEOMETRY}
        return cls(**{name: arrays[name] for name in GEOMETRY}, columns=columns, metadata=dict(metadata or {}))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return geometry and columns as one flat dictionary of arrays (the metadata is not in it)."""
        return {**{name: getattr(self, name) for name in GEOMETRY}, **self.columns}

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, i: int) -> Atoms:
        """Return structure i as ASE atoms."""
        if not -len(self) <= i < len(self):
            raise IndexError(f"structure {i} of a set of {len(self)}")
        i %= len(self)
        atoms = slice(self.offsets[i], self.offsets[i + 1])
        return Atoms(self.numbers[atoms], positions=self.positions[atoms], cell=self.cells[i], pbc=True)

    def __iter__(self) -> Iterator[Atoms]:
        return (self[i] for i in range(len(self)))

    def column(self, name: str, default: Any = np.nan) -> np.ndarray:
        """Return a column, or one filled with `default` where the set lacks it."""
        return self.columns[name] if name in self.columns else np.full(len(self), default)

    def with_columns(self, **columns: ArrayLike) -> StructureSet:
        """Return the same structures with columns added or replaced."""
        return replace(self, columns={**self.columns, **{k: np.asarray(v) for k, v in columns.items()}})

    def with_only(self, *names: str) -> StructureSet:
        """Return the same structures with those of these columns that there are, and no others."""
        return replace(self, columns={name: self.columns[name] for name in names if name in self.columns})

    def with_metadata(self, **metadata: Any) -> StructureSet:
        """Return the same structures with metadata entries added or replaced."""
        return replace(self, metadata={**self.metadata, **metadata})

    def select(self, which: np.ndarray | Sequence[int]) -> StructureSet:
        """Return the structures of a boolean mask or of a list of indices, in that order.

        Raises:
            ValueError: if a mask has another length than the set.
            IndexError: if there is no structure with such an index.
        """
        which = np.asarray(which)
        if which.dtype == bool and which.shape != (len(self),):
            raise ValueError(f"mask of {which.size} for {len(self)} structures")
        chosen = np.flatnonzero(which) if which.dtype == bool else which.astype(int)
        lengths = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(lengths, dtype=int)])
        starts = np.repeat(self.offsets[:-1][chosen] - offsets[:-1], lengths)
        atoms = starts + np.arange(offsets[-1])
        return StructureSet(
            positions=self.positions[atoms],
            cells=self.cells[chosen],
            numbers=self.numbers[atoms],
            offsets=offsets,
            columns={name: values[chosen] for name, values in self.columns.items()},
            metadata=self.metadata,
        )

    def at_pressures(self, pressures_gpa: Sequence[float]) -> StructureSet:
        """Return every structure at every pressure: structure by structure, in the order of the pressures.

        Returns:
            The repeated structures, with `pressure_gpa` as given and `index` counted anew.
        """
        repeated = self.select(np.repeat(np.arange(len(self)), len(pressures_gpa)))
        pressures = np.tile(np.asarray(pressures_gpa, dtype=float), len(self))
        return repeated.with_columns(index=np.arange(len(repeated)), pressure_gpa=pressures)

    @staticmethod
    def concatenate(sets: Sequence[StructureSet], metadata: Mapping[str, Any] | None = None) -> StructureSet:
        """Join sets one after the other; only columns that all of them have are kept."""
        if not sets:
            return StructureSet.from_atoms([], metadata=metadata)
        shared = [name for name in sets[0].columns if all(name in s.columns for s in sets)]
        starts = np.concatenate([[0], np.cumsum([len(s.numbers) for s in sets])])
        return StructureSet(
            positions=np.concatenate([s.positions for s in sets]),
            cells=np.concatenate([s.cells for s in sets]),
            numbers=np.concatenate([s.numbers for s in sets]),
            offsets=np.concatenate([[0], *(s.offsets[1:] + start for s, start in zip(sets, starts, strict=False))]),
            columns={name: np.concatenate([s.columns[name] for s in sets]) for name in shared},
            metadata=dict(sets[0].metadata if metadata is None else metadata),
        )

    @cached_property
    def lengths(self) -> np.ndarray:
        """Number of atoms of each structure, shape (n,)."""
        return np.diff(self.offsets)

    @cached_property
    def volumes(self) -> np.ndarray:
        """Cell volumes, angstrom^3, shape (n,)."""
        return np.abs(np.linalg.det(self.cells))

    @cached_property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols that occur, by atomic number."""
        return tuple(chemical_symbols[number] for number in np.unique(self.numbers))

    @cached_property
    def element_counts(self) -> np.ndarray:
        """Atoms of each element of `species` in each structure, shape (n, elements)."""
        elements, element = np.unique(self.numbers, return_inverse=True)
        counts = np.zeros((len(self), len(elements)), dtype=int)
        np.add.at(counts, (np.repeat(np.arange(len(self)), self.lengths), element), 1)
        return counts

    @cached_property
    def composition(self) -> str:
        """Reduced formula that all structures share, e.g. `TiO2`; "" for an empty set.

        Raises:
            ValueError: if the structures have different compositions.
        """
        elements, ratios = np.unique(self.numbers), self.element_counts // np.maximum(self.formula_units, 1)[:, None]
        found = [
            tuple((z, n) for z, n in zip(elements, ratio, strict=True) if n) for ratio in np.unique(ratios, axis=0)
        ]
        if len(found) > 1:
            formulas = ", ".join(sorted(composition_formula(each) for each in found))
            raise ValueError(f"the structures have different compositions: {formulas}")
        return composition_formula(found[0]) if found else ""

    @cached_property
    def formula_units(self) -> np.ndarray:
        """Formula units in each cell, shape (n,)."""
        return np.gcd.reduce(self.element_counts, axis=1)

    @cached_property
    def enthalpy_per_formula_unit(self) -> np.ndarray:
        """Enthalpy in eV per formula unit, shape (n,); nan where unknown."""
        return self.column("enthalpy") / self.formula_units

    @cached_property
    def volume_per_formula_unit(self) -> np.ndarray:
        """Volume in angstrom^3 per formula unit, shape (n,)."""
        return self.volumes / self.formula_units
