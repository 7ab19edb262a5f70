"""`compare` on nodes of known Gibbs energies G = H(P) - T S, and a file with the same enthalpies and entropies."""

from __future__ import annotations

import json

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from ase import Atoms
from ase.build import bulk
from click.testing import CliRunner
from plumpy import ProcessState

from aiida_polymorph.cli import main
from aiida_polymorph.cli.free_energy import write_figure
from aiida_polymorph.data.free_energy import FreeEnergyData
from aiida_polymorph.data.gibbs_energies import GibbsEnergiesData
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.formats import write_structures
from aiida_polymorph.potential import Potential
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.thermodynamics.free_energy.frenkel_ladd import quadrature
from aiida_polymorph.thermodynamics.free_energy.result import FreeEnergy
from aiida_polymorph.thermodynamics.sampling.series import Estimate
from aiida_polymorph.units import GPA, KB

ENTROPY = {"fcc": -6.0, "hcp": -5.5, "bcc": -5.8}
ENERGY = {"fcc": -0.10, "hcp": -0.09, "bcc": -0.05}
VOLUME = 35.0
PRESSURES, TEMPERATURES = (0.0, 2.0), (40.0, 80.0)
ARGON = {
    "name": "argon",
    "backend": "lammps",
    "species": ["Ar"],
    "commands": ["pair_style lj/cut 6.5", "pair_coeff 1 1 0.0104 3.405"],
}
FIELDS = {
    "name",
    "pressure_gpa",
    "temperature_k",
    "gibbs_energy_ev_per_formula_unit",
    "error_ev_per_formula_unit",
    "harmonic_gibbs_energy_ev_per_formula_unit",
    "harmonic_error_ev_per_formula_unit",
    "relative_to",
    "relative_integration_ev_per_formula_unit",
    "relative_integration_error_ev_per_formula_unit",
    "relative_harmonic_ev_per_formula_unit",
    "relative_harmonic_error_ev_per_formula_unit",
    "relative_basin_ev_per_formula_unit",
    "relative_basin_error_ev_per_formula_unit",
    "entropy_kb",
    "entropy_error_kb",
    "basin_entropy_kb",
    "basin_entropy_error_kb",
    "reason",
    "integration_node",
    "harmonic_node",
    "node",
}


def enthalpy(name: str, pressure: float) -> float:
    return ENERGY[name] + VOLUME * pressure * GPA


def gibbs(name: str, temperature: float, pressure: float) -> float:
    return enthalpy(name, pressure) - KB * temperature * ENTROPY[name]


def structure(label: str, formula: str = "Ar") -> orm.StructureData:
    cell = {"positions": [[0, 0, 0], [2, 0, 0], [0, 2, 0]], "cell": [4, 4, 4], "pbc": True}
    atoms = Atoms("TiO2", **cell) if formula == "TiO2" else bulk(formula, "fcc", a=5.25)
    node = orm.StructureData(ase=atoms)
    node.label = label
    return node.store()


def stored(process: str, name: str, data, label: str = "fcc", potential: dict | None = None, formula: str = "Ar"):
    """Store what a process would have: its inputs, and what it returned."""
    node = orm.WorkChainNode()
    node.set_process_label(process)
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(0)
    potential_node = PotentialData.from_potential(Potential.from_dict(potential or ARGON)).store()
    node.base.links.add_incoming(structure(label, formula), LinkType.INPUT_WORK, "structure")
    node.base.links.add_incoming(potential_node, LinkType.INPUT_WORK, "potential")
    node.store()
    if data is not None:
        data.store().base.links.add_incoming(node, LinkType.RETURN, name)
    return node


def integrated(name: str, label: str | None = None, temperatures=TEMPERATURES, convention: str = "unit", **kwargs):
    points = [
        {
            "temperature_k": temperature,
            "pressure_gpa": pressure,
            "gibbs_energy": gibbs(name, temperature, pressure),
            "error": 1e-4,
            "enthalpy": enthalpy(name, pressure) + 1.5 * KB * temperature,
            "volume": VOLUME,
            "metastable": True,
            "reason": "",
        }
        for temperature in temperatures
        for pressure in PRESSURES
    ]
    if name == "bcc":
        points[-1] |= dict.fromkeys(("gibbs_energy", "error", "enthalpy", "volume"))
        points[-1] |= {"metastable": False, "reason": "molten"}
    data = GibbsEnergiesData.from_record({}, convention=convention, points=points)
    return stored("IntegrateWorkChain", "gibbs_energies", data, name if label is None else label, **kwargs)


