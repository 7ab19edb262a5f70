"""What the WorkChains of molecular dynamics share: inputs, and children that run one task each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessSpec, WorkChain

from aiida_polymorph.calculations.functions.free_energy import displace
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.lammps.settings import EvaluateSettings, Settings
from aiida_polymorph.plain import plain
from aiida_polymorph.workflows.children import submit_once
from aiida_polymorph.workflows.dynamics import DynamicsWorkChain
from aiida_polymorph.workflows.options import define_options, validate_options


def task(name: str, settings: Settings) -> orm.Dict:
    """Return the node that asks for a task."""
    return orm.Dict({"task": name, "settings": plain(settings.to_dict())})


def validate_phase(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in structure, potential, options and code, None if everything does."""
    problem = validate_options(inputs)
    if problem or not {"structure", "potential"} <= set(inputs):
        return problem
    potential = inputs["potential"].to_potential()
    if potential.backend != "lammps":
        return f"potential {potential.name!r} runs with {potential.backend}; free energies need one of LAMMPS"
    return problem_of(potential.check_species, inputs["structure"].get_ase().get_chemical_symbols())


class DynamicsMixin(WorkChain):
    """Inputs of a WorkChain that runs tasks of molecular dynamics on one phase, and how it runs them."""

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define what they share."""
        super().define(spec)
        spec.input("code", valid_type=orm.AbstractCode, help="LAMMPS's executable.")
        spec.input("structure", valid_type=orm.StructureData, help="The phase, any cell of it.")
        spec.input("potential", valid_type=PotentialData, help="How to compute energies; one of LAMMPS.")
        define_options(spec)
        spec.input(
            "phases",
            valid_type=StructureSetData,
            required=False,
            help="Phases by name, of an analysis or known ones: what a phase that does not last is looked up in.",
        )
        spec.inputs.validator = validate_phase
        spec.exit_code(401, "ERROR_JOB_FAILED", message="{label} failed: {message}")

    def _shared(self) -> dict[str, orm.Data]:
        """Return the inputs that every child takes."""
        return {name: self.inputs[name] for name in ("code", "potential", "options") if name in self.inputs}

    def _phases(self) -> dict[str, orm.Data]:
        """Return the input `phases` for a child that takes it, if it is given."""
        return {"phases": self.inputs.phases} if "phases" in self.inputs else {}

    def _submit(
        self, label: str, parameters: orm.Dict, crystal: orm.StructureData, positions: orm.ArrayData | None = None
    ) -> orm.ProcessNode:
        inputs = {**self._shared(), "crystal": crystal, "parameters": parameters}
        inputs |= {} if positions is None else {"positions": positions}
        return submit_once(self, label, DynamicsWorkChain, **inputs)

    def _submit_phonons(self, label: str, crystal: orm.StructureData) -> orm.ProcessNode:
        """Submit the forces on displaced supercells of a crystal."""
        displaced = displace(crystal, self.inputs.parameters)
        return self._submit(label, task("evaluate", EvaluateSettings()), displaced["supercell"], displaced["displaced"])

    def _failed(self, label: str) -> ExitCode | None:
        process = self.ctx[label]
        if process.is_finished_ok:
            return None
        message = process.exit_message or f"it ended as {process.process_state.value}"
        return self.exit_codes.ERROR_JOB_FAILED.format(label=f"{label} ({process.pk})", message=message)
