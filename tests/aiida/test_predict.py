"""PredictWorkChain and its parts: from a composition to a diagram, with what is traced, refused and left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from ase.build import bulk

from aiida_polymorph.calculations.functions.decision import choose_points, correct_energies
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.plain import plain
from aiida_polymorph.results.prediction import prediction_record, prediction_text
from aiida_polymorph.results.status import status_rows
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.thermodynamics.surfaces.region import Region
from aiida_polymorph.workflows.harmonic_set import HarmonicSetWorkChain
from aiida_polymorph.workflows.predict import PredictWorkChain, proposed

ARGON = Recipe.propose("Ar", formula_units=[1, 2], volume_per_formula_unit=45.0, minimum_separations={"Ar-Ar": 3.0})
SMALL = {
    "number": 6,
    "search": {"jobs": 1},
    "harmonic": {"settings": {"cells": 6, "target_atoms": 24, "mesh_length": 15.0}},
}
REGION = Region((20.0, 60.0), (0.0, 1.0))


@pytest.fixture
def builder(relax_code, lennard_jones):
    """A prediction of argon, small enough for a test, with a crystal that is known."""
    known = StructureSet.from_atoms([bulk("Ar", "fcc", a=5.26), bulk("Ar", "hcp", a=3.72)], {"name": ["fcc", "hcp"]})
    return PredictWorkChain.get_builder_from_protocol(
        relax_code,
        lennard_jones,
        ARGON,
        [0.0, 1.0],
        [15.0, 40.0],
        StructureSetData.from_set(known),
        protocol="fast",
        overrides=SMALL,
    )


def test_argon_from_the_composition_to_the_diagram(builder):
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0
    names = {each["name"]: each for each in outputs["candidates"].value("phases")}
    assert names["fcc"]["space_group"] == "Fm-3m"
    assert sum(names["fcc"]["found"].values()) + sum(names["hcp"]["found"].values()) > 0
    diagram = outputs["diagram"]
    assert set(diagram.value("sources")) == {"harmonic"}
    assert diagram.value("composition") == "Ar"
    found = diagram.to_diagram()
    assert (found.stable[0] >= 0).all()
    assert (found.stable >= 0).mean() > 0.8  # hot and without pressure argon expands beyond the cells, a known limit
    assert set(diagram.value("stable_phases")) <= {"fcc", "hcp"}
    record = json.loads(json.dumps(plain(prediction_record(node))))
    assert {"node", "lines", "stable", "phases", "undecided", "cpu_seconds"} <= record.keys()
    assert set(record["cpu_seconds"]) == {"search", "candidates", "harmonic"}
    assert {"name", "space_group", "fate", "method"} <= record["phases"][0].keys()
    (row,) = status_rows(str(diagram.pk), 1)
    assert (row["process"], row["node"], row["state"], row["stage"]) == (node.pk, diagram.pk, "finished", "harmonic")
    assert (row["relaxed"] + sum(row["failed"].values()), row["asked"], row["seconds_left"]) == (12, 12, 0.0)
    assert (row["jobs"], row["jobs_finished"], row["stage_done"]) == (5, 5, row["stage_asked"])
    text = prediction_text(node)
    assert "Fm-3m" in text
    assert "CPU time of the jobs: search" in text


def test_searches_that_are_there_are_taken_up(builder, relax_code, lennard_jones):
    crystals = [bulk("Ar", "fcc", a=5.2), bulk("Ar", "bcc", a=4.2)]
    columns = {"enthalpy": [-0.08, -0.075], "converged": [True, True], "pressure_gpa": [0.5, 0.5]}
    earlier = StructureSetData.from_set(StructureSet.from_atoms(crystals, columns, {"pressure_gpa": 0.5}))
    builder.structures = {"earlier": earlier}
    builder.number = orm.Int(1)
    outputs, node = run_get_node(builder)
    assert node.exit_status == 0
    pressures = {pressure for each in outputs["candidates"].value("phases") for pressure in each["pressures_gpa"]}
    assert pressures == {0.0, 0.5, 1.0}


def test_quasi_harmonic_energies_of_a_set_without_any_phase_left(relax_code, lennard_jones):
    wrong = StructureSet.from_atoms([bulk("Ar", "fcc", a=5.26)], {"name": ["wrong"], "space_group": ["Im-3m"]})
    builder = HarmonicSetWorkChain.get_builder_from_protocol(
        relax_code, StructureSetData.from_set(wrong), lennard_jones, REGION, "fast", {"settings": {"cells": 5}}
    )
    outputs, node = run_get_node(builder)
    assert node.exit_status == HarmonicSetWorkChain.exit_codes.ERROR_NO_CELLS.status
    reasons = [each["reason"] for each in outputs["lost"].get_list()]
    assert len(reasons) == 5
    assert set(reasons[:4]) == {"becomes Fm-3m"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pressures": [10.0, 0.0]}, "must be rising numbers in GPa"),
        ({"region": {"temperatures": [0, 100], "pressures_gpa": [0, 1]}}, "starts at 0 K"),
        ({"selection": {"windows": 1}}, "unknown key windows"),
        ({"dynamics": {"error_gpa": -1}}, "must be positive"),
        ({"dynamics": {"batch": 0}}, "batch is 0"),
        ({"number": 0}, "number is 0"),
    ],
)
def test_bad_input_is_refused_before_anything_is_submitted(builder, make_process, changes, message):
    inputs = {**builder._inputs(prune=True), **{name: orm.to_aiida_type(value) for name, value in changes.items()}}
    with pytest.raises(ValueError, match=message):
        make_process(PredictWorkChain, inputs)


def test_references_of_another_composition_are_refused(builder, make_process):
    other = StructureSet.from_atoms([bulk("Cu", "fcc", a=3.6)], {"name": ["copper"]})
    inputs = {**builder._inputs(prune=True), "references": StructureSetData.from_set(other)}
    with pytest.raises(ValueError, match="references are Cu, the recipe is for Ar"):
        make_process(PredictWorkChain, inputs)


def test_dynamics_are_refused_for_a_potential_that_lammps_does_not_know(builder, make_process, code):
    inputs = {**builder._inputs(prune=True), "lammps": code}
    with pytest.raises(ValueError, match="lammps is given, but the potential lennard-jones is not one of LAMMPS"):
        make_process(PredictWorkChain, inputs)


def test_the_recipe_of_a_composition_has_symmetry():
    recipe = proposed("TiO2", seed=3)
    assert (recipe.symmetry, recipe.seed) == ((2, 230), 3)
    assert 12 in recipe.formula_units


def test_entry_points():
    assert WorkflowFactory("polymorph.predict") is PredictWorkChain
    assert WorkflowFactory("polymorph.harmonic_set") is HarmonicSetWorkChain


# --- where dynamics decide -------------------------------------------------------------------------------------------

ATOMS = 2
TEMPERATURES, PRESSURES = (np.linspace(*ends, 6) for ends in ((300.0, 1500.0), (0.0, 20.0)))
GPA = 0.00624151


def harmonic(name, energy, entropy, volume):
    """Gibbs energies linear in T, and with a bulk modulus of 100 GPa in P; entropies in meV/K."""
    points = []
    for t in TEMPERATURES:
        for p in PRESSURES:
            bent = volume * (1 - p / 100)
            work = volume * (p - p * p / 200) * GPA
            gibbs = energy + work - entropy * 1e-3 * t
            points.append(
                {
                    "temperature_k": t,
                    "pressure_gpa": p,
                    "gibbs_energy": gibbs,
                    "error": 1e-5,
                    "configurational_enthalpy": energy + work,
                    "volume": bent,
                    "gap": None,
                    "gap_error": None,
                    "metastable": True,
                    "reason": "",
                }
            )
    told = {"convention": "unit", "phase": name, "composition": "MgO", "potential": "none", "problem": ""}
    return GibbsEnergiesData.from_record({}, points=points, source="harmonic", remarks=[], **told)


def dynamics(name, temperature, pressure, gibbs, enthalpy, volume, reason=""):
    """What a run of dynamics found."""
    terms = {} if reason else {"all": Estimate(gibbs, 5e-4)}
    found = FreeEnergy(
        temperature,
        pressure,
        "equilibrium",
        "unit",
        "phonons",
        terms,
        100,
        1000,
        Estimate(volume, 0.002),
        Estimate(enthalpy, 5e-4),
        reason,
    )
    return FreeEnergyData.from_free_energy(found, phase=name, composition="MgO", potential="none", source="integration")


@pytest.fixture
def phases():
    """Two phases whose line is at about 10 GPa, and one that is never near."""
    return {
        "phase_000": harmonic("light", 0.0, 0.5, 20.0),
        "phase_001": harmonic("dense", 0.1, 0.5, 18.4),
        "phase_002": harmonic("far", 2.0, 0.5, 19.0),
    }


def test_points_are_chosen_where_they_decide(phases):
    found = choose_points(orm.Dict({"error_gpa": 0.3, "batch": 2}), orm.Int(ATOMS), **phases)
    chosen = found.value("points")
    assert 1 <= len(chosen) <= 2
    assert {each["phase"] for each in chosen} <= {"light", "dense"}
    assert all(each["key"] in ("phase_000", "phase_001") for each in chosen)
    assert found.value("odds")["far"] < 0.01
    assert found.value("further_points") >= len(chosen)
    assert {(each["first"], each["second"]) for each in found.value("undecided")} == {("light", "dense")}


def test_no_points_are_chosen_without_leave(phases):
    found = choose_points(orm.Dict({"error_gpa": 0.3, "most_points": 0}), orm.Int(ATOMS), **phases)
    assert found.value("points") == []
    assert found.value("undecided")


def test_what_dynamics_add_moves_the_energies_and_is_told(phases):
    light = phases["phase_000"].points[-1]
    point = dynamics(
        "light", 1500.0, 20.0, light["gibbs_energy"] - 0.01, light["configurational_enthalpy"] + 0.01, 16.0
    )
    found = correct_energies(orm.Int(ATOMS), point_00_00=point, **phases)
    assert set(found) == set(phases)
    corrected = found["phase_000"]
    assert corrected.value("source") == "anharmonic"
    assert found["phase_001"].value("source") == "harmonic"
    last = corrected.points[-1]
    assert last["gibbs_energy"] == pytest.approx(light["gibbs_energy"] - 0.01, abs=1e-3)
    assert last["harmonic_gibbs_energy"] == pytest.approx(light["gibbs_energy"])
    assert last["error"] < found["phase_001"].points[-1]["error"]


def test_a_phase_that_dynamics_lost_is_gone_at_that_pressure_and_hotter(phases):
    lost = dynamics("dense", 1260.0, 20.0, np.nan, np.nan, np.nan, reason="molten")
    found = correct_energies(orm.Int(ATOMS), point_00_00=lost, **phases)
    gone = [
        (each["temperature_k"], each["pressure_gpa"])
        for each in found["phase_001"].points
        if each["gibbs_energy"] is None
    ]
    assert gone == [(1260.0, 20.0), (1500.0, 20.0)]
    chosen = choose_points(orm.Dict({"error_gpa": 0.1, "batch": 8}), orm.Int(ATOMS), point_00_00=lost, **phases)
    assert not any(
        each["phase"] == "dense" and each["pressure_gpa"] == 20.0 and each["temperature"] >= 1260.0
        for each in chosen.value("points")
    )


def test_a_point_that_failed_is_not_asked_for_again(phases):
    settings = {"error_gpa": 0.3, "batch": 1}
    first = choose_points(orm.Dict(settings), orm.Int(ATOMS), **phases).value("points")[0]
    avoided = orm.List([[first["phase"], first["temperature"], first["pressure_gpa"]]])
    second = choose_points(orm.Dict(settings), orm.Int(ATOMS), avoided=avoided, **phases).value("points")[0]
    names = ("phase", "temperature", "pressure_gpa")
    assert [first[name] for name in names] != [second[name] for name in names]
