"""What the WorkChains of molecular dynamics share: their inputs, and the check that these fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import WorkChain

from aiida_polymorph.calculations.specification import Spec
from aiida_polymorph.calculations.validation import problem_of
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.versioned import VersionedMixin
from aiida_polymorph.workflows.options import define_options, validate_options


def validate_phase(inputs: Mapping[str, Any], _: Any = None) -> str | None:
    """Return what doesn't fit together in structure, potential, options and code, None if everything does."""
    problem = validate_options(inputs)
    if problem or not {"structure", "potential"} <= set(inputs):
        return problem
    potential = inputs["potential"].to_potential()
    if potential.backend != "lammps":
        return f"potential {potential.name!r} runs with {potential.backend}; free energies need one of LAMMPS"
    return problem_of(potential.check_species, inputs["structure"].get_ase().get_chemical_symbols())


class DynamicsMixin(VersionedMixin, WorkChain):
    """Inputs of a WorkChain that runs molecular dynamics on one phase."""

    @classmethod
    def define(cls, spec: Spec) -> None:
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
            help="Phases by name, of an analysis or known ones: what a phase that is not metastable is looked up in.",
        )
        spec.inputs.validator = validate_phase

    def _given(self, *names: str) -> dict[str, orm.Data]:
        """Return the inputs of these names that are given."""
        return {name: self.inputs[name] for name in names if name in self.inputs}


def define_name(spec: Spec) -> None:
    """Define the input by which a result knows its phase."""
    spec.input(
        "name",
        valid_type=orm.Str,
        required=False,
        serializer=orm.to_aiida_type,
        help="Name of the phase, which the result keeps as its attribute `phase`.",
    )
