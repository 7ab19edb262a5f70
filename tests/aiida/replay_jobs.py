"""What is done in place of jobs when WorkChains are replayed: the same work, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from aiida import orm
from replay import Ending, Job

from aiida_polymorph.calculations.dynamics import task_of
from aiida_polymorph.calculations.relax_set import RelaxSetCalculation
from aiida_polymorph.data.evaluations import EvaluationsData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.lammps.tasks import make_settings
from aiida_polymorph.local.relaxation import evaluate, relax
from aiida_polymorph.local.runner import LocalRunner
from aiida_polymorph.potential import Potential
from aiida_polymorph.relaxation.evaluations import joined
from aiida_polymorph.relaxation.statistics import count
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.plan import Sample, Task
from aiida_polymorph.workflows.dynamics import DynamicsWorkChain

Process = orm.CalcJobNode | orm.WorkChainNode

EXIT_CODES = RelaxSetCalculation.exit_codes


def relaxed_by(node: Process) -> StructureSet:
    """Return what a job of `polymorph.relax_set` relaxes."""
    inputs = node.inputs
    parameters = inputs.parameters.get_dict() if "parameters" in inputs else None
    structures = inputs.structures.to_set()
    pressure = inputs.pressure_gpa.value if "pressure_gpa" in inputs else structures.column("pressure_gpa")
    return relax(structures, inputs.potential.to_potential(), pressure, parameters)


def relaxing(lost: Sequence[int] = (), hopeless_gpa: float | None = None) -> dict[str, Job]:
    """Return what is done in place of relaxations, jobs of them and whole WorkChains.

    Args:
        lost: indices of structures that come back from none but the jobs which have nothing else to do.
        hopeless_gpa: pressure at which no job can start.
    """

    def job(node: Process) -> Ending:
        if "pressure_gpa" in node.inputs and node.inputs.pressure_gpa.value == hopeless_gpa:
            return Ending({}, EXIT_CODES.ERROR_NOT_STARTED.status, "asked for by the test")
        relaxed = relaxed_by(node)
        asked = len(relaxed)
        is_back = ~np.isin(relaxed.column("index"), lost)
        if is_back.any():
            relaxed = relaxed.select(np.flatnonzero(is_back))
        summary = orm.Dict({**count(relaxed, asked), "wall_seconds": 1.0, "engine": "none"})
        outputs = {"relaxed": StructureSetData.from_set(relaxed), "summary": summary}
        if len(relaxed) == asked:
            return Ending(outputs)
        return Ending(outputs, EXIT_CODES.ERROR_STOPPED_EARLY.status, "asked for by the test")

    return {"aiida.calculations:polymorph.relax_set": job, "aiida.workflows:polymorph.relax_set": job}


def evaluating(lost: Sequence[int] = ()) -> dict[str, Job]:
    """Return what is done in place of evaluations, jobs of them and whole WorkChains.

    Args:
        lost: indices of structures that come back from none but the jobs which have nothing else to do.
    """

    def job(node: Process) -> Ending:
        structures = node.inputs.structures.to_set()
        rows = np.flatnonzero(~np.isin(structures.column("index"), lost))
        reached = structures.select(rows) if len(rows) else structures
        part = evaluate(reached, node.inputs.potential.to_potential())
        outputs = {"evaluations": EvaluationsData.from_evaluations(joined([part], structures), "none", 1.0)}
        if len(part) == len(structures):
            return Ending(outputs)
        return Ending(outputs, EXIT_CODES.ERROR_STOPPED_EARLY.status, "asked for by the test")

    return {"aiida.calculations:polymorph.evaluate_set": job, "aiida.workflows:polymorph.evaluate_set": job}


def dynamics(potential: Potential, lammps: str, folder: Path) -> dict[str, Job]:
    """Return what is done in place of molecular dynamics: LAMMPS runs in this process's folder, as without AiiDA.

    Args:
        potential: of LAMMPS.
        lammps: its executable.
        folder: where it runs.
    """
    runner = LocalRunner(folder, potential, lammps)

    def job(node: Process) -> Ending:
        inputs = node.inputs
        name, settings = task_of(inputs.parameters)
        positions = inputs.positions.get_array("positions") if "positions" in inputs else None
        sample = Sample("sample", inputs.crystal.get_ase(), positions)
        found = runner.run(Task(name, name, sample, make_settings(name, settings)))
        record = RecordData.from_record(found.arrays, task=name, neighbour_cutoff=found.neighbour_cutoff)
        return Ending({"results": record})

    return {DynamicsWorkChain.build_process_type(): job, "aiida.calculations:polymorph.dynamics": job}


def only_jobs(stand_ins: dict[str, Job]) -> dict[str, Job]:
    """Return what is done in place of CalcJobs; WorkChains run."""
    return {name: job for name, job in stand_ins.items() if name.startswith("aiida.calculations:")}
