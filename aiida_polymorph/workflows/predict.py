"""PredictWorkChain: which phases of a composition are stable, at which temperature and pressure?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext
from ase.formula import Formula

from aiida_polymorph.calculations.functions.candidates import choose_candidates, propose_minima
from aiida_polymorph.calculations.functions.decision import DYNAMICS, HARMONIC, choose_points, correct_energies
from aiida_polymorph.calculations.functions.diagram import find_surface_diagram
from aiida_polymorph.calculations.functions.structures import extract_structure
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of, problem_of_lammps_code
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.phase_diagram import PhaseDiagramData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.landscape.selection import SelectionSettings
from aiida_polymorph.protocol_files import merge_inputs
from aiida_polymorph.search.purpose import FINDING
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.thermodynamics.diagrams.decision import DecisionSettings
from aiida_polymorph.thermodynamics.surfaces.region import Region
from aiida_polymorph.workflows.children import run_once, submit_once
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.harmonic_set import MODEL, HarmonicSetWorkChain, validate_region
from aiida_polymorph.workflows.machine import machine_of, on_cores, search_share
from aiida_polymorph.workflows.outline import while_
from aiida_polymorph.workflows.protocols.utils import ProtocolChild, ProtocolMixin, fill_builder
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain
from aiida_polymorph.workflows.search import SearchWorkChain, validate_count, validate_recipe
from aiida_polymorph.workflows.side_by_side import SideBySideMixin

GRID_CELLS = 70
"""Cells of the grid of the diagram along each axis."""


def validate_pressures(pressures: orm.List | None, _: Any = None) -> str | None:
    """Return what is wrong with the pressures of the searches, None if nothing."""
    if pressures is None:
        return None
    values = pressures.get_list()
    if not values or values != sorted(set(values)) or not values[0] >= 0:
        return f"pressures is {values}: must be rising numbers in GPa from 0 up, each once"
    return None


def validate_selection(selection: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the settings of the selection, None if nothing."""
    return None if selection is None else problem_of(SelectionSettings.from_dict, selection.get_dict())


