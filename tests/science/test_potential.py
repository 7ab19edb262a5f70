"""Potential: files, shipped ones, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiida_polymorph.potential import Potential, load_potential, shipped_potentials

LAMMPS = {"name": "soft", "backend": "lammps", "species": ["Ti", "O"], "commands": ["pair_style soft 1.0"]}
ASE = {"name": "lj", "backend": "ase", "species": ["Ar"], "calculator": "ase.calculators.lj.LennardJones"}


def test_dictionary_round_trip_survives_json():
    for entries in ({**LAMMPS, "charges": {"Ti": 2.0, "O": -1.0}}, {**ASE, "arguments": {"epsilon": 0.01}}):
        potential = Potential.from_dict(entries)
        assert Potential.from_dict(json.loads(json.dumps(potential.to_dict()))) == potential


def test_commands_may_be_one_text():
    text = "# soft spheres\npair_style soft 1.0\n\n  pair_coeff * * 1.0  # all\n"
    potential = Potential.from_dict({**LAMMPS, "commands": text})
    assert potential.commands == ("pair_style soft 1.0", "pair_coeff * * 1.0  # all")


def test_shipped_potential_is_neutral_and_knows_its_elements():
    assert "matsui-akaogi" in shipped_potentials()
    potential = load_potential("matsui-akaogi")
    assert potential.charges["Ti"] + 2 * potential.charges["O"] == pytest.approx(0)
    potential.check_species(["Ti", "O", "O"])
    with pytest.raises(ValueError, match=r"doesn't know Al, N; it knows Ti, O"):
        potential.check_species(["Al", "O", "N", "Al"])


def test_files_are_read_beside_the_potential(tmp_path):
    (tmp_path / "TiO2.eam").write_text("numbers\n")
    path = tmp_path / "eam.yaml"
    path.write_text("name: e\nbackend: lammps\nspecies: [Ti, O]\ncommands: pair_style eam\nfiles: [TiO2.eam]\n")
    assert load_potential(str(path)).files == {"TiO2.eam": "numbers\n"}
    (tmp_path / "TiO2.eam").unlink()
    with pytest.raises(ValueError, match=r"eam\.yaml.*TiO2\.eam"):
        load_potential(str(path))


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({**LAMMPS, "backend": "gulp"}, "backend is 'gulp', must be one of lammps, ase"),
        ({**LAMMPS, "species": ["Ti", "Oo"]}, "must be a list of elements"),
        ({**LAMMPS, "species": []}, "must be a list of elements"),
        ({**LAMMPS, "units": "si"}, "must be real or metal"),
        ({**LAMMPS, "commands": ["kspace_style ewald 1e-6"]}, "no pair_style"),
        ({**LAMMPS, "commands": ""}, "no pair_style"),
        ({**LAMMPS, "charges": {"Ti": 2.0}}, "charges must be given for each of Ti, O"),
        ({**LAMMPS, "files": {"a/b": ""}}, "no folder"),
        ({**ASE, "calculator": "LennardJones"}, "import path"),
        ({**ASE, "cutoff": 3}, "unknown key cutoff"),
        ({"name": "x", "backend": "ase"}, "species missing"),
    ],
)
def test_bad_entries_are_named(entries, message):
    with pytest.raises(ValueError, match=message):
        Potential.from_dict(entries)


@pytest.mark.parametrize("text", ["a: [", "just words", "- 1\n- 2\n", ""])
def test_files_that_hold_no_potential(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"bad\.yaml"):
        Potential.from_file(path)


def test_unknown_name_lists_those_that_ship():
    with pytest.raises(ValueError, match=r"neither a file nor one that ships: .*matsui-akaogi"):
        load_potential("buckingham")


def test_species_as_one_word_are_refused():
    with pytest.raises(ValueError, match="list of elements"):
        Potential.from_dict({**LAMMPS, "species": "HO"})


def test_empty_command_lines_in_the_constructor():
    with pytest.raises(ValueError, match="no pair_style"):
        Potential("x", "lammps", ("Ti",), commands=("",))


def test_the_former_name_of_the_backend_is_read(tmp_path: Path) -> None:
    entries = {**ASE, "engine": ASE["backend"]}
    del entries["backend"]
    assert Potential.from_dict(entries) == Potential.from_dict(ASE)
    path = tmp_path / "old.yaml"
    path.write_text("name: lj\nengine: ase\nspecies: [Ar]\ncalculator: ase.calculators.lj.LennardJones\n")
    with pytest.warns(FutureWarning, match="the key 'engine' is now called 'backend'"):
        assert Potential.from_file(path).backend == "ase"
