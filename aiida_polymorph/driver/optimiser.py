"""Relaxation of positions and cell together at a given pressure.

The unknowns are displacements of the atoms and a symmetric strain of the cell, measured from the present structure:
cell' = cell (1 + e), positions' = positions (1 + e) + d. The strain counts as a length STRAIN_LENGTH sqrt(N) e, which
makes its curvature like that of a displacement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .lbfgs import LimitedMemory
from .parameters import RelaxParameters
from .plausibility import implausible
from .units import GPA

NAME = "L-BFGS over positions and strain"
VERSION = 1
"""Goes up whenever a change makes the same start end in another minimum."""

STRAIN_LENGTH = 1.5
"""Angstrom for each square root of the number of atoms."""
MEMORY = 20
FIRST_CURVATURE = 12.0
"""eV/angstrom^2, for the first step; then the curvature along the last step is used."""
LARGEST_STEP = 0.15
"""Angstrom, of any atom or row of the scaled strain."""
ALLOWED_RISE = 1.5e-5
"""eV per atom; a step that raises the enthalpy by more is taken back."""
CUT = 0.5
"""The longest next step after one that was taken back, as a share of that."""
CHECK_EVERY = 20
"""Force calls between looks at whether the structure is still plausible."""
LARGEST_FALL = 20.0
"""eV per atom below the start, from where on every structure is looked at."""
SMALLEST_STEP = 1e-9
"""Angstrom; when steps are cut below, the forces don't fit the energies."""

CONVERGED = "converged"

Evaluate = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""(positions, cell) -> energy (eV), forces (eV/angstrom), stress (eV/angstrom^3, 3 x 3, positive under tension)."""


def description(parameters: RelaxParameters) -> dict[str, Any]:
    """Return the name, version and settings on which the basin that a start ends in may depend."""
    settings = {
        "force_tolerance": parameters.force_tolerance,
        "stress_tolerance": parameters.stress_tolerance,
        "max_force_calls": parameters.max_force_calls,
        "rattle": parameters.rattle,
        "strain_length": STRAIN_LENGTH,
        "memory": MEMORY,
        "first_curvature": FIRST_CURVATURE,
        "largest_step": LARGEST_STEP,
        "allowed_rise": ALLOWED_RISE,
        "cut": CUT,
    }
    return {"name": NAME, "version": VERSION, "settings": settings}


@dataclass(frozen=True)
class State:
    """A structure with its energy (eV), enthalpy (eV), forces (eV/angstrom) and stress + pressure (eV/angstrom^3)."""

    positions: np.ndarray
    cell: np.ndarray
    energy: float
    enthalpy: float
    forces: np.ndarray
    excess_stress: np.ndarray

    @property
    def max_force(self) -> float:
        """Largest force on an atom, eV/angstrom."""
        return float(np.sqrt(np.max(np.einsum("ij,ij->i", self.forces, self.forces))))

    @property
    def max_stress_error(self) -> float:
        """Largest component of stress + pressure, GPa."""
        return float(np.max(np.abs(self.excess_stress))) / GPA

    @property
    def finite(self) -> bool:
        """Whether every number is one."""
        return bool(np.isfinite(self.enthalpy + self.forces.sum() + self.excess_stress.sum()))


class Relaxation:
    """One relaxation: call `run` once.

    `state` is then the last state (None if not one evaluation worked) and `force_calls` the number of evaluations;
    both hold too when an evaluation raised an exception.

    Args:
        evaluate: energy, forces and stress of a structure.
        pressure_gpa: target pressure, GPa.
        parameters: tolerances and limits.
    """

    def __init__(self, evaluate: Evaluate, pressure_gpa: float, parameters: RelaxParameters) -> None:
        self.evaluate = evaluate
        self.pressure = pressure_gpa * GPA
        self.parameters = parameters
        self.memory = LimitedMemory(MEMORY, FIRST_CURVATURE)
        self.force_calls = 0
        self.state: State | None = None

    def run(self, positions: np.ndarray, cell: np.ndarray) -> str:
        """Relax from these positions (n, 3) and cell (rows), angstrom; return "" or why it did not converge."""
        state = first = self.state = self._evaluated(positions, cell)
        scale = STRAIN_LENGTH * np.sqrt(len(positions))
        gradient = _gradient(state, scale)
        while not (reason := self._reason_to_stop(state, first)):
            state, gradient, reason = self._moved(state, gradient, scale)
            if reason:
                break
            self.state = state
        return "" if reason == CONVERGED else reason

    def _moved(self, state: State, gradient: np.ndarray, scale: float) -> tuple[State, np.ndarray, str]:
        """Return the next state, its gradient and, if there is none, why.

        A step that raises the enthalpy is taken back; the memory learns from it, and a shorter one follows.
        """
        allowed = state.enthalpy + ALLOWED_RISE * len(state.positions)
        longest = LARGEST_STEP
        while True:
            step = _capped(self.memory.direction(gradient), longest)
            new = self._evaluated(*_displaced(state, step, scale))
            if not new.finite:
                return state, gradient, "nan"
            new_gradient = _gradient(new, scale)
            self.memory.add(step, new_gradient - gradient)
            if new.enthalpy <= allowed:
                return new, new_gradient, ""
            longest = CUT * _longest_row(step)
            if longest < SMALLEST_STEP:
                return state, gradient, "not converged: no step lowers the enthalpy"
            if self.force_calls >= self.parameters.max_force_calls:
                return state, gradient, "not converged"

    def _evaluated(self, positions: np.ndarray, cell: np.ndarray) -> State:
        self.force_calls += 1
        energy, forces, stress = self.evaluate(positions, cell)
        enthalpy = energy + self.pressure * abs(np.linalg.det(cell))
        return State(positions, cell, energy, enthalpy, forces, stress + self.pressure * np.eye(3))

    def _reason_to_stop(self, state: State, first: State) -> str:
        if not state.finite:
            return "nan"
        tolerances = self.parameters
        done = state.max_stress_error <= tolerances.stress_tolerance and state.max_force <= tolerances.force_tolerance
        fallen = state.energy < first.energy - LARGEST_FALL * len(state.positions)
        doubtful = done or fallen or self.force_calls % CHECK_EVERY == 1
        if doubtful and (reason := implausible(state.positions, state.cell)):
            return reason
        if done:
            return CONVERGED
        return "not converged" if self.force_calls >= tolerances.max_force_calls else ""


def _gradient(state: State, scale: float) -> np.ndarray:
    volume = abs(np.linalg.det(state.cell))
    return np.concatenate([-state.forces.ravel(), (volume / scale) * state.excess_stress.ravel()])


def _longest_row(step: np.ndarray) -> float:
    rows = step.reshape(-1, 3)
    return float(np.sqrt(np.max(np.einsum("ij,ij->i", rows, rows))))


def _capped(step: np.ndarray, longest: float) -> np.ndarray:
    """Return the step, shortened so that no atom and no row of the scaled strain moves further than `longest`."""
    length = _longest_row(step)
    return step * (longest / length) if length > longest else step


def _displaced(state: State, step: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    strain = step[-9:].reshape(3, 3) / scale
    deformation = np.eye(3) + 0.5 * (strain + strain.T)
    return state.positions @ deformation + step[:-9].reshape(-1, 3), state.cell @ deformation
