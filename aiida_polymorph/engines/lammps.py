"""LAMMPS through this package's own relaxation job, so that a potential stands beside DFT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ProcessBuilder

from aiida_polymorph.calculations.functions.structures import extract_structure
from aiida_polymorph.calculations.relax_set import validate_parameters
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines.interface import Engine, Reading, Relaxation
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.versioned import calcfunction


class LammpsEngine(Engine):
    """`polymorph.relax_set` of a single structure; the functional is the potential's name.

    The minimiser knows no symmetry: what the start has is kept as far as rounding does, and a saddle may be left.
    """

    name = "lammps"
    process = "polymorph.relax_set"
    install = "aiida-polymorph"
    code_plugin = "polymorph.relax_set"
    functionals = {}
    outputs = ("relaxed",)
    uses_pseudos = False

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the parameters, None if nothing."""
        return super().problem(parameters) or validate_parameters(orm.Dict(dict(parameters["relaxation"])))

    def pseudopotentials(
        self, functional: str, elements: Sequence[str], parameters: Mapping[str, Any]
    ) -> dict[str, orm.Data]:
        """Return nothing: the potential takes their place."""
        del functional, elements, parameters
        return {}

    def builder(self, relaxation: Relaxation) -> ProcessBuilder:
        """Return the builder of a relaxation with our driver."""
        builder = self.new_builder()
        builder.code = relaxation.code
        builder.structures = self.call("as_set", as_set, structure=relaxation.structure)
        builder.potential = relaxation.potential
        builder.pressure_gpa = orm.Float(relaxation.pressure_gpa)
        builder.parameters = orm.Dict(dict(relaxation.parameters["relaxation"]))
        if relaxation.options:
            builder.options = orm.Dict(dict(relaxation.options))
        builder.metadata.label = relaxation.label
        return builder

    def structure(self, process: orm.ProcessNode) -> orm.StructureData | None:
        """Return the relaxed structure of a process, None if there is none."""
        if not process.is_finished_ok:
            return None
        return self.call("extract", extract_structure, structures=process.outputs.relaxed, position=orm.Int(0))

    def read(self, outputs: Mapping[str, orm.Data], pressure_gpa: float) -> Reading:
        """Return what the driver gave; of the stress it tells the largest component of what is left.

        Raises:
            ValueError: if the structure was not relaxed.
        """
        relaxed = outputs["relaxed"].to_set()
        if not relaxed.column("converged")[0]:
            raise ValueError(str(relaxed.column("reason", "")[0]) or "not converged")
        left = float(relaxed.column("max_stress_error")[0])
        return Reading(relaxed[0], float(relaxed.column("enthalpy")[0]), (pressure_gpa + left) * np.eye(3))


@calcfunction
def as_set(structure: orm.StructureData) -> StructureSetData:
    """Return a set of this structure alone."""
    return StructureSetData.from_set(StructureSet.from_atoms([structure.get_ase()], {"index": [0]}))
