"""The input `parameters` of free energies."""

from __future__ import annotations

from typing import Any

from aiida import orm

from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.thermodynamics.parameters import FreeEnergyParameters

PARAMETERS_HELP = (
    "temperature (K), pressure_gpa, method, target_error (eV per formula unit), target_atoms, ...; see "
    "aiida_polymorph.thermodynamics.parameters.FreeEnergyParameters."
)


def validate_parameters(parameters: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the parameters, None if nothing."""
    return problem_of(FreeEnergyParameters.from_dict, parameters.get_dict()) if parameters else None