def single(name: str, method: str, shift: float = 0.0, convention: str = "unit", **kwargs):
    rule = quadrature(8, 0.02)
    curve = {
        "points": rule.points,
        "integrand": 0.01 / (rule.points + 0.02),
        "integrand_error": 0.001 / (rule.points + 0.02),
        "steps": np.full(8, 400),
    }
    found = FreeEnergy(
        temperature=40.0,
        pressure_gpa=0.0,
        method=method,
        convention=convention,
        finite_size="none",
        terms={"static": Estimate(gibbs(name, 40.0, 0.0) + shift, 5e-4)},
        atoms=108,
        steps=3200,
        volume=Estimate(VOLUME, 0.01),
        enthalpy=Estimate(enthalpy(name, 0.0), 1e-4),
        checks={"offset": rule.offset},
    )
    data = FreeEnergyData.from_free_energy(found, {} if method == "harmonic" else curve)
    process = "HarmonicWorkChain" if method == "harmonic" else "FreeEnergyWorkChain"
    return stored(process, "free_energy", data, name, **kwargs)


@pytest.fixture
def phases(tmp_path):
    """A file as `export` makes it of an analysis."""
    rows = [(name, pressure) for pressure in PRESSURES for name in ENTROPY]
    columns = {
        "name": [f"{name}@{pressure:g}GPa" for name, pressure in rows],
        "phase": [name for name, _ in rows],
        "state": ["found"] * len(rows),
        "pressure_gpa": [pressure for _, pressure in rows],
        "enthalpy": [enthalpy(name, pressure) for name, pressure in rows],
        "basin_entropy_kb": [ENTROPY[name] + pressure for name, pressure in rows],
        "basin_entropy_error_kb": [0.1] * len(rows),
    }
    path = tmp_path / "phases.extxyz.gz"
    write_structures(StructureSet.from_atoms([bulk("Ar", "fcc", a=5.2)] * len(rows), columns), path, "extxyz")
    return str(path)


def invoke(*arguments: object):
    return CliRunner().invoke(main, ["compare", *(str(each) for each in arguments)])


def rows_of(*arguments: object) -> dict[tuple, dict]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)
    return {(row["name"], row["temperature_k"], row["pressure_gpa"]): row for row in rows}


def test_three_sources(phases):
    nodes = [integrated(name) for name in ENTROPY] + [single(name, "harmonic", 0.003) for name in ("fcc", "hcp")]
    rows = rows_of(*(node.pk for node in nodes), "--phases", phases, "--relative-to", "fcc")
    assert set(rows) == {(name, t, p) for name in ENTROPY for t in TEMPERATURES for p in PRESSURES}
    assert all(set(row) == FIELDS for row in rows.values())
    row = rows["hcp", 40.0, 0.0]
    difference = gibbs("hcp", 40.0, 0.0) - gibbs("fcc", 40.0, 0.0)
    for source in ("integration", "harmonic", "basin"):
        assert row[f"relative_{source}_ev_per_formula_unit"] == pytest.approx(difference)
    assert row["relative_integration_error_ev_per_formula_unit"] == pytest.approx(1e-4 * 2**0.5)
    assert row["relative_basin_error_ev_per_formula_unit"] == pytest.approx(KB * 40.0 * 0.1 * 2**0.5)
    assert row["harmonic_gibbs_energy_ev_per_formula_unit"] == pytest.approx(gibbs("hcp", 40.0, 0.0) + 0.003)
    assert (row["entropy_kb"], row["basin_entropy_kb"]) == (pytest.approx(-5.5), pytest.approx(-5.5))
    assert (row["integration_node"], row["harmonic_node"]) == (
        nodes[1].outputs.gibbs_energies.pk,
        nodes[4].outputs.free_energy.pk,
    )
    molten = rows["bcc", 80.0, 2.0]
    assert (molten["gibbs_energy_ev_per_formula_unit"], molten["reason"]) == (None, "molten")
    assert molten["relative_basin_ev_per_formula_unit"] is not None
    assert rows["bcc", 40.0, 0.0]["relative_harmonic_ev_per_formula_unit"] is None


