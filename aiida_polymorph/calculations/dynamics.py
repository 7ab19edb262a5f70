"""DynamicsCalculation: one task of molecular dynamics, plain LAMMPS input through aiida-lammps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida_lammps.calculations.raw import LammpsRawCalculation
from plumpy.utils import AttributesFrozendict

from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of, problem_of_lammps_code
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.lammps.scripts import SNAPSHOTS_FILE
from aiida_polymorph.lammps.system import SCRIPT_FILE
from aiida_polymorph.lammps.tasks import ERROR_FILE, LOG_FILE, OUTPUT_FILE, OUTPUT_PATTERNS, make_settings, task_files
from aiida_polymorph.machine import ONE_PROCESS
from aiida_polymorph.versioned import CodeVersion

POSITIONS = "positions"

MADE_INPUTS = ("script", "files", "filenames", "settings")
"""Inputs of `lammps.raw` that are no inputs here: they follow from the crystal, the potential and the task."""


def task_of(parameters: orm.Dict) -> tuple[str, dict[str, Any]]:
    """Return name and settings of the task."""
    return parameters["task"], dict(parameters["settings"])


def validate_parameters(parameters: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with a task and its settings, None if nothing."""
    if parameters is None:
        return None
    if set(parameters.get_dict()) != {"task", "settings"}:
        return f"parameters has the keys {', '.join(parameters.get_dict())}; it needs task and settings"
    return problem_of(make_settings, *task_of(parameters))


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    if not {"crystal", "potential", "parameters"} <= set(inputs):
        return None
    potential, atoms = inputs["potential"].to_potential(), inputs["crystal"].get_ase()
    task, settings = task_of(inputs["parameters"])
    if (task == "evaluate") != (POSITIONS in inputs):
        return f"positions must be given for the task evaluate, and for no other; the task is {task}"
    if task == "evaluate" and inputs[POSITIONS].get_array(POSITIONS).shape[1:] != (len(atoms), 3):
        return f"positions has shape {inputs[POSITIONS].get_array(POSITIONS).shape}, must be (frames, {len(atoms)}, 3)"
    if potential.backend != "lammps":
        return f"potential {potential.name!r} runs with {potential.backend}; molecular dynamics needs LAMMPS"
    missing = set(atoms.symbols) - set(settings.get("springs", atoms.symbols))
    if missing:
        return f"settings: springs are missing for {', '.join(sorted(missing))}"
    return problem_of(potential.check_species, atoms.get_chemical_symbols())


class DynamicsCalculation(LammpsRawCalculation):
    """Run one task of `aiida_polymorph.lammps.tasks` with `lmp`, which is all that the computer needs.

    This is aiida-lammps's `lammps.raw` calculation, whose script and files are made from the crystal, the potential and
    the task. Its parser is not used: it ends with exit code 0 where LAMMPS never started.
    """

    CACHE_VERSION = CodeVersion()

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        for name in MADE_INPUTS:
            del spec.inputs[name]
        spec.input("crystal", valid_type=orm.StructureData, help="The atoms; positions come back in LAMMPS's frame.")
        spec.input("potential", valid_type=PotentialData, help="How to compute energies; one of LAMMPS.")
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_parameters,
            help="`task`, one of minimise, equilibrate, sweep, springs, switching, evaluate, and its `settings`.",
        )
        spec.input(
            POSITIONS,
            valid_type=orm.ArrayData,
            required=False,
            help="For evaluate: array `positions` (frames, N, 3), angstrom, in LAMMPS's frame.",
        )
        spec.inputs.validator = validate_inputs
        spec.inputs["code"].help = "LAMMPS's executable, with EXTRA-FIX, KSPACE and what the potential needs."
        spec.inputs["code"].validator = problem_of_lammps_code
        options = spec.inputs["metadata"]["options"]
        options["input_filename"].default, options["output_filename"].default = SCRIPT_FILE, OUTPUT_FILE
        options["resources"].default = lambda: dict(ONE_PROCESS)
        options["withmpi"].default = False
        options["parser_name"].default = "polymorph.dynamics"
        options["environment_variables"].default = lambda: {"OMP_NUM_THREADS": "1"}

        spec.output("results", valid_type=RecordData, help="Series and crystals, in eV, angstrom and K.")
        spec.exit_code(
            300, "ERROR_NOT_STARTED", invalidates_cache=True, message="LAMMPS did not start; its last words: {message}"
        )
        spec.exit_code(310, "ERROR_STOPPED_EARLY", invalidates_cache=True, message="LAMMPS was stopped before its end")
        spec.exit_code(320, "ERROR_LAMMPS", message="LAMMPS gave up: {message}")
        spec.exit_code(
            330, "ERROR_UNREADABLE_RESULTS", invalidates_cache=True, message="the results can't be read: {message}"
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the job's files; given positions are not stored a second time."""
        task, settings = task_of(self.inputs.parameters)
        positions = np.asarray(self.inputs[POSITIONS].get_array(POSITIONS)) if POSITIONS in self.inputs else None
        potential = self.inputs.potential.to_potential()
        files = task_files(task, self.inputs.crystal.get_ase(), potential, make_settings(task, settings), positions)
        script = files.pop(SCRIPT_FILE)
        for name, text in files.items():
            (Path(folder.abspath) / name).write_text(text)
        info: Any = self._raw_submission(folder, script)
        (code,) = info.codes_info
        code.cmdline_params += ["-log", LOG_FILE, "-screen", "none"]
        code.stderr_name = ERROR_FILE
        info.provenance_exclude_list += [name for name in (SNAPSHOTS_FILE, *potential.files) if name in files]
        info.retrieve_list += [LOG_FILE, ERROR_FILE]
        info.retrieve_temporary_list = [(pattern, ".", 0) for pattern in OUTPUT_PATTERNS]
        return info

    def _raw_submission(self, folder: Folder, script: str) -> CalcInfo:
        """Return what `lammps.raw` makes of a script, which is no input of this process and so no node of its own."""
        node = orm.SinglefileData.from_string(script, SCRIPT_FILE)
        inputs = AttributesFrozendict({**self.inputs, "script": node})
        return LammpsRawCalculation.prepare_for_submission(SimpleNamespace(inputs=inputs), folder)
