"""Relaxation of positions and cell together at a given pressure.

The unknowns are displacements of the atoms and a symmetric strain of the cell, measured from the present structure:
cell' = cell (1 + e), positions' = positions (1 + e) + d. The strain counts as a length STRAIN_LENGTH sqrt(N) e, which
makes its curvature like that of a displacement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, sqrt
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
IDENTITY = np.eye(3)

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
    """A structure with its energy (eV), enthalpy (eV), forces (eV/angstrom) and stress + pressure (eV/angstrom^3).

    `gradient` is that of the enthalpy (eV/angstrom) with respect to displacements and scaled strain, shape (3n + 9,).
    """

    positions: np.ndarray
    cell: np.ndarray
    energy: float
    enthalpy: float
    forces: np.ndarray
    excess_stress: np.ndarray
    gradient: np.ndarray

    @property
    def max_force(self) -> float:
        """Largest force on an atom, eV/angstrom."""
        return _longest_row(self.forces)

    @property
    def max_stress_error(self) -> float:
        """Largest component of stress + pressure, GPa."""
        return float(np.abs(self.excess_stress).max()) / GPA

    @property
    def finite(self) -> bool:
        """Whether every number is one."""
        return isfinite(self.enthalpy) and isfinite(float(self.gradient @ self.gradient))


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
        while not (reason := self._reason_to_stop(state, first)):
            state, reason = self._moved(state)
            if reason:
                break
            self.state = state
        return "" if reason == CONVERGED else reason

    def _moved(self, state: State) -> tuple[State, str]:
        """Return the next state and, if there is none, why.

        A step that raises the enthalpy is taken back; the memory learns from it, and a shorter one follows.
        """
        allowed = state.enthalpy + ALLOWED_RISE * len(state.positions)
        longest = LARGEST_STEP
        while True:
            step, length = _capped(self.memory.direction(state.gradient), longest)
            new = self._evaluated(*_displaced(state, step))
            if not new.finite:
                return state, "nan"
            self.memory.add(step, new.gradient - state.gradient)
            if new.enthalpy <= allowed:
                return new, ""
            longest = CUT * length
            if longest < SMALLEST_STEP:
                return state, "not converged: no step lowers the enthalpy"
            if self.force_calls >= self.parameters.max_force_calls:
                return state, "not converged"

    def _evaluated(self, positions: np.ndarray, cell: np.ndarray) -> State:
        self.force_calls += 1
        energy, forces, stress = self.evaluate(positions, cell)
        volume = _volume(cell)
        excess = stress + self.pressure * IDENTITY
        gradient = np.concatenate([-forces.ravel(), (volume / _strain_scale(len(positions))) * excess.ravel()])
        return State(positions, cell, energy, energy + self.pressure * volume, forces, excess, gradient)

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


def _volume(cell: np.ndarray) -> float:
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = cell.tolist()
    return abs(ax * (by * cz - bz * cy) + ay * (bz * cx - bx * cz) + az * (bx * cy - by * cx))


def _strain_scale(atoms: int) -> float:
    return STRAIN_LENGTH * sqrt(atoms)


def _longest_row(step: np.ndarray) -> float:
    rows = step.reshape(-1, 3)
    return sqrt(float((rows * rows).sum(axis=1).max()))


def _capped(step: np.ndarray, longest: float) -> tuple[np.ndarray, float]:
    """Return the step, shortened so that no atom and no row of the scaled strain moves further than `longest`.

    Also return how far the one that moves furthest then does.
    """
    length = _longest_row(step)
    return (step * (longest / length), longest) if length > longest else (step, length)


def _displaced(state: State, step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = step[-9:].reshape(3, 3) / (2 * _strain_scale(len(state.positions)))
    deformation = IDENTITY + half + half.T
    return state.positions @ deformation + step[:-9].reshape(-1, 3), state.cell @ deformation
