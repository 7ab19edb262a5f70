"""DftScanWorkChain: enthalpy of some phases against pressure by one engine, for several functionals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder
from ase import Atoms

from aiida_polymorph.calculations.functions.structures import extract_structure
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines import load_engine
from aiida_polymorph.engines.functions import collect_points, join_points
from aiida_polymorph.relaxation.overlap import structure_problem
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.symmetry import point_group_order
from aiida_polymorph.workflows.children import run_once, submit_once
from aiida_polymorph.workflows.machine import machine_of
from aiida_polymorph.workflows.options import validate_options
from aiida_polymorph.workflows.outline import while_
from aiida_polymorph.workflows.pressure_chain import (
    PressureChainWorkChain,
    check_code,
    parts_of_broken,
    validate_model,
)
from aiida_polymorph.workflows.protocols.utils import fill_builder, with_meaning
from aiida_polymorph.workflows.reasons import reason_of
from aiida_polymorph.workflows.search import validate_count
from aiida_polymorph.workflows.side_by_side import SideBySideMixin

SHARED = ("attempts", "code", "engine", "options", "parameters", "potential", "pressures", "symmetry")
"""Inputs that go to each chain as they are."""


def validate_phases(phases: StructureSetData | None, _: Any = None) -> str | None:
    """Return what is wrong with the phases, None if nothing."""
    return None if phases is None else problem_of(check_phases, phases.to_set())


def check_phases(phases: StructureSet) -> None:
    """Check that phases have names of their own, the same composition, and atoms that don't overlap.

    Raises:
        ValueError: if not.
    """
    names = [str(name) for name in phases.column("name", "")]
    if not names or "" in names or len(set(names)) < len(names):
        raise ValueError(f"phases: {names} are their names; a scan needs one or more, each with a name of its own")
    for name, atoms in zip(names, phases, strict=True):
        problem = structure_problem(atoms)
        if problem:
            raise ValueError(f"phase {name}: {problem}")
    _ = phases.composition


def validate_functionals(functionals: orm.List | None, _: Any = None) -> str | None:
    """Return what is wrong with the functionals, None if nothing."""
    if functionals is None:
        return None
    values = functionals.get_list()
    wrong = not values or not all(isinstance(each, str) for each in values) or len(set(values)) < len(values)
    return f"functionals is {values}, must be one or more names, each only once" if wrong else None


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    if not {"engine", "functionals", "parameters", "phases"} <= set(inputs):
        return None
    elements = list(inputs["phases"].to_set().species)
    problem = validate_model(inputs, inputs["functionals"].get_list(), elements)
    return problem or validate_options(inputs)


def effort(atoms: Atoms) -> float:
    """Return how long relaxing a phase takes beside others, roughly: symmetry spares k-points."""
    return len(atoms) ** 2 / point_group_order(atoms)


class DftScanWorkChain(SideBySideMixin):
    """Relax phases over a range of pressures with several functionals; a point that fails loses only itself."""

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.expose_inputs(PressureChainWorkChain, include=SHARED)
        node = {"serializer": orm.to_aiida_type}
        spec.input(
            "phases",
            valid_type=StructureSetData,
            validator=validate_phases,
            help="Starts, with the column `name`; the column `pressure_gpa`, if there, says where each is at home.",
        )
        spec.input(
            "functionals",
            valid_type=orm.List,
            validator=validate_functionals,
            help="Names that the engine knows; the potential's name for LAMMPS.",
            **node,
        )
        spec.input_namespace(
            "pseudos", dynamic=True, help="Functional -> element -> pseudopotential, for engines that have some."
        )
        spec.input(
            "jobs",
            valid_type=orm.Int,
            required=False,
            validator=validate_count,
            help="Phases side by side; left out, as many as this machine has cores, more where there is a queue.",
            **node,
        )
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.plan_chains,
            while_(cls.is_unfinished)(
                while_(cls.a_job_is_free)(
                    cls.start_chain,
                ),
                cls.await_oldest,
            ),
            cls.collect,
        )
        spec.output(
            "points",
            valid_type=StructureSetData,
            help="One structure for each phase, functional and pressure, failed ones with a reason.",
        )
        spec.exit_code(420, "ERROR_ALL_FAILED", message="no point was computed; the points say why")

    def plan_chains(self) -> None:
        """List what is to be done: each phase with each functional, the shortest first.

        The child started first is awaited first, so one that ends before an older one leaves its place empty.
        """
        jobs = self.inputs.get("jobs")
        functionals, efforts = (
            self.inputs.functionals.get_list(),
            [effort(atoms) for atoms in self.inputs.phases.to_set()],
        )
        chains = range(len(functionals) * len(efforts))
        plan = sorted(chains, key=lambda index: efforts[index % len(efforts)])
        self._plan(plan, jobs.value if jobs else machine_of(self.inputs.code.computer).jobs_side_by_side())
        self.report(
            f"{len(efforts)} phases, {len(functionals)} functionals, {len(self.inputs.pressures.get_list())} pressures "
            f"with {self.inputs.engine.value}, {self.ctx.jobs} phases side by side"
        )

    def start_chain(self) -> None:
        """Submit the next chain; one in a step, so that a crash can't submit several again."""
        index = self.ctx.plan[self.ctx.started]
        phases = self.inputs.phases.to_set()
        functional, phase = self.inputs.functionals.get_list()[index // len(phases)], index % len(phases)
        name = str(phases.column("name", "")[phase])
        structure = run_once(
            self, f"extract_{phase:02d}", extract_structure, structures=self.inputs.phases, position=orm.Int(phase)
        )
        inputs = {key: self.inputs[key] for key in SHARED if self.inputs.get(key) is not None}
        home = float(phases.column("pressure_gpa")[phase])
        if home == home:
            inputs["start_pressure_gpa"] = orm.Float(home)
        child = submit_once(
            self,
            f"chain_{index:03d}",
            PressureChainWorkChain,
            structure=structure,
            name=orm.Str(name),
            functional=orm.Str(functional),
            pseudos=dict(self.inputs.get("pseudos", {}).get(functional, {})),
            metadata={"label": f"{name} {functional}"},
            **inputs,
        )
        self._count(child)

    def collect(self) -> ExitCode | None:
        """Put the points of all chains together."""
        found = {}
        for index, chain in zip(self.ctx.plan, self.ctx.ended, strict=True):
            if not chain.is_finished_ok:
                self.report(f"{chain.label}: {chain.process_label}<{chain.pk}> failed: {reason_of(chain)}")
            whole = "points" in chain.outputs
            broken = {} if whole else parts_of_broken(chain)
            points = chain.outputs.points if whole else run_once(self, f"broken_{index:03d}", collect_points, **broken)
            found[f"chain_{index:03d}"] = points
        points = run_once(self, "join", join_points, **found)
        self.out("points", points)
        computed = points.value("converged")
        self.report(f"{computed} of {len(points)} points computed")
        return None if computed else self.exit_codes.ERROR_ALL_FAILED

    @classmethod
    def get_builder_from_protocol(
        cls,
        engine: str,
        code: orm.AbstractCode,
        phases: StructureSetData,
        pressures_gpa: Sequence[float],
        functionals: Sequence[str] = (),
        potential: PotentialData | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol of the engine stands for.

        Args:
            engine: name of an engine, see `aiida_polymorph.engines.engine_names`.
            code: the program.
            phases: starts, with the column `name`.
            pressures_gpa: two or more.
            functionals: those that are wanted; left out for an engine with a potential, whose name it is.
            potential: for an engine that takes one.
            protocol: fast, moderate, precise or paper; None for the default.
            overrides: inputs that differ, e.g. `{"parameters": {"cutoff_ry": 100}, "symmetry": False, "jobs": 4}`.

        Raises:
            ValueError: if there is no such engine, functional or protocol, or a pseudopotential is missing.
        """
        chosen, given = load_engine(engine), with_meaning(overrides or {}, cls.spec().inputs)
        parameters = chosen.parameters(protocol, given.pop("parameters", {}))
        problem = chosen.problem(parameters) or check_code(code, chosen)
        if not chosen.functionals and potential is None:
            problem = problem or f"potential is missing: {engine} needs one"
        if problem:
            raise ValueError(problem)
        if not chosen.functionals and potential is not None:
            functionals = [potential.to_potential().name]
        names = [chosen.functional(name) for name in functionals]
        elements = list(phases.to_set().species)
        builder = cls.get_builder()
        inputs = {
            "engine": engine,
            "code": code,
            "phases": phases,
            "pressures": sorted({float(pressure) for pressure in pressures_gpa}),
            "functionals": names,
            "potential": potential,
            "parameters": parameters,
            **given,
        }
        fill_builder(builder, inputs)
        if chosen.uses_pseudos:
            builder.pseudos = {name: chosen.pseudopotentials(name, elements, parameters) for name in names}
        return builder
