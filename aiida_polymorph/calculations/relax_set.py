"""RelaxSetCalculation: the relaxation of many structures in one job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm

from aiida_polymorph.calculations.set_job import SetCalculation, validate_species
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.relaxation.jobs import write_job

LOWEST_PRESSURE_GPA = -20.0
"""Below about minus its tensile strength no crystal is metastable: the cell would only tear."""

HIGHEST_PRESSURE_GPA = 1e5
"""No potential is meant to work above."""


def validate_parameters(parameters: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with parameters of the relaxation, None if nothing."""
    return problem_of(RelaxParameters.from_dict, parameters.get_dict() if parameters else None)


def validate_pressure(pressure_gpa: orm.Float | None, _: Any = None) -> str | None:
    """Return what is wrong with a pressure, None if nothing."""
    if pressure_gpa is not None and not LOWEST_PRESSURE_GPA <= pressure_gpa.value <= HIGHEST_PRESSURE_GPA:
        return (
            f"pressure_gpa is {pressure_gpa.value} GPa: below {LOWEST_PRESSURE_GPA:g} GPa crystals tear, and above "
            "100 TPa no potential is meant to work"
        )
    return None


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    if "structures" not in inputs or "potential" not in inputs:
        return None
    if inputs.get("pressure_gpa") is None and "pressure_gpa" not in inputs["structures"].to_set().columns:
        return "pressure_gpa is missing, and the structures have no column pressure_gpa that could stand in for it"
    return validate_species(inputs)


class RelaxSetCalculation(SetCalculation):
    """Relax many structures, positions and all six components of the cell, at a target pressure."""

    _parser = "polymorph.relax_set"

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        spec.inputs["structures"].help = "Starting points; their column `index` is their identity."
        spec.input(
            "pressure_gpa",
            valid_type=orm.Float,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_pressure,
            help="Target pressure in GPa; left out, each structure has its own in the column `pressure_gpa`.",
        )
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_parameters,
            help="How far to relax: force_tolerance (eV/angstrom), stress_tolerance (GPa), max_force_calls, "
            "max_seconds (of one structure), rattle (angstrom); defaults for what is left out.",
        )
        spec.inputs.validator = validate_inputs
        spec.output(
            "relaxed",
            valid_type=StructureSetData,
            required=False,
            help="What was reached: relaxed structures, and failed ones with their reason.",
        )
        spec.output("summary", valid_type=orm.Dict, help="Counts, reasons of failure, times, force calls, minimiser.")
        spec.exit_code(
            320,
            "ERROR_ALL_FAILED",
            invalidates_cache=True,
            message="none of {asked} structures was relaxed; most frequent reason: {reason}",
        )
        spec.default_output_node = "summary"

    def _write(self, folder: Path, processes: int, wall_seconds: float | None) -> None:
        structures = self.inputs.structures.to_set()
        pressure_gpa, parameters = self.inputs.get("pressure_gpa"), self.inputs.get("parameters")
        write_job(
            folder,
            structures,
            self.inputs.potential.to_potential(),
            structures.column("pressure_gpa") if pressure_gpa is None else pressure_gpa.value,
            None if parameters is None else parameters.get_dict(),
            processes,
            wall_seconds,
        )
