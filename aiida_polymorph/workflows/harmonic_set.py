"""HarmonicSetWorkChain: quasi-harmonic Gibbs energies of many phases over a region, in two jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain

from aiida_polymorph.calculations.functions.harmonic import displace_cells, harmonic_energies, plan_cells
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.thermodynamics.phonons.cell_sets import HarmonicSettings
from aiida_polymorph.thermodynamics.surfaces.region import Region
from aiida_polymorph.versioned import VersionedMixin
from aiida_polymorph.workflows.children import run_once, submit_once
from aiida_polymorph.workflows.evaluate_set import EvaluateSetWorkChain
from aiida_polymorph.workflows.protocols.utils import ProtocolChild, ProtocolMixin, fill_builder
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

MODEL = ("code", "potential")
"""Inputs that the relaxations and the evaluations share."""


def validate_phases(phases: StructureSetData | None, _: Any = None) -> str | None:
    """Return what is wrong with the phases, None if nothing."""
    if phases is None:
        return None
    if not len(phases):
        return "phases is an empty set: there is nothing to compute"
    missing = {"name", "space_group"} - set(phases.to_set().columns)
    return f"phases lack the column {', '.join(sorted(missing))}" if missing else None


def validate_settings(settings: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the settings, None if nothing."""
    return None if settings is None else problem_of(HarmonicSettings.from_dict, settings.get_dict())


def validate_region(region: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the region, None if nothing."""
    return None if region is None else problem_of(Region.from_dict, region.get_dict())


class HarmonicSetWorkChain(ProtocolMixin, VersionedMixin, WorkChain):
    """Quasi-harmonic Gibbs energies of many phases over a region of temperature and pressure.

    All cells of all phases are relaxed in one job, and all their displaced supercells evaluated in another.
    """

    _protocol_file = "harmonic_set.yaml"
    _protocol_children = {
        "relax": ProtocolChild(RelaxSetWorkChain, namespace=True),
        "evaluate": ProtocolChild(EvaluateSetWorkChain, namespace=True),
    }

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input(
            "phases",
            valid_type=StructureSetData,
            validator=validate_phases,
            help="A primitive cell of each phase, with the columns `name` and `space_group`.",
        )
        spec.input(
            "region",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=validate_region,
            help="`temperatures` (K) and `pressures_gpa` (GPa), each the lowest and the highest.",
        )
        spec.input(
            "settings",
            valid_type=orm.Dict,
            default=lambda: orm.Dict({}),
            serializer=orm.to_aiida_type,
            validator=validate_settings,
            help="cells (of each phase), target_atoms (of a supercell), mesh_length (angstrom), convention: see "
            "`thermodynamics.phonons.cell_sets.HarmonicSettings`.",
        )
        spec.input("code", valid_type=orm.AbstractCode, help="A Python with NumPy and the engine of the potential.")
        spec.input("potential", valid_type=PotentialData, help="How to compute energies, forces and stresses.")
        spec.expose_inputs(RelaxSetWorkChain, namespace="relax", exclude=("structures", "pressure_gpa", *MODEL))
        spec.expose_inputs(EvaluateSetWorkChain, namespace="evaluate", exclude=("structures", *MODEL))
        spec.outline(
            cls.relax_cells,
            cls.evaluate_displaced_cells,
            cls.compute_energies,
        )
        spec.output_namespace(
            "energies", valid_type=GibbsEnergiesData, dynamic=True, help="Of each phase, `phase_000`, ..."
        )
        spec.output("cells", valid_type=StructureSetData, help="Relaxed cells that are still their phase.")
        spec.output("lost", valid_type=orm.List, help="Cells that are not: name, pressure_gpa, reason.")
        spec.exit_code(400, "ERROR_NOT_RELAXED", message="the cells could not be relaxed: {message}")
        spec.exit_code(401, "ERROR_NOT_EVALUATED", message="the displaced cells could not be evaluated: {message}")
        spec.exit_code(410, "ERROR_NO_CELLS", message="no phase keeps its space group at any pressure of the cells")

    def relax_cells(self) -> ToContext:
        """Relax each phase at pressures from below to above the region."""
        given = {name: self.inputs[name] for name in ("phases", "settings", "region")}
        cells = run_once(self, "plan_cells", plan_cells, **given)
        self.report(f"relaxing {len(cells)} cells of {len(self.inputs.phases)} phases")
        return ToContext(relaxed=self._submit("relax", RelaxSetWorkChain, cells))

    def evaluate_displaced_cells(self) -> ToContext | ExitCode:
        """Evaluate the forces that the phonons of all cells need."""
        child = self.ctx.relaxed
        if "relaxed" not in child.outputs:
            return self.exit_codes.ERROR_NOT_RELAXED.format(message=child.exit_message)
        given = {name: self.inputs[name] for name in ("phases", "settings")}
        made = run_once(self, "displace_cells", displace_cells, cells=child.outputs.relaxed, **given)
        self.out("cells", made["kept"])
        self.out("lost", made["lost"])
        if "displaced" not in made:
            return self.exit_codes.ERROR_NO_CELLS
        self.ctx.kept, self.ctx.displaced = made["kept"], made["displaced"]
        self.report(f"{len(made['kept'])} cells are still their phase; {len(made['displaced'])} displaced supercells")
        return ToContext(evaluated=self._submit("evaluate", EvaluateSetWorkChain, made["displaced"]))

    def compute_energies(self) -> ExitCode | None:
        """Compute phonons and Gibbs energies."""
        child = self.ctx.evaluated
        if "evaluations" not in child.outputs:
            return self.exit_codes.ERROR_NOT_EVALUATED.format(message=child.exit_message)
        energies = run_once(
            self,
            "harmonic_energies",
            harmonic_energies,
            cells=self.ctx.kept,
            displaced=self.ctx.displaced,
            evaluations=child.outputs.evaluations,
            **{name: self.inputs[name] for name in ("phases", "potential", "settings", "region")},
        )
        self.out("energies", energies)
        return None

    def _submit(self, namespace: str, process: Any, structures: StructureSetData) -> orm.ProcessNode:
        inputs = self.exposed_inputs(process, namespace=namespace, agglomerate=False)
        model = {name: self.inputs[name] for name in MODEL}
        return submit_once(self, namespace, process, structures=structures, **model, **inputs)

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        phases: StructureSetData,
        potential: PotentialData,
        region: Region | Mapping[str, Any],
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            code: a Python with NumPy and the potential's engine.
            phases: a primitive cell of each, with the columns `name` and `space_group`.
            potential: how to compute energies.
            region: temperatures and pressures.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's, e.g. `{"settings": {"cells": 16}}`.

        Raises:
            ValueError: if there is no such protocol.
        """
        builder = cls.get_builder()
        asked = region.to_dict() if isinstance(region, Region) else dict(region)
        given = {"code": code, "phases": phases, "potential": potential, "region": asked}
        fill_builder(builder, {**cls.get_protocol_inputs(protocol, overrides), **given})
        return builder
