"""What commands take as phases: files, nodes and phases that ship; how they are named, linked and refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.common.links import LinkType
from ase.build import bulk
from click.testing import CliRunner
from plumpy import ProcessState

from aiida_polymorph.calculations.functions.structures import extract_structure
from aiida_polymorph.cli import main
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.references import load_references
from aiida_polymorph.results.phase_inputs import find_phases, known_phases, names_of_files, to_recognise
from aiida_polymorph.structures import StructureSet

FCC, HCP = bulk("Ar", "fcc", a=5.3, cubic=True), bulk("Ar", "hcp", a=3.75)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, empty, in which files are written."""
    monkeypatch.chdir(tmp_path)

    def write(path: str, atoms=FCC) -> str:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        atoms.write(tmp_path / path, format="vasp" if path.endswith("CAR") else None)
        return path

    return write


def at_pressures(**columns) -> StructureSet:
    """Both packings as they may be at 0, 20 and 40 GPa, hcp not at 0, each with a volume of its own."""
    rows = [("fcc", FCC, 0.0), ("hcp", HCP, 20.0), ("fcc", FCC, 20.0), ("fcc", FCC, 40.0), ("hcp", HCP, 40.0)]
    cells = []
    for _, atoms, pressure in rows:
        smaller = atoms.copy()
        smaller.set_cell(atoms.cell * (1 - pressure / 400), scale_atoms=True)
        cells.append(smaller)
    given = {"name": [name for name, _, _ in rows], "pressure_gpa": [pressure for _, _, pressure in rows]}
    return StructureSet.from_atoms(cells, {**given, "enthalpy": np.arange(5.0), **columns})


def stored_analysis(phases: StructureSet | None) -> orm.WorkChainNode:
    """What an analysis leaves in the database: finished with phases, or failed without."""
    node = orm.WorkChainNode()
    node.set_process_label("LandscapeWorkChain")
    node.set_process_state(ProcessState.FINISHED)
    node.set_exit_status(0 if phases is not None else 400)
    node.store()
    if phases is not None:
        StructureSetData.from_set(phases).store().base.links.add_incoming(node, LinkType.RETURN, "phases")
    return node


@pytest.fixture
def analysis() -> orm.WorkChainNode:
    return stored_analysis(at_pressures())


def message_of(*arguments, **options) -> str:
    with pytest.raises(ValueError, match=r".") as caught:
        find_phases([str(each) for each in arguments], **options)
    return str(caught.value)


def test_files_are_named_by_their_stems(here) -> None:
    given = find_phases([here("first.cif"), here("known/second.extxyz", HCP)])
    assert given.names == ["first", "second"]
    assert given.composition == "Ar"
    node = given.phases[1].structure()
    assert (node.is_stored, node.label, len(node.sites)) == (False, "second", 2)
    assert node.description.endswith("known/second.extxyz")


def test_files_of_one_name_are_told_apart_by_their_folders(here) -> None:
    assert find_phases([here("diamond/CONTCAR"), here("bc8/CONTCAR", HCP)]).names == ["diamond", "bc8"]
    assert find_phases([here("lda/x.cif"), here("pbe/x.cif"), here("y.cif")]).names == ["lda-x", "pbe-x", "y"]
    assert names_of_files(["POSCAR", "../x.res", "b/x.res.gz"]) == {
        "POSCAR": "POSCAR",
        "../x.res": "x",
        "b/x.res.gz": "b-x",
    }


def test_a_file_of_several_structures_keeps_their_names(here) -> None:
    from aiida_polymorph.formats import write_structures

    named = StructureSet.from_atoms([FCC, HCP], {"name": ["cubic", "hexagonal"]})
    write_structures(named, "both.extxyz", "extxyz")
    write_structures(named, "both.cif", "cif")
    assert find_phases(["both.extxyz"]).names == ["cubic", "hexagonal"]
    assert find_phases(["both.extxyz"], only=["hexagonal"]).names == ["hexagonal"]
    assert find_phases(["both.cif"]).names == ["both-1", "both-2"]


