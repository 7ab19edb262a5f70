"""What the stand-in for CASTEP reads: SEED.cell and SEED.param as a job, or why it can't be done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aiida_polymorph.relaxation.driver.elements import SYMBOLS

TASKS = ("geometryoptimization", "geometryoptimisation")
FUNCTIONALS = {
    "LDA": "Local Density Approximation",
    "PBE": "Perdew Burke Ernzerhof",
    "PBESOL": "PBE for solids (2008)",
    "WC": "PBE with Wu-Cohen exchange",
    "RPBE": "revised Perdew Burke Ernzerhof",
}
NOT_DONE = {"fix_all_cell", "fix_all_ions", "cell_constraints", "ionic_constraints", "continuation", "reuse"}
TOLERANCES = {"geom_energy_tol": "2e-5", "geom_force_tol": "0.05", "geom_disp_tol": "1e-3", "geom_stress_tol": "0.1"}
ELECTRONS = {"Ti": 12, "O": 6}


class RefusedError(Exception):
    """Why CASTEP gives up: it becomes SEED.0001.err."""


@dataclass(frozen=True)
class Job:
    """What is asked for: atoms sorted by atomic number, angstrom (cell as rows), GPa."""

    param: dict[str, str]
    numbers: np.ndarray
    positions: np.ndarray
    cell: np.ndarray
    pressure: float
    pseudopotentials: dict[str, str]
    grid: str
    max_iter: int

    @property
    def labels(self) -> list[tuple[str, int]]:
        """Symbol of each atom and its number among those of its element."""
        return [(SYMBOLS[n], int(np.sum(self.numbers[: i + 1] == n))) for i, n in enumerate(self.numbers)]

    def wants(self, name: str, default: str = "true") -> bool:
        """Return the value of a switch."""
        return self.param.get(name, default).lower() in ("true", "t", ".true.")


@dataclass(frozen=True)
class Frame:
    """One iteration: angstrom, eV, eV/angstrom, GPa; `change` (eV/atom) and `moved` (angstrom) since the last one."""

    positions: np.ndarray
    cell: np.ndarray
    energy: float
    enthalpy: float
    forces: np.ndarray
    stress: np.ndarray
    change: float
    moved: float

    @property
    def fractions(self) -> np.ndarray:
        """Fractional coordinates."""
        return self.positions @ np.linalg.inv(self.cell)

    def criteria(self, job: Job) -> list[tuple[str, float, float, str, bool]]:
        """Return CASTEP's four: name, value, tolerance, unit, whether reached."""
        force = np.linalg.norm(self.forces, axis=1).max()
        stress = np.abs(self.stress + job.pressure * np.eye(3)).max()
        values = zip(("dE/ion", "|F|max", "|dR|max", "Smax"), (self.change, force, self.moved, stress), strict=True)
        limits = [float(job.param.get(name, default).split()[0]) for name, default in TOLERANCES.items()]
        units = ("eV", "eV/A", "A", "GPa")
        rows = [(*value, limit, unit) for value, limit, unit in zip(values, limits, units, strict=True)]
        return [(*row, bool(row[1] < row[2] and (row[0] != "dE/ion" or row[1] > 0))) for row in rows]

    def converged(self, job: Job) -> bool:
        """Return whether the criteria that count are reached."""
        return all(row[4] for row in self.criteria(job) if row[0] != "|dR|max")


def read_input(path: Path) -> tuple[dict[str, str], dict[str, list[list[str]]]]:
    """Return keywords, and the words of the lines of each block; names in lower case."""
    keywords, blocks, block = {}, {}, None
    for raw in path.read_text().splitlines():
        line = raw.strip() if raw.lower().startswith("comment") else re.split("[#!;]", raw)[0].strip()
        name, _, value = re.sub(r"[\s:=]+", " ", line, count=1).partition(" ")
        if name.lower() == "%block":
            block = blocks.setdefault(value.lower(), [])
        elif name.lower() == "%endblock":
            block = None
        elif block is not None and line:
            block.append(line.split())
        elif line:
            keywords[name.lower()] = value or "true"
    return keywords, blocks


def read_job(seed: str) -> Job:
    """Read SEED.cell and SEED.param.

    Raises:
        RefusedError: if CASTEP would refuse them, or the stand-in can't do what they ask for.
    """
    try:
        return job_from(*read_input(Path(f"{seed}.cell")), read_input(Path(f"{seed}.param"))[0])
    except (KeyError, ValueError) as error:
        raise RefusedError(f"can't read the input: {error!r}") from error


def job_from(keywords: dict[str, str], blocks: dict[str, list[list[str]]], param: dict[str, str]) -> Job:
    """Return what is asked for.

    Raises:
        RefusedError: if it can't be done.
        KeyError, ValueError: if a block is missing or a number isn't one.
    """
    if asked := sorted(NOT_DONE & (keywords.keys() | blocks.keys() | param.keys())):
        raise RefusedError(f"the stand-in can't do {', '.join(asked)}")
    if param.get("task", "singlepoint").lower() not in TASKS:
        raise RefusedError(f"the stand-in can't do task {param.get('task', 'singlepoint')}")
    if param.get("xc_functional", "LDA").upper() not in FUNCTIONALS:
        raise RefusedError(f"unknown xc_functional {param['xc_functional']}")
    cell = np.array([words for words in blocks["lattice_cart"] if words[0].lower() != "ang"], dtype=float)
    atoms = blocks["positions_abs"] if "positions_abs" in blocks else blocks["positions_frac"]
    places = np.array([words[1:4] for words in atoms], dtype=float) @ (np.eye(3) if "positions_abs" in blocks else cell)
    symbols = [words[0].split(":")[0].capitalize() for words in atoms]
    potentials = {words[0].split(":")[0].capitalize(): words[-1] for words in blocks.get("species_pot", ())}
    if missing := [s for s in dict.fromkeys(symbols) if s not in potentials or s not in ELECTRONS]:
        raise RefusedError(f"no pseudopotential for {', '.join(missing)} (and the stand-in knows only Ti and O)")
    numbers = np.array([SYMBOLS.index(symbol) for symbol in symbols])
    order = np.argsort(numbers, kind="stable")
    grid = keywords.get("kpoints_mp_grid", keywords.get("kpoint_mp_grid", "1 1 1"))
    pressure, iterations = hydrostatic(blocks.get("external_pressure", [])), int(param.get("geom_max_iter", 30))
    return Job(param, numbers[order], places[order], cell, pressure, potentials, grid, iterations)


def hydrostatic(rows: list[list[str]]) -> float:
    """Return the pressure of an upper triangle.

    Raises:
        RefusedError: if it isn't hydrostatic.
        ValueError: if it isn't six numbers.
    """
    xx, xy, xz, yy, yz, zz = [float(word) for words in rows for word in words] or [0.0] * 6
    if (xx, xx, 0, 0, 0) != (yy, zz, xy, xz, yz):
        raise RefusedError("the stand-in can't do an external pressure that isn't hydrostatic")
    return xx
