"""IntegrateWorkChain: Gibbs energies of one phase along an isotherm and isobars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, append_, while_

from aiida_polymorph.calculations.functions.integrate import integrate_over_grid, state_of
from aiida_polymorph.calculations.relax_set import LOWEST_PRESSURE_GPA
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.lammps.settings import SweepSettings
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.result import UNKNOWN
from aiida_polymorph.thermodynamics.surfaces.gibbs_surface import (
    Place,
    State,
    grid,
    missing_pressures,
    missing_temperatures,
    stretches,
)
from aiida_polymorph.thermodynamics.surfaces.sweep import sweep_settings
from aiida_polymorph.thermodynamics.surfaces.swept_surface import lower_reach
from aiida_polymorph.workflows.children import submit_once
from aiida_polymorph.workflows.equilibrate import EquilibrateWorkChain
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.protocols.utils import ProtocolChild, ProtocolMixin, fill_builder
from aiida_polymorph.workflows.sweep import SweepWorkChain
from aiida_polymorph.workflows.tasks import DynamicsMixin, validate_phase

ISOBARS = ("points", "sweeps")
"""How to go on to higher temperatures: by dynamics at some of them, or by one sweep over all."""

PROCESSES = {"point": EquilibrateWorkChain, "reference": FreeEnergyWorkChain, "sweep": SweepWorkChain}


def validate_parameters(parameters: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the parameters, None if nothing."""
    if parameters is None:
        return None
    given = parameters.get_dict()
    twice = [name for name in ("temperature", "pressure_gpa") if name in given]
    if twice:
        return f"parameters holds {', '.join(twice)}: these are given as temperatures and pressures"
    if given.get("convention") == "quantum":
        return "convention is 'quantum': only 'unit' and 'mass' can be integrated"
    return problem_of(FreeEnergyParameters.from_dict, {**given, "temperature": 1.0})


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
    wrong = number is not None and not 0 < number.value < float("inf")
    return f"{port.name} is {number.value}, must be positive" if wrong else None


def validate_isobars(isobars: orm.Str | None, _: Any = None) -> str | None:
    """Return what is wrong with the way along isobars, None if nothing."""
    wrong = isobars is not None and isobars.value not in ISOBARS
    return f"isobars is {isobars.value!r}, must be {' or '.join(ISOBARS)}" if wrong else None


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