def test_phases_that_ship_by_name(here) -> None:
    given = find_phases(["rutile", "TiO2/anatase"])
    assert given.names == ["rutile", "anatase"]
    known = load_references("TiO2")
    for phase in given.phases:
        row = known.columns["name"].tolist().index(phase.name)
        node = phase.structure()
        np.testing.assert_allclose(node.cell, known.cells[row])
        assert node.description.startswith(f"TiO2/{phase.name} as it ships with aiida-polymorph: ")
        assert len(node.description) > 60, "where it was published"
    assert set(given.as_set().value("metadata")["references"]) == {"rutile", "anatase"}


def test_a_name_of_several_compositions_needs_the_formula(here, monkeypatch) -> None:
    known = {"SiO2": ["rutile", "quartz"], "TiO2": ["rutile"]}
    monkeypatch.setattr("aiida_polymorph.references.available_references", lambda: known)
    assert "rutile is a phase of several compositions; write SiO2/rutile or TiO2/rutile" in message_of("rutile")
    assert find_phases(["TiO2/rutile"]).names == ["rutile"]


def test_a_file_comes_before_a_phase_that_ships(here, tmp_path) -> None:
    (tmp_path / here("x.traj")).rename("rutile")
    given = find_phases(["rutile"])
    assert (given.names, given.composition) == (["rutile"], "Ar")


def test_a_structure_and_a_set_by_number_and_uuid(here, store_set) -> None:
    labelled = orm.StructureData(ase=HCP, label="hcp@2GPa").store()
    plain = orm.StructureData(ase=FCC).store()
    named = store_set(StructureSet.from_atoms([FCC], {"name": ["fcc"]}))
    given = find_phases([str(labelled.pk), plain.uuid, named.uuid[:8]])
    assert given.names == ["hcp", f"Ar-{plain.pk}", "fcc"]
    assert given.phases[0].structure().uuid == labelled.uuid


def test_structures_without_names_are_called_after_their_set(here, store_set, argon) -> None:
    node = store_set(argon)
    assert find_phases([str(node.pk)]).names == [f"{node.pk}-{index}" for index in range(10, 16)]
    assert find_phases([str(node.pk)], only=[f"{node.pk}-12"]).phases[0].row == 2


def test_structures_that_failed_are_left_out(here, store_set) -> None:
    node = store_set(at_pressures(converged=[True, False, True, True, True]))
    given = find_phases([str(node.pk)], pressure_gpa=20.0)
    assert [(phase.name, phase.row) for phase in given.phases] == [("fcc", 2), ("hcp", 4)]
    assert f"1 of 5 structures of node {node.pk} failed to relax and are left out." in given.remarks
    lost = store_set(at_pressures(converged=[False] * 5))
    assert "holds no structure that could be relaxed" in message_of(lost.pk)


@pytest.mark.parametrize(
    ("pressure", "rows", "remark"),
    [
        (0.0, [0, 1], "those at 0 GPa, but hcp at 20 GPa."),
        (10.0, [0, 1], "those at 0 GPa, but hcp at 20 GPa."),
        (22.0, [2, 1], "those at 20 GPa."),
        (90.0, [3, 4], "those at 40 GPa."),
    ],
)
def test_the_representative_is_the_nearest_in_pressure(here, analysis, pressure, rows, remark) -> None:
    given = find_phases([str(analysis.pk)], pressure_gpa=pressure)
    assert [(phase.name, phase.row) for phase in given.phases] == [("fcc", rows[0]), ("hcp", rows[1])]
    assert given.remarks == (f"Phases of analysis {analysis.pk} as they are nearest to {pressure:g} GPa: {remark}",)
    few = find_phases([str(analysis.pk)], only=["hcp"], pressure_gpa=pressure)
    assert few.names == ["hcp"]
    assert "fcc" not in few.remarks[0]


def test_a_phase_drawn_out_is_linked_and_drawn_once(here, analysis) -> None:
    first, again = (find_phases([str(analysis.pk)], ["hcp"]).phases[0].structure() for _ in range(2))
    assert first.uuid == again.uuid
    assert (first.label, first.description) == ("hcp", f"hcp of analysis {analysis.pk}")
    assert first.creator.process_label == extract_structure.__name__
    assert first.creator.inputs.structures.uuid == analysis.outputs.phases.uuid
    np.testing.assert_allclose(first.get_ase().cell, at_pressures().cells[1])


