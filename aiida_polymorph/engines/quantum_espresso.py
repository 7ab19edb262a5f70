"""Quantum ESPRESSO through aiida-quantumespresso: `pw.x` with `vc-relax`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import ProcessBuilder

from aiida_polymorph.engines.interface import Engine, Reading, Relaxation, by_kind, enthalpy, job_options
from aiida_polymorph.protocol_files import merge_inputs

KBAR_PER_GPA = 10.0


class QuantumEspressoEngine(Engine):
    """`quantumespresso.pw.relax`: cell and positions, with pseudopotentials of an aiida-pseudo family."""

    name = "quantum-espresso"
    process = "quantumespresso.pw.relax"
    install = '`pip install "aiida-polymorph[quantum-espresso]"`'
    code_plugin = "quantumespresso.pw"
    functionals = {"LDA": "LDA", "PBE": "PBE", "PBEsol": "PBEsol"}
    outputs = ("output_parameters", "output_structure", "output_trajectory")

    def problem(self, parameters: Mapping[str, Any]) -> str | None:
        """Return what is wrong with the parameters, None if nothing."""
        for name in ("cutoff_ry", "density_cutoff_ry", "kpoints_distance"):
            if not (isinstance(parameters.get(name), int | float) and parameters[name] > 0):
                return f"parameters: {name} is {parameters.get(name)!r}, must be a positive number"
        return super().problem(parameters)

    def pseudopotentials(
        self, functional: str, elements: Sequence[str], parameters: Mapping[str, Any]
    ) -> dict[str, orm.Data]:
        """Return those of the family `pseudo_family`, in whose label {functional} is replaced.

        Raises:
            ValueError: if the family is not installed or lacks an element.
        """
        from aiida.plugins import GroupFactory

        label = parameters["pseudo_family"].format(functional=functional)
        query = orm.QueryBuilder().append(GroupFactory("pseudo.family"), filters={"label": label})
        family = query.first(flat=True)
        if family is None:
            raise ValueError(
                f"no pseudopotentials for {functional}: the family {label!r} is not installed; "
                f"`aiida-pseudo list` shows what is, `aiida-pseudo install` brings others, and the parameter "
                "pseudo_family names the one to take"
            )
        try:
            return {element: family.get_pseudo(element) for element in elements}
        except (NotExistent, ValueError) as error:
            raise ValueError(f"no pseudopotential for an element in the family {label!r}: {error}") from error

    def builder(self, relaxation: Relaxation) -> ProcessBuilder:
        """Return the builder of a variable-cell relaxation."""
        builder = self.new_builder()
        parameters = relaxation.parameters
        builder.structure = relaxation.structure
        rounds = parameters["max_meta_convergence_iterations"]
        builder.meta_convergence = orm.Bool(rounds > 1)
        # With a limit of one the plugin calls its only round a failure, also where it was not to repeat it.
        builder.max_meta_convergence_iterations = orm.Int(max(rounds, 2))
        base = builder.base_relax
        base.kpoints_distance = orm.Float(parameters["kpoints_distance"])
        base.pw.code = relaxation.code
        base.pw.pseudos = by_kind(relaxation.structure, relaxation.pseudos)
        base.pw.parameters = orm.Dict(namelists(relaxation))
        base.pw.metadata.options = job_options(relaxation)
        base.pw.metadata.label = relaxation.label
        builder.metadata.label = relaxation.label
        return builder

    def structure(self, process: orm.ProcessNode) -> orm.StructureData | None:
        """Return the last structure of a process, None if there is none.

        One that ended before it had converged hands out none itself, but its last round has one.
        """
        rounds = [child for child in process.called if isinstance(child, orm.WorkChainNode)]
        latest_first = [process, *sorted(rounds, key=lambda child: child.ctime, reverse=True)]
        found = (node.outputs.output_structure for node in latest_first if "output_structure" in node.outputs)
        return next(found, None)

    def read(self, outputs: Mapping[str, orm.Data], pressure_gpa: float) -> Reading:
        """Return what the final self-consistent run gave, whose plane waves are those of the final cell.

        pw.x itself gives no enthalpy there: it is E + PV. Its stress is positive in compression.

        Raises:
            ValueError: if energy or stress is missing.
        """
        energy = outputs["output_parameters"].get_dict().get("energy")
        trajectory = outputs["output_trajectory"]
        if energy is None or "stress" not in trajectory.get_arraynames():
            raise ValueError("the output of pw.x holds no energy or no stress")
        atoms = outputs["output_structure"].get_ase()
        tensor = np.asarray(trajectory.get_array("stress"))[-1]
        return Reading(atoms, enthalpy(energy, atoms, pressure_gpa), tensor)


def namelists(relaxation: Relaxation) -> dict[str, Any]:
    """Return the input of pw.x as a dictionary of namelists.

    Thresholds of the whole cell are the protocol's thresholds per atom times the atoms, which keeps them equally
    tight for all phases.
    """
    parameters, atoms = relaxation.parameters, len(relaxation.structure.sites)
    wanted = {
        "CONTROL": {
            "calculation": "vc-relax",
            "tprnfor": True,
            "tstress": True,
            "etot_conv_thr": parameters["energy_threshold_per_atom"] * atoms,
            "forc_conv_thr": parameters["force_threshold"],
        },
        "SYSTEM": {
            "ecutwfc": float(parameters["cutoff_ry"]),
            "ecutrho": float(parameters["density_cutoff_ry"]),
            "nosym": not relaxation.symmetry,
        },
        "ELECTRONS": {"conv_thr": parameters["scf_threshold_per_atom"] * atoms},
        "CELL": {
            "press": relaxation.pressure_gpa * KBAR_PER_GPA,
            "press_conv_thr": parameters["pressure_threshold_gpa"] * KBAR_PER_GPA,
        },
    }
    return merge_inputs(wanted, parameters.get("namelists", {}))