class IntegrateWorkChain(ProtocolMixin, DynamicsMixin):
    """Integrate the Gibbs energy of one phase from Frenkel-Ladd points at the lowest temperature."""

    _protocol_file = "integrate.yaml"
    _protocol_children = {"free_energy": ProtocolChild(FreeEnergyWorkChain)}

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
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
        spec.outline(
            cls.plan_isotherm,
            while_(cls.has_points_left)(cls.run_points, cls.refine_isotherm),
            cls.plan_references,
            while_(cls.has_points_left)(cls.run_points),
            cls.plan_isobars,
            while_(cls.has_points_left)(cls.run_points, cls.refine_isobars),
            cls.results,
        )
        spec.output(
            "gibbs_energies", valid_type=GibbsEnergiesData, required=False, help="Gibbs energies, point by point."
        )
        spec.exit_code(402, "ERROR_NO_REFERENCE", message="no free energy could be computed: {message}")

    def plan_isotherm(self) -> None:
        """Plan the points at the lowest temperature."""
        self.ctx.points, self.ctx.references, self.ctx.sweeps = [], [], []
        lowest = min(self.inputs.temperatures.get_list())
        pressures = grid(self.inputs.pressures.get_list(), self.inputs.pressure_step.value)
        self.ctx.left = [("point", lowest, pressure) for pressure in pressures]

    def has_points_left(self) -> bool:
        """Return whether there are planned points that have not run."""
        return bool(self.ctx.left)

    def run_points(self) -> None:
        """Run the next points."""
        number = self.inputs.at_once.value if "at_once" in self.inputs else len(self.ctx.left)
        now, self.ctx.left = self.ctx.left[:number], self.ctx.left[number:]
        for kind, temperature, pressure in now:
            inputs = self._sweep_to if kind == "sweep" else self._inputs_at
            label = label_of(kind, temperature, pressure)
            child = submit_once(self, label, PROCESSES[kind], **inputs(temperature, pressure))
            self.to_context(**{f"{kind}s": append_(child)})

    def plan_references(self) -> None:
        """Plan a free energy for every stretch of pressures over which the phase lasts."""
        lasts = {place[1]: not reason for place, reason in self._reasons().items()}
        pressures, asked = sorted(lasts), self.inputs.pressures.get_list()
        lowest = min(self.inputs.temperatures.get_list())
        runs = stretches(pressures, [lasts[each] for each in pressures], asked)
        self.ctx.left = [("reference", lowest, next(p for p in asked if p in run)) for run in runs]

    def refine_isotherm(self) -> None:
        """Plan more points where the isotherm is not well known yet."""
        if not self.ctx.left:
            temperature, asked = min(self.inputs.temperatures.get_list()), self.inputs.pressures.get_list()
            more = missing_pressures(self._states(), asked, self.inputs.path_error.value)
            self.ctx.left = [("point", temperature, pressure) for pressure in more]

    def plan_isobars(self) -> None:
        """Plan the higher temperatures at the pressures asked for: points on the way there, or a sweep."""
        reasons, asked = self._reasons(), self.inputs.temperatures.get_list()
        lowest, highest = min(asked), max(asked)
        step = min(self.inputs.temperature_step.value, (highest - lowest) / 2) if highest > lowest else 1.0
        kind, higher = "point", grid([lowest, highest], step)[1:]
        if takes_sweeps(self.inputs):
            kind, higher = "sweep", higher[-1:]
        known = [p for p in self.inputs.pressures.get_list() if reasons.get((lowest, p)) == ""]
        self.ctx.left = [(kind, temperature, p) for p in known for temperature in higher]

    def refine_isobars(self) -> None:
        """Plan more points where isobars are not well known yet, or shorter sweeps where the phase did not last."""
        if takes_sweeps(self.inputs):
            self.ctx.left = self.ctx.left or self._shorter_sweeps()
        elif not self.ctx.left:
            asked = self.inputs.temperatures.get_list(), self.inputs.pressures.get_list()
            places = missing_temperatures(self._states(), *asked, self.inputs.path_error.value)
            self.ctx.left = [("point", *place) for place in places]

    def results(self) -> ExitCode | None:
        """Integrate."""
        results: dict[str, orm.Data] = {}
        places: dict[str, list[float]] = {}
        kinds = {"state": self._summaries(), "reference": self._free_energies(), "sweep": self._sweeps()}
        for kind, found in kinds.items():
            for number, (place, node) in enumerate(found.items()):
                results[f"{kind}_{number:03d}"], places[f"{kind}_{number:03d}"] = node, list(place)
        shared = {name: self.inputs[name] for name in ("structure", "parameters", "temperatures", "pressures")}
        if not results:
            return self.exit_codes.ERROR_NO_REFERENCE.format(message=self._first_failure())
        shared |= {"failures": orm.List(self._failures())} if takes_sweeps(self.inputs) else {}
        self.out("gibbs_energies", integrate_over_grid(**shared, places=orm.Dict(places), **results))
        if not self._free_energies() and any(not reason for reason in self._reasons().values()):
            return self.exit_codes.ERROR_NO_REFERENCE.format(message=self._first_failure())
        return None

    def _inputs_at(self, temperature: float, pressure: float) -> dict[str, orm.Data]:
        place = {"temperature": temperature, "pressure_gpa": pressure}
        parameters = orm.Dict({**self.inputs.parameters.get_dict(), **place})
        return {**self._shared(), **self._phases(), "structure": self.inputs.structure, "parameters": parameters}

    def _sweep_to(self, temperature: float, pressure: float) -> dict[str, orm.Data]:
        """Return the inputs of a sweep from the lowest temperature up to another one."""
        inputs = self._inputs_at(min(self.inputs.temperatures.get_list()), pressure)
        return {**inputs, "final_temperature": orm.Float(temperature), "sweep_steps": self.inputs.sweep_steps}

    def _sweeps(self) -> dict[Place, orm.Data]:
        """Return what sweeps told, by the highest temperature and the pressure."""
        nodes = self.ctx.get("sweeps", [])
        return {reach_of(node): node.outputs.sweeps for node in nodes if "sweeps" in node.outputs}

    def _failures(self) -> list[tuple[float, float, str]]:
        """Return highest temperature, pressure and reason of sweeps that told nothing."""
        failed = [node for node in self.ctx.get("sweeps", []) if "sweeps" not in node.outputs]
        return [(*reach_of(node), f"its sweep failed: {node.exit_message or 'it was stopped'}") for node in failed]

    def _shorter_sweeps(self) -> list[tuple[str, float, float]]:
        """Return the sweeps to plan below where the phase was lost in the last ones."""
        asked, last = self.inputs.temperatures.get_list(), {reach_of(node)[1]: node for node in self.ctx.sweeps}
        told = {p: node.outputs.sweeps.value("broken_at") for p, node in last.items() if "sweeps" in node.outputs}
        lower = {p: lower_reach(asked, broken_at) for p, broken_at in told.items() if broken_at is not None}
        return [("sweep", reach, p) for p, reach in lower.items() if reach is not None]

    def _summaries(self) -> dict[Place, orm.Dict]:
        return {place_of(node): node.outputs.summary for node in self.ctx.points if "summary" in node.outputs}

    def _reasons(self) -> dict[Place, str]:
        """Return why the phase does not last at each place, "" where it does; a failed job is a reason, too."""
        summaries = self._summaries()
        return {
            place_of(node): summaries[place_of(node)]["reason"] if place_of(node) in summaries else "its job failed"
            for node in self.ctx.points
        }

    def _states(self) -> dict[Place, State]:
        """Return what is known at each place; a failed job is a place where the phase does not last."""
        summaries = self._summaries()
        lost = {place: State(UNKNOWN, UNKNOWN, reason) for place, reason in self._reasons().items()}
        return lost | {place: state_of(node) for place, node in summaries.items()}

    def _free_energies(self) -> dict[Place, orm.Data]:
        found = {
            place_of(node): node.outputs.free_energy for node in self.ctx.references if "free_energy" in node.outputs
        }
        return {place: node for place, node in found.items() if node.value("metastable")}

    def _first_failure(self) -> str:
        messages = [node.exit_message for node in (*self.ctx.references, *self.ctx.points) if not node.is_finished_ok]
        return next((message for message in messages if message), "no job came to its end")

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
        builder = cls.get_builder()
        numbers = {"temperatures": [float(t) for t in temperatures], "pressures": [float(p) for p in pressures]}
        given = {"code": code, "structure": structure, "potential": potential}
        fill_builder(builder, {**cls.get_protocol_inputs(protocol, overrides), **numbers, **given})
        return builder


def label_of(kind: str, temperature: float, pressure: float) -> str:
    """Return the label of a child, e.g. `point_700K_20GPa`."""
    text = f"{kind}_{temperature:g}K_{pressure:g}GPa"
    return text.replace(".", "p").replace("-", "m").replace("+", "")


def reach_of(process: orm.ProcessNode) -> Place:
    """Return highest temperature and pressure of a sweep."""
    return process.inputs.final_temperature.value, process.inputs.parameters["pressure_gpa"]


def place_of(process: orm.ProcessNode) -> Place:
    """Return temperature and pressure of a child."""
    parameters = process.inputs.parameters
    return parameters["temperature"], parameters["pressure_gpa"]
