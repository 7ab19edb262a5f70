"""Coexistence through AiiDA: nodes made by hand, of phases whose line is known in closed form."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from ase import Atoms
from click.testing import CliRunner

from aiida_polymorph.calculations.functions.coexistence import find_coexistence
from aiida_polymorph.cli import main
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.lines import entry_of, line_of
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.potential import load_potential
from aiida_polymorph.results.free_energies import result_of
from aiida_polymorph.units import GPA, KB

ATOMS = 3
TEMPERATURES, PRESSURES = (700.0, 1000.0, 1300.0), (0.0, 10.0, 20.0)
LIGHT, DENSE = (-38.0, 32.0, 12.0), (-37.95, 31.0, 13.0)
"""Energy (eV), volume (angstrom^3) and springs (eV/angstrom^2) of Einstein crystals that can't be compressed."""


def point(solid, t, p, convention="unit", **changes):
    energy, volume, spring = solid
    own = 1.5 * ATOMS * KB * t
    wavelength = 0.0 if convention == "unit" else own * np.log(500 / t)
    values = {
        "temperature_k": t,
        "pressure_gpa": p,
        "gibbs_energy": energy + volume * p * GPA - own * np.log(2 * np.pi * KB * t / spring) + wavelength,
        "error": 1e-3,
        "enthalpy": energy + volume * p * GPA + 2 * own,
        "volume": volume,
        "metastable": True,
        "reason": "",
    }
    return {**values, **changes}


def line_at(t):
    """Pressure (GPa) of coexistence."""
    (e, v, k), (f, w, m) = LIGHT, DENSE
    return (f - e + 1.5 * ATOMS * KB * t * np.log(m / k)) / (v - w) / GPA


def energies(solid, convention="unit", missing=()):
    unknown = {"gibbs_energy": None, "error": None, "enthalpy": None, "volume": None, "metastable": False}
    points = [
        point(solid, t, p, convention, **(unknown if (t, p) in missing else {}))
        for p, t in product(PRESSURES, TEMPERATURES)
    ]
    return GibbsEnergiesData.from_record({}, convention=convention, points=points)


def identified(solid, phase, convention="unit", **changes):
    """A node that knows its phase."""
    node = energies(solid, convention)
    node.base.attributes.set_many({"phase": phase, "composition": "TiO2", "potential": "matsui-akaogi", **changes})
    return node


@pytest.fixture
def integrated():
    """Return a function that makes a process of `integrate` with Gibbs energies as its output."""

    def process(solid, label="", convention="unit", potential=None, formula="TiO2", known_as=None):
        atoms = Atoms(formula, positions=np.arange(3)[:, None] * [1.5, 1.0, 0.5], cell=[4, 4, 4], pbc=True)
        structure = orm.StructureData(ase=atoms)
        structure.label = label
        potential = potential or PotentialData.from_potential(load_potential("matsui-akaogi"))
        node = orm.WorkChainNode(process_type="aiida.workflows:polymorph.integrate")
        node.set_process_label("IntegrateWorkChain")
        for name, given in (("structure", structure), ("potential", potential)):
            node.base.links.add_incoming(given.store(), LinkType.INPUT_WORK, name)
        node.store()
        data = energies(solid, convention) if known_as is None else identified(solid, known_as, convention)
        data.store()
        data.base.links.add_incoming(node, LinkType.RETURN, "gibbs_energies")
        node.set_process_state("finished")
        node.set_exit_status(0)
        node.seal()
        return node

    return process


@pytest.fixture
def pair(integrated):
    return [integrated(LIGHT, "light"), integrated(DENSE, "60GPa-a-R3@60GPa")]


def run(*arguments):
    return CliRunner().invoke(main, ["coexistence", *(str(each) for each in arguments)])


