"""StructureSetData: many structures with their properties in one node."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any, Self

import numpy as np
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_polymorph.structures import StructureSet

ARRAYS_FILE = "structures.npz"
"""NumPy gives each member the same date, so that the same arrays make the same bytes and the same hash."""


class StructureSetData(orm.Data):
    """A `StructureSet` in a node: its arrays in one file, a summary of them as attributes for queries.

    Attributes for queries: `count`, `composition` (None where the structures differ in it, "" for an empty set),
    `species`, `formula_units` (the counts that occur, ascending), `pressure_gpa` (None where unknown or not the
    same for all), `lowest_enthalpy_ev_per_formula_unit` (None where unknown), `converged` and `failed` (how many),
    `metadata` (minimiser, recipe, ...).
    """

    @classmethod
    def from_set(cls, structures: StructureSet) -> Self:
        """Make an unstored node of a set.

        Raises:
            ValueError: if a column can't be stored as numbers, booleans or text.
        """
        arrays = {name: _storable(name, values) for name, values in structures.to_arrays().items()}
        content = io.BytesIO()
        np.savez(content, **arrays)
        node = cls()
        node.base.repository.put_object_from_bytes(content.getvalue(), ARRAYS_FILE)
        node.base.attributes.set_many(summarise(structures))
        return node

    def to_set(self) -> StructureSet:
        """Return the set: geometry, columns and metadata."""
        content = io.BytesIO(self.base.repository.get_object_content(ARRAYS_FILE, mode="rb"))
        with np.load(content, allow_pickle=False) as arrays:
            return StructureSet.from_arrays(dict(arrays), self.value("metadata", {}))

    def value(self, name: str, default: Any = None) -> Any:
        """Return an attribute by name."""
        return self.base.attributes.get(name, default)

    def __len__(self) -> int:
        return int(self.value("count", 0))

    def __bool__(self) -> bool:
        return True

    def _validate(self) -> bool:
        super()._validate()
        try:
            structures = self.to_set()
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise ValidationError(f"not a set of structures: {error}") from error
        if self.value("count") != len(structures):
            raise ValidationError("the attributes don't fit the arrays; make the node by StructureSetData.from_set")
        return True

    def _prepare(self, file_format: str) -> tuple[bytes, dict[str, bytes]]:
        from aiida_polymorph.formats import write_structures

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"structures.{file_format}"
            write_structures(self.to_set(), path, file_format)
            return path.read_bytes(), {}

    def _prepare_extxyz(self, main_file_name: str = "") -> tuple[bytes, dict[str, bytes]]:  # noqa: ARG002
        return self._prepare("extxyz")

    def _prepare_res(self, main_file_name: str = "") -> tuple[bytes, dict[str, bytes]]:  # noqa: ARG002
        return self._prepare("res")

    def _prepare_cif(self, main_file_name: str = "") -> tuple[bytes, dict[str, bytes]]:  # noqa: ARG002
        return self._prepare("cif")


def summarise(structures: StructureSet) -> dict[str, Any]:
    """Return the attributes by which a set is found in the database, JSON-serialisable; see `StructureSetData`."""
    try:
        composition = structures.composition
    except ValueError:
        composition = None
    converged = structures.column("converged", False).astype(bool)
    return {
        "count": len(structures),
        "composition": composition,
        "species": list(structures.species),
        "formula_units": [int(count) for count in np.unique(structures.formula_units)],
        "pressure_gpa": _shared_pressure(structures),
        "lowest_enthalpy_ev_per_formula_unit": _lowest_enthalpy(structures),
        "converged": int(np.sum(converged)),
        "failed": int(np.sum(structures.column("reason", "") != "")),
        "metadata": dict(structures.metadata),
    }


def _shared_pressure(structures: StructureSet) -> float | None:
    pressures = np.unique(structures.column("pressure_gpa"))
    if len(pressures) == 1 and np.isfinite(pressures[0]):
        return float(pressures[0])
    stated = structures.metadata.get("pressure_gpa")
    return float(stated) if stated is not None and len(pressures) <= 1 else None


def _lowest_enthalpy(structures: StructureSet) -> float | None:
    enthalpies = structures.enthalpy_per_formula_unit
    if "converged" in structures.columns:
        enthalpies = enthalpies[structures.columns["converged"].astype(bool)]
    known = enthalpies[np.isfinite(enthalpies)]
    return float(known.min()) if len(known) else None


def _storable(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind == "O" and all(isinstance(value, str) for value in values.flat):
        values = values.astype(str)
    if values.dtype.kind not in "biufU" or not name.isidentifier() or name == "file":
        raise ValueError(f"column {name!r} of type {values.dtype} can't be stored: numbers, booleans or text needed")
    return np.ascontiguousarray(values)
