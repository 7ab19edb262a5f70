"""Where energies come from: one small interface, LAMMPS or any ASE calculator behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Engine(Protocol):
    """Computes energies; `name` and `version` say what with."""

    name: str
    version: str

    def load(self, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> None:
        """Make ready for a structure of these atoms, which `evaluate` is then called for."""

    def evaluate(self, positions: np.ndarray, cell: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy (eV), forces (eV/angstrom), stress (eV/angstrom^3, 3 x 3, positive under tension)."""


def make_engine(potential: Mapping[str, Any]) -> Engine:
    """Return the engine for a potential, given as `Potential.to_dict` writes it.

    Raises:
        ImportError: if LAMMPS or the calculator is not installed.
    """
    if potential["engine"] == "lammps":
        from .lammps_engine import LammpsEngine

        return LammpsEngine(potential)
    from .ase_engine import AseEngine

    return AseEngine(potential)
