"""FreeEnergyWorkChain: Gibbs energy of one phase at one temperature and pressure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder
from aiida.plugins import WorkflowFactory

from aiida_polymorph.calculations.functions.free_energy import conclude_free_energy
from aiida_polymorph.calculations.functions.plans import parameters_of
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.thermodynamics.free_energy.assembly import TOLERANCE
from aiida_polymorph.thermodynamics.free_energy.registry import load_method
from aiida_polymorph.workflows.children import called_child
from aiida_polymorph.workflows.parameters import define_parameters, validate_parameters
from aiida_polymorph.workflows.plans import PhaseProtocolMixin, TaskPlanWorkChain, phase_inputs
from aiida_polymorph.workflows.tasks import define_name

PROCESS = "polymorph.free_energy"
OWN_PROCESSES = {"harmonic": "polymorph.harmonic"}
"""Methods that have an entry point of their own, since before all methods were carried out alike."""

FINAL_CRYSTAL = "prepare_perfect"
"""Label of the call that makes the crystal in its mean cell, positions relaxed."""


def free_energy_process(method: str) -> type[OneFreeEnergyWorkChain]:
    """Return the WorkChain that carries out a method."""
    process: Any = WorkflowFactory(OWN_PROCESSES.get(method, PROCESS))
    found: type[OneFreeEnergyWorkChain] = process
    return found


def validate_method(parameters: orm.Dict | None, port: Any = None) -> str | None:
    """Return what is wrong with the parameters, None if nothing."""
    method = None if parameters is None else parameters.get("method")
    if method in OWN_PROCESSES:
        return f"method is {method!r}, which {OWN_PROCESSES[method]} computes; here it is another one"
    return validate_parameters(parameters, port)


class OneFreeEnergyWorkChain(PhaseProtocolMixin, TaskPlanWorkChain):
    """What WorkChains share that compute one Gibbs energy."""

    _protocol_file = "free_energy.yaml"
    _plan_name = "free_energy"
    _conclude = conclude_free_energy
    _output = "free_energy"
    _conclusion_inputs = ("phases", "name")
    _method: ClassVar[str | None] = None
    """The method, where it is always the same."""

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs and outputs."""
        super().define(spec)
        define_name(spec)
        spec.output("free_energy", valid_type=FreeEnergyData, help="Gibbs energy, term by term.")

    def _verdict(self, outputs: Mapping[str, Any]) -> ExitCode | None:
        """Return an exit code where the phase is not metastable."""
        reason = outputs["free_energy"].value("reason")
        return self.exit_codes.ERROR_NOT_METASTABLE.format(reason=reason) if reason else None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        potential: PotentialData,
        temperature: float,
        pressure_gpa: float = 0.0,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            code: LAMMPS's executable.
            structure: the phase, any cell of it.
            potential: of LAMMPS.
            temperature: K.
            pressure_gpa: GPa.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's.

        Raises:
            ValueError: if there is no such protocol.
        """
        point: dict[str, Any] = {"temperature": float(temperature), "pressure_gpa": float(pressure_gpa)}
        point |= {} if cls._method is None else {"method": cls._method}
        return cls._builder_of(phase_inputs(code, structure, potential), protocol, overrides, point)

    @classmethod
    def _meant(cls, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters that have a meaning for the method."""
        try:
            kept = load_method(parameters["method"]).parameters | {"temperature", "pressure_gpa", "method"}
        except ValueError:
            return parameters  # which the input's validator refuses, saying what would be right
        return {name: value for name, value in parameters.items() if name in kept}


class FreeEnergyWorkChain(OneFreeEnergyWorkChain):
    """Compute the Gibbs energy of one phase at one temperature and pressure by the method asked for."""

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        define_parameters(spec, validate_method)
        spec.output("crystal", valid_type=orm.StructureData, required=False, help="The crystal in its mean cell.")
        spec.exit_code(
            420,
            "ERROR_NOT_ACCURATE",
            message="max_steps are spent, and the error is {error:.2g} eV per formula unit, not {target:.2g}; what was "
            "computed is kept",
        )

    def _verdict(self, outputs: Mapping[str, Any]) -> ExitCode | None:
        """Return an exit code where the phase is not metastable or the error is too large; hand out the crystal."""
        prepared = called_child(self.node, FINAL_CRYSTAL)
        if prepared is not None:
            self.out("crystal", prepared.outputs.crystal)
        asked, error = parameters_of(self.inputs.parameters), outputs["free_energy"].value("error")
        lost = super()._verdict(outputs)
        if lost is None and error is not None and error > asked.target_error * TOLERANCE:
            return self.exit_codes.ERROR_NOT_ACCURATE.format(error=error, target=asked.target_error)
        return lost