def test_data_nodes_count_as_their_processes_and_the_usual_reference_is_stable():
    nodes = [integrated(name).outputs.gibbs_energies for name in ENTROPY]
    rows = rows_of(*(node.uuid for node in nodes))
    assert {row["relative_to"] for row in rows.values()} == {"fcc"}
    assert {row["relative_basin_ev_per_formula_unit"] for row in rows.values()} == {None}
    assert set(rows_of(*(node.pk for node in nodes), "--temperature", "80")) == {
        (name, 80.0, p) for name in ENTROPY for p in PRESSURES
    }


def test_the_entropy_is_that_of_the_convention():
    rows = rows_of(integrated("fcc", convention="mass").pk, integrated("hcp", convention="mass").pk)
    assert rows["fcc", 40.0, 0.0]["entropy_kb"] == pytest.approx(ENTROPY["fcc"] + 1.5)


def test_names(phases):
    one, other = integrated("fcc", "fcc@2GPa"), integrated("hcp", "")
    formula_and_pk = f"Ar-{other.inputs.structure.pk}"
    assert {name for name, *_ in rows_of(one.pk, other.pk)} == {"fcc", formula_and_pk}
    for label in (formula_and_pk, other.pk, other.outputs.gibbs_energies.pk):
        rows = rows_of(one.pk, other.pk, "--phases", phases, "--name", f"{label}=hcp")
        assert rows["hcp", 40.0, 0.0]["relative_basin_ev_per_formula_unit"] is not None
    result = invoke(one.pk, other.pk, "--phases", phases)
    assert f"{formula_and_pk}: not among the phases" in result.stderr


def test_of_two_the_smaller_error_counts():
    integration, point = integrated("fcc"), single("fcc", "equilibrium", 0.01)
    result = invoke(integration.pk, point.pk, integrated("hcp").pk, "--json")
    row = json.loads(result.stdout)[0]
    assert (row["name"], row["integration_node"]) == ("fcc", integration.outputs.gibbs_energies.pk)
    assert "which has the smaller error" in result.stderr


def test_for_people_and_figures(phases, tmp_path):
    nodes = [integrated(name) for name in ENTROPY] + [single(name, "harmonic", 0.003) for name in ("fcc", "hcp")]
    nodes.append(single("fcc", "equilibrium"))
    folder = tmp_path / "figures"
    result = invoke(*(node.pk for node in nodes), "--phases", phases, "--figures", folder)
    assert result.exit_code == 0, result.output
    for words in ("relative to fcc", "stable: integration", "s_b and S: r", "harmonic and integration: r"):
        assert words in result.stdout
    written = {path.name for path in folder.iterdir()}
    stems = ["chemical-potentials-40K", "chemical-potentials-80K", "entropies-40K", "entropies-80K"]
    stems.append(f"free-energy-fcc-{nodes[-1].outputs.free_energy.pk}")
    assert written == {"summary.json", *(f"{stem}.{form}" for stem in stems for form in ("svg", "png"))}
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["entropies"][0]["r"] == pytest.approx(1.0)
    assert {row["integration"] for row in summary["stable"]} == {"fcc"}


@pytest.fixture
def titania_nodes(analysis):
    """Return a function that makes nodes of the first two phases that the analysis found at its lowest pressure."""
    table = analysis.outputs.chemical_potentials.to_potentials()
    known = np.isfinite(table.entropy[:, 0]) & (table.method[:, 0] == "basin")
    names = [table.names[i] for i in np.flatnonzero(known)[:2]]
    potential = analysis.inputs.relax.potential.to_potential().to_dict()

    def make(formula="TiO2", **changes):
        return [
            stored(
                "IntegrateWorkChain",
                "gibbs_energies",
                GibbsEnergiesData.from_record(
                    {}, convention="unit", points=[point(float(table.pressures_gpa[0]), number)]
                ),
                name,
                {**potential, **changes},
                formula,
            )
            for number, name in enumerate(names)
        ]

    return make