def test_a_set_of_phases_is_linked_to_where_they_come_from(here, analysis) -> None:
    arguments = [str(analysis.pk), here("own.cif")]
    first, again = (find_phases(arguments).as_set(primitive=True) for _ in range(2))
    assert first.uuid == again.uuid
    sources = {first.creator.inputs[name].uuid for name in first.creator.inputs}
    assert analysis.outputs.phases.uuid in sources
    assert any("own.cif" in orm.load_node(uuid).description for uuid in sources)
    found = first.to_set()
    assert found.columns["name"].tolist() == ["fcc", "hcp", "own"]
    assert found.lengths.tolist() == [1, 2, 1]
    np.testing.assert_equal(found.columns["pressure_gpa"], [0.0, 20.0, np.nan])
    assert "enthalpy" not in found.columns, "it is that of another cell"
    everywhere = find_phases(arguments).as_set(pressures_gpa=(1.0, 2.0)).to_set()
    assert everywhere.columns["name"].tolist() == ["fcc", "fcc", "hcp", "hcp", "own", "own"]
    assert everywhere.columns["pressure_gpa"].tolist() == [1.0, 2.0] * 3
    assert everywhere.columns["index"].tolist() == list(range(6))


def test_files_alone_make_one_new_node(here) -> None:
    node = find_phases([here("a.cif"), here("b.cif", HCP)]).as_set()
    assert not node.is_stored
    assert node.description.count("read from ") == 2


def test_lost_phases_are_looked_up_in_their_analysis_or_among_those_that_ship(here, analysis) -> None:
    assert to_recognise(find_phases([str(analysis.pk)])).uuid == analysis.outputs.phases.uuid
    assert to_recognise(find_phases([str(analysis.pk), here("own.cif")])) is None
    assert len(to_recognise(find_phases(["rutile"]))) == len(known_phases("TiO2")) == len(load_references("TiO2"))


def test_arguments_that_are_nothing(here) -> None:
    misspelt = message_of("rutil")
    assert misspelt.startswith("rutil is neither a file nor a node nor a phase that ships; did you mean rutile")
    assert "accepted are structure files, nodes" in misspelt
    here("known.cif")
    missing = message_of("know.cif")
    assert "know.cif is neither a file nor a node nor a phase that ships: the file does not exist" in missing
    assert "did you mean known.cif" in missing
    assert "(these are TiO2/" in message_of("xyz")
    assert "there is no node 123456789" in message_of("123456789")
    here("folder/one.cif")
    assert "folder is a folder: for structures in it give their files, e.g. folder/*.res" in message_of("folder")
    here("rutile/CONTCAR")
    assert "for the phase that ships TiO2/rutile" in message_of("rutile")
    assert "no phase is given" in message_of()


def test_nodes_that_are_no_phases(here) -> None:
    number = orm.Int(1).store()
    assert f"node {number.pk} is not a set of structures but Int; accepted are" in message_of(number.pk)
    failed = stored_analysis(None)
    assert f"analysis {failed.pk} has no results: exit code 400" in message_of(failed.pk)


def test_names_that_are_not_there_or_twice(here, analysis, store_set) -> None:
    wrong = message_of(analysis.pk, only=["fc"])
    assert wrong == "--only fc: there is no such phase; there are fcc, hcp; did you mean fcc"
    own = here("fcc.cif")
    twice = message_of(analysis.pk, own)
    assert f"fcc is the name of two phases, from analysis {analysis.pk} and from file fcc.cif" in twice
    assert "each with a name of its own" in message_of(own, own)
    points = store_set(at_pressures(pressure_gpa=[0.0, 20.0, 0.0, 40.0, 20.0]))
    assert f"node {points.pk} holds fcc 3 times, and the pressures don't tell them apart" in message_of(points.pk)


