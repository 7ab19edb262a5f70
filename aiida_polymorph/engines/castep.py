"""CASTEP through aiida-castep: `castep.relax`, with our parser `polymorph.castep`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.engine import ProcessBuilder

from aiida_polymorph.engines.interface import Engine, Reading, Relaxation, by_kind, job_options
from aiida_polymorph.protocol_files import merge_inputs

LIBRARY = re.compile(r"[A-Za-z]+\d+")
"""Name of a set of pseudopotentials that CASTEP makes on the fly, e.g. C19."""

JOBS_IN_VAIN = 2
"""How often castep.base submits a job: again with more SCF cycles if these ran out; out of time, it starts anew."""

OUT_OF_TIME = (107, 120)
"""Exit codes of a job that CASTEP ended before its time was over, and of one that the scheduler ended."""

NOT_A_RESULT = {
    "ERROR_SCF_NOT_CONVERGED": "max_scf_cycles were done and the ground state not reached",
    "At least one kpoint has no empty bands": "a k-point has no empty bands: energy and forces are not reliable",
}
"""Words in the warnings of a job whose energy means nothing, though its exit code may be 0 -> what they mean."""

NOT_FALSE = {
    "calculate_stress": "a point tells the stress that is left",
    "write_bands": "the WorkChain of aiida-castep needs them",
    "write_geom": "aiida-castep reads the relaxed structure there",
}
"""Switches of .param that can't be off -> why."""

OWN = {
    "param": {"continuation", "reuse", "task", "xc_functional"},
    "cell": {
        "external_pressure",
        "kpoint_mp_grid",
        "kpoint_mp_spacing",
        "kpoints_mp_grid",
        "kpoints_mp_spacing",
        "lattice_abc",
        "lattice_cart",
        "positions_abs",
        "positions_frac",
        "species_pot",
        "symmetry_generate",
    },
}
"""What a scan writes itself into .param and .cell, or must not be there."""