def point(pressure: float, number: int) -> dict:
    energies = {"gibbs_energy": -38.0 + number, "error": 1e-3, "enthalpy": -37.0, "volume": 30.0}
    return {"temperature_k": 700.0, "pressure_gpa": pressure, **energies, "reason": ""}


def test_an_analysis_instead_of_a_file(analysis, titania_nodes):
    nodes = titania_nodes()
    rows = rows_of(*(node.pk for node in nodes), "--phases", analysis.pk)
    at = analysis.outputs.chemical_potentials.to_potentials().evaluate(700.0, 20.0)
    names = list(analysis.outputs.chemical_potentials.value("names"))
    (first, *_), (second, *_) = sorted(rows, key=lambda key: rows[key]["gibbs_energy_ev_per_formula_unit"])
    one, other = names.index(first), names.index(second)
    row = rows[second, 700.0, 20.0]
    assert row["relative_basin_ev_per_formula_unit"] == pytest.approx(at.mu[other] - at.mu[one])
    assert row["relative_basin_error_ev_per_formula_unit"] == pytest.approx(at.error_relative_to(one)[other])
    entropies = analysis.outputs.basin_entropies["gpa_20"].by_name()
    assert (row["basin_entropy_kb"], row["basin_entropy_error_kb"]) == pytest.approx(entropies[second])


def test_an_analysis_of_something_else(analysis, titania_nodes):
    wrong = invoke(*(node.pk for node in titania_nodes("Ti")), "--phases", analysis.pk)
    assert "has phases of TiO2, the nodes those of Ti" in wrong.stderr
    wrong = invoke(*(node.pk for node in titania_nodes(name="mine")), "--phases", analysis.pk)
    assert "was made with the potential matsui-akaogi, the nodes with mine" in wrong.stderr


def report_of(tmp_path, *arguments):
    """Write a report and return its text, with what the command said."""
    page = tmp_path / "page.html"
    result = CliRunner().invoke(main, ["report", *map(str, arguments), "-o", str(page)])
    return (page.read_text() if page.exists() else ""), result


def test_the_report_shows_gibbs_energies_beside_the_search(analysis, titania_nodes, tmp_path):
    nodes = titania_nodes()
    pks = ",".join(str(node.pk) for node in nodes)
    page, result = report_of(tmp_path, analysis.pk, "--free-energies", pks)
    assert result.exit_code == 0, result.output
    assert 'id="gibbs-energies"' in page
    for node in nodes:
        assert f"Gibbs energies of {node.inputs.structure.label} ({node.outputs.gibbs_energies.pk})" in page
    assert "Comparison of sources (" in page
    assert "-37.0000" in page
    assert "no phase diagram" in page  # one temperature makes no lines, and the page says so
    page, result = report_of(tmp_path, analysis.pk, "--free-energies", "all")
    assert f"{nodes[0].pk}" in result.stderr
    assert 'id="gibbs-energies"' in page


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--diagram", "1"], "name these with --free-energies"),
        (["--name", "a=b"], "name these with --free-energies"),
        (["--free-energies", "999999"], "there is no node 999999"),
    ],
)
def test_what_a_report_can_not_show_is_refused(analysis, tmp_path, arguments, words):
    _, result = report_of(tmp_path, analysis.pk, *arguments)
    assert result.exit_code == 1
    assert words in result.stderr


def test_a_report_of_another_potential_or_of_no_diagram(analysis, titania_nodes, tmp_path):
    other = ",".join(str(node.pk) for node in titania_nodes(name="mine"))
    _, result = report_of(tmp_path, analysis.pk, "--free-energies", other)
    assert "was made with the potential matsui-akaogi, the nodes with mine" in result.stderr
    pks = ",".join(str(node.pk) for node in titania_nodes())
    _, result = report_of(tmp_path, analysis.pk, "--free-energies", pks, "--diagram", analysis.pk)
    assert "no phase diagram; `diagram` makes one" in result.stderr