def test_the_calcfunction():
    names = orm.Dict({"a": "light", "b": "60-a-R-3"})
    found, node = find_coexistence.run_get_node(names=names, atoms=orm.Int(3), a=energies(LIGHT), b=energies(DENSE))
    assert node.is_finished_ok
    assert found.value("convention") == "unit"
    assert found.value("phases") == ["light", "60-a-R-3"]
    (entry,) = found.value("lines")
    assert (entry["first"], entry["second"], entry["stable"]) == ("light", "60-a-R-3", True)
    for each in entry["points"]:
        assert each["pressure_gpa"] == pytest.approx(line_at(each["temperature_k"]), abs=1e-3)
        assert each["volume_difference_a3"] == pytest.approx(-1.0, abs=1e-4)
        assert each["entropy_difference_kb"] == pytest.approx(-1.5 * ATOMS * np.log(13 / 12), abs=1e-3)
    assert entry_of(line_of(entry)) == entry
    assert set(found.value("surfaces")["light"]) == {"gibbs_energy", "enthalpy", "volume", "interpolation"}


def test_what_is_asked_again_is_the_same_node(pair):
    def nodes(*options):
        return {row["node"] for row in json.loads(run(*(node.pk for node in pair), "--json", *options).stdout)}

    first = nodes()
    assert len(first) == 1
    assert nodes() == first
    assert nodes("--temperature", "800").isdisjoint(first)


def test_both_conventions_give_the_same_lines():
    found = [
        find_coexistence(
            names=orm.Dict({"a": "light", "b": "dense"}),
            atoms=orm.Int(3),
            a=energies(LIGHT, convention),
            b=energies(DENSE, convention),
        ).value("lines")[0]["points"]
        for convention in ("unit", "mass")
    ]
    assert found[0][0]["pressure_gpa"] == pytest.approx(found[1][0]["pressure_gpa"], abs=1e-3)
    assert found[0][0]["slope_gpa_per_k"] == pytest.approx(found[1][0]["slope_gpa_per_k"], rel=0.01)


def test_a_phase_that_does_not_last():
    missing = [(1300.0, p) for p in PRESSURES]
    names = orm.Dict({"a": "light", "b": "dense"})
    found = find_coexistence(names=names, atoms=orm.Int(3), a=energies(LIGHT), b=energies(DENSE, missing=missing))
    (entry,) = found.value("lines")
    assert entry["points"][-1]["temperature_k"] == pytest.approx(1000.0)


EVERYWHERE = list(product(TEMPERATURES, PRESSURES))


@pytest.mark.parametrize(
    ("names", "other", "message"),
    [
        ({"a": "x", "b": "y"}, {"convention": "mass"}, "differ in their convention: unit in"),
        ({"a": "x", "b": "x"}, {}, "each with its own name; got x, x"),
        ({"a": "x"}, {}, "b is in one of them only"),
        ({"a": "x", "b": "y"}, {"missing": EVERYWHERE}, r"y \(node .*\): there is no Gibbs energy"),
    ],
)
def test_the_calcfunction_refuses(names, other, message):
    with pytest.raises(ValueError, match=message):
        find_coexistence(names=orm.Dict(names), atoms=orm.Int(3), a=energies(LIGHT), b=energies(DENSE, **other))


def test_the_command(pair, tmp_path):
    figure = tmp_path / "diagram.svg"
    result = run(*(each.pk for each in pair), "--json", "--figure", figure)
    assert result.exit_code == 0, result.output
    (line,) = json.loads(result.stdout)
    assert line.keys() >= {"first", "second", "stable", "points"}
    assert (line["first"], line["second"], line["stable"]) == ("light", "60GPa-a-R3", True)
    assert line["points"][0].keys() >= {
        *("temperature_k", "pressure_gpa", "error_gpa", "slope_gpa_per_k"),
        *("entropy_difference_kb", "volume_difference_a3"),
    }
    assert [each["temperature_k"] for each in (line["points"][0], line["points"][-1])] == [700.0, 1300.0]
    assert line["points"][0]["error_gpa"] == pytest.approx(np.sqrt(2) * 1e-3 / GPA, rel=0.05)
    assert "<svg" in figure.read_text()


def test_the_table(pair):
    result = run(pair[0].pk, pair[1].outputs.gibbs_energies.pk, "--name", f"{pair[1].pk}=dense")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[:4] == ["below", "above", "T", "(K)"]
    first = lines[2].split()
    assert first[:3] == ["light", "dense", "700.0"]
    assert float(first[3]) == pytest.approx(line_at(700.0), abs=2e-3)