class CastepEngine(Engine):
    """`castep.relax`: LBFGS at an external pressure, continued from the last structure where iterations run out."""

    name = "castep"
    process = "castep.relax"
    install = "aiida-castep (Python 3.11 or 3.12)"
    code_plugin = "castep.castep"
    functionals = {
        "LDA": "LDA",
        "PBE": "PBE",
        "PBEsol": "PBEsol",
        "PW91": "PW91",
        "RPBE": "RPBE",
        "WC": "WC",
        "rSCAN": "RSCAN",
    }
    outputs = ("output_parameters", "output_structure", "output_trajectory")

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the parameters, None if nothing."""
        given = {name: {str(key).lower(): value for key, value in parameters.get(name, {}).items()} for name in OWN}
        for key, why in NOT_FALSE.items():
            if given["param"].get(key) is False:
                return f"parameters: param.{key} is false, which can't be: {why}; leave it out"
        for name, reserved in OWN.items():
            if own := reserved & set(given[name]):
                return f"parameters: {name} holds {', '.join(sorted(own))}, which the scan sets itself"
        return super().problem(parameters) or _unknown_keyword(given)

    def pseudopotentials(
        self,
        functional: str,  # noqa: ARG002 - the sets are for all of them
        elements: Sequence[str],
        parameters: Mapping[str, Any],
    ) -> dict[str, orm.Data]:
        """Return those that `pseudos` names: a family, a set made on the fly (C19), or a text for each element.

        Raises:
            ValueError: if there is none of an element, or no such family.
        """
        wanted = parameters["pseudos"]
        if isinstance(wanted, Mapping):
            missing = [element for element in elements if element not in wanted]
            if missing:
                raise ValueError(f"no pseudopotential for {', '.join(missing)}: pseudos has {', '.join(wanted)}")
            return {element: _on_the_fly(f"{element} {wanted[element]}") for element in elements}
        from aiida_castep.data import get_pseudos_from_structure

        cell = orm.StructureData(cell=np.eye(3))
        for element in elements:
            cell.append_atom(symbols=element, position=(0, 0, 0))
        try:
            return get_pseudos_from_structure(cell, wanted)
        except (NotExistent, MultipleObjectsError) as error:
            if LIBRARY.fullmatch(wanted) and not _is_family(wanted):
                return {element: _on_the_fly(wanted) for element in elements}
            raise ValueError(
                f"no pseudopotentials from pseudos {wanted!r}: {error}; it may be a family (`verdi data castep-pseudos "
                "listfamilies`) or a set that CASTEP makes on the fly, e.g. C19"
            ) from error

    def builder(self, relaxation: Relaxation) -> ProcessBuilder:
        """Return the builder of a geometry optimisation."""
        parameters = relaxation.parameters
        builder = self.new_builder()
        builder.structure = relaxation.structure
        # `reuse`, the plugin's own way, needs a checkpoint, which the paper's settings don't write.
        builder.relax_options = orm.Dict(
            {"restart_mode": "structure", "max_meta_iterations": parameters["max_meta_iterations"]}
        )
        builder.base.max_iterations = orm.Int(JOBS_IN_VAIN)
        builder.base.kpoints_spacing = orm.Float(parameters["kpoints_spacing"])
        builder.calc.code = relaxation.code
        builder.calc.parameters = orm.Dict(input_files(relaxation))
        builder.calc.pseudos = by_kind(relaxation.structure, relaxation.pseudos)
        # The plugin calls this deprecated, but refuses to start where the resources are in `calc_options` alone.
        builder.calc.metadata.options = {**job_options(relaxation), "parser_name": "polymorph.castep"}
        builder.calc.metadata.label = relaxation.label
        builder.metadata.label = relaxation.label
        return builder

    def structure(self, process: orm.ProcessNode) -> orm.StructureData | None:
        """Return the last structure of a process, of a job out of time as well; None if there is none."""
        if "output_structure" in process.outputs:
            return process.outputs.output_structure
        jobs = [node for node in process.called_descendants if isinstance(node, orm.CalcJobNode)]
        last = max(jobs, key=lambda node: node.ctime, default=None)
        if last is None or last.exit_status not in OUT_OF_TIME or "output_structure" not in last.outputs:
            return None
        return last.outputs.output_structure

    def read(self, outputs: Mapping[str, orm.Data], pressure_gpa: float) -> Reading:  # noqa: ARG002
        """Return the last step of a geometry optimisation.

        CASTEP's own enthalpy is E + PV at the external pressure of its input; its stress is negative in compression.

        Raises:
            ValueError: if enthalpy, stress or structure is missing, or CASTEP says that it didn't converge.
        """
        problem = _unconverged(outputs["output_parameters"].get_dict())
        if problem:
            raise ValueError(problem)
        if "output_structure" not in outputs or "output_trajectory" not in outputs:
            raise ValueError("no structure could be read: was there no .geom?")
        trajectory = outputs["output_trajectory"]
        names = trajectory.get_arraynames()
        stress = next((name for name in ("symm_stress", "stress") if name in names), None)
        if "geom_enthalpy" not in names or stress is None:
            raise ValueError("the output of CASTEP holds no enthalpy or no stress: was calculate_stress off?")
        enthalpy = float(trajectory.get_array("geom_enthalpy")[-1])
        return Reading(outputs["output_structure"].get_ase(), enthalpy, -trajectory.get_array(stress)[-1])


def input_files(relaxation: Relaxation) -> dict[str, Any]:
    """Return the contents of the `.param` and `.cell` files, but for structure, k-points and pseudopotentials."""
    pressure = f"{relaxation.pressure_gpa:g}"
    symmetry = {"symmetry_generate": True, "snap_to_symmetry": True} if relaxation.symmetry else {}
    wanted = {
        "PARAM": {
            "task": "geometryoptimization",
            "xc_functional": CastepEngine.functionals[relaxation.functional],
            "calculate_stress": True,
        },
        "CELL": {**symmetry, "external_pressure": [f"{pressure} 0 0", f"{pressure} 0", pressure]},
    }
    given = {"PARAM": relaxation.parameters["param"], "CELL": relaxation.parameters.get("cell", {})}
    return merge_inputs(wanted, given)


def _unknown_keyword(given: Mapping[str, Mapping[str, Any]]) -> str | None:
    from aiida_castep.calculations.tools import input_param_validator

    problem = input_param_validator({name.upper(): dict(entries) for name, entries in given.items()})
    return f"parameters: {' '.join(str(problem).split())}" if problem else None


def _unconverged(results: Mapping[str, Any]) -> str | None:
    """Return why the results of a job mean nothing, None if they do."""
    if results.get("geom_unconverged"):
        return "the geometry did not converge within geom_max_iter"
    told = [why for words, why in NOT_A_RESULT.items() if any(words in each for each in results.get("warnings", []))]
    return told[0] if told else None


def _on_the_fly(entry: str) -> orm.Data:
    from aiida_castep.data.otfg import OTFGData

    return OTFGData.get_or_create(entry, use_first=True)[0]


def _is_family(label: str) -> bool:
    return orm.QueryBuilder().append(orm.Group, filters={"label": label}).count() > 0
