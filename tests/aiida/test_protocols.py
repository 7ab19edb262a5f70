"""Protocols: what a name stands for, and how it is changed."""

from __future__ import annotations

import warnings

import pytest
from aiida import orm

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.protocol_files import merge_inputs
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain
from aiida_polymorph.workflows.search import SearchWorkChain

PLAIN = (orm.Dict, orm.Float, orm.Int, orm.Bool)
ONE_CORE = {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1}}


def as_plain(builder) -> dict:
    """Return the inputs of a builder that are plain values."""
    nodes = {name: node for name, node in builder._inputs(prune=True).items() if isinstance(node, PLAIN)}
    return {name: node.get_dict() if isinstance(node, orm.Dict) else node.value for name, node in nodes.items()}


def test_relaxation_by_default(relax_code, argon, lennard_jones):
    builder = RelaxSetWorkChain.get_builder_from_protocol(
        relax_code, StructureSetData.from_set(argon), lennard_jones, 20
    )
    assert as_plain(builder) == {
        "clean_workdir": True,
        "max_iterations": 5,
        "options": ONE_CORE,
        "parameters": {
            "force_tolerance": 1e-3,
            "stress_tolerance": 0.01,
            "max_force_calls": 2000,
            "max_seconds": 300,
        },
        "pressure_gpa": 20.0,
    }
    assert (builder.code.pk, builder.potential) == (relax_code.pk, lennard_jones)


def test_search_with_overrides(relax_code, lennard_jones):
    recipe = Recipe.propose("Ar")
    overrides = {"jobs": 3, "parameters": {"rattle": 0.02}, "options": {"resources": {"num_mpiprocs_per_machine": 4}}}
    builder = SearchWorkChain.get_builder_from_protocol(
        relax_code, lennard_jones, recipe, 0, 100, protocol="fast", overrides=overrides
    )
    assert as_plain(builder) == {
        "clean_workdir": True,
        "max_iterations": 5,
        "options": {"resources": {"num_machines": 1, "num_mpiprocs_per_machine": 4}},
        "parameters": {
            "force_tolerance": 0.005,
            "stress_tolerance": 0.05,
            "max_force_calls": 1000,
            "max_seconds": 300,
            "rattle": 0.02,
        },
        "pressure_gpa": 0.0,
        "recipe": recipe.to_dict(),
        "number": 100,
        "jobs": 3,
    }


@pytest.mark.parametrize("workchain", [RelaxSetWorkChain, SearchWorkChain])
def test_protocols_are_described_and_valid(workchain):
    protocols = workchain.get_available_protocols()
    assert workchain.get_default_protocol() in protocols
    assert all(description.endswith(".") for description in protocols.values())
    for name in protocols:
        inputs = workchain.get_protocol_inputs(name)
        assert inputs.keys() <= set(workchain.spec().inputs)
        port = workchain.spec().inputs["parameters"]
        assert port.validate(orm.Dict(inputs["parameters"])) is None


def test_unknown_protocol():
    with pytest.raises(ValueError, match="protocol 'sloppy' is none of moderate, fast, stringent"):
        SearchWorkChain.get_protocol_inputs("sloppy")


def test_override_that_means_nothing_is_told():
    with pytest.warns(UserWarning, match="'max_iteration' means nothing"):
        inputs = RelaxSetWorkChain.get_protocol_inputs(overrides={"max_iteration": 2})
    assert inputs["max_iterations"] == 5
    assert "max_iteration" not in inputs


def test_override_that_means_something_is_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert RelaxSetWorkChain.get_protocol_inputs(overrides={"max_iterations": 2})["max_iterations"] == 2


def test_merging_of_inputs():
    assert merge_inputs({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}, "d": None}) == {"a": {"b": 1, "c": 4}}
