"""Plans in nodes: how inputs become a plan, what it looks up, and the crystals that its steps run on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aiida import orm
from ase import Atoms

from aiida_polymorph.calculations.dynamics import POSITIONS
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.landscape.recognition import recognise
from aiida_polymorph.structures import composition_formula, reduced_composition
from aiida_polymorph.thermodynamics.free_energy.equilibrated import EquilibrationPlan
from aiida_polymorph.thermodynamics.free_energy.methods import Phase
from aiida_polymorph.thermodynamics.free_energy.parameters import FreeEnergyParameters
from aiida_polymorph.thermodynamics.free_energy.registry import FreeEnergyPlan
from aiida_polymorph.thermodynamics.plan import Failure, Loaded, Plan, T, Task, TaskResult, replay
from aiida_polymorph.thermodynamics.surfaces.sweep_plan import SweepPlan
from aiida_polymorph.versioned import calcfunction

Inputs = Mapping[str, Any]
"""Name -> node, of what a plan is made of."""


def parameters_of(node: orm.Dict) -> FreeEnergyParameters:
    """Return the parameters in a node."""
    return FreeEnergyParameters.from_dict(node.get_dict())


def structure_node(atoms: Atoms) -> orm.StructureData:
    """Return an unstored node of a crystal."""
    return orm.StructureData(ase=Atoms(atoms.numbers, positions=atoms.positions, cell=atoms.cell, pbc=True))


def phase_of(inputs: Inputs) -> Phase:
    """Return the phase that inputs are about: `structure`, `potential`, and `phases` to recognise what it becomes."""
    phases = inputs.get("phases")
    recognised = partial(_recognise, phases)
    return Phase(inputs["structure"].get_ase(), inputs["potential"].to_potential(), recognised)


def _recognise(phases: StructureSetData | None, atoms: Atoms) -> Any:
    return recognise(atoms, None if phases is None else phases.to_set())


def free_energy_plan(inputs: Inputs) -> FreeEnergyPlan:
    """Return the plan of a free energy; where `method` is given, it counts, not that of the parameters."""
    parameters = inputs["parameters"].get_dict()
    method = {"method": inputs["method"].value} if inputs.get("method") is not None else {}
    return FreeEnergyPlan(phase_of(inputs), FreeEnergyParameters.from_dict({**parameters, **method}))


def equilibration_plan(inputs: Inputs) -> EquilibrationPlan:
    """Return the plan of one phase at one temperature and pressure."""
    return EquilibrationPlan(phase_of(inputs), parameters_of(inputs["parameters"]))


def sweep_plan(inputs: Inputs) -> SweepPlan:
    """Return the plan of a sweep, up to `final_temperature` in `sweep_steps`."""
    asked = parameters_of(inputs["parameters"])
    return SweepPlan(phase_of(inputs), asked, inputs["final_temperature"].value, inputs["sweep_steps"].value)


PLANS: Mapping[str, Callable[[Inputs], Plan[Any]]] = {
    "free_energy": free_energy_plan,
    "equilibration": equilibration_plan,
    "sweep": sweep_plan,
}
"""Plans whose steps are tasks, by name."""


@calcfunction
def prepare_sample(
    plan: orm.Str,
    sample: orm.Str,
    structure: orm.StructureData,
    potential: PotentialData,
    parameters: orm.Dict,
    failures: orm.Dict | None = None,
    **others: orm.Data,
) -> dict[str, orm.Data]:
    """Return the crystal that a task of a plan runs on, and positions for a task that evaluates some.

    Args:
        plan: one of `PLANS`.
        sample: name of the sample, see `thermodynamics.plan.Sample`.
        structure: the phase, any cell of it.
        potential: of LAMMPS.
        parameters: see `FreeEnergyParameters`.
        failures: label -> message of steps that failed, of those that the sample follows from.
        others: results of the other steps that it follows from, by label, and further inputs of the plan.
    """
    given = {"structure": structure, "potential": potential, "parameters": parameters, **others}
    progress = replay(PLANS[plan.value](given), look_up(results_among(others), failures))
    tasks = [each.step for each in progress.steps if isinstance(each.step, Task)]
    wanted = next(task.sample for task in tasks if task.sample.name == sample.value)
    prepared: dict[str, orm.Data] = {"crystal": structure_node(wanted.atoms)}
    if wanted.positions is not None:
        prepared["positions"] = orm.ArrayData({POSITIONS: wanted.positions})
    return prepared


def results_among(inputs: Inputs) -> dict[str, RecordData]:
    """Return the results of tasks among inputs."""
    return {label: node for label, node in inputs.items() if isinstance(node, RecordData)}


def task_result(node: RecordData) -> TaskResult:
    """Return what a run of LAMMPS left."""
    return TaskResult(node.to_arrays(), node.value("neighbour_cutoff"))


def look_up(
    results: Mapping[str, Any], failures: orm.Dict | None = None, load: Callable[[Any], Any] = task_result
) -> Mapping[str, Any]:
    """Return what a plan looks up: results of steps by label, loaded when they are needed, and why others failed."""
    failed = {label: Failure(message) for label, message in (failures.get_dict() if failures else {}).items()}
    return Loaded({**results, **failed}, lambda each: each if isinstance(each, Failure) else load(each))


def conclude(plan: Plan[T], results: Mapping[str, Any]) -> T:
    """Return what the steps of a plan add up to.

    Raises:
        ValueError: if steps are missing.
    """
    progress = replay(plan, results)
    if progress.conclusion is None:
        raise ValueError(f"results are missing of {', '.join(each.step.label for each in progress.steps)}")
    return progress.conclusion


def identity_of(structure: orm.StructureData, potential: PotentialData, name: orm.Str | None) -> dict[str, str | None]:
    """Return the attributes by which a result knows its phase."""
    return {
        "phase": None if name is None else name.value,
        "composition": composition_formula(reduced_composition(structure.get_ase().numbers)),
        "potential": potential.to_potential().name,
    }
