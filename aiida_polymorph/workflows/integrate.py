"""IntegrateWorkChain: Gibbs energies of one phase along an isotherm and isobars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder

from aiida_polymorph.calculations.functions.integrate import integrate_over_grid, integration_plan, part_result
from aiida_polymorph.calculations.relax_set import LOWEST_PRESSURE_GPA
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.lammps.settings import SweepSettings
from aiida_polymorph.thermodynamics.free_energy.equilibrated import EquilibrationPlan
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.registry import FreeEnergyPlan
from aiida_polymorph.thermodynamics.plan import NextStep, Part, Plan
from aiida_polymorph.thermodynamics.surfaces.integration_plan import ISOBARS, check_parameters
from aiida_polymorph.thermodynamics.surfaces.sweep import sweep_settings
from aiida_polymorph.thermodynamics.surfaces.sweep_plan import SweepPlan
from aiida_polymorph.workflows.children import submit_once
from aiida_polymorph.workflows.equilibrate import EquilibrateWorkChain
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.plans import PhaseProtocolMixin, PlanWorkChain, phase_inputs
from aiida_polymorph.workflows.protocols.utils import ProtocolChild
from aiida_polymorph.workflows.sweep import SweepWorkChain
from aiida_polymorph.workflows.tasks import define_name, validate_phase

PROCESSES: dict[str, tuple[type[PlanWorkChain], str]] = {
    EquilibrationPlan.__name__: (EquilibrateWorkChain, "summary"),
    FreeEnergyPlan.__name__: (FreeEnergyWorkChain, "free_energy"),
    SweepPlan.__name__: (SweepWorkChain, "sweeps"),
}
"""Plans that are steps of an integration -> what carries them out, and its output that holds the result."""

OUTPUTS = {process.__name__: output for process, output in PROCESSES.values()}


def validate_parameters(parameters: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the parameters, None if nothing."""
    if parameters is None:
        return None
    given = parameters.get_dict()
    twice = [name for name in ("temperature", "pressure_gpa") if name in given]
    if twice:
        return f"parameters holds {', '.join(twice)}: these are given as temperatures and pressures"
    return problem_of(check_parameters, given)


def validate_numbers(numbers: orm.List | None, port: Any) -> str | None:
    """Return what is wrong with temperatures or pressures, None if nothing."""
    if numbers is None:
        return None
    values = numbers.get_list()
    least = 1e-6 if port.name == "temperatures" else LOWEST_PRESSURE_GPA
    if not values or not all(isinstance(each, int | float) and each >= least for each in values):
        bound = "positive" if least > 0 else f"none below {LOWEST_PRESSURE_GPA:g} GPa"
        return f"{port.name} is {values}, must be a list of numbers, {bound}"
    return None


def validate_positive(number: orm.Float | None, port: Any) -> str | None:
    """Return what is wrong with a number, None if it is positive."""
    if number is None or 0 < number.value < float("inf"):
        return None
    return f"{port.name} is {number.value}, must be positive"


def validate_isobars(isobars: orm.Str | None, _: Any = None) -> str | None:
    """Return what is wrong with the way along isobars, None if nothing."""
    if isobars is None or isobars.value in ISOBARS:
        return None
    return f"isobars is {isobars.value!r}, must be {' or '.join(ISOBARS)}"


