"""Whether the anharmonic parts are as smooth as is assumed: state points against what others said they would be.

A phase near an instability has an anharmonic part that changes faster than the model expects; its first state point
there is many standard errors off. Where this is seen the errors of that phase are too small.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np

from aiida_polymorph.thermodynamics.surfaces.anharmonic import AnharmonicModel
from aiida_polymorph.thermodynamics.surfaces.departures import Departures


class Surprise(NamedTuple):
    """How far observations are off what was expected.

    Attributes:
        chi_squared: Squared distance in units of the errors of both, with their correlations: about the number.
        number: Of values.
    """

    chi_squared: float
    number: int


def surprise(model: AnharmonicModel, found: Departures) -> Surprise:
    """Return how far state points are off what a model without them expects.

    Args:
        model: Before these state points.
        found: They.

    Raises:
        ValueError: If the formula units differ.
    """
    joint = replace(model, observed=model.observed.and_also(found))
    before = len(model.observed.values[model.observed.known])
    signal, noise, values = joint.observations()
    factor = np.linalg.cholesky(signal + np.diag(noise))
    whitened = np.linalg.solve(factor, values)[before:]
    return Surprise(float(whitened @ whitened), len(whitened))


def leave_one_out(model: AnharmonicModel) -> list[Surprise]:
    """Return how far each state point is off what all others of the phase say, in their order."""
    observed = model.observed
    rows = np.arange(len(observed.temperatures))
    return [
        surprise(replace(model, observed=_some(observed, rows != row)), _some(observed, rows == row)) for row in rows
    ]


def _some(observed: Departures, chosen: np.ndarray) -> Departures:
    names = [each.name for each in fields(observed) if each.name != "atoms"]
    return Departures(observed.atoms, *(getattr(observed, name)[chosen] for name in names))
