"""`diagram`: nodes of Einstein crystals whose lines and triple point are known in closed form, and an analysis."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.plugins import DataFactory
from ase import Atoms
from click.testing import CliRunner

from aiida_polymorph.cli import main
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.phase_diagram import PhaseDiagramData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.potential import load_potential
from aiida_polymorph.results.diagram import diagram_of_analysis, diagram_record
from aiida_polymorph.results.report_data import report_data
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import GPA, KB

ATOMS = 3
TEMPERATURES, PRESSURES = (700.0, 1000.0, 1300.0), (0.0, 10.0, 20.0)
TRIPLE = (1000.0, 9.0)
"""K and GPa at which all three phases coexist."""


def gibbs(solid, t, p):
    """Gibbs energy of an Einstein crystal that can't be compressed, of energy, volume and springs."""
    energy, volume, spring = solid
    return energy + volume * p * GPA - 1.5 * ATOMS * KB * t * np.log(2 * np.pi * KB * t / spring)


def through_triple_point(volume, spring):
    return (-38.0 - gibbs((0.0, volume, spring), *TRIPLE), volume, spring)


SOLIDS = {
    "light": through_triple_point(32.0, 12.0),
    "dense": through_triple_point(31.0, 14.0),
    "densest": through_triple_point(30.0, 20.0),
}


def line_at(one, other, t):
    """Pressure (GPa) at which two phases coexist."""
    difference = gibbs(SOLIDS[other], t, 0.0) - gibbs(SOLIDS[one], t, 0.0)
    return difference / (SOLIDS[one][1] - SOLIDS[other][1]) / GPA


def entry(solid, t, p, **changes):
    values = {
        "temperature_k": t,
        "pressure_gpa": p,
        "gibbs_energy": gibbs(solid, t, p),
        "error": 1e-3,
        "configurational_enthalpy": solid[0] + solid[1] * p * GPA + 1.5 * ATOMS * KB * t,
        "volume": solid[1],
        "metastable": True,
        "reason": "",
    }
    return {**values, **changes}


LOST = {"gibbs_energy": None, "error": None, "configurational_enthalpy": None, "volume": None, "metastable": False}


def stored(process, output, data, phase, potential=None):
    """Store what a process would have: its inputs, and what it returned."""
    atoms = Atoms("TiO2", positions=np.arange(3)[:, None] * [1.5, 1.0, 0.5], cell=[4, 4, 4], pbc=True)
    structure = orm.StructureData(ase=atoms)
    structure.label = phase
    potential = potential or PotentialData.from_potential(load_potential("matsui-akaogi"))
    node = orm.WorkChainNode()
    node.set_process_label(process)
    for name, given in (("structure", structure), ("potential", potential)):
        node.base.links.add_incoming(given.store(), LinkType.INPUT_WORK, name)
    node.store()
    data.store().base.links.add_incoming(node, LinkType.RETURN, output)
    node.set_process_state("finished")
    node.set_exit_status(0)
    node.seal()
    return node


def integrated(phase, lost=(), convention="unit", **more):
    """Gibbs energies as `integrate` stores them."""
    points = [
        entry(SOLIDS[phase], t, p, **({**LOST, "reason": "molten"} if (t, p) in lost else {}))
        for p, t in product(PRESSURES, TEMPERATURES)
    ]
    data = GibbsEnergiesData.from_record({}, convention=convention, points=points)
    return stored("IntegrateWorkChain", "gibbs_energies", data, phase, **more)


def single(phase, t, p, method="harmonic", shift=0.0):
    """One free energy."""
    solid = SOLIDS[phase]
    found = FreeEnergy(
        temperature=t,
        pressure_gpa=p,
        method=method,
        convention="unit",
        finite_size="none",
        terms={"static": Estimate(gibbs(solid, t, p) + shift, 1e-3)},
        atoms=96,
        steps=0,
        volume=Estimate(solid[1], 0.01),
        enthalpy=Estimate(entry(solid, t, p)["configurational_enthalpy"] + shift, 1e-3),
    )
    process = "HarmonicWorkChain" if method == "harmonic" else "FreeEnergyWorkChain"
    return stored(process, "free_energy", FreeEnergyData.from_free_energy(found), phase)


def harmonic(phase, shift=0.0):
    return [single(phase, t, p, shift=shift) for t, p in product(TEMPERATURES, PRESSURES)]


def run(*arguments):
    return CliRunner().invoke(main, ["diagram", *(str(each) for each in arguments)])


