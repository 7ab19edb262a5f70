"""The published tables of TiO2 with the Matsui-Akaogi potential: enthalpies at 0 and 700 K, Gibbs energies at 700 K.

Energies are in kcal/mol per TiO2, pressures in GPa, entropies in kB per TiO2. The Gibbs energies are classical, with a
thermal wavelength of 1 angstrom for every atom; the enthalpies hold no kinetic term. Momenta are independent of
positions in classical mechanics, so both leave out what the kinetic energy adds: an atom's own entropy of momenta is
3/2 + 3 ln(1 angstrom / wavelength) kB and the same in every phase. S = (H - G)/T therefore differs from the whole
entropy by a constant per TiO2 that is common to all phases and pressures, and drops out once data are centred.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

TEMPERATURE_K = 700.0
KB_KCAL = 0.0019872036
"""Boltzmann constant of the tables, kcal/mol/K."""

EQUIPARTITION = 4.5 * KB_KCAL * TEMPERATURE_K
"""Potential energy that three classical harmonic atoms take up between 0 and 700 K, kcal/mol per TiO2."""
LARGEST_ANHARMONICITY = 0.5
"""An entry whose H(700 K) - H(0 K) is farther than this (kcal/mol) from equipartition mixes two phases."""

FILES = {
    "gibbs_700": "chemical-potential-700K.dat",
    "enthalpy_700": "enthalpy-700K.dat",
    "enthalpy_0": "enthalpy-0K.dat",
}


@dataclass(frozen=True, eq=False)
class Table:
    """One property by pressure and phase: `values` in kcal/mol per TiO2, shape (pressures, phases), nan if unknown."""

    names: tuple[str, ...]
    pressures: np.ndarray
    values: np.ndarray

    def at(self, name: str, pressure_gpa: float) -> float:
        """Return one entry; nan where there is none."""
        rows = np.flatnonzero(np.isclose(self.pressures, pressure_gpa))
        if len(rows) == 0 or name not in self.names:
            return float("nan")
        return float(self.values[rows[0], self.names.index(name)])


@dataclass(frozen=True)
class Entry:
    """What the tables say of one phase at one pressure.

    Attributes:
        name, pressure_gpa: which.
        gibbs, enthalpy: at 700 K, kcal/mol per TiO2; nan where unknown.
        entropy: (enthalpy - gibbs)/T, kB per TiO2.
        heating: H(700 K) - H(0 K), kcal/mol per TiO2; nan where one of them is unknown.
        fault: why the entry is not to be trusted, "" where nothing speaks against it.
    """

    name: str
    pressure_gpa: float
    gibbs: float
    enthalpy: float
    entropy: float
    heating: float
    fault: str


def read_table(path: Path) -> Table:
    """Read a table: the first line names the phases, each other one begins with the pressure.

    Raises:
        ValueError: if the file is not such a table.
    """
    header, *lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    widths = {len(line) for line in lines}
    if widths != {len(header)}:
        raise ValueError(f"{path.name}: rows of {sorted(widths)} columns under a header of {len(header)}")
    values = np.array(lines, dtype=float)
    return Table(tuple(header[1:]), values[:, 0], values[:, 1:])


def read_tables(folder: Path) -> dict[str, Table]:
    """Read the three tables of a folder.

    Raises:
        ValueError: if one of them is missing or malformed.
    """
    missing = [name for name in FILES.values() if not (folder / name).is_file()]
    if missing:
        raise ValueError(f"the reference folder {folder} lacks {', '.join(missing)}")
    return {key: read_table(folder / name) for key, name in FILES.items()}


def structure_files(folder: Path) -> list[Path]:
    """Return the files of the known structures, by name."""
    return sorted((folder / "structures").glob("*.res"))


def entry(tables: dict[str, Table], name: str, pressure_gpa: float) -> Entry:
    """Return what the tables say of a phase at a pressure."""
    gibbs, enthalpy, cold = (tables[key].at(name, pressure_gpa) for key in FILES)
    return Entry(
        name=name,
        pressure_gpa=pressure_gpa,
        gibbs=gibbs,
        enthalpy=enthalpy,
        entropy=(enthalpy - gibbs) / (KB_KCAL * TEMPERATURE_K),
        heating=enthalpy - cold,
        fault=fault(enthalpy - cold),
    )


def fault(heating: float) -> str:
    """Return why an entry with this H(700 K) - H(0 K) is not to be trusted, "" if it may be.

    A phase that stays itself takes up 4.5 kT and a little for anharmonicity; one that does not was another phase at
    one of the two temperatures. Nothing of our own enters this rule.
    """
    if not np.isfinite(heating):
        return "no enthalpy at 0 K to check it with"
    if abs(heating - EQUIPARTITION) > LARGEST_ANHARMONICITY:
        return f"H(700 K) - H(0 K) = {heating:.2f}, while 4.5 kT = {EQUIPARTITION:.2f} kcal/mol"
    return ""


def entries(tables: dict[str, Table], pressures_gpa: list[float]) -> list[Entry]:
    """Return all entries at these pressures that have a Gibbs energy."""
    every = [entry(tables, name, pressure) for pressure in pressures_gpa for name in tables["gibbs_700"].names]
    return [each for each in every if np.isfinite(each.gibbs)]
