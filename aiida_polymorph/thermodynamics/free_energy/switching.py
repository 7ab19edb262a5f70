"""Frenkel-Ladd by nonequilibrium switching: the work of turning a crystal into springs and back.

With F = (1 - lambda) F_crystal + lambda F_springs and lambda switched in finite time, the mean of forward and minus
backward work is the free energy difference to second order in the rate, and half their sum the energy dissipated; after
Freitas, Asta and de Koning, Comput. Mater. Sci. 112, 333 (2016). A = A0 - W + translation, whole cell in eV.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.integrate import trapezoid

from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import KB


class Work(NamedTuple):
    """Work of one pair of switches, whole cell in eV: crystal to springs, and back."""

    forward: float
    backward: float

    @property
    def difference(self) -> float:
        """Free energy of the springs less that of the crystal, eV."""
        return (self.forward - self.backward) / 2

    @property
    def dissipation(self) -> float:
        """Energy dissipated one way, eV."""
        return (self.forward + self.backward) / 2


def pair_work(series: Mapping[str, np.ndarray], switching_steps: int, equilibration_steps: int) -> Work:
    """Return the work of a run there and back.

    Args:
        series: at every step from 0 on: `energy` of the interactions and `springs_...`, the energy of the full
            springs of each element (eV), and `lambda`.
        switching_steps: one way.
        equilibration_steps: before each of the two.

    Raises:
        ValueError: if the run is shorter than that.
    """
    step = series["step"].astype(int)
    springs = sum(values for name, values in series.items() if name.startswith("springs_"))
    slope, strength = springs - series["energy"], series["lambda"]
    if step[-1] < 2 * (switching_steps + equilibration_steps):
        raise ValueError(f"a run of switching ends at step {step[-1]}")
    ways = []
    for begin in (equilibration_steps, 2 * equilibration_steps + switching_steps):
        part = (step >= begin) & (step <= begin + switching_steps)
        ways.append(float(trapezoid(slope[part], strength[part])))
    return Work(*ways)


def switching_term(works: Sequence[Work], temperature: float) -> tuple[Estimate, Estimate]:
    """Return free energy of the springs less that of the crystal, and the dissipation, whole cell in eV.

    The error is the larger of two: that of linear response, where the work of one way has the variance 2 kB T times
    the dissipation, and the scatter of the pairs where there are three or more.

    Args:
        works: of independent pairs.
        temperature: K.

    Raises:
        ValueError: if there is none.
    """
    if not works:
        raise ValueError("there is no work of switching")
    differences = np.array([each.difference for each in works])
    dissipations = np.array([each.dissipation for each in works])
    thermal = KB * temperature
    # The dissipation of one pair may come out at zero or below by chance: its own scatter is let in.
    level = max(float(dissipations.mean()), 0.0) + thermal / len(works)
    response = np.sqrt(thermal * level / len(works))
    scatter = float(differences.std(ddof=1) / np.sqrt(len(works))) if len(works) >= 3 else 0.0
    error = max(float(response), scatter)
    return Estimate(float(differences.mean()), error), Estimate(float(dissipations.mean()), float(response))
