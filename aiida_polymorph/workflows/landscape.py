"""LandscapeWorkChain: which phases did the searches find, how often, and how stable are they."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ToContext, WorkChain

from aiida_polymorph.calculations.functions.entropy import estimate_basin_entropy
from aiida_polymorph.calculations.functions.landscape import build_landscape, compute_fingerprints
from aiida_polymorph.calculations.functions.phases import assemble_phases, propose_candidates, references_as_given
from aiida_polymorph.calculations.functions.predict import predict_chemical_potentials, train_surrogate
from aiida_polymorph.calculations.functions.pressures import flatten, pressure_key
from aiida_polymorph.calculations.functions.structures import pool_structures
from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.basin_entropy import BasinEntropyData
from aiida_polymorph.data.chemical_potential import ChemicalPotentialData
from aiida_polymorph.data.landscape import LandscapeData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.data.surrogate import SurrogateData
from aiida_polymorph.landscape.settings import AnalysisSettings
from aiida_polymorph.search.purpose import counting_problem
from aiida_polymorph.versioned import VersionedMixin
from aiida_polymorph.workflows.children import run_once, submit_once
from aiida_polymorph.workflows.outline import if_
from aiida_polymorph.workflows.protocols.utils import ProtocolChild, ProtocolMixin, fill_builder
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

LEAST_STRUCTURES = 2


def validate_settings(settings: orm.Dict | None, _: Any = None) -> str | None:
    """Return what is wrong with the settings, None if nothing."""
    return problem_of(AnalysisSettings.from_dict, settings.get_dict() if settings else {})


def validate_structures(sets: Mapping[str, StructureSetData] | None, _: Any = None) -> str | None:
    """Return what is wrong with the sets to analyse, None if nothing."""
    if not sets:
        return "structures: at least one set is needed"
    for name, node in sets.items():
        if node.value("pressure_gpa") is None:
            return f"structures.{name} has no pressure, or several: an analysis needs sets of one known pressure each"
        if len(node) < LEAST_STRUCTURES:
            return f"structures.{name} holds {len(node)} structures: an analysis needs {LEAST_STRUCTURES} or more"
        if node.value("lowest_enthalpy_ev_per_formula_unit") is None:
            return f"structures.{name} has no enthalpies: relax the structures, or import them with their enthalpies"
        problem = counting_problem(node.value("metadata") or {})
        if problem:
            return f"structures.{name} is not for counting: {problem}"
    compositions = {node.value("composition") for node in sets.values()}
    if len(compositions) > 1 or None in compositions:
        return f"structures: all must have one and the same composition, they have {sorted(map(str, compositions))}"
    return validate_pooling(sets.values())


def validate_pooling(sets: Iterable[StructureSetData]) -> str | None:
    """Return why sets of one pressure can't be pooled, None if they can."""
    seen: dict[float, Mapping[str, Any]] = {}
    for node in sets:
        made = node.value("metadata", {})
        first = seen.setdefault(node.value("pressure_gpa"), made)
        for name in ("potential", "minimiser"):
            if made.get(name) != first.get(name):
                return (
                    f"structures: the sets of {node.value('pressure_gpa'):g} GPa differ in {name}: "
                    "how often each minimum is found depends on it, so that they can't be pooled"
                )
    return None


