"""PressureChainWorkChain: one phase relaxed by one engine and functional at pressure after pressure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ExitCode, ToContext, WorkChain

from aiida_polymorph.calculations.relax_set import HIGHEST_PRESSURE_GPA, LOWEST_PRESSURE_GPA
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines import Engine, Relaxation, load_engine
from aiida_polymorph.engines.functions import collect_points, displace_atoms, squeeze_cell
from aiida_polymorph.relaxation.overlap import structure_problem
from aiida_polymorph.versioned import VersionedMixin
from aiida_polymorph.workflows.children import is_abandoned, run_once, submit_once
from aiida_polymorph.workflows.options import define_options, validate_options
from aiida_polymorph.workflows.outline import while_
from aiida_polymorph.workflows.reasons import reason_of

DISPLACEMENT = 0.01
"""Angstrom, by which atoms are displaced where the symmetry is not to be kept."""

POINT = "point_"
"""What the label of a relaxation begins with; its pressure's index and the number of the attempt follow."""


def outwards(pressures_gpa: Sequence[float], start: float | None) -> list[int]:
    """Return the order in which pressures are computed, each beside one that was there before.

    Args:
        pressures_gpa: GPa, ascending.
        start: pressure of the start, GPa; the nearest one is first, then come those above, then those below. None
            for the lowest first.
    """
    first = min(
        range(len(pressures_gpa)), key=lambda i: abs(pressures_gpa[i] - (pressures_gpa[0] if start is None else start))
    )
    return [*range(first, len(pressures_gpa)), *range(first - 1, -1, -1)]


def validate_pressures(pressures: orm.List | None, _: Any = None) -> str | None:
    """Return what is wrong with the pressures of a scan, None if nothing."""
    if pressures is None:
        return None
    values = pressures.get_list()
    lowest, highest = LOWEST_PRESSURE_GPA, HIGHEST_PRESSURE_GPA
    if not all(isinstance(each, int | float) and lowest <= each <= highest for each in values):
        return f"pressures is {values}, must be numbers in GPa from {lowest:g} to {highest:g}"
    if len(values) < 2:
        return f"pressures is {values}: a scan needs at least two, e.g. [0, 20, 40]"
    if values != sorted(set(values)):
        return f"pressures is {values}, must rise, each only once"
    return None


def validate_structure(structure: orm.StructureData | None, _: Any = None) -> str | None:
    """Return what is wrong with a phase, None if nothing."""
    if structure is None:
        return None
    problem = structure_problem(structure.get_ase())
    return f"structure {structure.get_formula()}: {problem}" if problem else None


def validate_engine(engine: orm.Str | None, _: Any = None) -> str | None:
    """Return what is wrong with the name of an engine, None if nothing."""
    return None if engine is None else problem_of(load_engine, engine.value)


def validate_model(inputs: Mapping[str, Any], functionals: Sequence[str], elements: Sequence[str]) -> str | None:
    """Return what is wrong with code, functionals, parameters, pseudopotentials and potential, None if nothing.

    Args:
        inputs: `engine`, `code`, `parameters`, `potential`, and `pseudos` as functional -> element -> node.
        functionals: to be used.
        elements: that the phases have.
    """
    engine = load_engine(inputs["engine"].value)
    problem = engine.problem(inputs["parameters"].get_dict()) or check_code(inputs.get("code"), engine)
    for functional in functionals:
        problem = problem or problem_of(engine.functional, functional)
        given = inputs.get("pseudos", {}).get(functional, {})
        missing = [element for element in elements if element not in given] if engine.uses_pseudos else []
        if missing and not problem:
            problem = f"pseudos: no pseudopotential for {', '.join(missing)} with {functional}"
    if not engine.functionals and not problem:
        if inputs.get("potential") is None:
            return f"potential is missing: {engine.name} needs one"
        return problem_of(inputs["potential"].to_potential().check_species, elements)
    return problem


def check_code(code: orm.AbstractCode | None, engine: Engine) -> str | None:
    """Return what is wrong with the code for an engine, None if nothing."""
    plugin = None if code is None else code.default_calc_job_plugin
    if code is None or plugin in (None, engine.code_plugin):
        return None
    return f"code {code.full_label} is for {plugin}, {engine.name} needs one for {engine.code_plugin}"


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    if not {"engine", "functional", "parameters", "structure"} <= set(inputs):
        return None
    functional, elements = inputs["functional"].value, sorted(inputs["structure"].get_symbols_set())
    given = {**inputs, "pseudos": {functional: inputs.get("pseudos", {})}}
    problem = validate_model(given, [functional], elements)
    return problem or validate_options(inputs)