def validate_integration(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    problem = validate_phase(inputs)
    if problem or not takes_sweeps(inputs) or not {"parameters", "temperatures"} <= set(inputs):
        return problem
    lowest, highest = (choose(inputs["temperatures"].get_list()) for choose in (min, max))
    asked = FreeEnergyParameters.from_dict({**inputs["parameters"].get_dict(), "temperature": lowest})
    return problem_of(sweep_settings, asked, highest, inputs["sweep_steps"].value) if highest > lowest else None


def takes_sweeps(inputs: Mapping[str, Any]) -> bool:
    """Return whether isobars are to be swept."""
    return "isobars" in inputs and inputs["isobars"].value == "sweeps"


class IntegrateWorkChain(PhaseProtocolMixin, PlanWorkChain):
    """Integrate the Gibbs energy of one phase from absolute free energies at the lowest temperature."""

    _protocol_file = "integrate.yaml"
    _protocol_children = {"free_energy": ProtocolChild(FreeEnergyWorkChain)}
    _conclude = integrate_over_grid
    _output = "gibbs_energies"
    _plan_inputs = (
        "structure",
        "potential",
        "parameters",
        "temperatures",
        "pressures",
        "temperature_step",
        "pressure_step",
        "path_error",
        "isobars",
        "sweep_steps",
    )
    _conclusion_inputs = ("name",)

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outputs and exit codes."""
        super().define(spec)
        define_name(spec)
        for name, unit in (("temperatures", "K"), ("pressures", "GPa")):
            spec.input(
                name,
                valid_type=orm.List,
                serializer=orm.to_aiida_type,
                validator=validate_numbers,
                help=f"Where Gibbs energies are wanted, {unit}.",
            )
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_parameters,
            help="As of polymorph.free_energy, without temperature and pressure.",
        )
        for name, unit in (("temperature_step", "K"), ("pressure_step", "GPa")):
            spec.input(
                name,
                valid_type=orm.Float,
                serializer=orm.to_aiida_type,
                validator=validate_positive,
                help=f"Largest distance of the first points on the way, {unit}.",
            )
        spec.input(
            "path_error",
            valid_type=orm.Float,
            serializer=orm.to_aiida_type,
            validator=validate_positive,
            help="Wanted error of each path, eV per formula unit: points are added until it is reached; not to sweeps.",
        )
        spec.input(
            "isobars",
            valid_type=orm.Str,
            required=False,
            serializer=orm.to_aiida_type,
            validator=validate_isobars,
            help="How to get to higher temperatures: by `points`, also where it is left out, or by `sweeps`.",
        )
        spec.input(
            "sweep_steps",
            valid_type=orm.Int,
            default=lambda: orm.Int(SweepSettings.sweep_steps),
            serializer=orm.to_aiida_type,
            help="Steps of a sweep one way.",
        )
        spec.input(
            "at_once",
            valid_type=orm.Int,
            required=False,
            serializer=orm.to_aiida_type,
            help="How many points run side by side; all where it is left out.",
        )
        spec.inputs.validator = validate_integration
        spec.output(
            "gibbs_energies", valid_type=GibbsEnergiesData, required=False, help="Gibbs energies, point by point."
        )
        spec.exit_code(402, "ERROR_NO_REFERENCE", message="no free energy could be computed: {message}")

    def _plan(self) -> Plan[Any]:
        return integration_plan(self._inputs_of_plan())

    def _describe(self, each: NextStep) -> dict[str, Any]:
        step = each.step
        if not isinstance(step, Part):
            raise TypeError(f"{step.label} is a task, which {type(self).__name__} does not carry out")
        plan: Any = step.plan
        asked: FreeEnergyParameters = plan.asked
        point = {"temperature": asked.temperature, "pressure_gpa": asked.pressure_gpa}
        described: dict[str, Any] = {"label": step.label, "plan": type(plan).__name__, **point}
        return described | ({"highest": plan.highest} if isinstance(plan, SweepPlan) else {})

    def _submit(self, step: Mapping[str, Any]) -> orm.ProcessNode:
        point = {name: step[name] for name in ("temperature", "pressure_gpa")}
        inputs = self._given("code", "structure", "potential", "options", "phases")
        inputs["parameters"] = orm.Dict({**self.inputs.parameters.get_dict(), **point})
        if "highest" in step:
            inputs |= {"final_temperature": orm.Float(step["highest"]), "sweep_steps": self.inputs.sweep_steps}
        return submit_once(self, step["label"], PROCESSES[step["plan"]][0], **inputs)

    def _result_node(self, child: orm.ProcessNode) -> orm.Data | None:
        output = OUTPUTS[str(child.process_label)]
        return child.outputs[output] if output in list(child.outputs) else None

    def _read(self, node: orm.Data) -> Any:
        return part_result(node)

    def _at_once(self) -> int | None:
        return self.inputs.at_once.value if "at_once" in self.inputs else None

    def _verdict(self, outputs: Mapping[str, Any]) -> ExitCode | None:
        """Return an exit code where the phase is metastable, but has no free energy."""
        problem = outputs["gibbs_energies"].value("problem")
        return self.exit_codes.ERROR_NO_REFERENCE.format(message=problem) if problem else None

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        potential: PotentialData,
        temperatures: list[float],
        pressures: list[float],
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            code: LAMMPS's executable.
            structure: the phase, any cell of it.
            potential: of LAMMPS.
            temperatures: K.
            pressures: GPa.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's; `free_energy` may name another protocol of the
                Frenkel-Ladd points, e.g. `{"free_energy": {"protocol": "precise"}}`.

        Raises:
            ValueError: if there is no such protocol.
        """
        numbers = {"temperatures": [float(t) for t in temperatures], "pressures": [float(p) for p in pressures]}
        return cls._builder_of(phase_inputs(code, structure, potential), protocol, overrides, {}, **numbers)
