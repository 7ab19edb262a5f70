"""Structure files in and out: .res, extended XYZ, CIF, and whatever else ASE reads; gzipped ones as well."""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from aiida_polymorph.formats.res import ResEntry, format_res, parse_res
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA

FORMATS = ("extxyz", "res", "cif")
COLUMNS: dict[str, Any] = {
    "index": -1,
    "max_force": np.nan,
    "max_stress_error": np.nan,
    "converged": False,
    "reason": "",
    "force_calls": -1,
    "cpu_seconds": np.nan,
    "start_space_group": 0,
    "phase": "",
    "known": False,
    "space_group": "",
    "state": "",
    "saddle": "",
    "primitive_formula_units": 0,
    "found": "",
    "basin_entropy_kb": np.nan,
    "basin_entropy_error_kb": np.nan,
    "engine": "",
    "functional": "",
}
"""Columns that extended XYZ carries beside name, enthalpy and pressure, with the value of a structure without one;
from `phase` on those of a table of phases, the last two those of a scan over pressure."""

TEXTS = ("name", *(name for name, default in COLUMNS.items() if isinstance(default, str)))
ENTRY = re.compile(r'([^\s="]+)=("(?:[^"\\]|\\.)*"|\S+)')
"""An entry of extended XYZ's comment line, its value in double quotes or one word."""


def read_structures(paths: str | Path | Iterable[str | Path], pressure_gpa: float | None = None) -> StructureSet:
    """Read all structures of all files.

    - `.res`: enthalpy and pressure from AIRSS's TITL line.
    - Extended XYZ: `enthalpy` (eV of the whole cell) and `pressure_gpa` from the comment line.
    - Any other format: what ASE reads.

    Where a file gives an energy but no enthalpy and the pressure is known, the enthalpy is energy + P V.
    A structure alone in its file is named by the file's stem; of several, those with names of their own, all
    different, keep them, else the k-th is `stem-k`.

    Args:
        paths: one file or several.
        pressure_gpa: pressure of all structures, GPa; None takes it from the files.

    Returns:
        The set with the columns `name`, `enthalpy` and `pressure_gpa` (nan where unknown), and those of `COLUMNS` that
        occur in the files; `pressure_gpa` is in the metadata too if it is one and the same.

    Raises:
        ValueError: if a file is missing, empty, cut off or can't be read; it names the file and the structure.
    """
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    if not files:
        raise ValueError("no structure files given")
    read = [_read_file(path, pressure_gpa) for path in files]
    columns = {
        name: [value for _, each in read for value in each[name]] for name in ("name", "enthalpy", "pressure_gpa")
    }
    for name, default in COLUMNS.items():
        if any(name in each for _, each in read):
            columns[name] = [v for atoms, each in read for v in each.get(name, [default] * len(atoms))]
    known = set(columns["pressure_gpa"])
    metadata = {"pressure_gpa": known.pop()} if len(known) == 1 and np.all(np.isfinite(list(known))) else {}
    return StructureSet.from_atoms([atoms for each, _ in read for atoms in each], columns, metadata)


def write_structures(structures: StructureSet, path: str | Path, format: str) -> None:  # noqa: A002
    """Write all structures into one file; a name that ends in .gz makes it gzipped.

    Numbers are written in full, so that `read_structures` gives the same ones back.

    Args:
        structures: the set; its columns `name` (else `index`) name the structures.
        path: the file, overwritten if it exists.
        format: `extxyz`, `res` or `cif` (CIF has neither names nor enthalpies).

    Raises:
        ValueError: if the format is unknown or the set empty.
    """
    if format not in FORMATS:
        raise ValueError(f"format is {format!r}, must be one of {', '.join(FORMATS)}")
    if not len(structures):
        raise ValueError(f"nothing to write into {path}: the set holds no structure")
    if format == "cif":
        text = _format_cif(structures)
    elif format == "res":
        text = format_res(structures, _names(structures))
    else:
        text = _format_extxyz(structures.with_columns(name=_names(structures)))
    data = text.encode()
    Path(path).write_bytes(gzip.compress(data, mtime=0) if Path(path).suffix == ".gz" else data)


def _read_file(path: Path, pressure_gpa: float | None) -> tuple[list[Atoms], dict[str, list[Any]]]:
    """Return the structures of a file and their columns."""
    if not path.is_file():
        raise ValueError(f"structure file {path} is not there")
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    try:
        if plain.suffix == ".res":
            atoms = [_atoms_of(entry) for entry in parse_res(_text(path))]
        else:
            atoms = _read_ase(path, plain.suffix)
    except ValueError as error:
        raise ValueError(f"structure file {path}: {error}") from error
    if not atoms:
        raise ValueError(f"structure file {path} holds no structure")
    for k, each in enumerate(atoms, start=1):
        if each.cell.rank < 3:
            raise ValueError(f"structure file {path}: structure {k} has no cell; periodic structures are needed")
    return atoms, _columns(atoms, plain.stem, pressure_gpa)


def _text(path: Path) -> str:
    try:
        return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"it can't be read ({error})") from error


def _atoms_of(entry: ResEntry) -> Atoms:
    info = {"name": entry.name, "enthalpy": entry.enthalpy, "pressure_gpa": entry.pressure_gpa}
    return Atoms(entry.numbers, positions=entry.positions, cell=entry.cell, pbc=True, info=info)


