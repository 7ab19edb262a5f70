"""Where energies come from: one small interface, LAMMPS or any ASE calculator behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np


class Calculator(Protocol):
    """Computes energies; `name` and `version` say what with."""

    name: str
    version: str

    def load(self, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> None:
        """Make ready for a structure of these atoms, which `evaluate` is then called for."""

    def evaluate(self, positions: np.ndarray, cell: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy (eV), forces (eV/angstrom), stress (eV/angstrom^3, 3 x 3, positive under tension)."""


def make_calculator(potential: Mapping[str, Any]) -> Calculator:
    """Return the calculator of a potential, given as `Potential.to_dict` writes it.

    Raises:
        ImportError: if LAMMPS or the calculator is not installed.
    """
    if potential["backend"] == "lammps":
        from .lammps_calculator import LammpsCalculator

        return LammpsCalculator(potential)
    from .ase_calculator import AseCalculator

    return AseCalculator(potential)
