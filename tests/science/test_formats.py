"""Structure files: round trips, concatenated and cut files, enthalpies and names."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from aiida_polymorph.formats import read_structures, write_structures
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA

RES = """\
TITL TiO2-{name} 20.01 60.722202 {enthalpy} 0.1 0.2 {atoms} (P42/mnm) n - 3
REM made by hand
CELL 1.54180    4.49285    4.49285    3.00818   90.00000   90.00000   90.00000
LATT -1
SFAC Ti O
Ti     1  0.0 0.0 0.0 1.0
Ti     1  0.5 0.5 0.5 1.0
O      2  0.3 0.3 0.0 1.0
O      2  0.7 0.7 0.0 1.0
O      2  0.2 0.8 0.5 1.0
O      2  0.8 0.2 0.5 1.0
END
"""


def res(name="a", enthalpy=-80.5, atoms=6):
    return RES.format(name=name, enthalpy=enthalpy, atoms=atoms)


@pytest.fixture
def structures():
    made = generate(Recipe.propose("TiO2"), range(14))
    return made.with_columns(
        name=[f"TiO2-{i}" for i in range(14)],
        enthalpy=np.where(np.arange(14) == 3, np.nan, -np.pi * np.arange(14)),
        pressure_gpa=np.full(14, 20.0),
        converged=np.arange(14) != 3,
        reason=np.where(np.arange(14) == 3, 'x = "NaN" in forces', ""),
        max_force=np.linspace(0, 1e-3, 14),
    )


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("file_format", ["extxyz", "res"])
def test_round_trip(structures, tmp_path, file_format, ending):
    path = tmp_path / f"set.{file_format}{ending}"
    write_structures(structures, path, file_format)
    again = read_structures([path])
    for name in ("name", "enthalpy", "pressure_gpa"):
        np.testing.assert_array_equal(again.columns[name], structures.columns[name])
    np.testing.assert_array_equal(again.numbers, structures.numbers)
    for ours, theirs in zip(again, structures, strict=True):
        np.testing.assert_allclose(ours.cell.cellpar(), theirs.cell.cellpar(), rtol=1e-12)
        distance = ours.get_all_distances(mic=True) - theirs.get_all_distances(mic=True)
        assert np.abs(distance).max() < 1e-10
    assert again.metadata == {"pressure_gpa": 20.0}


def test_extended_xyz_keeps_every_bit_and_column(structures, tmp_path):
    write_structures(structures, tmp_path / "set.xyz", "extxyz")
    again = read_structures(tmp_path / "set.xyz")
    np.testing.assert_array_equal(again.positions, structures.positions)
    np.testing.assert_array_equal(again.cells, structures.cells)
    for name in ("index", "converged", "reason", "max_force"):
        np.testing.assert_array_equal(again.columns[name], structures.columns[name])


def test_extended_xyz_is_read_by_ase(structures, tmp_path):
    write_structures(structures, tmp_path / "set.xyz", "extxyz")
    atoms = read(tmp_path / "set.xyz", index=5)
    assert atoms.info["enthalpy"] == -np.pi * 5
    assert atoms.pbc.all()


def test_res_is_read_by_ase(structures, tmp_path):
    write_structures(structures.select([5]), tmp_path / "one.res", "res")
    atoms = read(tmp_path / "one.res")
    assert atoms.info["name"] == "TiO2-5"
    np.testing.assert_allclose(atoms.get_volume(), structures.volumes[5])


def test_left_handed_cells_keep_their_structure_in_res(tmp_path):
    cell = np.array([[4.0, 0, 0], [1, 5, 0], [0.5, 1, -6]])
    atoms = Atoms("TiO2N", scaled_positions=np.random.default_rng(0).random((4, 3)), cell=cell, pbc=True)
    write_structures(StructureSet.from_atoms([atoms]), tmp_path / "left.res", "res")
    again = read_structures(tmp_path / "left.res")[0]
    a, b, c = (again.get_distances(0, k, mic=True, vector=True)[0] for k in (1, 2, 3))
    d, e, f = (atoms.get_distances(0, k, mic=True, vector=True)[0] for k in (1, 2, 3))
    assert np.linalg.det([a, b, c]) == pytest.approx(np.linalg.det([d, e, f]))


def test_cif_keeps_structures(structures, tmp_path):
    write_structures(structures, tmp_path / "set.cif", "cif")
    again = read_structures(tmp_path / "set.cif")
    assert again.columns["name"][:2].tolist() == ["set-1", "set-2"]
    np.testing.assert_allclose(again.volumes, structures.volumes, rtol=1e-5)


def test_concatenated_res_gives_all_structures_with_their_titles(tmp_path):
    (tmp_path / "many.res").write_text("".join(res(name, -80.0 - k) for k, name in enumerate("abc")))
    found = read_structures(tmp_path / "many.res")
    assert found.columns["name"].tolist() == ["TiO2-a", "TiO2-b", "TiO2-c"]
    assert found.columns["enthalpy"].tolist() == [-80, -81, -82]
    assert found.composition == "TiO2"
    assert found.columns["pressure_gpa"].tolist() == [20.01] * 3


def test_names_are_stems_where_titles_repeat_or_the_file_has_one(tmp_path):
    (tmp_path / "twice.res").write_text(res() + res())
    (tmp_path / "one.res.gz").write_bytes(gzip.compress(res().encode()))
    found = read_structures([tmp_path / "twice.res", tmp_path / "one.res.gz"], pressure_gpa=20)
    assert found.columns["name"].tolist() == ["twice-1", "twice-2", "one"]
    assert found.metadata["pressure_gpa"] == 20


def test_converted_files_know_no_enthalpy(tmp_path):
    text = "TITL cabal-xyze2res 0.0 60.722202 0.0 0 0 6 (n/a) n - 1\n" + res().split("\n", 1)[1]
    (tmp_path / "rutile.res").write_text(text)
    found = read_structures(tmp_path / "rutile.res")
    assert np.isnan(found.columns["enthalpy"][0])
    assert np.isnan(found.columns["pressure_gpa"][0])
    assert "pressure_gpa" not in found.metadata


@pytest.mark.parametrize("lines", [3, 6, 9, 11])
def test_a_cut_res_file_names_file_and_structure(tmp_path, lines):
    kept = res("b").splitlines(keepends=True)[:lines]
    (tmp_path / "cut.res").write_text(res() + "".join(kept))
    with pytest.raises(ValueError, match=r"cut\.res: structure 2 \(TiO2-b\): it is cut off"):
        read_structures(tmp_path / "cut.res")


def test_a_structure_cut_in_the_middle_of_a_res_file_is_found(tmp_path):
    cut = "".join(res("b").splitlines(keepends=True)[:8])
    (tmp_path / "cut.res").write_text(res("a") + cut + res("c"))
    with pytest.raises(ValueError, match=r"structure 2 \(TiO2-b\)"):
        read_structures(tmp_path / "cut.res")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (res(atoms=7), "6 atoms, but TITL says 7"),
        (res().replace("SFAC Ti O", "SFAC Ti"), "SFAC lists 1"),
        (res().replace("SFAC Ti O", "SFAC Ti Qq"), "'Qq' is no element"),
        (res().replace("LATT -1", "LATT 1"), "asymmetric unit"),
        (res().replace("0.3 0.3 0.0", "0.3 0.3 *****"), r"\*\*\*\*\*"),
        (res().replace("0.3 0.3 0.0 1.0", "0.3"), "inhomogeneous"),
        (res().replace("CELL", "REM"), "CELL, SFAC or the atoms are missing"),
        ("", "holds no structure"),
    ],
)
def test_malformed_res(tmp_path, text, message):
    (tmp_path / "bad.res").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_structures(tmp_path / "bad.res")


def test_a_cut_xyz_file_names_file_and_structure(structures, tmp_path):
    write_structures(structures, tmp_path / "set.xyz", "extxyz")
    text = (tmp_path / "set.xyz").read_text()
    (tmp_path / "cut.xyz").write_text("\n".join(text.splitlines()[:-3]) + "\n")
    with pytest.raises(ValueError, match=r"cut\.xyz: structure 14 is cut off"):
        read_structures(tmp_path / "cut.xyz")


def test_a_cut_gzip_file_is_refused(structures, tmp_path):
    write_structures(structures, tmp_path / "set.res.gz", "res")
    (tmp_path / "cut.res.gz").write_bytes((tmp_path / "set.res.gz").read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"cut\.res\.gz"):
        read_structures(tmp_path / "cut.res.gz")


def test_enthalpy_from_energy_and_pressure(tmp_path):
    atoms = Atoms("MgO", scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.5]], cell=np.eye(3) * 2.7, pbc=True)
    atoms.calc = SinglePointCalculator(atoms, energy=-12.0)
    write(tmp_path / "energy.xyz", atoms, format="extxyz")
    assert np.isnan(read_structures(tmp_path / "energy.xyz").columns["enthalpy"][0])
    enthalpy = read_structures(tmp_path / "energy.xyz", pressure_gpa=10).columns["enthalpy"][0]
    assert enthalpy == pytest.approx(-12 + 10 * GPA * 2.7**3)


def test_names_that_look_like_numbers_survive(tmp_path, structures):
    named = structures.select([0, 1, 2]).with_columns(name=["007", "T", "1e5"])
    write_structures(named, tmp_path / "set.extxyz", "extxyz")
    assert read_structures(tmp_path / "set.extxyz").columns["name"].tolist() == ["007", "T", "1e5"]


def test_other_formats_go_through_ase(structures, tmp_path):
    write(tmp_path / "POSCAR", structures[0], format="vasp")
    assert read_structures(tmp_path / "POSCAR").volumes[0] == pytest.approx(structures.volumes[0])


def test_unreadable_files(tmp_path, structures):
    (tmp_path / "nonsense.cif").write_text("no structure at all\n")
    (tmp_path / "molecule.xyz").write_text("1\n\nH 0 0 0\n")
    for path, message in (
        (tmp_path / "absent.res", "is not there"),
        (tmp_path / "nonsense.cif", "nonsense.cif"),
        (tmp_path / "molecule.xyz", "has no cell"),
    ):
        with pytest.raises(ValueError, match=message):
            read_structures(path)
    with pytest.raises(ValueError, match="no structure files"):
        read_structures([])
    with pytest.raises(ValueError, match="extxyz, res, cif"):
        write_structures(structures, tmp_path / "set.png", "png")
    with pytest.raises(ValueError, match="holds no structure"):
        write_structures(structures.select([]), tmp_path / "set.res", "res")


def test_reference_structures_are_read_as_by_ase(reference_folder):
    files = sorted((reference_folder / "tio2" / "structures").glob("*.res"))
    found = read_structures(files)
    assert found.columns["name"].tolist() == [path.stem for path in files]
    assert np.all(np.isnan(found.columns["enthalpy"]))
    for path, atoms in zip(files, found, strict=True):
        expected = read(path)
        np.testing.assert_allclose(atoms.positions, expected.positions, atol=1e-9)
        assert atoms.symbols.get_chemical_formula() == expected.symbols.get_chemical_formula()