def validate_dynamics(dynamics: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the settings of the dynamics, None if nothing."""
    return None if dynamics is None else problem_of(DecisionSettings.from_dict, dynamics.get_dict())


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    if not {"recipe", "potential"} <= set(inputs):
        return None
    composition = inputs["recipe"]["composition"]
    for name, node in {"references": inputs.get("references"), **inputs.get("structures", {})}.items():
        if node is not None and len(node) and node.value("composition") != composition:
            return f"{name} are {node.value('composition')}, the recipe is for {composition}"
    potential = inputs["potential"].to_potential()
    if inputs.get("lammps") is not None and potential.backend != "lammps":
        return f"lammps is given, but the potential {potential.name} is not one of LAMMPS: leave it out"
    counts = Recipe.from_dict(inputs["recipe"].get_dict()).counts
    return problem_of(potential.check_species, counts)


class PredictWorkChain(ProtocolMixin, SideBySideMixin):
    """Predict the phase diagram of a composition.

    Searches at several pressures find the minima. Those that could be the stable phase somewhere in the region are the
    candidates; each gets its quasi-harmonic Gibbs energy over the region. Where they leave open which phase is stable,
    molecular dynamics at a few state points decides, until all lines are as sharp as asked.
    """

    _protocol_file = "predict.yaml"
    _protocol_children = {
        "search": ProtocolChild(SearchWorkChain, namespace=True),
        "relax": ProtocolChild(RelaxSetWorkChain, namespace=True),
        "harmonic": ProtocolChild(HarmonicSetWorkChain, namespace=True),
        "free_energy": ProtocolChild(FreeEnergyWorkChain, namespace=True),
    }

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        node = {"serializer": orm.to_aiida_type}
        spec.input(
            "recipe",
            valid_type=orm.Dict,
            validator=validate_recipe,
            help="How the random structures are made, as `Recipe.to_dict` gives it.",
            **node,
        )
        spec.input("potential", valid_type=PotentialData, help="How to compute energies, forces and stresses.")
        spec.input("code", valid_type=orm.AbstractCode, help="A Python with NumPy and the engine of the potential.")
        spec.input("pressures", valid_type=orm.List, validator=validate_pressures, help="Of the searches, GPa.", **node)
        spec.input(
            "region",
            valid_type=orm.Dict,
            validator=validate_region,
            help="`temperatures` (K) and `pressures_gpa` (GPa) of the diagram, each the lowest and the highest.",
            **node,
        )
        spec.input("number", valid_type=orm.Int, validator=validate_count, help="Structures of each search.", **node)
        spec.input_namespace(
            "structures",
            valid_type=StructureSetData,
            dynamic=True,
            required=False,
            help="Sets of earlier searches, each of one pressure, which are taken up beside the new ones.",
        )
        spec.input(
            "references",
            valid_type=StructureSetData,
            required=False,
            help="Known structures with a column `name`: they name the phases, and are candidates too.",
        )
        spec.input(
            "selection",
            valid_type=orm.Dict,
            default=lambda: orm.Dict({}),
            validator=validate_selection,
            help="How candidates are chosen: see `landscape.selection.SelectionSettings`.",
            **node,
        )
        spec.input(
            "dynamics",
            valid_type=orm.Dict,
            default=lambda: orm.Dict({}),
            validator=validate_dynamics,
            help="When the diagram is decided (error_gpa, chance), and how many state points dynamics may take (batch, "
            "most_points): see `thermodynamics.diagrams.decision.DecisionSettings`.",
            **node,
        )
        spec.input(
            "lammps",
            valid_type=orm.AbstractCode,
            required=False,
            validator=problem_of_lammps_code,
            help="LAMMPS's executable, for molecular dynamics; left out, there is none.",
        )
        spec.expose_inputs(SearchWorkChain, namespace="search", exclude=("recipe", "number", "pressure_gpa", *MODEL))
        spec.expose_inputs(RelaxSetWorkChain, namespace="relax", exclude=("structures", "pressure_gpa", *MODEL))
        spec.expose_inputs(HarmonicSetWorkChain, namespace="harmonic", exclude=("phases", "region", *MODEL))
        spec.expose_inputs(
            FreeEnergyWorkChain,
            namespace="free_energy",
            exclude=("code", "structure", "potential", "parameters", "name", "phases"),
        )
        spec.input(
            "free_energy.parameters",
            valid_type=orm.Dict,
            default=lambda: orm.Dict({}),
            help="As those of `polymorph.free_energy`, without temperature, pressure_gpa and target_error.",
            **node,
        )
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.plan_searches,
            while_(cls.is_unfinished)(
                while_(cls.a_job_is_free)(
                    cls.start_search,
                ),
                cls.await_oldest,
            ),
            cls.relax_minima,
            cls.choose_candidates,
            cls.compute_harmonic,
            cls.inspect_harmonic,
            while_(cls.is_undecided)(
                while_(cls.is_unfinished)(
                    while_(cls.a_job_is_free)(
                        cls.start_point,
                    ),
                    cls.await_oldest,
                ),
                cls.inspect_points,
            ),
            cls.correct_energies,
            cls.find_diagram,
        )
        spec.output("diagram", valid_type=PhaseDiagramData, help="The phase diagram over the region.")
        spec.output("candidates", valid_type=RecordData, help="All phases that were found, and which were computed.")
        spec.output("phases", valid_type=StructureSetData, help="The candidates, a primitive cell of each.")
        spec.output_namespace(
            "harmonic_energies", valid_type=GibbsEnergiesData, dynamic=True, help="Quasi-harmonic, of each candidate."
        )
        spec.output_namespace(
            "energies", valid_type=GibbsEnergiesData, dynamic=True, help="Of each candidate, by all that is known."
        )
        spec.output("decision", valid_type=RecordData, help="What is still open, and what it would take to decide it.")
        spec.exit_code(400, "ERROR_NO_MINIMA", message="no search found a minimum: {message}")
        spec.exit_code(401, "ERROR_NOT_RELAXED", message="the minima could not be relaxed at all pressures: {message}")
        spec.exit_code(402, "ERROR_NOT_HARMONIC", message="no quasi-harmonic Gibbs energies: {message}")
        spec.exit_code(410, "ERROR_NO_PHASE", message="no candidate has a Gibbs energy anywhere in the region")

    def plan_searches(self) -> None:
        """Begin with the searches."""
        pressures = self.inputs.pressures.get_list()
        self._plan(pressures, machine_of(self.inputs.code.computer).at_once() or len(pressures))
        self.report(
            f"{self.inputs.number.value} structures of {self.inputs.recipe['composition']} at each of "
            f"{', '.join(f'{each:g}' for each in pressures)} GPa"
        )

    def start_search(self) -> None:
        """Submit the search at the next pressure; one in a step, so that a crash can't submit several again."""
        pressure = float(self.ctx.plan[self.ctx.started])
        inputs = self.exposed_inputs(SearchWorkChain, namespace="search", agglomerate=False)
        given = {name: self.inputs[name] for name in ("recipe", "number", *MODEL)}
        label = f"search_{self.ctx.started:03d}"
        child = submit_once(self, label, SearchWorkChain, **given, **inputs, pressure_gpa=orm.Float(pressure))
        self._count(child)

    def relax_minima(self) -> ToContext | ExitCode:
        """Relax the low minima of all searches, and the references, at every pressure."""
        searches = {f"search_{i:03d}": child for i, child in enumerate(self.ctx.ended) if "structures" in child.outputs}
        for child in self.ctx.ended:
            if not child.is_finished_ok:
                self.report(f"search {child.pk} failed: {child.exit_message or 'see its report'}")
        found = {name: child.outputs.structures for name, child in searches.items()}
        sets = {**found, **{f"given_{name}": node for name, node in self.inputs.get("structures", {}).items()}}
        if not sets:
            return self.exit_codes.ERROR_NO_MINIMA.format(message=self.ctx.ended[-1].exit_message)
        given = {"settings": self.inputs.selection, "region": self.inputs.region, **self._references()}
        minima = run_once(self, "propose_minima", propose_minima, **given, **sets)
        if not len(minima):
            return self.exit_codes.ERROR_NO_MINIMA.format(message="no structure was relaxed")
        self.report(f"relaxing {len(minima)} minima, each at each pressure")
        inputs = self.exposed_inputs(RelaxSetWorkChain, namespace="relax", agglomerate=False)
        child = submit_once(self, "relax", RelaxSetWorkChain, structures=minima, **self._model(), **inputs)
        return ToContext(relaxed=child)

    def choose_candidates(self) -> ExitCode | None:
        """Trace the phases over the pressures, and choose those that could be stable."""
        child = self.ctx.relaxed
        if "relaxed" not in child.outputs:
            return self.exit_codes.ERROR_NOT_RELAXED.format(message=child.exit_message)
        given = {"settings": self.inputs.selection, "region": self.inputs.region}
        made = run_once(self, "choose_candidates", choose_candidates, relaxed=child.outputs.relaxed, **given)
        self.ctx.phases, self.ctx.candidates = made["phases"], made["candidates"]
        self.out_many(made)
        window = self.ctx.candidates.value("window_ev")
        self.report(
            f"{len(self.ctx.phases)} of {len(self.ctx.candidates.value('phases'))} phases come within {window:.3f} eV "
            "per formula unit of the lowest one at some pressure, and are candidates"
        )
        return None

    def compute_harmonic(self) -> ToContext:
        """Compute the quasi-harmonic Gibbs energies of all candidates."""
        inputs = self.exposed_inputs(HarmonicSetWorkChain, namespace="harmonic", agglomerate=False)
        given = {"phases": self.ctx.phases, "region": self.inputs.region, **self._model()}
        return ToContext(harmonic=submit_once(self, "harmonic", HarmonicSetWorkChain, **given, **inputs))

    def inspect_harmonic(self) -> ExitCode | None:
        """Take the Gibbs energies."""
        child = self.ctx.harmonic
        if "energies" not in child.outputs:
            return self.exit_codes.ERROR_NOT_HARMONIC.format(message=child.exit_message)
        self.ctx.cells = child.outputs.cells
        self.ctx.harmonic_energies = {name: child.outputs.energies[name] for name in sorted(child.outputs.energies)}
        self.out("harmonic_energies", self.ctx.harmonic_energies)
        self.ctx.points, self.ctx.failed, self.ctx.round = {}, [], 0
        known = any(has_values(node) for node in self.ctx.harmonic_energies.values())
        return None if known else self.exit_codes.ERROR_NO_PHASE

    def is_undecided(self) -> bool:
        """Decide which state points dynamics should compute next, and return whether there are any."""
        label = f"choose_points_{self.ctx.round:02d}"
        avoided = {"avoided": orm.List(self.ctx.failed)} if self.ctx.failed else {}
        found = run_once(self, label, choose_points, settings=self.inputs.dynamics, **avoided, **self._known())
        self.ctx.decision, wanted = found, found.value("points")
        if wanted and "lammps" not in self.inputs:
            self.report(f"{found.value('further_points')} state points are open, but there is no code for dynamics")
            return False
        self._plan(wanted, machine_of(self.inputs.lammps.computer).at_once() or len(wanted) if wanted else 1)
        for each in wanted:
            self.report(
                f"dynamics of {each['phase']} at {each['temperature']:g} K and {each['pressure_gpa']:g} GPa to "
                f"{each['target_error']:.2g} eV per formula unit"
            )
        return bool(wanted)

    def start_point(self) -> None:
        """Submit the free energy at the next state point; one in a step, so that a crash can't submit several again."""
        wanted = self.ctx.plan[self.ctx.started]
        label = f"{DYNAMICS}{self.ctx.round:02d}_{self.ctx.started:02d}"
        position = nearest_cell(self.ctx.cells, wanted["phase"], wanted["pressure_gpa"])
        structure = run_once(
            self, f"cell_{label}", extract_structure, structures=self.ctx.cells, position=orm.Int(position)
        )
        inputs = self.exposed_inputs(FreeEnergyWorkChain, namespace="free_energy", agglomerate=False)
        names = ("temperature", "pressure_gpa", "target_error")
        parameters = self.inputs.free_energy.parameters.get_dict()
        given = {**parameters, **{name: wanted[name] for name in names}}
        child = submit_once(
            self,
            label,
            FreeEnergyWorkChain,
            code=self.inputs.lammps,
            structure=structure,
            potential=self.inputs.potential,
            parameters=orm.Dict(given),
            name=orm.Str(wanted["phase"]),
            **inputs,
        )
        self._count(child)

    def inspect_points(self) -> None:
        """Take the free energies; one that failed is left out, and its place is not asked for again."""
        for number, child in enumerate(self.ctx.ended):
            label = f"{DYNAMICS}{self.ctx.round:02d}_{number:02d}"
            if "free_energy" in child.outputs:
                self.ctx.points[label] = child.outputs.free_energy
            else:
                self.report(f"{label} ({child.pk}) failed: {child.exit_message or 'see its report'}")
                wanted = self.ctx.plan[number]
                self.ctx.failed.append([wanted["phase"], wanted["temperature"], wanted["pressure_gpa"]])
        self.ctx.round += 1

    def correct_energies(self) -> None:
        """Add what dynamics found to the quasi-harmonic Gibbs energies."""
        known = self._known()
        self.ctx.energies = run_once(self, "correct_energies", correct_energies, **known)
        self.out("energies", self.ctx.energies)
        self.out("decision", self.ctx.decision)

    def _known(self) -> dict[str, orm.Data]:
        """Return the Gibbs energies of all phases so far."""
        atoms = sum(Recipe.from_dict(self.inputs.recipe.get_dict()).counts.values())
        return {"atoms": orm.Int(atoms), **self.ctx.harmonic_energies, **self.ctx.points}

    def find_diagram(self) -> None:
        """Put the Gibbs energies together."""
        nodes = {name.replace(HARMONIC, "gibbs_"): node for name, node in sorted(self.ctx.energies.items())}
        settings = orm.Dict(diagram_settings(nodes, self.ctx.candidates, self.inputs.region, self.inputs.dynamics))
        diagram = run_once(self, "diagram", find_surface_diagram, settings=settings, **nodes)
        self.out("diagram", diagram)
        self.report(f"stable somewhere: {', '.join(diagram.value('stable_phases'))}")

    def _model(self) -> dict[str, orm.Data]:
        return {name: self.inputs[name] for name in MODEL}

    def _references(self) -> dict[str, orm.Data]:
        return {"references": self.inputs.references} if "references" in self.inputs else {}

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        potential: PotentialData,
        recipe: Recipe | Mapping[str, Any] | str,
        pressures_gpa: Sequence[float],
        temperatures: Sequence[float],
        references: StructureSetData | None = None,
        structures: Mapping[str, StructureSetData] | None = None,
        lammps: orm.AbstractCode | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs that a protocol stands for.

        Args:
            code: a Python with NumPy and the potential's engine.
            potential: how to compute energies.
            recipe: how the random structures are made; a composition stands for the recipe that `Recipe.propose`
                gives, with symmetric structures.
            pressures_gpa: of the searches; the diagram reaches from the lowest to the highest.
            temperatures: K; the diagram reaches from the lowest to the highest.
            references: known structures with a column `name`.
            structures: sets of earlier searches, by any names.
            lammps: LAMMPS's executable, for molecular dynamics; None for none.
            protocol: name of a protocol, None for the default.
            overrides: inputs that differ from the protocol's, e.g. `{"number": 2000}`.

        Raises:
            ValueError: if there is no such protocol, or the pressures or temperatures make no region.
        """
        asked = Region((min(temperatures), max(temperatures)), (min(pressures_gpa), max(pressures_gpa)))
        made = proposed(recipe) if isinstance(recipe, str) else recipe
        builder = cls.get_builder()
        shares = {
            "search": search_share(code, len(pressures_gpa)),
            "relax": on_cores(code),
            "harmonic": {"relax": on_cores(code), "evaluate": on_cores(code)},
        }
        inputs = {
            **cls.get_protocol_inputs(protocol, merge_inputs(shares, overrides or {})),
            "code": code,
            "potential": potential,
            "recipe": made.to_dict() if isinstance(made, Recipe) else dict(made),
            "pressures": sorted(float(each) for each in pressures_gpa),
            "region": asked.to_dict(),
            "references": references,
            "lammps": lammps,
        }
        fill_builder(builder, inputs)
        if structures:
            builder.structures = dict(structures)
        return builder


def proposed(composition: str, **overrides: Any) -> Recipe:
    """Return the recipe of a search that is to find phases: random structures with the symmetry of any space group.

    Args:
        composition: e.g. `TiO2`.
        overrides: of `Recipe.propose`.
    """
    return Recipe.propose(composition, **{**FINDING, **overrides})


def has_values(node: GibbsEnergiesData) -> bool:
    """Return whether a phase has a Gibbs energy anywhere."""
    return any(point["gibbs_energy"] is not None for point in node.points)


def nearest_cell(cells: StructureSetData, phase: str, pressure_gpa: float) -> int:
    """Return the position of the cell of a phase whose pressure is nearest."""
    table = cells.to_set()
    own = np.flatnonzero(table.column("name", "").astype(str) == phase)
    return int(own[np.argmin(np.abs(table.column("pressure_gpa")[own] - pressure_gpa))])


def diagram_settings(
    nodes: Mapping[str, GibbsEnergiesData], candidates: RecordData, region: orm.Dict, dynamics: orm.Dict
) -> dict[str, Any]:
    """Return the settings of `find_surface_diagram` for the Gibbs energies of candidates."""
    asked, entries = Region.from_dict(region.get_dict()), candidates.value("phases")
    axes = zip(("temperatures", "pressures"), (asked.temperatures, asked.pressures_gpa), strict=True)
    grids = {name: np.linspace(*ends, GRID_CELLS + 1).tolist() for name, ends in axes}
    window = candidates.value("window_ev")
    dropped = {
        each["name"]: f"its enthalpy lies {each['least_gap_ev']:.3f} eV per formula unit or more above the lowest one "
        f"at all pressures, and the window is {window:.3f}"
        for each in entries
        if not each["chosen"]
    }
    composition = next(iter(nodes.values())).value("composition")
    return {
        "phases": {key: node.value("phase") for key, node in nodes.items()},
        "atoms": sum(Formula(composition).count().values()),
        "composition": composition,
        "space_groups": {each["name"]: each["space_group"] for each in entries},
        "dropped": dropped,
        "error_gpa": DecisionSettings.from_dict(dynamics.get_dict()).error_gpa,
        "fewest": 1,
        **grids,
    }
