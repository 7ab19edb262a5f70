"""SHELX .res as AIRSS writes it, one structure or thousands in a text.

`TITL name pressure volume enthalpy spin modspin atoms (symmetry) n - count`, in GPa, angstrom^3 and eV for the whole
cell, then CELL, LATT, SFAC, one line an atom in fractional coordinates, and END.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from ase.geometry import cellpar_to_cell

from aiida_polymorph.structures import StructureSet

CONVERTED = "cabal-"
"""Begins the name where AIRSS's cabal converted a file: there pressure and enthalpy are 0.0 for want of any."""
IGNORED = frozenset(("REM", "ZERR", "UNIT", "FVAR", "L.S.", "HKLF", "TEMP", "WGHT", "PLAN", "BOND", "CONF", "FMAP"))


@dataclass(frozen=True)
class ResEntry:
    """One structure of a .res file; nan where the file doesn't say.

    Attributes:
        name: from TITL; "" where it says nothing.
        numbers: atomic numbers, shape (n,).
        positions: angstrom, shape (n, 3).
        cell: rows, angstrom, shape (3, 3).
        enthalpy: eV of the whole cell.
        pressure_gpa: GPa.
    """

    name: str
    numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    enthalpy: float
    pressure_gpa: float


def parse_res(text: str) -> list[ResEntry]:
    """Read all structures of a text.

    Raises:
        ValueError: saying which structure is cut off or can't be read.
    """
    entries = []
    for number, lines in enumerate(_split(text), start=1):
        title = " ".join(lines[0][1:2])
        try:
            entries.append(_parse_entry(lines))
        except (ValueError, IndexError, KeyError) as error:
            raise ValueError(f"structure {number} ({title or 'without a name'}): {_reason(error)}") from error
    return entries


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is no element"
    return "a line is cut off" if isinstance(error, IndexError) else str(error)


def _split(text: str) -> Iterator[list[list[str]]]:
    """Yield the words of the lines of each structure; END, where present, is the last line."""
    lines: list[list[str]] = []
    for words in (line.split() for line in text.splitlines() if line.strip()):
        if words[0].upper() == "TITL" and lines:
            yield lines
            lines = []
        lines.append(words)
        if words[0].upper() == "END":
            yield lines
            lines = []
    if lines:
        yield lines


def _parse_entry(lines: list[list[str]]) -> ResEntry:
    if lines[-1][0].upper() != "END":
        raise ValueError("it is cut off: there is no END")
    title: list[str] = []
    symbols: list[str] = []
    cell, rows = None, []
    for words in lines[:-1]:
        key = words[0].upper()
        if key == "TITL":
            title = words[1:]
        elif key == "CELL":
            cell = cellpar_to_cell([float(word) for word in words[2:8]])
        elif key == "SFAC":
            symbols += [word.capitalize() for word in words[1:]]
        elif key == "SYMM" or (key == "LATT" and words[1] != "-1"):
            raise ValueError("it gives only the atoms of an asymmetric unit (LATT other than -1, SYMM); give all atoms")
        elif key not in IGNORED and key != "LATT":
            rows.append(words)
    if cell is None or not symbols or not rows:
        raise ValueError("CELL, SFAC or the atoms are missing")
    numbers = np.array([atomic_numbers[_symbol(symbols, row)] for row in rows])
    fractional = np.array([row[2:5] for row in rows], dtype=float)
    name, pressure_gpa, enthalpy = _parse_title(title, len(rows))
    return ResEntry(name, numbers, fractional @ cell, cell, enthalpy, pressure_gpa)


def _symbol(symbols: list[str], row: list[str]) -> str:
    kind = int(row[1])
    if not 1 <= kind <= len(symbols):
        raise ValueError(f"the atom line {' '.join(row)!r} names species {kind}, but SFAC lists {len(symbols)}")
    return symbols[kind - 1]


def _parse_title(title: list[str], atoms: int) -> tuple[str, float, float]:
    """Return name, pressure and enthalpy; a title that isn't AIRSS's has neither of the two."""
    try:
        pressure_gpa, enthalpy, expected = float(title[1]), float(title[3]), int(title[6])
    except (ValueError, IndexError):
        return "", np.nan, np.nan
    if expected != atoms:
        raise ValueError(f"it has {atoms} atoms, but TITL says {expected}")
    if title[0].startswith(CONVERTED):
        return "", np.nan, enthalpy or np.nan
    return title[0], pressure_gpa, enthalpy


def format_res(structures: StructureSet, names: Sequence[str]) -> str:
    """Return the text of all structures, one after the other; an unknown enthalpy or pressure is written as nan.

    The cell is rotated into its standard orientation, as the format has lengths and angles only.
    """
    columns = zip(names, structures.column("pressure_gpa"), structures.column("enthalpy"), strict=True)
    return "".join(_format_entry(atoms, *values) for atoms, values in zip(structures, columns, strict=True))


def _format_entry(atoms: Atoms, name: str, pressure_gpa: float, enthalpy: float) -> str:
    fractional = np.linalg.solve(np.asarray(atoms.cell).T, atoms.positions.T).T
    if np.linalg.det(atoms.cell) < 0:  # lengths and angles describe a right-handed cell
        fractional = -fractional
    symbols = list(dict.fromkeys(atoms.symbols))
    title = "_".join(name.split()) or "structure"
    return "\n".join(
        [
            f"TITL {title} {pressure_gpa} {atoms.cell.volume:.10f} {enthalpy} 0 0 {len(atoms)} (n/a) n - 1",
            "CELL 1.54180 " + " ".join(repr(float(value)) for value in atoms.cell.cellpar()),
            "LATT -1",
            "SFAC " + " ".join(symbols),
            *(
                f"{symbol:<2} {symbols.index(symbol) + 1} {x:.16f} {y:.16f} {z:.16f} 1.0"
                for symbol, (x, y, z) in zip(atoms.symbols, fractional, strict=True)
            ),
            "END\n",
        ]
    )