def validate_inputs(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in the inputs, None if everything does."""
    references = inputs.get("references")
    if references is None or not inputs.get("structures"):
        return None
    compositions = {node.value("composition") for node in inputs["structures"].values()}
    if references.value("composition") not in compositions:
        return f"references are {references.value('composition')}, the structures {', '.join(map(str, compositions))}"
    return None


class LandscapeWorkChain(ProtocolMixin, VersionedMixin, WorkChain):
    """Clusters, phases, basin entropies, surrogate and chemical potentials from structure sets of several pressures."""

    _protocol_file = "landscape.yaml"
    _protocol_children = {"relax": ProtocolChild(RelaxSetWorkChain, namespace=True)}

    @classmethod
    def define(cls, spec: Spec) -> None:
        """Define inputs, outline, outputs and exit codes."""
        super().define(spec)
        spec.input_namespace(
            "structures",
            valid_type=StructureSetData,
            dynamic=True,
            validator=validate_structures,
            help="The sets to analyse, each of one pressure, under any names; sets of the same pressure are pooled.",
        )
        spec.input(
            "references",
            valid_type=StructureSetData,
            required=False,
            help="Known structures with a column `name`: they label the phases. Relaxed at every pressure; without "
            "`relax` they are compared as they are.",
        )
        spec.input(
            "settings",
            valid_type=orm.Dict,
            default=lambda: orm.Dict({}),
            serializer=orm.to_aiida_type,
            validator=validate_settings,
            help="Fingerprints, eps, min_samples, symprec, surrogate, ...: see `landscape.settings.AnalysisSettings`.",
        )
        spec.expose_inputs(
            RelaxSetWorkChain,
            namespace="relax",
            exclude=("structures", "pressure_gpa"),
            namespace_options={
                "required": False,
                "populate_defaults": False,
                "help": "How references, and phases found at other pressures, are relaxed; left out, neither is done, "
                "references are compared as they are and phases are not matched across pressures.",
            },
        )
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.gather_searches,
            cls.cluster_structures,
            if_(cls.can_relax)(
                cls.relax_candidates,
                cls.inspect_candidates,
            ),
            cls.assemble_phases,
            cls.estimate_entropies,
            cls.train_surrogates,
            cls.predict_chemical_potentials,
        )
        spec.output_namespace("landscapes", valid_type=LandscapeData, dynamic=True, help="The map of each pressure.")
        spec.output_namespace(
            "fingerprints", valid_type=RecordData, dynamic=True, help="Unit vectors, one a structure."
        )
        spec.output("candidates", valid_type=StructureSetData, required=False, help="Relaxed at every pressure.")
        spec.output("phases", valid_type=StructureSetData, help="One structure for each phase and pressure.")
        spec.output_namespace("basin_entropies", valid_type=BasinEntropyData, dynamic=True, help="Of each pressure.")
        spec.output_namespace(
            "surrogates",
            valid_type=SurrogateData,
            dynamic=True,
            help="Models of enthalpy and basin entropy of each pressure.",
        )
        spec.output("chemical_potentials", valid_type=ChemicalPotentialData, help="Over pressure and temperature.")
        spec.exit_code(
            400,
            "ERROR_CANDIDATES_NOT_RELAXED",
            message="neither references nor phases of other pressures could be relaxed: {message}",
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        structures: Mapping[str, StructureSetData],
        references: StructureSetData | None = None,
        code: orm.AbstractCode | None = None,
        potential: orm.Data | None = None,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder with the inputs of a protocol.

        Args:
            structures: the sets to analyse, under any names.
            references: known structures; without code and potential compared as they are.
            code: Python with the engine, to relax references and candidates; None: neither is done.
            potential: with which the sets were made.
            protocol: its name, see `get_available_protocols`.
            overrides: inputs that differ from the protocol's, e.g. `{"settings": {"eps": 0.003}}`; `relax` may name
                another protocol of the relaxations, e.g. `{"relax": {"protocol": "moderate"}}`.

        Raises:
            ValueError: if the protocol is unknown or only one of code and potential is given.
        """
        if (code is None) != (potential is None):
            raise ValueError("code and potential: give both, or neither to leave out all relaxations")
        inputs = cls.get_protocol_inputs(protocol, overrides)
        relax = inputs.pop("relax", {})
        if code is not None:
            inputs["relax"] = {**relax, "code": code, "potential": potential}
        builder = cls.get_builder()
        fill_builder(builder, {**inputs, "references": references})
        builder.structures = dict(structures)
        return builder

    def gather_searches(self) -> None:
        """Sort the sets by pressure; several of one pressure are pooled."""
        groups: dict[str, dict[str, StructureSetData]] = {}
        for name, node in self.inputs.structures.items():
            groups.setdefault(pressure_key(node.value("pressure_gpa")), {})[name] = node
        self.ctx.structures = {
            key: next(iter(nodes.values()))
            if len(nodes) == 1
            else run_once(self, f"pool_{key}", pool_structures, **nodes)
            for key, nodes in groups.items()
        }

    def cluster_structures(self) -> None:
        """Compute fingerprints, choose eps and cluster, at each pressure."""
        self.ctx.fingerprints, self.ctx.landscapes = {}, {}
        for key, structures in self.ctx.structures.items():
            fingerprints = run_once(
                self, f"fingerprints_{key}", compute_fingerprints, structures=structures, settings=self.inputs.settings
            )
            landscape = run_once(
                self,
                f"landscape_{key}",
                build_landscape,
                structures=structures,
                fingerprints=fingerprints,
                settings=self.inputs.settings,
            )
            self.ctx.fingerprints[key], self.ctx.landscapes[key] = fingerprints, landscape
            minima, clusters = landscape.value("minima"), len(landscape.clusters)
            self.report(
                f"{landscape.pressure_gpa:g} GPa: {landscape.value('structures')} structures, {clusters} phases, "
                f"{minima['found_once']} minima found once, eps {landscape.eps:g}"
            )
        self.out("fingerprints", self.ctx.fingerprints)
        self.out("landscapes", self.ctx.landscapes)

    def can_relax(self) -> bool:
        """Return whether references and candidates can be relaxed."""
        return "relax" in self.inputs

    def relax_candidates(self) -> ToContext | None:
        """Relax the references, and what was found at other pressures, at every pressure in one set."""
        nodes = flatten({"structures": self.ctx.structures, "landscape": self.ctx.landscapes})
        candidates = run_once(
            self, "propose_candidates", propose_candidates, settings=self.inputs.settings, **self._references(), **nodes
        )
        if len(candidates) == 0:
            return None
        self.report(f"relaxing {len(candidates)} references and structures found at other pressures")
        inputs = self.exposed_inputs(RelaxSetWorkChain, namespace="relax")
        child = submit_once(self, "relax_candidates", RelaxSetWorkChain, structures=candidates, **inputs)
        return ToContext(relaxed=child)

    def inspect_candidates(self) -> ExitCode | None:
        """Take what was relaxed; without any of it the phases would have no names, so stop."""
        if "relaxed" not in self.ctx:
            return None
        child = self.ctx.relaxed
        if "relaxed" not in child.outputs:
            return self.exit_codes.ERROR_CANDIDATES_NOT_RELAXED.format(message=child.exit_message)
        self.out("candidates", child.outputs.relaxed)
        return None

    def assemble_phases(self) -> None:
        """Label clusters by references, match them across pressures, and name them."""
        nodes = flatten(
            {
                "structures": self.ctx.structures,
                "fingerprints": self.ctx.fingerprints,
                "landscape": self.ctx.landscapes,
            }
        )
        self.ctx.phases = run_once(
            self,
            "assemble_phases",
            assemble_phases,
            settings=self.inputs.settings,
            **self._candidates(),
            **self._references(),
            **nodes,
        )
        self.out("phases", self.ctx.phases)

    def estimate_entropies(self) -> None:
        """Turn frequencies into basin entropies, at each pressure."""
        self.ctx.entropies = {
            key: run_once(
                self,
                f"basin_entropy_{key}",
                estimate_basin_entropy,
                phases=self.ctx.phases,
                pressure_gpa=orm.Float(landscape.pressure_gpa),
            )
            for key, landscape in self.ctx.landscapes.items()
        }
        self.out("basin_entropies", self.ctx.entropies)

    def train_surrogates(self) -> None:
        """Train the models of enthalpy and basin entropy, and test them, at each pressure."""
        self.ctx.surrogates = {
            key: run_once(
                self,
                f"surrogate_{key}",
                train_surrogate,
                structures=structures,
                fingerprints=self.ctx.fingerprints[key],
                landscape=self.ctx.landscapes[key],
                phases=self.ctx.phases,
                basin_entropy=self.ctx.entropies[key],
                settings=self.inputs.settings,
            )
            for key, structures in self.ctx.structures.items()
        }
        self.out("surrogates", self.ctx.surrogates)

    def predict_chemical_potentials(self) -> None:
        """Bring enthalpies and entropies, found or predicted, together."""
        nodes = flatten({"basin_entropy": self.ctx.entropies, "surrogate": self.ctx.surrogates})
        potentials = run_once(
            self,
            "chemical_potentials",
            predict_chemical_potentials,
            phases=self.ctx.phases,
            settings=self.inputs.settings,
            **nodes,
        )
        self.out("chemical_potentials", potentials)

    def _candidates(self) -> dict[str, StructureSetData]:
        if "relaxed" in self.ctx:
            return {"candidates": self.ctx.relaxed.outputs.relaxed}
        if "references" not in self.inputs:
            return {}
        landscapes = flatten({"landscape": self.ctx.landscapes})
        references = self.inputs.references
        return {
            "candidates": run_once(
                self, "references_as_given", references_as_given, references=references, **landscapes
            )
        }

    def _references(self) -> dict[str, StructureSetData]:
        return {"references": self.inputs.references} if "references" in self.inputs else {}
