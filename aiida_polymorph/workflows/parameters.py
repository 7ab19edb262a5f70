"""The input `parameters` of free energies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiida import orm

from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.thermodynamics.free_energy.registry import checked_parameters

PARAMETERS_HELP = (
    "temperature (K), pressure_gpa, method, target_error (eV per formula unit), target_atoms, ...; see "
    "aiida_polymorph.thermodynamics.free_energy.parameters.FreeEnergyParameters."
)


def validate_parameters(parameters: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the parameters, None if nothing."""
    return problem_of(checked_parameters, parameters.get_dict()) if parameters else None


def define_parameters(spec: Spec, validator: Callable[..., str | None] = validate_parameters) -> None:
    """Define the input, and the exit codes of a phase that is not metastable and of a supercell that is too small."""
    spec.input(
        "parameters",
        valid_type=orm.Dict,
        serializer=orm.to_aiida_type,
        validator=validator,
        help=PARAMETERS_HELP,
    )
    spec.exit_code(410, "ERROR_NOT_METASTABLE", message="the phase is not metastable here: {reason}")
    spec.exit_code(430, "ERROR_SUPERCELL_TOO_SMALL", message="the supercell is too small: {problem}")