@pytest.mark.parametrize(
    ("second", "options", "words"),
    [
        ({"potential": {**ARGON, "name": "other"}}, [], "differ in their potential: argon in"),
        ({"convention": "mass"}, [], "differ in their convention: unit in"),
        ({"formula": "Cu", "potential": {**ARGON, "species": ["Ar", "Cu"]}}, [], "differ in their formula: Ar in"),
        ({"temperatures": (300.0,)}, [], "no common temperature: node"),
        ({}, ["--temperature", "41"], "no node has a temperature of 41 K; there are 40, 80 K"),
        ({}, ["--relative-to", "sc"], "no node is of the phase sc; there are fcc, hcp"),
        ({}, ["--name", "sc=fcc"], "no node is called sc; there are fcc, hcp"),
        ({}, ["--name", "sc"], "must be LABEL=NAME"),
        ({}, ["--phases", "nowhere.extxyz"], "file nowhere.extxyz is not there"),
        ({}, ["--phases", "999999999"], "there is no node 999999999"),
    ],
)
def test_bad_input(second, options, words):
    result = invoke(integrated("fcc").pk, integrated("hcp", **second).pk, *options)
    assert result.exit_code != 0
    assert words in result.stderr


def test_the_comparison_leaves_a_node(phases):
    nodes = [integrated(name) for name in ENTROPY] + [single("fcc", "harmonic", 0.003)]
    rows = rows_of(*(node.pk for node in nodes), "--phases", phases)
    (pk,) = {row["node"] for row in rows.values()}
    again = rows_of(*(node.pk for node in nodes), "--phases", phases)
    assert {row["node"] for row in again.values()} == {pk}, "what is asked again is the same node"
    others = rows_of(*(node.pk for node in nodes), "--phases", phases, "--temperature", "40")
    assert {row["node"] for row in others.values()} != {pk}
    node = orm.load_node(pk)
    assert node.creator.process_label == "compare_sources"
    given = {node.creator.inputs[name].pk for name in node.creator.inputs}
    assert given >= {*(each.outputs.gibbs_energies.pk for each in nodes[:3]), nodes[3].outputs.free_energy.pk}
    assert "SHA-256" in node.creator.inputs.basin.description
    assert (node.value("relative_to"), node.value("composition")) == ("fcc", "Ar")
    stored_rows = {(e["name"], e["temperature_k"], e["pressure_gpa"]): e for e in node.value("entries")}
    for key, row in rows.items():
        for name in FIELDS - {"node", "integration_node", "harmonic_node"}:
            assert stored_rows[key][name] == row[name]
    first = rows["fcc", 40.0, 0.0]
    assert first["integration_node"] == nodes[0].outputs.gibbs_energies.pk
    assert first["harmonic_node"] == nodes[3].outputs.free_energy.pk
    assert [each["r"] for each in node.value("entropies")] == pytest.approx([1.0, 1.0])


def test_two_phases_at_a_pressure_have_no_correlation_and_the_table_says_so(phases, tmp_path):
    nodes = [integrated("fcc").pk, integrated("hcp").pk]
    result = invoke(*nodes, "--phases", phases, "--figures", tmp_path)
    assert result.exit_code == 0, result.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {each["r"] for each in summary["entropies"]} == {None}
    assert {each["corrected_r"] for each in summary["entropies"]} == {None}
    assert all(each["rmse_kb"] is not None for each in summary["entropies"])
    assert "No value of s_b and S: r: no pressure has three phases or more" in result.stdout
    assert "No value of a (kB/eV), s_b - aH and S: r: the correction needs four phases" in result.stdout
    assert "No value of harmonic G, harmonic: no node has Gibbs energies by the source harmonic." in result.stdout
    assert any("the correction needs four phases" in note for note in summary["notes"])
    alone = invoke(*nodes)
    assert "No value of basin, s_b (kB): --phases was not given." in alone.stdout
    other = invoke(*nodes, integrated("hcp", "new").pk, "--phases", phases, "--relative-to", "new")
    assert "No value of basin: the reference phase new is not among the phases of --phases." in other.stdout