def _read_ase(path: Path, suffix: str) -> list[Atoms]:
    if suffix in (".xyz", ".extxyz"):
        return _read_extxyz(_text(path))
    return _read_by_ase(path)


def _read_by_ase(source: Path | io.StringIO, form: str | None = None) -> list[Atoms]:
    from ase.io import read

    try:
        return list(read(source, index=":", format=form))
    except Exception as error:  # ASE's readers raise whatever a malformed file makes them stumble over
        raise ValueError(f"ASE can't read it ({type(error).__name__}: {error})") from error


def _read_extxyz(text: str) -> list[Atoms]:
    """Read extended XYZ; texts as they are written, where ASE would make a number of `007` and a truth value of `T`."""
    lines = text.removesuffix("\n").split("\n")  # not at other separators, which a name may hold
    structures: list[Atoms] = []
    start = 0
    while start < len(lines) and lines[start].strip():
        number = len(structures) + 1
        try:
            end = start + 2 + int(lines[start])
        except ValueError as error:
            raise ValueError(f"structure {number} must begin with its number of atoms, not {lines[start]!r}") from error
        if end > len(lines):
            raise ValueError(f"structure {number} is cut off: {len(lines) - start - 2} of {end - start - 2} atoms")
        try:
            (atoms,) = _read_by_ase(io.StringIO("\n".join(lines[start:end]) + "\n"), "extxyz")
        except ValueError as error:
            raise ValueError(f"structure {number}: {error}") from error
        atoms.info.update({key: _read_text(raw) for key, raw in ENTRY.findall(lines[start + 1]) if key in TEXTS})
        structures.append(atoms)
        start = end
    return structures


def _read_text(raw: str) -> str:
    """Return a value of the comment line as text; quotes that this package did not write may hold no JSON."""
    try:
        return str(json.loads(raw)) if raw.startswith('"') else raw
    except ValueError:
        return raw[1:-1]


def _columns(atoms: Sequence[Atoms], stem: str, pressure_gpa: float | None) -> dict[str, list[Any]]:
    pressures = [
        float(each.info.get("pressure_gpa", np.nan) if pressure_gpa is None else pressure_gpa) for each in atoms
    ]
    columns: dict[str, list[Any]] = {
        "name": _names_in_file([str(each.info.get("name", "")) for each in atoms], stem),
        "pressure_gpa": pressures,
        "enthalpy": [_enthalpy(each, pressure) for each, pressure in zip(atoms, pressures, strict=True)],
    }
    for name, default in COLUMNS.items():
        if any(name in each.info for each in atoms):
            columns[name] = [type(default)(each.info.get(name, default)) for each in atoms]
    return columns


def _names_in_file(names: Sequence[str], stem: str) -> list[str]:
    if len(names) == 1:
        return [stem]
    if all(names) and len(set(names)) == len(names):
        return list(names)
    return [f"{stem}-{k}" for k in range(1, len(names) + 1)]


def _enthalpy(atoms: Atoms, pressure_gpa: float) -> float:
    """Return the enthalpy of the whole cell in eV, nan where unknown."""
    given = float(atoms.info.get("enthalpy", np.nan))
    if np.isfinite(given):
        return given
    energy = atoms.info.get("energy", atoms.calc.results.get("energy", np.nan) if atoms.calc else np.nan)
    return float(energy) + pressure_gpa * GPA * atoms.cell.volume


def _names(structures: StructureSet) -> list[str]:
    """Return the names, made distinct where they are missing or occur twice."""
    names = [str(name) for name in structures.column("name", "")]
    index = structures.column("index", -1).astype(int)
    numbers = index if len(set(index.tolist())) == len(index) else np.arange(len(structures))
    times = Counter(names)
    stem = structures.species and "-".join(structures.species)
    return [
        name if name and times[name] == 1 else f"{name or stem}-{number}"
        for name, number in zip(names, numbers, strict=True)
    ]


def _format_extxyz(structures: StructureSet) -> str:
    """Return extended XYZ; ASE's writer would round the positions to 1e-8 angstrom."""
    wanted = ("name", "enthalpy", "pressure_gpa", *COLUMNS)
    names = [key for key in wanted if key in structures.columns and structures.columns[key].ndim == 1]
    lines = []
    for i, atoms in enumerate(structures):
        lattice = " ".join(repr(float(value)) for value in np.asarray(atoms.cell).ravel())
        known = {name: structures.columns[name][i] for name in names}
        values = " ".join(f"{name}={_value(value)}" for name, value in known.items() if value != "")
        lines += [str(len(atoms)), f'Lattice="{lattice}" Properties=species:S:1:pos:R:3 {values} pbc="T T T"']
        rows = zip(atoms.symbols, atoms.positions.tolist(), strict=True)
        lines += [f"{symbol:<2} {x!r} {y!r} {z!r}" for symbol, (x, y, z) in rows]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "T" if value else "F"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value.item() if isinstance(value, np.generic) else value)


def _format_cif(structures: StructureSet) -> str:
    from ase.io import write

    buffer = io.BytesIO()
    write(buffer, list(structures), format="cif")
    return buffer.getvalue().decode()
