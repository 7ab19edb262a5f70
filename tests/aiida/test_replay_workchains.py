"""Each WorkChain, killed wherever it starts something: nothing is made twice, and the result is the undisturbed one."""

from __future__ import annotations

import pytest
from aiida import orm
from ase.build import bulk
from process_stories import calls_of
from replay import replay
from replay_jobs import evaluating, only_jobs, relaxing
from test_landscape import QUICK
from test_landscape import argon as argon_search

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines import load_engine
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.dft_scan import DftScanWorkChain
from aiida_polymorph.workflows.evaluate_set import EvaluateSetWorkChain
from aiida_polymorph.workflows.landscape import LandscapeWorkChain
from aiida_polymorph.workflows.pressure_chain import PressureChainWorkChain
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain
from aiida_polymorph.workflows.search import SearchWorkChain

pytestmark = pytest.mark.long


def test_relax_set_with_a_job_that_stops_early(relax_code, argon, lennard_jones):
    builder = RelaxSetWorkChain.get_builder_from_protocol(
        relax_code, StructureSetData.from_set(argon), lennard_jones, 1.0
    )
    node = replay(builder, only_jobs(relaxing(lost=(11, 14))))
    assert node.is_finished_ok
    assert node.outputs.relaxed.creator.process_label == "merge_structures"
    assert node.outputs.relaxed.to_set().column("index").tolist() == [10, 11, 12, 13, 14, 15]


def test_evaluate_set_with_a_job_that_stops_early(relax_code, argon, lennard_jones):
    builder = EvaluateSetWorkChain.get_builder_from_protocol(
        relax_code, StructureSetData.from_set(argon), lennard_jones
    )
    node = replay(builder, only_jobs(evaluating(lost=(11, 14))))
    assert node.is_finished_ok
    assert node.outputs.evaluations.creator.process_label == "join_evaluations"
    assert node.outputs.evaluations.value("evaluated") == 6


def test_search(relax_code, lennard_jones):
    recipe = Recipe.propose(
        "Ar", formula_units=[1, 2], volume_per_formula_unit=45.0, minimum_separations={"Ar-Ar": 3.0}
    )
    builder = SearchWorkChain.get_builder_from_protocol(
        relax_code, lennard_jones, recipe, 1.0, 4, overrides={"jobs": 1, "batch_size": 2}
    )
    node = replay(builder, relaxing())
    assert node.is_finished_ok
    assert node.outputs.structures.to_set().column("index").tolist() == [0, 1, 2, 3]


def test_landscape(relax_code, lennard_jones):
    sets = {"once": argon_search(), "again": argon_search()}
    nodes = {name: StructureSetData.from_set(each) for name, each in sets.items()}
    known = StructureSet.from_atoms([bulk("Ar", "fcc", a=5.26)], {"name": ["fcc"]})
    builder = LandscapeWorkChain.get_builder_from_protocol(
        nodes, StructureSetData.from_set(known), relax_code, lennard_jones, overrides={"settings": QUICK}
    )
    node = replay(builder, relaxing())
    assert node.is_finished_ok
    assert "candidates" in node.outputs


def test_scan(relax_code, lennard_jones):
    crystals = [bulk("Ar", "fcc", a=5.26), bulk("Ar", "bcc", a=4.2)]
    phases = StructureSet.from_atoms(crystals, {"name": ["fcc", "bcc"], "pressure_gpa": [0.0, 2.0]})
    builder = DftScanWorkChain.get_builder_from_protocol(
        "lammps",
        relax_code,
        StructureSetData.from_set(phases),
        [0.0, 2.0],
        potential=lennard_jones,
        overrides={"jobs": 1},
    )
    node = replay(builder, relaxing())
    assert node.is_finished_ok
    assert node.outputs.points.to_set().column("converged").tolist() == [True] * 4


def test_pressure_chain_with_a_pressure_that_fails(relax_code, lennard_jones):
    builder = PressureChainWorkChain.get_builder()
    builder.engine = "lammps"
    builder.code = relax_code
    builder.structure = orm.StructureData(ase=bulk("Ar", "fcc", a=5.26))
    builder.name, builder.functional = "fcc", "lennard-jones"
    builder.pressures = [0.0, 1.0, 2.0, 3.0]
    builder.parameters = load_engine("lammps").parameters()
    builder.symmetry = False
    builder.potential = lennard_jones
    node = replay(builder, relaxing(hopeless_gpa=1.0))
    assert node.is_finished_ok
    assert node.outputs.points.to_set().column("converged").tolist() == [True, False, True, True]
    assert {"displace", "point_01_2", "squeeze_03", "extract_point_03_1"} <= set(calls_of(node))
