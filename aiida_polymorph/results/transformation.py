"""What happened to a phase that turned into something else, read from the process that saw it."""

from __future__ import annotations

import numpy as np
from aiida import orm
from ase import Atoms

from aiida_polymorph.calculations.functions.plans import parameters_of
from aiida_polymorph.lammps.results import part
from aiida_polymorph.report.transformation import Motion, TransformationView
from aiida_polymorph.structures import formula_units_of


def transformation_view(process: orm.ProcessNode) -> TransformationView:
    """Return what became of the phase of a `polymorph.equilibrate` process.

    Raises:
        ValueError: if the phase is metastable there, or the process failed in another way.
    """
    if "product" not in process.outputs:
        raise ValueError(f"process {process.pk} has no phase that turned into something else")
    labels = {link.link_label: link.node for link in process.base.links.get_outgoing().all()}
    jobs = {label: node for label, node in labels.items() if isinstance(node, orm.WorkChainNode)}
    before = jobs["minimise"].inputs.crystal.get_ase()
    asked = parameters_of(process.inputs.parameters)
    return TransformationView(
        phase=process.inputs.structure.label or process.inputs.structure.get_formula(),
        temperature_k=asked.temperature,
        pressure_gpa=asked.pressure_gpa,
        became=str(process.outputs.summary["became"]),
        before=before,
        after=process.outputs.product.get_ase(),
        motion=_motion(jobs["equilibrate"], before) if "equilibrate" in jobs else None,
    )


def _motion(job: orm.ProcessNode, atoms: Atoms) -> Motion:
    npt = part(job.outputs.results.to_arrays(), "npt")
    timestep_fs = job.inputs.parameters["settings"]["timestep_fs"]
    symbols = np.array(atoms.get_chemical_symbols())
    drift = sum(npt[f"drift_{axis}"] ** 2 for axis in "xyz")
    squares = {str(each): npt[f"square_{each}"] / np.sum(symbols == each) - drift for each in np.unique(symbols)}
    return Motion(
        time_ps=npt["step"] * timestep_fs / 1000,
        volume=npt["volume"] / formula_units_of(atoms.numbers),
        displacement={symbol: np.sqrt(np.maximum(values, 0.0)) for symbol, values in squares.items()},
    )