def test_dynamics_settings_make_no_other_potential():
    faster = {**ARGON, "dynamics_commands": ["pair_style lj/cut 6.0", "pair_coeff 1 1 0.0104 3.405"]}
    assert rows_of(integrated("fcc").pk, integrated("hcp", potential=faster).pk)


def test_quantum_beside_classical_is_refused():
    result = invoke(single("fcc", "harmonic", convention="quantum").pk, single("hcp", "harmonic").pk)
    assert "differ in their convention: quantum in" in result.stderr
    rows = rows_of(
        single("fcc", "harmonic", convention="quantum").pk, single("hcp", "harmonic", convention="quantum").pk
    )
    assert rows["fcc", 40.0, 0.0]["entropy_kb"] is None


def test_nodes_of_another_kind():
    lonely = GibbsEnergiesData.from_record({}, convention="unit", points=[]).store()
    for node, words in (
        (structure("fcc"), "is a StructureData; what is needed are processes of `integrate`"),
        (stored("SearchWorkChain", "", None), "is a SearchWorkChain; what is needed are"),
        (stored("IntegrateWorkChain", "", None), "has no Gibbs energies: it failed"),
        (lonely, "has lost its history"),
    ):
        result = invoke(node.pk)
        assert result.exit_code == 1
        assert words in result.stderr


def test_a_file_without_entropies_or_with_other_phases(phases, tmp_path):
    bare = tmp_path / "bare.extxyz"
    atoms = bulk("Ar", "fcc", a=5.2)
    write_structures(StructureSet.from_atoms([atoms], {"enthalpy": [-1.0], "pressure_gpa": [0.0]}), bare, "extxyz")
    node = integrated("fcc", "sc")
    assert "holds no phase with basin entropy" in invoke(node.pk, "--phases", bare).stderr
    result = invoke(node.pk, "--phases", phases)
    assert "none of sc is a phase of" in result.stderr
    assert "bcc, fcc, hcp" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--figure", "x.pdf"], "must end in .svg or .png"),
        (["--figure", "/no/such/folder/x.png"], "folder of the figure file"),
        (["--figure", "x.png", "--method", "harmonic"], "the method harmonic has none"),
    ],
)
def test_a_figure_that_could_not_be_drawn_is_refused_first(tmp_path, options, words):
    crystal = tmp_path / "fcc.extxyz"
    bulk("Ar", "fcc", a=5.2).write(crystal)
    arguments = ["free-energy", str(crystal), "--potential", "none", "--temperature", "10", *options]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert words in result.stderr


def test_the_figure_of_free_energies(tmp_path, capsys):
    nodes = [single("fcc", "equilibrium"), single("fcc", "harmonic")]
    write_figure(str(tmp_path / "x.png"), "fcc.res", nodes)
    assert (tmp_path / "x.png").read_bytes()[:4] == b"\x89PNG"
    write_figure(str(tmp_path / "y.png"), "fcc.res", nodes[1:])
    assert not (tmp_path / "y.png").exists()
    assert "no figure" in capsys.readouterr().err


def test_free_energy_names_the_phase_by_its_file(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr("aiida_polymorph.cli.nodes.find_lammps", lambda label: None)
    monkeypatch.setattr(
        "aiida_polymorph.cli.free_energy.free_energy_builder", lambda code, structure, *_: built.append(structure)
    )
    monkeypatch.setattr("aiida_polymorph.cli.processes.carry_out", lambda *_: [single("fcc", "harmonic")])
    crystal = tmp_path / "fcc@2GPa.extxyz"
    bulk("Ar", "fcc", a=5.2).write(crystal)
    arguments = [str(crystal), "--potential", "matsui-akaogi", "--temperature", "10", "--method", "harmonic"]
    result = CliRunner().invoke(main, ["free-energy", *arguments])
    assert result.exit_code == 0, result.output
    assert [each.label for each in built] == ["fcc@2GPa"]