class PressureChainWorkChain(VersionedMixin, WorkChain):
    """Relax one phase at pressure after pressure, each from the relaxed structure of its neighbour.

    A point that fails is tried again, then given up with its reason; the next one starts from the last that is there.
    """

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        node = {"serializer": orm.to_aiida_type}
        spec.input(
            "engine", valid_type=orm.Str, validator=validate_engine, help="Which code, by its entry point.", **node
        )
        spec.input("code", valid_type=orm.AbstractCode, help="The program.")
        spec.input("structure", valid_type=orm.StructureData, validator=validate_structure, help="Start.")
        spec.input("name", valid_type=orm.Str, help="Of the phase.", **node)
        spec.input(
            "functional", valid_type=orm.Str, help="One of the engine's; the potential's name for LAMMPS.", **node
        )
        spec.input(
            "pressures", valid_type=orm.List, validator=validate_pressures, help="GPa, ascending, two or more.", **node
        )
        spec.input(
            "start_pressure_gpa",
            valid_type=orm.Float,
            required=False,
            help="Pressure of the start: the nearest one is computed first; left out, the lowest is.",
            **node,
        )
        spec.input("parameters", valid_type=orm.Dict, help="Settings of the engine, as its protocols have.", **node)
        spec.input(
            "symmetry",
            valid_type=orm.Bool,
            default=lambda: orm.Bool(True),
            help="Keep the space group of the start; if not, atoms are displaced a little first, so that it can go.",
            **node,
        )
        spec.input_namespace("pseudos", dynamic=True, valid_type=orm.Data, help="Pseudopotential of each element.")
        spec.input("potential", valid_type=PotentialData, required=False, help="For LAMMPS.")
        define_options(spec)
        spec.input(
            "attempts",
            valid_type=orm.Int,
            default=lambda: orm.Int(2),
            help="How often a point is tried, beyond what the engine's own WorkChain mends.",
            **node,
        )
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.setup,
            while_(cls.is_unfinished)(
                cls.relax,
                cls.inspect,
            ),
            cls.collect,
        )
        spec.output("points", valid_type=StructureSetData, help="One structure a pressure, failed ones with a reason.")
        spec.exit_code(420, "ERROR_ALL_FAILED", message="no point was computed; the last reason: {message}")

    def setup(self) -> None:
        """Find the order of the pressures; break the symmetry if it is not to be kept."""
        start = self.inputs.get("start_pressure_gpa")
        self.ctx.order = outwards(self.inputs.pressures.get_list(), None if start is None else start.value)
        self.ctx.position, self.ctx.attempt = 0, 1
        # By pk: AiiDA would look anew at each node that is held here, at every change of any process of the worker.
        self.ctx.processes, self.ctx.structures, self.ctx.reasons = {}, {}, {}
        self.ctx.start = self.inputs.structure
        if not self.inputs.symmetry.value:
            amplitude = orm.Float(DISPLACEMENT)
            self.ctx.start = run_once(
                self, "displace", displace_atoms, structure=self.inputs.structure, amplitude=amplitude
            )
        self.ctx.next_start = None

    def is_unfinished(self) -> bool:
        """Return whether a pressure is left."""
        return self.ctx.position < len(self.ctx.order)

    def relax(self) -> ToContext:
        """Submit the relaxation at the next pressure."""
        index = self.ctx.order[self.ctx.position]
        start = self.ctx.next_start or self._start(index)
        pressure = self.inputs.pressures[index]
        relaxation = Relaxation(
            code=self.inputs.code,
            structure=start,
            functional=self.inputs.functional.value,
            pressure_gpa=float(pressure),
            parameters=self.inputs.parameters.get_dict(),
            symmetry=self.inputs.symmetry.value,
            pseudos=dict(self.inputs.get("pseudos", {})),
            potential=self.inputs.get("potential"),
            options=self.inputs.options.get_dict() if "options" in self.inputs else {},
            label=f"{self.inputs.name.value} {self.inputs.functional.value} {pressure:g} GPa",
        )
        label = f"{POINT}{index:02d}_{self.ctx.attempt}"
        builder = self._engine(label).builder(relaxation)
        return ToContext(last=submit_once(self, label, builder.process_class, **builder._inputs(prune=True)))

    def _engine(self, label: str) -> Engine:
        """Return the engine; what it calls for a relaxation is called under the label of this, and once."""

        def call(name: str, function: Callable[..., Any], **inputs: Any) -> Any:
            return run_once(self, f"{name}_{label}", function, **inputs)

        return load_engine(self.inputs.engine.value).called_by(call)

    def _start(self, index: int) -> orm.StructureData:
        """Return where the relaxation at a pressure starts: from its neighbour, squeezed on if two are known."""
        known = sorted((int(key) for key in self.ctx.structures), key=lambda other: abs(other - index))
        if not known:
            return self.ctx.start
        nearest: Any = orm.load_node(self.ctx.structures[str(known[0])])
        if len(known) == 1:
            return nearest
        pressures = [float(self.inputs.pressures[each]) for each in (*known[:2], index)]
        before = orm.load_node(self.ctx.structures[str(known[1])])
        inputs = {"nearest": nearest, "before": before, "pressures_gpa": orm.List(pressures)}
        return run_once(self, f"squeeze_{index:02d}", squeeze_cell, **inputs)

    def inspect(self) -> None:
        """Keep what came back, or try again, or note why there is nothing."""
        process, index = self.ctx.last, str(self.ctx.order[self.ctx.position])
        engine = self._engine(f"{POINT}{int(index):02d}_{self.ctx.attempt}")
        structure = engine.structure(process)
        pressure = float(self.inputs.pressures[int(index)])
        reason = unusable(engine, process, pressure) if process.is_finished_ok else reason_of(process)
        self.ctx.next_start = None
        if reason is None and structure is not None:
            self.ctx.processes[index], self.ctx.structures[index] = process.pk, structure.pk
        elif self.ctx.attempt < self.inputs.attempts.value:
            self.report(f"{process.process_label}<{process.pk}> failed, trying again: {reason}")
            self.ctx.attempt += 1
            self.ctx.next_start = structure
            return
        else:
            self.ctx.reasons[index] = reason
            self.report(f"no result at {pressure:g} GPa: {reason}")
        self.ctx.position += 1
        self.ctx.attempt = 1

    def collect(self) -> ExitCode | None:
        """Put the points together."""
        processes: dict[str, Any] = {index: orm.load_node(pk) for index, pk in self.ctx.processes.items()}
        points = run_once(self, "collect", collect_points, **parts_of(self.inputs, processes, self.ctx.reasons))
        self.out("points", points)
        if not self.ctx.processes:
            return self.exit_codes.ERROR_ALL_FAILED.format(message=list(self.ctx.reasons.values())[-1])
        return None


