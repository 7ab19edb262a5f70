"""The WorkChains of molecular dynamics, killed wherever they start something; argon as in test_contract.py."""

from __future__ import annotations

import pytest
from aiida import orm
from ase.build import bulk
from process_stories import calls_of
from replay import Ending, replay
from replay_jobs import dynamics, only_jobs
from test_contract import ARGON, BRIEF, DYNAMICS, FCC

from aiida_polymorph.calculations.dynamics import DynamicsCalculation
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.workflows.dynamics import DynamicsWorkChain
from aiida_polymorph.workflows.equilibrate import EquilibrateWorkChain
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.harmonic import HarmonicWorkChain
from aiida_polymorph.workflows.integrate import IntegrateWorkChain
from aiida_polymorph.workflows.sweep import SweepWorkChain

pytestmark = pytest.mark.long

AT_10_K = {"temperature": 10.0, "pressure_gpa": 0.5, **BRIEF}


@pytest.fixture
def jobs(lammps, tmp_path):
    return dynamics(ARGON, lammps, tmp_path)


@pytest.fixture
def build(code):
    """Return a function that makes a builder of a WorkChain on solid argon."""

    def builder(process, atoms=FCC, parameters=AT_10_K, **inputs):
        made = process.get_builder()
        made.code, made.structure = code, orm.StructureData(ase=atoms)
        made.potential = PotentialData.from_potential(ARGON)
        made.parameters = orm.Dict(parameters)
        for name, value in inputs.items():
            made[name] = orm.to_aiida_type(value)
        return made

    return builder


def test_equilibration(build, jobs):
    node = replay(build(EquilibrateWorkChain), jobs)
    assert node.is_finished_ok, node.exit_message
    assert {"crystal", "summary"} <= set(node.outputs)


def test_equilibration_of_a_phase_that_is_not_metastable(build, jobs):
    node = replay(build(EquilibrateWorkChain, bulk("Ar", "sc", a=3.6)), jobs)
    assert node.exit_status == EquilibrateWorkChain.exit_codes.ERROR_NOT_METASTABLE.status
    assert node.outputs.summary["reason"] in node.exit_message


@pytest.mark.parametrize("method", ["equilibrium", "switching"])
def test_free_energy(build, jobs, method):
    node = replay(build(FreeEnergyWorkChain, parameters={**AT_10_K, **DYNAMICS, "method": method}), jobs)
    assert node.outputs.free_energy.value("gibbs_energy") is not None
    assert node.outputs.crystal.creator.caller.pk == node.pk


def test_harmonic(build, jobs):
    parameters = {"temperature": 10.0, "pressure_gpa": 0.5, "method": "harmonic", "target_atoms": 32}
    node = replay(build(HarmonicWorkChain, parameters=parameters), jobs)
    assert node.is_finished_ok, node.exit_message


def test_sweep(build, jobs):
    node = replay(build(SweepWorkChain, final_temperature=20.0, sweep_steps=1000), jobs)
    assert "sweeps" in node.outputs


def test_integration(build, jobs):
    """A point, a reference and a sweep: each kind of child once."""
    parameters = {**BRIEF, **DYNAMICS, "method": "equilibrium"}
    grid = {"temperatures": [10.0, 20.0], "pressures": [0.5], "temperature_step": 100.0, "pressure_step": 1.0}
    paths = {"path_error": 1e-2, "isobars": "sweeps", "sweep_steps": 1000}
    node = replay(build(IntegrateWorkChain, parameters=parameters, **grid, **paths), jobs)
    assert "gibbs_energies" in node.outputs
    kinds = {child.process_label for children in calls_of(node).values() for child in children}
    assert {"EquilibrateWorkChain", "FreeEnergyWorkChain", "SweepWorkChain"} <= kinds


def test_a_job_of_dynamics_that_is_killed(code, jobs):
    """The first job comes to nothing, the second to its end."""
    builder = DynamicsWorkChain.get_builder()
    builder.code, builder.crystal = code, orm.StructureData(ase=FCC.repeat(4))
    builder.potential = PotentialData.from_potential(ARGON)
    builder.parameters = orm.Dict({"task": "minimise", "settings": {}})
    stopped = DynamicsCalculation.exit_codes.ERROR_STOPPED_EARLY.status

    def job(node):
        is_first = node.base.links.get_incoming().all_link_labels().count("iteration_01")
        return Ending({}, stopped) if is_first else next(iter(only_jobs(jobs).values()))(node)

    node = replay(builder, dict.fromkeys(only_jobs(jobs), job))
    assert node.is_finished_ok
    assert "results" in node.outputs