def test_at_temperatures(pair):
    arguments = [*(each.pk for each in pair), "--temperature", "750,1111.5,1300,2000"]
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    (line,) = json.loads(result.stdout)
    found = {each["temperature_k"]: each["pressure_gpa"] for each in line["at_temperatures"]}
    assert list(found) == pytest.approx([750.0, 1111.5, 1300.0])
    assert list(found.values()) == pytest.approx([line_at(t) for t in found], abs=1e-3)
    result = run(*arguments)
    rows = [each.split() for each in result.stdout.splitlines()[2:]]
    assert [row[2] for row in rows] == ["750.0", "1111.5", "1300.0"]
    assert [float(row[3]) for row in rows] == pytest.approx([line_at(t) for t in found], abs=2e-3)
    assert "No two stable phases coexist at 2000 K" in result.stderr
    without = json.loads(run(*(each.pk for each in pair), "--json").stdout)
    assert without[0]["at_temperatures"] == []
    assert orm.load_node(without[0]["node"]).value("lines")[0]["first"] == "light"
    assert "must be positive" in run(*(each.pk for each in pair), "--temperature", "0,700").output


def knowing(solid, phase, **changes):
    """A node that knows its phase, without any history, as one from an archive."""
    return identified(solid, phase, **changes).store()


def test_nodes_that_know_their_phase_need_no_history(pair):
    nodes = knowing(LIGHT, "light"), knowing(DENSE, "dense")
    result = run(*(each.pk for each in nodes), "--json")
    assert result.exit_code == 0, result.output
    (line,) = json.loads(result.stdout)
    assert (line["first"], line["second"]) == ("light", "dense")
    for other, message in (
        (knowing(DENSE, "dense", composition="SnO2"), "differ in their formula: TiO2 in"),
        (knowing(DENSE, "dense", potential="another"), "differ in their potential: matsui-akaogi in"),
    ):
        assert message in run(nodes[0].pk, other.pk).output
    beside_an_older_one = run(pair[0].pk, nodes[1].pk, "--json")
    assert beside_an_older_one.exit_code == 0, beside_an_older_one.output


def test_the_label_of_a_structure_names_nodes_of_older_versions_only(integrated):
    old = integrated(LIGHT, "first")
    new = integrated(LIGHT, "first", known_as="light")
    for process in (old, new):
        process.inputs.structure.label = "edited"
    assert [result_of(each).phase for each in (old, old.outputs.gibbs_energies)] == ["edited", "edited"]
    assert [result_of(each).phase for each in (new, new.outputs.gibbs_energies)] == ["light", "light"]
    assert result_of(knowing(LIGHT, "pyrite@20GPa")).phase == "pyrite"
    nameless = knowing(LIGHT, None)
    assert result_of(nameless).phase == f"TiO2-{nameless.pk}"


def test_phases_that_do_not_cross(integrated):
    nodes = integrated(LIGHT, "light"), integrated((-36.0, 32.0, 12.0), "high")
    result = run(*(each.pk for each in nodes), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == []
    assert "light and high do not cross: light is lower than high wherever both have values" in result.stderr


def test_what_can_not_be_compared(pair, integrated):
    light = pair[0].pk
    other = PotentialData.from_potential(load_potential("matsui-akaogi"))
    other.base.attributes.set("name", "another")
    cases = [
        ((light,), "needs two phases or more"),
        ((light, integrated(DENSE, "light").pk), "several nodes are called light; tell them apart with --name"),
        ((light, integrated(DENSE, "mass", "mass").pk), "differ in their convention: unit in"),
        ((light, integrated(DENSE, "other", potential=other).pk), "differ in their potential"),
        ((light, integrated(DENSE, "other", formula="Ti2O").pk), "differ in their formula: TiO2 in"),
        ((light, energies(DENSE).store().pk), "has lost its history"),
        ((light, FreeEnergyData().store().pk), "has lost its history"),
        ((light, pair[0].inputs.structure.pk), "StructureData"),
    ]
    for arguments, message in cases:
        result = run(*arguments)
        assert result.exit_code == 1, arguments
        assert message in result.output
