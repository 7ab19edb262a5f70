"""SearchWorkChain: which minima does a composition have at a pressure, and how often is each found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common import timezone
from aiida.engine import ExitCode, ProcessBuilder

from aiida_polymorph.calculations.functions.structures import (
    generate_structures,
    merge_structures,
    mix_structures,
    summarise_search,
)
from aiida_polymorph.calculations.resources import count_processes
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.machine import JOBS_IN_A_QUEUE, LARGEST_BATCH, ONE_PROCESS, plan_batches
from aiida_polymorph.relaxation.merging import merge
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.workflows.children import run_once, submit_once
from aiida_polymorph.workflows.machine import machine_of
from aiida_polymorph.workflows.options import require, validate_options
from aiida_polymorph.workflows.outline import while_
from aiida_polymorph.workflows.protocols.utils import ProtocolChild, ProtocolMixin, fill_builder
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain
from aiida_polymorph.workflows.side_by_side import SideBySideMixin

RELAXATION = ("clean_workdir", "code", "handler_overrides", "max_iterations", "options", "parameters", "potential")
"""Inputs of the search that go to each batch's relaxation as they are, beside the pressure."""


def validate_recipe(recipe: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with a recipe, None if nothing."""
    return None if recipe is None else problem_of(Recipe.from_dict, recipe.get_dict())


def validate_count(count: orm.Int | None, port: Any) -> str | None:
    """Return what is wrong with a number of things, None if nothing."""
    if count is not None and count.value < 1:
        return f"{port.name} is {count.value}, must be 1 or more"
    return None


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    if "recipe" not in inputs or "potential" not in inputs:
        return None
    problem = problem_of(_check_species, inputs["recipe"], inputs["potential"])
    return problem or validate_options(inputs)


def _check_species(recipe: orm.Dict, potential: PotentialData) -> None:
    potential.to_potential().check_species(Recipe.from_dict(recipe.get_dict()).counts)


class SearchWorkChain(ProtocolMixin, SideBySideMixin):
    """Make random structures after a recipe and relax them all at one pressure, in batches side by side.

    Structure i depends on the recipe and on i only, so that the batches may be cut anyhow. A batch that fails loses
    only itself: the search goes on, and what was lost is counted.
    """

    _protocol_file = "search.yaml"
    _protocol_children = {"relax": ProtocolChild(RelaxSetWorkChain)}

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.expose_inputs(RelaxSetWorkChain, include=(*RELAXATION, "pressure_gpa"))
        require(spec.inputs, "code", orm.AbstractCode)
        require(spec.inputs, "pressure_gpa", orm.Float)
        spec.inputs["pressure_gpa"].help = "Target pressure in GPa."
        count = {"valid_type": orm.Int, "serializer": orm.to_aiida_type, "validator": validate_count}
        spec.input(
            "recipe",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_recipe,
            help="How the random structures are made, as `Recipe.to_dict` gives it: composition, formula_units, "
            "volume_per_formula_unit, minimum_separations, seed, ...",
        )
        spec.input("number", **count, help="How many structures: those with the indices 0 to number - 1.")
        spec.input(
            "batch_size",
            **count,
            required=False,
            help="Structures in a job; left out, as many as spread evenly over the jobs, at most "
            f"{LARGEST_BATCH} for each of a job's processes.",
        )
        spec.input(
            "jobs",
            **count,
            required=False,
            help="Jobs side by side; left out, as many as this machine has cores, or as the computer of the code "
            f"says (default_mpiprocs_per_machine), {JOBS_IN_A_QUEUE} where it has a queue.",
        )
        spec.input(
            "mix_minimisers",
            valid_type=orm.Bool,
            default=lambda: orm.Bool(False),
            serializer=orm.to_aiida_type,
            help="Merge batches also if different minimisers relaxed them (after an update in the middle of a search, "
            "say): the result then is a collection, not good for counting.",
        )
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.plan_batches,
            while_(cls.is_unfinished)(
                while_(cls.a_job_is_free)(
                    cls.generate_batch,
                    cls.start_relaxation,
                ),
                cls.await_oldest,
            ),
            cls.inspect_batches,
            cls.merge_batches,
            cls.summarise,
        )
        spec.output("structures", valid_type=StructureSetData, help="All structures that came back, by index.")
        spec.output(
            "statistics",
            valid_type=orm.Dict,
            help="asked, relaxed, failed (reason -> times), force_calls_mean, cpu_seconds, wall_seconds, minimiser.",
        )
        spec.exit_code(400, "ERROR_NOTHING_CAME_BACK", message="no batch brought any structure; the last: {message}")
        spec.exit_code(410, "ERROR_NOTHING_RELAXED", message="all structures failed; the statistics count the reasons")
        spec.exit_code(420, "ERROR_CANNOT_MERGE", message="the batches don't fit together: {message}")

    def plan_batches(self) -> None:
        """Cut the search into batches of consecutive indices."""
        jobs = self._number_of("jobs") or machine_of(self.inputs.code.computer).jobs_side_by_side()
        options = self.inputs.options.get_dict() if "options" in self.inputs else {}
        processes = count_processes(self.inputs.code.computer, options.get("resources", ONE_PROCESS))
        self._plan(plan_batches(self.inputs.number.value, jobs, self._number_of("batch_size"), processes), jobs)
        self.report(
            f"{self.inputs.number.value} structures of {self.inputs.recipe['composition']} at "
            f"{self.inputs.pressure_gpa.value:g} GPa in {len(self.ctx.plan)} batches, {self.ctx.jobs} side by side"
        )

    def _number_of(self, name: str) -> int | None:
        node = self.inputs.get(name)
        return None if node is None else node.value

    def generate_batch(self) -> None:
        """Make the random structures of the next batch, unless that was done before a crash of the daemon."""
        first, number = self.ctx.plan[self.ctx.started]
        self.ctx.start = run_once(
            self,
            f"generate_{self.ctx.started:04d}",
            generate_structures,
            recipe=self.inputs.recipe,
            first=orm.Int(first),
            number=orm.Int(number),
        )

    def start_relaxation(self) -> None:
        """Submit the relaxation of the batch; one in a step, so that a crash can't submit several again."""
        names = (*RELAXATION, "pressure_gpa")
        inputs = {name: self.inputs[name] for name in names if self.inputs.get(name) is not None}
        label = f"batch_{self.ctx.started:04d}"
        child = submit_once(self, label, RelaxSetWorkChain, structures=self.ctx.start, **inputs)
        self._count(child)

    def inspect_batches(self) -> ExitCode | None:
        """Report the batches that failed; go on with the others."""
        for child in self.ctx.ended:
            if not child.is_finished_ok:
                self.report(f"batch {child.process_label}<{child.pk}> failed: {child.exit_message or 'see its report'}")
        self.ctx.found = {
            f"batch_{i:04d}": child.outputs.relaxed
            for i, child in enumerate(self.ctx.ended)
            if "relaxed" in child.outputs
        }
        if not self.ctx.found:
            return self.exit_codes.ERROR_NOTHING_CAME_BACK.format(message=self.ctx.ended[-1].exit_message)
        return None

    def merge_batches(self) -> ExitCode | None:
        """Put the batches together by index; a structure that was relaxed twice counts once. A single one stays."""
        mix = self.inputs.mix_minimisers.value
        try:
            merge([each.to_set() for each in self.ctx.found.values()], mix)
        except ValueError as error:
            return self.exit_codes.ERROR_CANNOT_MERGE.format(message=error)
        function, found = mix_structures if mix else merge_structures, self.ctx.found
        single = len(found) == 1
        self.ctx.structures = next(iter(found.values())) if single else run_once(self, "merge", function, **found)
        self.out("structures", self.ctx.structures)
        return None

    def summarise(self) -> ExitCode | None:
        """Count what was relaxed, what failed and why, and what it cost."""
        statistics = run_once(
            self,
            "summarise",
            summarise_search,
            structures=self.ctx.structures,
            asked=self.inputs.number,
            wall_seconds=orm.Float((timezone.now() - self.node.ctime).total_seconds()),
        )
        self.out("statistics", statistics)
        self.report(f"{statistics['relaxed']} of {statistics['asked']} structures relaxed")
        return None if statistics["relaxed"] else self.exit_codes.ERROR_NOTHING_RELAXED

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        potential: PotentialData,
        recipe: Recipe | Mapping[str, Any] | orm.Dict,
        pressure_gpa: float,
        number: int,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            code: a Python with NumPy and the potential's engine.
            potential: how to compute energies.
            recipe: how the random structures are made.
            pressure_gpa: target pressure.
            number: how many structures.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's, e.g. `{"jobs": 4, "batch_size": 100}`; `relax` may name
                another protocol of the relaxations, e.g. `{"relax": {"protocol": "precise"}}`.

        Raises:
            ValueError: if there is no such protocol.
        """
        inputs = {
            **cls.get_protocol_inputs(protocol, overrides),
            "code": code,
            "potential": potential,
            "recipe": recipe.to_dict() if isinstance(recipe, Recipe) else recipe,
            "pressure_gpa": float(pressure_gpa),
            "number": number,
        }
        builder = cls.get_builder()
        fill_builder(builder, inputs)
        return builder
