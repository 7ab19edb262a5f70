"""Predictions and their quasi-harmonic Gibbs energies, killed wherever they start something; argon, tiny."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.engine import calcfunction
from ase.build import bulk
from process_stories import calls_of
from replay import Ending, replay
from replay_jobs import evaluating, relaxing
from test_contract import ARGON
from test_predict import ARGON as RECIPE

from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.record import RecordData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.workflows.children import CALLS
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.harmonic_set import HarmonicSetWorkChain
from aiida_polymorph.workflows.predict import PredictWorkChain

pytestmark = pytest.mark.long

HARMONIC = {"settings": {"cells": 5, "target_atoms": 8, "mesh_length": 10.0}}
TINY = {"number": 1, "search": {"jobs": 1}, "harmonic": HARMONIC}
TEMPERATURES, PRESSURES = [10.0, 20.0], [0.0, 1.0]


@pytest.fixture
def crystals() -> StructureSet:
    structures = [bulk("Ar", "fcc", a=5.26), bulk("Ar", "hcp", a=3.72)]
    return StructureSet.from_atoms(structures, {"name": ["fcc", "hcp"], "space_group": ["Fm-3m", "P6_3/mmc"]})


@pytest.fixture
def jobs(needs_lammps):
    return {**relaxing(), **evaluating()}


@pytest.fixture
def build(relax_code, crystals):
    """Return a function that makes the builder of a prediction."""

    def builder(lammps=None, **overrides):
        return PredictWorkChain.get_builder_from_protocol(
            relax_code,
            PotentialData.from_potential(ARGON),
            RECIPE,
            PRESSURES,
            TEMPERATURES,
            StructureSetData.from_set(crystals.with_only("name")),
            lammps=lammps,
            protocol="fast",
            overrides={**TINY, **overrides},
        )

    return builder


def test_quasi_harmonic_energies_of_a_set(relax_code, crystals, jobs):
    region = {"temperatures": TEMPERATURES, "pressures_gpa": PRESSURES}
    phases, potential = StructureSetData.from_set(crystals), PotentialData.from_potential(ARGON)
    builder = HarmonicSetWorkChain.get_builder_from_protocol(relax_code, phases, potential, region, "fast", HARMONIC)
    node = replay(builder, jobs)
    assert node.is_finished_ok, node.exit_message
    assert set(node.outputs.energies) == {"phase_000", "phase_001"}


POINTS = [("fcc", 10.0, 0.5), ("hcp", 20.0, 1.0), ("fcc", 20.0, 0.5)]
"""Phase, temperature (K) and pressure (GPa) of the state points that are asked for."""


@calcfunction
def two_points(settings: orm.Dict, atoms: orm.Int, avoided: orm.List | None = None, **nodes: orm.Data) -> RecordData:
    """Ask for two points at a time, whatever is known: what really is chosen is tested elsewhere."""
    spent = sum(name.startswith("point_") for name in nodes) + (0 if avoided is None else len(avoided))
    keys = ("phase", "temperature", "pressure_gpa")
    points = [{**dict(zip(keys, place, strict=True)), "target_error": 1e-3} for place in POINTS[spent : spent + 2]]
    return RecordData.from_record({}, points=points, further_points=len(points))


def free_energy(node: orm.WorkChainNode) -> Ending:
    """What is done in place of a free energy by dynamics: the quasi-harmonic one and a little; the first one fails."""
    asked, phase = node.inputs.parameters, node.inputs.name.value
    if node.base.links.get_incoming(link_type=CALLS).all_link_labels() == ["point_00_00"]:
        return Ending({}, 400, "asked for by the test")
    (harmonic,) = calls_of(node.caller)["harmonic"]
    energies = [harmonic.outputs.energies[key] for key in harmonic.outputs.energies]
    points = next(each.points for each in energies if each.value("phase") == phase)
    place = [asked["temperature"], asked["pressure_gpa"]]
    there = next(each for each in points if np.allclose([each["temperature_k"], each["pressure_gpa"]], place))
    terms = {"all": Estimate(there["gibbs_energy"] - 1e-4, asked["target_error"])}
    volume, enthalpy = Estimate(there["volume"], 1e-3), Estimate(there["configurational_enthalpy"], 1e-3)
    found = FreeEnergy(*place, "equilibrium", "unit", "phonons", terms, 100, 1000, volume, enthalpy, "")
    told = {"phase": phase, "composition": "Ar", "potential": "argon", "source": "integration"}
    return Ending({"free_energy": FreeEnergyData.from_free_energy(found, **told)})


def test_prediction_with_dynamics_of_which_a_point_fails(build, jobs, code, monkeypatch):
    monkeypatch.setattr("aiida_polymorph.workflows.predict.choose_points", two_points)
    node = replay(build(lammps=code), {**jobs, FreeEnergyWorkChain.build_process_type(): free_energy})
    assert node.is_finished_ok, node.exit_message
    dynamics = {f"{kind}point_{number}" for kind in ("", "cell_") for number in ("00_00", "00_01", "01_00")}
    assert {"search_000", "search_001", "relax", "harmonic", "diagram", *dynamics} <= set(calls_of(node))
    assert [each.value("source") for each in node.outputs.energies.values()].count("anharmonic") == 2