def parts_of(
    inputs: Mapping[str, Any], processes: Mapping[str, orm.ProcessNode], reasons: Mapping[str, str]
) -> dict[str, orm.Data]:
    """Return the arguments of `collect_points`.

    Args:
        inputs: of the chain.
        processes: index of a pressure, as text -> the one that gave its point.
        reasons: likewise -> why there is none.
    """
    engine = load_engine(inputs["engine"].value)
    outputs = {
        f"point_{int(index):02d}_{name}": node
        for index, process in processes.items()
        for name, node in results_of(engine, process).items()
    }
    scan = {
        "engine": engine.name,
        "functional": inputs["functional"].value,
        "name": inputs["name"].value,
        "pressures_gpa": inputs["pressures"].get_list(),
    }
    failures = orm.Dict(dict(reasons))
    return {"structure": inputs["structure"], "scan": orm.Dict(scan), "failures": failures, **outputs}


def parts_of_broken(chain: orm.ProcessNode) -> dict[str, orm.Data]:
    """Return the arguments of `collect_points` for a chain that was killed or broke: what it had computed stays."""
    inputs = {name: chain.inputs[name] for name in ("engine", "functional", "name", "pressures", "structure")}
    engine, pressures = load_engine(inputs["engine"].value), inputs["pressures"].get_list()
    processes = {
        str(index): process
        for index, attempts in attempts_of(chain).items()
        for process in attempts
        if process.is_finished_ok and unusable(engine, process, float(pressures[index])) is None
    }
    reason = reason_of(chain)
    return parts_of(inputs, processes, {str(i): reason for i in range(len(pressures)) if str(i) not in processes})


def attempts_of(chain: orm.ProcessNode) -> dict[int, list[orm.ProcessNode]]:
    """Return the relaxations of a chain by the index of their pressure, the newest last."""
    attempts: dict[int, list[Any]] = {}
    links: list[Any] = chain.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    links = [link for link in links if not is_abandoned(link.node)]
    for link in sorted(links, key=lambda link: link.node.pk):
        attempts.setdefault(int(link.link_label.removeprefix(POINT).split("_")[0]), []).append(link.node)
    return attempts


def results_of(engine: Engine, process: orm.ProcessNode) -> dict[str, orm.Data]:
    """Return the outputs of a process from which its engine reads."""
    links: list[Any] = process.base.links.get_outgoing(link_type=(LinkType.CREATE, LinkType.RETURN)).all()
    return {link.link_label: link.node for link in links if link.link_label in engine.outputs}


def unusable(engine: Engine, process: orm.ProcessNode, pressure_gpa: float) -> str | None:
    """Return why a process that finished gives no point all the same, None if it gives one."""
    try:
        engine.read(results_of(engine, process), pressure_gpa)
    except (KeyError, ValueError) as error:
        return f"{process.process_label} ({process.pk}): not readable: {error}"
    return None
