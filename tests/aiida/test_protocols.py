"""Protocols: what a name stands for, and how it is changed."""

from __future__ import annotations

import warnings

import click
import dft
import pytest
from aiida import orm
from click import BadParameter
from click.testing import CliRunner

from aiida_polymorph.cli import main
from aiida_polymorph.cli.options import ProtocolName, RenamedOption, with_present_options
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.protocol_files import merge_inputs, protocol_inputs
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.workflows.dft_scan import DftScanWorkChain
from aiida_polymorph.workflows.free_energy import FreeEnergyWorkChain
from aiida_polymorph.workflows.integrate import IntegrateWorkChain
from aiida_polymorph.workflows.landscape import LandscapeWorkChain
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
    with pytest.raises(ValueError, match="protocol 'sloppy' is none of fast, moderate, precise"):
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


@pytest.mark.parametrize(
    ("workchain", "overrides", "path"),
    [
        (SearchWorkChain, {"job": 2}, "'job'"),
        (SearchWorkChain, {"relax": {"parameter": {}}}, "'relax.parameter'"),
        (SearchWorkChain, {"relax": {"metadata": {"lable": "a"}}}, "'relax.metadata.lable'"),
        (LandscapeWorkChain, {"relax": {"max_iteration": 2}}, "'relax.max_iteration'"),
        (LandscapeWorkChain, {"metadata": {"lable": "a"}}, "'metadata.lable'"),
        (IntegrateWorkChain, {"free_energy": {"parametres": {"seed": 2}}}, "'free_energy.parametres'"),
    ],
)
def test_override_that_means_nothing_is_told_at_any_depth(workchain, overrides, path):
    with pytest.warns(UserWarning, match=f"override {path} means nothing here: inputs are "):
        inputs = workchain.get_protocol_inputs(overrides=overrides)
    assert {**inputs, "metadata": {}} == {**workchain.get_protocol_inputs(), "metadata": {}}


def test_override_of_a_scan_that_means_nothing_is_told(relax_code, matsui_akaogi):
    arguments = ("lammps", relax_code, dft.phases_of(["rutile"]), [0, 20])
    with pytest.warns(UserWarning, match="override 'job' means nothing here"):
        DftScanWorkChain.get_builder_from_protocol(*arguments, potential=matsui_akaogi, overrides={"job": 2})


@pytest.mark.parametrize(
    ("parameters", "words"),
    [({"force_tolerence": 1e-3}, "force_tolerence"), ({"force_tolerance": "small"}, "force_tolerance is 'small'")],
)
def test_parameter_that_means_nothing_is_refused(relax_code, argon, lennard_jones, parameters, words):
    """What is within a node is none of the inputs: the validator of the node tells of it."""
    overrides = {"parameters": parameters}
    with pytest.raises(ValueError, match=words):
        RelaxSetWorkChain.get_builder_from_protocol(
            relax_code, StructureSetData.from_set(argon), lennard_jones, 20, overrides=overrides
        )


def test_protocol_names_that_of_its_child():
    relaxation = RelaxSetWorkChain.get_protocol_inputs("precise")
    assert SearchWorkChain.get_protocol_inputs("precise") == relaxation
    assert SearchWorkChain.get_protocol_inputs("fast", {"relax": {"protocol": "precise"}}) == relaxation
    inputs = LandscapeWorkChain.get_protocol_inputs("moderate", {"relax": {"protocol": "fast", "parameters": None}})
    assert inputs["relax"] == RelaxSetWorkChain.get_protocol_inputs("fast")
    points = IntegrateWorkChain.get_protocol_inputs("fast", {"free_energy": {"protocol": "precise"}})["parameters"]
    own = FreeEnergyWorkChain.get_protocol_inputs("precise")["parameters"]
    assert points == {**own, "target_error": 0.006}


def test_own_inputs_go_before_those_of_the_child():
    overrides = {"relax": {"protocol": "fast", "parameters": {"max_force_calls": 7}}, "parameters": {"rattle": 0.1}}
    parameters = SearchWorkChain.get_protocol_inputs("precise", overrides)["parameters"]
    assert parameters == {
        "force_tolerance": 0.005,
        "stress_tolerance": 0.05,
        "max_force_calls": 7,
        "max_seconds": 300,
        "rattle": 0.1,
    }


def test_file_with_a_former_name():
    content = {
        "default_protocol": "balanced",
        "default_inputs": {"cutoff": 80},
        "protocols": {"fast": {"description": "a", "cutoff": 40}, "balanced": {"description": "b"}},
    }
    with pytest.warns(FutureWarning, match=r"'balanced': write 'moderate' there, the file has fast, balanced"):
        assert protocol_inputs(content) == {"cutoff": 80}
    with pytest.warns(FutureWarning, match="protocol 'balanced' is now called 'moderate'"):
        assert protocol_inputs(content, "balanced") == {"cutoff": 80}
    with pytest.warns(FutureWarning), pytest.raises(ValueError, match="'sloppy' is none of fast, moderate"):
        protocol_inputs(content, "sloppy")


def test_former_name_on_the_command_line(capsys):
    kind = ProtocolName(["fast", "moderate", "precise"])
    assert kind.convert("fast", None, None) == "fast"
    assert capsys.readouterr().err == ""
    assert kind.convert("stringent", None, None) == "precise"
    assert capsys.readouterr().err == "Warning: the protocol stringent is now called precise.\n"
    with pytest.raises(BadParameter, match="'sloppy' is none of fast, moderate, precise"):
        kind.convert("sloppy", None, None)
    assert ProtocolName(()).convert("my-own", None, None) == "my-own"


def test_former_name_of_an_option(capsys):
    @click.command()
    @click.option("--target-error", cls=RenamedOption, former="--error", type=float)
    @click.argument("rest", nargs=-1)
    def command(target_error, rest):
        del target_error, rest

    assert with_present_options(command, ["--target-error", "1", "a"]) == ["--target-error", "1", "a"]
    assert capsys.readouterr().err == ""
    assert with_present_options(command, ["--error=1", "--", "--error"]) == ["--target-error=1", "--", "--error"]
    assert capsys.readouterr().err == "Warning: --error is now called --target-error.\n"


def test_former_names_are_taken_by_the_commands():
    result = CliRunner().invoke(main, ["search", "TiO2", "--potential", "x", "--pressure", "0", "--separation", "TiO"])
    assert result.exit_code == 2
    assert "Warning: --separation is now called --minimum-separation." in result.output
    assert "'TiO'; write it as Ti-O=1.6" in result.output
    assert " --separation" not in CliRunner().invoke(main, ["search", "--help"]).output


def test_merging_of_inputs():
    assert merge_inputs({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}, "d": None}) == {"a": {"b": 1, "c": 4}}