def test_too_many_at_once(here, store_set, argon) -> None:
    node = store_set(argon)
    assert f"{node.pk}: these are 6 phases, and at most 5 are taken at once" in message_of(node.pk, most=5)
    with pytest.raises(ValueError, match="one phase is wanted, and these are 6"):
        find_phases([str(node.pk)]).single()


def run(*arguments: object, exit_code: int = 0):
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture
def argon_file(here, lennard_jones) -> str:
    with open("argon.yaml", "w") as file:
        yaml.safe_dump(dict(lennard_jones.to_potential().to_dict(), files=[]), file)
    return "argon.yaml"


def test_relax_takes_an_analysis_and_a_file(here, argon_file, analysis, relax_code, monkeypatch) -> None:
    monkeypatch.setattr("aiida_polymorph.cli.processes.SECONDS_BETWEEN_LOOKS", 0.05)
    arguments = [analysis.pk, here("own.cif"), "--only", "own,hcp", "--at-pressure", "30", "--pressure", "1"]
    result = run("relax", *arguments, "--potential", argon_file, "--code", relax_code.full_label, "--json")
    assert [(row["name"], row["converged"]) for row in json.loads(result.stdout)] == [("own", True), ("hcp", True)]
    assert f"Phases of analysis {analysis.pk} as they are nearest to 30 GPa: those at 20 GPa." in result.stderr
    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={"attributes.process_label": "RelaxSetWorkChain"})
    process = query.order_by({orm.WorkChainNode: {"id": "desc"}}).first(flat=True)
    made = process.inputs.structures.creator.inputs
    assert analysis.outputs.phases.uuid in {made[name].uuid for name in made}


@pytest.fixture
def built(monkeypatch) -> list:
    """Builders that commands would run; nothing is run."""
    builders: list = []

    def keep(given, *_, **__):
        builders.extend(given)
        raise ValueError("stopped before running")

    monkeypatch.setattr("aiida_polymorph.cli.processes.carry_out", keep)
    return builders


def test_integrate_takes_phases_that_ship(here, code, built) -> None:
    arguments = ["rutile", "TiO2/columbite", "--pressure", "0", "--temperature", "700", "--code", code.full_label]
    told = run("integrate", *arguments, "--potential", "matsui-akaogi", exit_code=1).stderr
    assert "stopped before running" in told
    assert [builder.structure.label for builder in built] == ["rutile", "columbite"]
    assert all(len(builder.phases) == len(load_references("TiO2")) for builder in built)


def test_integrate_and_free_energy_take_phases_of_a_node(here, argon_file, analysis, code, built) -> None:
    shared = ["--temperature", "30", "--potential", argon_file, "--code", code.full_label]
    told = run("integrate", analysis.pk, "--pressure", "22,40", *shared, exit_code=1).stderr
    assert "stopped before running" in told
    assert "nearest to 22 GPa: those at 20 GPa." in told
    run("free-energy", analysis.pk, "--only", "hcp", "--pressure", "41", *shared, exit_code=1)
    assert [builder.structure.label for builder in built] == ["fcc", "hcp", "hcp"]
    assert [builder.structure.creator.inputs.position.value for builder in built] == [2, 1, 4]
    assert all(builder.phases.uuid == analysis.outputs.phases.uuid for builder in built)
    assert "one phase is wanted, and these are 2" in run("free-energy", analysis.pk, *shared, exit_code=1).stderr


def test_references_by_name_and_node(here, built, store_set, relax_code) -> None:
    titania = load_references("TiO2").select([0, 1, 2])
    searched = store_set(titania.with_columns(enthalpy=np.zeros(3), pressure_gpa=np.full(3, 20.0)))
    own = orm.StructureData(ase=titania[0], label="mine").store()
    shared = ["--potential", "matsui-akaogi", "--code", relax_code.full_label]
    run("analyse", searched.pk, "--references", "rutile", "TiO2/anatase", "--references", own.pk, *shared, exit_code=1)
    (builder,) = built
    assert builder.references.to_set().columns["name"].tolist() == ["rutile", "anatase", "mine"]
    wrong = run("analyse", searched.pk, "--references", "rutil", *shared, exit_code=1).stderr
    assert "did you mean rutile" in wrong
