"""Energies from any ASE calculator."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import ase
import numpy as np


class AseCalculator:
    """Energies from the calculator that a potential names by its import path; see `calculators.Calculator`."""

    def __init__(self, potential: Mapping[str, Any]) -> None:
        module, _, name = potential["calculator"].rpartition(".")
        self.name = potential["calculator"]
        self.version = f"ASE {ase.__version__}"
        make = getattr(import_module(module), name)
        self._calculator = make(**potential["arguments"])
        self._atoms = ase.Atoms()

    def load(self, numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray) -> None:
        """Make ready for a structure of these atoms."""
        self._atoms = ase.Atoms(numbers, positions=positions, cell=cell, pbc=True, calculator=self._calculator)

    def evaluate(self, positions: np.ndarray, cell: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return energy (eV), forces (eV/angstrom), stress (eV/angstrom^3, 3 x 3, positive under tension)."""
        self._atoms.set_cell(cell)
        self._atoms.set_positions(positions)
        energy = self._atoms.get_potential_energy()
        return float(energy), self._atoms.get_forces(), self._atoms.get_stress(voigt=False)
