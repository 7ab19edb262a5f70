"""References: known structures, shipped as literature crystallography, one YAML file each in a folder a formula."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import yaml
from ase import Atoms

from aiida_polymorph.structures import StructureSet


def available_references() -> dict[str, list[str]]:
    """Return formula -> names of the structures that ship, e.g. {"TiO2": ["OI", "TiO2B", "anatase", ...]}."""
    folders = sorted((f for f in resources.files(__name__).iterdir() if f.is_dir()), key=lambda folder: folder.name)
    names = {folder.name: sorted(entry.name.removesuffix(".yaml") for entry in _files(folder)) for folder in folders}
    return {formula: structures for formula, structures in names.items() if structures}


def find_references(text: str) -> list[tuple[str, str]]:
    """Return formula and name of the structures that ship and that `NAME` or `FORMULA/NAME` may mean."""
    formula, slash, name = text.rpartition("/")
    known = available_references()
    return [(each, name) for each in known if name in known[each] and (not slash or each == formula)]


def load_references(formula: str) -> StructureSet:
    """Return the known structures of a formula, in the conventional cells of their publications.

    They are experimental (or, where said, computed) structures, some at high pressure: relax them with the
    potential at the pressure of interest before comparing anything with them.

    Args:
        formula: reduced, as `StructureSet.composition` writes it.

    Returns:
        A set with the columns `name`, `space_group` (published) and `published_pressure_gpa` and, in the metadata,
        `references`: name -> title, citation, note; an empty set for a formula without references.
    """
    entries = [_read(formula, name) for name in available_references().get(formula, [])]
    columns = {
        "name": [entry["name"] for entry in entries],
        "space_group": [entry["space_group"] for entry in entries],
        "published_pressure_gpa": [float(entry["pressure_gpa"]) for entry in entries],
    }
    texts = {entry["name"]: {key: entry.get(key, "") for key in ("title", "citation", "note")} for entry in entries}
    return StructureSet.from_atoms([_build(entry) for entry in entries], columns, {"references": texts})


def _files(folder: Traversable) -> list[Traversable]:
    return [entry for entry in folder.iterdir() if entry.name.endswith(".yaml")]


def _read(formula: str, name: str) -> dict[str, Any]:
    return yaml.safe_load((resources.files(__name__) / formula / f"{name}.yaml").read_text())


def _build(entry: dict[str, Any]) -> Atoms:
    from ase.spacegroup import crystal

    symbols = [symbol for symbol, _, _ in entry["sites"]]
    places = [coordinates for _, _, coordinates in entry["sites"]]
    atoms = crystal(symbols, places, spacegroup=entry["number"], cellpar=entry["cell"])
    return Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True)