def record_of(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_node_has_an_entry_point():
    assert DataFactory("polymorph.phase_diagram") is PhaseDiagramData


def test_three_phases_and_their_triple_point():
    nodes = [integrated(phase) for phase in SOLIDS]
    found = record_of(*(node.pk for node in nodes))
    assert found.keys() >= {"node", "lines", "stable", "phases", "undecided", "cpu_seconds"}
    lines = {(line["first"], line["second"]): line["points"] for line in found["lines"]}
    assert set(lines) == {("light", "dense"), ("light", "densest"), ("dense", "densest")}
    for names, points in lines.items():
        for point in points:
            assert point["pressure_gpa"] == pytest.approx(line_at(*names, point["temperature_k"]), abs=0.01)
        ends = [(points[i]["temperature_k"], points[i]["pressure_gpa"]) for i in (0, -1)]
        assert any(abs(t - TRIPLE[0]) < 3.0 and abs(p - TRIPLE[1]) < 0.02 for t, p in ends)
    assert len(found["stable"]) == 61 * 61
    for cell in found["stable"][::97]:
        energies = {name: gibbs(solid, cell["temperature_k"], cell["pressure_gpa"]) for name, solid in SOLIDS.items()}
        assert energies[cell["phase"]] - min(energies.values()) < 1e-4
        assert 0.3 < cell["probability"] <= 1.0
    assert [(each["name"], each["fate"], each["method"]) for each in found["phases"]] == [
        (name, "stable", "integration") for name in SOLIDS
    ]
    assert {each["space_group"] for each in found["phases"]} == {"P1"}
    assert found["cpu_seconds"] == {"dynamics": None}


def test_the_node_is_queryable_and_gives_the_same_diagram_again():
    nodes = [integrated(phase) for phase in ("light", "dense")]
    found = record_of(*(node.pk for node in nodes), "--temperature", "700:1300:100", "--pressure", "0,5,10,20")
    node = orm.load_node(found["node"])
    query = orm.QueryBuilder().append(PhaseDiagramData, filters={"attributes.stable_phases": {"contains": ["dense"]}})
    assert node.pk in [each.pk for each in query.all(flat=True)]
    assert node.creator.process_label == "find_surface_diagram"
    given = {node.creator.inputs[name].pk for name in node.creator.inputs}
    assert given >= {each.outputs.gibbs_energies.pk for each in nodes}
    diagram = node.to_diagram()
    assert diagram.temperatures.tolist() == [700.0, 800.0, 900.0, 1000.0, 1100.0, 1200.0, 1300.0]
    assert diagram.pressures_gpa.tolist() == [0.0, 5.0, 10.0, 20.0]
    assert len(found["stable"]) == 28
    assert diagram_record(node) == found
    assert record_of(node.pk) == found
    refused = run(node.pk, "--source", "integration")
    assert refused.exit_code == 1
    assert "is a finished diagram: give it alone" in refused.stderr


def test_the_best_source_of_each_phase_counts():
    nodes = [integrated("light"), *harmonic("light", shift=0.5), *harmonic("dense")]
    keys = [node.pk for node in nodes]
    found = record_of(*keys)
    assert {each["name"]: each["method"] for each in found["phases"]} == {"light": "integration", "dense": "harmonic"}
    (line,) = found["lines"]
    assert line["points"][0]["pressure_gpa"] == pytest.approx(line_at("light", "dense", 700.0), abs=0.01)
    alone = record_of(*keys, "--source", "harmonic")
    assert {each["method"] for each in alone["phases"]} == {"harmonic"}
    assert {each["fate"] for each in alone["phases"] if each["name"] == "light"} == {"metastable"}
    refused = run(*keys, "--source", "basin")
    assert "no node tells of the source basin; there is integration, harmonic" in refused.stderr


def test_a_phase_that_is_lost():
    nodes = [
        integrated("light"),
        integrated("dense"),
        integrated("densest", lost=set(product(TEMPERATURES, PRESSURES))),
    ]
    found = record_of(*(node.pk for node in nodes))
    fates = {each["name"]: (each["fate"], each["reason"]) for each in found["phases"]}
    assert fates["densest"] == ("not metastable", "molten")
    assert fates["light"] == ("stable", "")
    part = [integrated("light"), integrated("dense", lost={(1300.0, p) for p in PRESSURES})]
    found = record_of(*(node.pk for node in part))
    known = {each["name"]: each["known_share"] for each in found["phases"]}
    assert known["light"] == 1.0
    assert 0.4 < known["dense"] < 0.6


def test_what_is_undecided():
    nodes = [integrated("light"), integrated("dense")]
    assert record_of(*(node.pk for node in nodes), "--error", 0.5)["undecided"] == []
    (open_part,) = record_of(*(node.pk for node in nodes), "--error", 0.1)["undecided"]
    assert (open_part["first"], open_part["second"]) == ("light", "dense")
    assert open_part["error_gpa"] == pytest.approx(np.sqrt(2) * 1e-3 / GPA, rel=0.05)
    assert open_part["temperatures_k"] == pytest.approx([700.0, 1300.0])
    text = run(*(node.pk for node in nodes), "--error", 0.1).stdout
    assert "Undecided: light and dense: the error of the pressure is larger than 0.1 GPa" in text


def test_the_tables_and_the_figure(tmp_path):
    figure = tmp_path / "diagram.png"
    result = run(*(integrated(phase).pk for phase in SOLIDS), "--figure", figure)
    assert result.exit_code == 0, result.output
    assert figure.read_bytes()[:4] == b"\x89PNG"
    for words in ("Phase diagram", "by integration", "stable phases (GPa)", "light 0 to", "below", "dP/dT (GPa/K)"):
        assert words in result.stdout
    assert "must end in .svg or .png" in run(1, "--figure", "x.pdf").stderr


def test_an_analysis(analysis):
    found = record_of(analysis.pk)
    node = orm.load_node(found["node"])
    assert node.value("sources") == ["basin"]
    assert node.creator.inputs.chemical_potentials.pk == analysis.outputs.chemical_potentials.pk
    potentials = analysis.outputs.chemical_potentials.to_potentials()
    for cell in found["stable"][::211]:
        at = potentials.evaluate(cell["temperature_k"], cell["pressure_gpa"])
        assert potentials.names[at.stable] == cell["phase"]
    phases = {each["name"]: each for each in found["phases"]}
    assert phases["pyrite"]["method"] == "basin"
    assert phases["pyrite"]["space_group"] == "Pa-3"
    assert found["cpu_seconds"]["search"] > 0
    same = record_of(analysis.outputs.chemical_potentials.pk)
    assert {**same, "node": None} == {**found, "node": None}


def test_the_report_draws_the_node(analysis):
    data = report_data(analysis)
    expected = diagram_of_analysis(analysis).to_diagram()
    assert (data.diagram.stable == expected.stable).all()
    assert data.diagram.lines == expected.lines
    assert [record.role for record in data.nodes if "phase-diagram" in record.sections] == ["Phase diagram"]


def test_sources_without_a_common_zero(analysis):
    nodes = [analysis.pk, integrated("light").pk, integrated("dense").pk]
    refused = run(*nodes)
    assert refused.exit_code == 1
    assert "have a zero of their own at each pressure" in refused.stderr
    assert "`--source basin` or `--source integration`" in refused.stderr
    assert {each["method"] for each in record_of(*nodes, "--source", "basin")["phases"]} == {"basin"}
    assert {each["method"] for each in record_of(*nodes, "--source", "integration")["phases"]} == {"integration"}


def test_bad_input(analysis):
    other = PotentialData.from_potential(load_potential("matsui-akaogi"))
    other.base.attributes.set("name", "another")
    light = integrated("light").pk
    cases = [
        ((light,), "needs two phases with Gibbs energies or more; there are: light"),
        ((light, integrated("dense", convention="mass").pk), "differ in their convention: unit in"),
        ((light, integrated("dense", potential=other).pk), "differ in their potential"),
        ((light, orm.load_node(light).inputs.structure.pk), "StructureData"),
        ((light, 999999999), "there is no node 999999999"),
        ((single("light", 700.0, 0.0).pk, single("dense", 700.0, 0.0).pk), "needs two temperatures and two pressures"),
        ((light, integrated("dense").pk, "--source", "dft"), "'dft' must be of integration, anharmonic, harm"),
        ((light, integrated("dense").pk, "--pressure", "5"), "pressures must be at least two rising values"),
        ((light, integrated("dense").pk, "--error", "0"), "must be positive"),
        ((analysis.pk, diagram_of_analysis(analysis).creator.inputs.chemical_potentials.pk), "are several analyses"),
    ]
    for arguments, message in cases:
        result = run(*arguments)
        assert result.exit_code != 0, arguments
        assert message in result.output, (message, result.output)
