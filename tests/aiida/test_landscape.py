"""LandscapeWorkChain: what it refuses, its protocols, and sets that are not as usual."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from ase.build import bulk

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.results.analysis import analysis_summary, phase_rows
from aiida_polymorph.results.diagram import make_diagram
from aiida_polymorph.results.report_data import report_data
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.landscape import LandscapeWorkChain

KINDS = (("fcc", 5.26, 0.0), ("bcc", 4.2, 0.1), ("sc", 3.4, 0.4), ("diamond", 6.5, 0.9))
QUICK = {"fingerprints": {"n_max": 3, "l_max": 3}}


def argon(times=(4, 3, 3, 1), pressure: float | None = 1.0, shift: float = 0.0, **metadata) -> StructureSet:
    """A search that found the crystals of KINDS so often, two cell sizes in turn."""
    rows = [(kind, a, height, i) for (kind, a, height), n in zip(KINDS, times, strict=True) for i in range(n)]
    cells = [bulk("Ar", kind, a=a).repeat((2 + i % 2, 1, 1)) for kind, a, _, i in rows]
    heights = [height + shift for *_, height, _ in rows]
    enthalpies = [len(cell) * height for cell, height in zip(cells, heights, strict=True)]
    stated = {} if pressure is None else {"pressure_gpa": pressure}
    columns = {"index": range(len(cells)), "enthalpy": enthalpies, "converged": [True] * len(cells)}
    return StructureSet.from_atoms(cells, columns, {**stated, **metadata})


def analyse(references: StructureSet | None = None, **sets: StructureSet) -> orm.WorkChainNode:
    nodes = {name: StructureSetData.from_set(each) for name, each in sets.items()}
    known = None if references is None else StructureSetData.from_set(references)
    builder = LandscapeWorkChain.get_builder_from_protocol(nodes, known, overrides={"settings": QUICK})
    node = run_get_node(builder)[1]
    assert (node.exit_status, node.exit_message) == (0, None)
    return node


def refusal(make_process, **inputs) -> str:
    with pytest.raises(ValueError, match=r"(?s).+") as refused:
        make_process(LandscapeWorkChain, inputs)
    return str(refused.value)


@pytest.mark.parametrize(
    ("structures", "message"),
    [
        (argon(pressure=None), "structures.here has no pressure, or several"),
        (argon().with_columns(pressure_gpa=[0.0] * 5 + [1.0] * 6), "structures.here has no pressure, or several"),
        (argon().with_columns(enthalpy=[np.nan] * 11), "structures.here has no enthalpies"),
        (argon().with_columns(converged=[False] * 11), "structures.here has no enthalpies"),
        (argon((1, 0, 0, 0)), "structures.here holds 1 structures: an analysis needs 2 or more"),
        (
            StructureSet.concatenate(
                [argon(), StructureSet.from_atoms([bulk("NaCl", "rocksalt", a=5.6)], argon((1, 0, 0, 0)).columns)]
            ),
            "one and the same composition",
        ),
    ],
)
def test_sets_that_cannot_be_analysed_are_refused(make_process, structures, message):
    assert message in refusal(make_process, structures={"here": StructureSetData.from_set(structures)})


def test_no_sets_are_refused(make_process):
    assert "at least one set is needed" in refusal(make_process, structures={})


def test_sets_of_different_compositions_are_refused(make_process):
    copper = StructureSet.from_atoms([bulk("Cu"), bulk("Cu")], {"enthalpy": [0.0, 0.0]}, {"pressure_gpa": 1.0})
    sets = {"a": StructureSetData.from_set(argon()), "b": StructureSetData.from_set(copper)}
    assert "they have ['Ar', 'Cu']" in refusal(make_process, structures=sets)


def test_searches_that_cannot_be_pooled_are_refused(make_process):
    sets = {
        name: StructureSetData.from_set(argon(minimiser={"name": name}, recipe={"seed": seed}))
        for seed, name in enumerate(("bfgs", "fire"))
    }
    assert "differ in minimiser" in refusal(make_process, structures=sets)


def test_references_of_another_composition_are_refused(lennard_jones, relax_code):
    copper = StructureSetData.from_set(StructureSet.from_atoms([bulk("Cu")], {"name": ["copper"]}))
    sets = {"here": StructureSetData.from_set(argon())}
    builder = LandscapeWorkChain.get_builder_from_protocol(sets, copper, relax_code, lennard_jones)
    with pytest.raises(ValueError, match="references are Cu, the structures Ar"):
        run_get_node(builder)


@pytest.mark.parametrize(
    ("settings", "message"), [({"epsilon": 1}, "unknown key epsilon"), ({"min_samples": 0}, "min_samples is 0")]
)
def test_settings_that_mean_nothing_are_refused(make_process, settings, message):
    sets = {"here": StructureSetData.from_set(argon())}
    assert message in refusal(make_process, structures=sets, settings=orm.Dict(settings))


def test_without_relaxations():
    """Sets that were imported, without references: clusters, new names, basin entropies."""
    node = analyse(low=argon(), high=argon((3, 3, 0, 1), pressure=2.0, shift=1.0))
    assert "candidates" not in node.outputs
    rows = phase_rows(node)
    assert [(row["name"], row["found"]) for row in rows if row["pressure_gpa"] == 1.0] == [
        ("1-a-Fm-3m", {"2": 2, "3": 2}),
        ("1-b-Im-3m", {"2": 2, "3": 1}),
        ("1-c-Pm-3m", {"2": 2, "3": 1}),
    ]
    assert not any(row["known"] for row in rows)
    assert {row["saddle"] for row in rows} == {None}
    assert analysis_summary(node)["found_once"] == 2
    fcc = phase_rows(node, 1.0, 300.0)[0]
    assert fcc["method"] == "basin"
    assert report_data(node).landscapes[0].names == ["1-a-Fm-3m", "1-b-Im-3m", "1-c-Pm-3m"]


def test_searches_of_one_pressure_are_pooled_and_references_compared_as_they_are():
    first, second = argon((2, 1, 0, 0), recipe={"seed": 0}), argon((2, 2, 0, 0), recipe={"seed": 1})
    known = argon((1, 0, 0, 0)).with_columns(name=["close-packed"])
    node = analyse(known, a=first, b=second, c=first)
    assert list(node.outputs.landscapes) == ["gpa_1"]
    assert analysis_summary(node)["structures"] == 7
    found = {row["name"]: (row["known"], sum(row["found"].values())) for row in phase_rows(node)}
    assert found == {"close-packed": (True, 4), "1-a-Im-3m": (False, 3)}
    assert report_data(node).landscapes[0].relaxed == 7


def test_nothing_found_often_enough_and_a_second_analysis_from_the_cache():
    node = analyse(here=argon((1, 1, 1, 1)))
    assert (len(node.outputs.phases), phase_rows(node), phase_rows(node, 1.0, 300.0)) == (0, [], [])
    assert phase_rows(node, 5.0, 300.0) == []
    summary = analysis_summary(node)
    assert (summary["phases"], summary["found_once"], summary["structures"]) == (0, 4, 4)
    assert summary["basin_entropy"] == {"components": 0, "overdispersion": None}
    assert summary["surrogate"]["random"]["mae"] is None
    assert (report_data(node).phases, report_data(node).diagram) == ([], None)
    with pytest.raises(ValueError, match=f"analysis {node.pk} found no phase"):
        make_diagram([node])
    with enable_caching():
        second = analyse(here=argon((1, 1, 1, 1)))
    functions = [node for node in second.called if isinstance(node, orm.CalcFunctionNode)]
    assert {node.process_label: node.base.caching.is_created_from_cache for node in functions} == dict.fromkeys(
        (
            "compute_fingerprints",
            "build_landscape",
            "assemble_phases",
            "estimate_basin_entropy",
            "train_surrogate",
            "predict_chemical_potentials",
        ),
        True,
    )


def test_failed_structures_are_left_out_down_to_a_single_one():
    structures = argon((4, 0, 0, 0))
    enthalpies, positions = structures.columns["enthalpy"].copy(), structures.positions.copy()
    enthalpies[0], positions[structures.offsets[1]] = np.nan, np.nan
    arrays = {**structures.to_arrays(), "positions": positions, "enthalpy": enthalpies}
    failed = StructureSet.from_arrays(arrays, structures.metadata).with_columns(converged=[True, True, False, True])
    node = analyse(here=failed)
    assert node.outputs.landscapes["gpa_1"].get_array("rows").tolist() == [3]
    assert analysis_summary(node)["structures"] == 1
    assert phase_rows(node) == []


def test_protocols(lennard_jones, relax_code):
    sets = {"here": StructureSetData.from_set(argon())}
    builders = {
        name: LandscapeWorkChain.get_builder_from_protocol(sets, protocol=name)
        for name in LandscapeWorkChain.get_available_protocols()
    }
    settings = {name: builder.settings.get_dict() for name, builder in builders.items()}
    assert set(settings) == {"fast", "moderate", "precise", "paper"}
    assert settings["moderate"].get("eps") is None
    assert settings["moderate"]["fingerprints"]["average"] == "species"
    assert (settings["paper"]["eps"], settings["paper"]["missed_enthalpy"]) == (0.003, "surrogate")
    assert settings["paper"]["fingerprints"]["average"] == "all"
    assert settings["paper"]["surrogate"]["method"] == "sparse-kernel"
    assert settings["fast"]["surrogate"]["members"] < settings["moderate"]["surrogate"]["members"]
    assert settings["precise"]["surrogate"]["members"] > settings["moderate"]["surrogate"]["members"]
    port = LandscapeWorkChain.spec().inputs["settings"]
    assert all(port.validate(builder.settings) is None for builder in builders.values())
    assert "relax" not in builders["moderate"]._inputs(prune=True)


def test_protocol_with_relaxations_and_overrides(lennard_jones, relax_code):
    sets = {"here": StructureSetData.from_set(argon())}
    overrides = {
        "settings": {"min_samples": 2},
        "relax": {"parameters": {"force_tolerance": 1e-5}, "max_iterations": 2},
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*means nothing")
        builder = LandscapeWorkChain.get_builder_from_protocol(
            sets, None, relax_code, lennard_jones, "moderate", overrides
        )
    assert (builder.settings["min_samples"], builder.settings["components"]) == (2, 10)
    assert builder.relax["parameters"]["force_tolerance"] == 1e-5
    assert builder.relax["parameters"]["stress_tolerance"] == 2e-3
    assert builder.relax["max_iterations"].value == 2
    assert not {"structures", "pressure_gpa"} & set(builder._inputs(prune=True)["relax"])


def test_override_that_means_nothing_is_told():
    sets = {"here": StructureSetData.from_set(argon())}
    with pytest.warns(UserWarning, match="'setting' means nothing"):
        LandscapeWorkChain.get_builder_from_protocol(sets, overrides={"setting": {"eps": 1}})


def test_code_needs_a_potential(relax_code):
    sets = {"here": StructureSetData.from_set(argon())}
    with pytest.raises(ValueError, match="give both"):
        LandscapeWorkChain.get_builder_from_protocol(sets, code=relax_code)
