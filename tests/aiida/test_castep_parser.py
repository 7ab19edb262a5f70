"""CastepParser: real output is read whole and in the input's order; what is cut gives an exit code, no exception."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from ase import Atoms
from ase.io.castep import units_CODATA2002
from ase.io.castep.geom_md_ts import read_castep_geom

pytest.importorskip("aiida_castep", reason="aiida-castep is not installed")

from aiida_castep.common import EXIT_CODES_SPEC
from aiida_castep.data.otfg import OTFGData
from aiida_castep.parsers.raw_parser import units

from aiida_polymorph.parsers.castep import CastepParser, whole_blocks, whole_boxes
from aiida_polymorph.potential import load_potential

STAND_IN = Path(__file__).parents[1] / "stand_ins" / "castep.py"
SILICON = Atoms("Si2", scaled_positions=[[0, 0, 0], [0.25] * 3], cell=2.6954645 * (1 - np.eye(3)[::-1]), pbc=True)
HYDROGEN = Atoms("H2", [[0, 0, 0], [1.5, 0, 0]], cell=[5, 5, 5], pbc=True)
CODATA_2010 = {**units_CODATA2002, "Eh": units["Eh"], "a0": units["a0"]}
NUMBER = r"(-?\d[\d.]*(?:E[+-]\d+)?)"
PRESSURE = 20.0


@pytest.fixture
def parse(make_node):
    """Return a function that parses a job with these files, and gives the name of its exit code and the outputs."""

    def run(
        files: dict[str, str],
        atoms: Atoms | orm.StructureData,
        task: str = "geometryoptimisation",
        folder: str | None = None,
    ):
        names = {status: name for name, (status, _, _) in EXIT_CODES_SPEC.items()}
        structure = atoms if isinstance(atoms, orm.StructureData) else orm.StructureData(ase=atoms)
        inputs = {"structure": structure, "parameters": orm.Dict({"PARAM": {"task": task}, "CELL": {}})}
        node = make_node("castep.castep", inputs, files, output_filename="aiida.castep", seedname="aiida")
        outputs, function = CastepParser.parse_from_node(
            node, store_provenance=False, retrieved_temporary_folder=folder
        )
        for output in (outputs or {}).values():
            output.store()
        return names[function.exit_status or 0], outputs or {}

    return run


@pytest.fixture
def real(reference_folder):
    """Return a function that gives the files of a real run by name."""

    def files(run: str) -> dict[str, str]:
        folder = reference_folder / "castep" / run
        return {
            path.name: path.read_text() for path in folder.iterdir() if path.suffix in (".castep", ".geom", ".bands")
        }

    return files


@pytest.fixture
def stand_in_code(aiida_code_installed, tmp_path) -> orm.InstalledCode:
    """The stand-in as a code."""
    path = tmp_path / "castep"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    path.chmod(0o755)
    return aiida_code_installed(
        default_calc_job_plugin="castep.castep", label=f"castep-{tmp_path.name}", filepath_executable=str(path)
    )


@pytest.fixture
def unsorted_titania(tmp_path, needs_lammps) -> tuple[Atoms, dict[str, str]]:
    """A cell of TiO2 with titanium first, none of its atoms at rest, and what the stand-in leaves of it."""
    places = [[0.02, 0, 0], [0.3, 0.31, 0], [0.7, 0.69, 0.03], [0.5, 0.5, 0.5], [0.2, 0.8, 0.5], [0.8, 0.2, 0.52]]
    atoms = Atoms("TiO2TiO2", scaled_positions=places, cell=[4.6, 4.5, 2.9], pbc=True)
    lines = [f"{symbol} {x} {y} {z}" for symbol, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)]
    blocks = {
        "LATTICE_CART": [" ".join(map(str, row)) for row in atoms.cell.tolist()],
        "POSITIONS_ABS": lines,
        "SPECIES_POT": ["Ti C19", "O C19"],
        "EXTERNAL_PRESSURE": [f"{PRESSURE} 0 0", f"{PRESSURE} 0", f"{PRESSURE}"],
    }
    text = "".join(f"%BLOCK {name}\n" + "\n".join(rows) + f"\n%ENDBLOCK {name}\n" for name, rows in blocks.items())
    (tmp_path / "aiida.cell").write_text(text)
    (tmp_path / "aiida.param").write_text("task : geometryoptimization\nxc_functional : PBE\n")
    subprocess.run([sys.executable, STAND_IN, "aiida"], cwd=tmp_path, check=True)
    return atoms, {path.name: path.read_text() for path in tmp_path.iterdir() if path.suffix not in (".cell", ".param")}


def final_energies(text: str, name: str) -> list[float]:
    return [float(number) for number in re.findall(rf"^{re.escape(name)} *= *{NUMBER}", text, re.MULTILINE)]


def frames_of(text: str, tmp_path: Path) -> list[Atoms]:
    (tmp_path / "frames.geom").write_text(text)
    return read_castep_geom(str(tmp_path / "frames.geom"), index=":", units=CODATA_2010)


def frames_agree(trajectory: orm.TrajectoryData, frames: list[Atoms], start: Atoms) -> None:
    assert trajectory.symbols == list(start.symbols)
    assert list(trajectory.pbc) == [True] * 3
    np.testing.assert_allclose(trajectory.get_positions(), [frame.positions for frame in frames], atol=1e-9)
    np.testing.assert_allclose(trajectory.get_cells(), [frame.cell for frame in frames], atol=1e-9)
    np.testing.assert_allclose(trajectory.get_array("forces"), [frame.get_forces() for frame in frames], atol=1e-9)
    energies = [frame.get_potential_energy(force_consistent=True) for frame in frames]
    np.testing.assert_allclose(trajectory.get_array("geom_total_energy"), energies, atol=1e-9)


def test_silicon(parse, real, tmp_path):
    files = real("Si-geom-stress")
    status, outputs = parse(files, SILICON)
    assert status == "CALC_FINISHED"
    assert sorted(outputs) == ["output_bands", "output_parameters", "output_structure", "output_trajectory"]
    results, text = outputs["output_parameters"].get_dict(), files["aiida.castep"]
    assert results["geom_unconverged"] is True
    assert (results["castep_version"], results["num_ions"], results["total_time"]) == ("17.2", 2, 16.61)
    assert (results["error_messages"], results["parser_warnings"]) == ([], [])
    assert results["total_energy"] == final_energies(text, "Final energy, E")[-1] == -216.0333725622
    assert results["free_energy"] == final_energies(text, "Final free energy (E-TS)")[-1]
    assert results["enthalpy"] == pytest.approx(-2.16030384e2, abs=1e-9)
    frames_agree(outputs["output_trajectory"], frames_of(files["aiida.geom"], tmp_path), SILICON)
    stress = outputs["output_trajectory"].get_array("symm_stress")
    np.testing.assert_array_equal(stress[-1], -1.214642 * np.eye(3))
    assert outputs["output_trajectory"].get_array("symm_pressure")[-1] == 1.2146
    structure = outputs["output_structure"]
    np.testing.assert_allclose(structure.cell, 2.7118462 * (1 - np.eye(3)[::-1]), atol=1e-7)
    np.testing.assert_allclose(structure.get_ase().get_scaled_positions(), SILICON.get_scaled_positions(), atol=1e-6)


def test_hydrogen(parse, real, tmp_path):
    files = real("H2-geom")
    status, outputs = parse(files, HYDROGEN)
    assert status == "CALC_FINISHED"
    assert sorted(outputs) == ["output_parameters", "output_structure", "output_trajectory"], "no .bands, no bands"
    results = outputs["output_parameters"].get_dict()
    assert not results["geom_unconverged"]
    assert results["enthalpy"] == pytest.approx(-31.6965497, abs=1e-9)
    frames_agree(outputs["output_trajectory"], frames_of(files["aiida.geom"], tmp_path), HYDROGEN)
    np.testing.assert_allclose(
        outputs["output_structure"].get_ase().positions / 5, [[0.074668, 0, 0], [0.225332, 0, 0]], atol=1e-6
    )
    np.testing.assert_allclose(
        outputs["output_trajectory"].get_array("unconstrained_forces")[-1], [[-0.00041, 0, 0], [0.00041, 0, 0]]
    )


def test_single_point(parse, real):
    files = real("Si-quickstart")
    status, outputs = parse(files, SILICON, "singlepoint")
    assert status == "CALC_FINISHED"
    assert sorted(outputs) == ["output_array", "output_bands", "output_parameters"]
    assert outputs["output_parameters"]["total_energy"] == -337.9095600890
    assert outputs["output_array"].get_array("forces").shape == (1, 2, 3)
    bands = outputs["output_bands"]
    hartree = float(re.search(r"Fermi energy.* +(\S+)\n", files["aiida.bands"]).group(1))
    assert bands.base.attributes.get("efermi") == pytest.approx(hartree * units["Eh"])
    assert bands.get_bands().shape == (10, 4)
    np.testing.assert_allclose(bands.cell, SILICON.cell, atol=1e-5, err_msg="the file gives Bohr")
    np.testing.assert_allclose(bands.get_bands()[-1, 0], -0.21283419 * units["Eh"])


def test_atoms_come_back_in_the_order_of_the_input(parse, unsorted_titania):
    from aiida_polymorph.relaxation.driver.lammps_calculator import LammpsCalculator

    atoms, files = unsorted_titania
    status, outputs = parse(files, atoms)
    assert status == "CALC_FINISHED"
    trajectory = outputs["output_trajectory"]
    assert re.findall(r"^ (\w+) .*<-- R$", files["aiida.geom"], re.MULTILINE)[:6] == ["O"] * 4 + ["Ti"] * 2
    assert trajectory.symbols == trajectory.get_array("symbols").tolist() == ["Ti", "O", "O", "Ti", "O", "O"]
    np.testing.assert_allclose(trajectory.get_positions()[0], atoms.positions, atol=1e-8)
    engine = LammpsCalculator(load_potential("matsui-akaogi").to_dict())
    engine.load(atoms.numbers, atoms.positions, np.asarray(atoms.cell))
    forces = engine.evaluate(atoms.positions, np.asarray(atoms.cell))[1]
    assert np.abs(forces).max() > 1
    np.testing.assert_allclose(trajectory.get_array("forces")[0], forces, atol=1e-7)
    np.testing.assert_allclose(trajectory.get_array("cons_forces")[0], forces, atol=1e-5)
    structure = outputs["output_structure"]
    assert [site.kind_name for site in structure.sites] == list(atoms.symbols)
    np.testing.assert_allclose([site.position for site in structure.sites], trajectory.get_positions()[-1])
    moved = structure.get_ase()
    engine.load(moved.numbers, moved.positions, np.asarray(moved.cell))
    assert np.abs(engine.evaluate(moved.positions, np.asarray(moved.cell))[1]).max() < 0.05


def test_kinds_with_names_of_their_own(parse, unsorted_titania):
    atoms, files = unsorted_titania
    structure = orm.StructureData(cell=atoms.cell.tolist())
    for symbol, position in zip(atoms.symbols, atoms.positions, strict=True):
        structure.append_atom(symbols=symbol, position=position, name="Ti1" if symbol == "Ti" else "O")
    status, outputs = parse(files, structure)
    assert status == "CALC_FINISHED"
    assert [site.kind_name for site in outputs["output_structure"].sites] == ["Ti1", "O", "O", "Ti1", "O", "O"]


def test_other_atoms_than_the_input(parse, real):
    status, outputs = parse(real("Si-geom-stress"), HYDROGEN)
    assert status == "CALC_FINISHED"
    assert "output_structure" not in outputs
    assert "Si Si" in outputs["output_parameters"]["parser_warnings"][0]


@pytest.mark.parametrize("share", [0.0, 0.005, 0.04, 0.05, 0.2, 0.5, 0.8, 0.99])
def test_killed_in_the_middle(parse, real, share):
    files = {name: text[: int(share * len(text))] for name, text in real("Si-geom-stress").items() if "geom" in name}
    text = real("Si-geom-stress")["aiida.castep"]
    files["aiida.castep"] = text[: int(share * len(text))]
    status, outputs = parse(files, SILICON)
    assert status == "ERROR_NO_END_OF_CALCULATION"
    whole = files["aiida.geom"].count("\n\n") - 2
    assert ("output_structure" in outputs) == (whole > 0 and "Final energy" in files["aiida.castep"])
    if "output_structure" in outputs:
        assert outputs["output_trajectory"].numsteps == whole


def test_every_cut_of_a_box_and_of_a_block_ends_with_an_exit_code(parse, real):
    files = real("Si-geom-stress")
    box, block = files["aiida.castep"].index("Stress Tensor"), files["aiida.geom"].index("<-- c")
    for cut in range(0, 900, 41):
        cut_files = {
            "aiida.castep": files["aiida.castep"][: box + cut],
            "aiida.geom": files["aiida.geom"][: block + 2 * cut],
            "aiida.bands": files["aiida.bands"][:cut],
        }
        assert parse(cut_files, SILICON)[0] == "ERROR_NO_END_OF_CALCULATION"


def test_boxes_and_blocks_that_were_being_written_are_left_out(real):
    files = real("H2-geom")
    text, geom = files["aiida.castep"], files["aiida.geom"]
    start = text.index("Constrained Forces **")
    end = text.index("BFGS: finished iteration     0")
    assert whole_boxes(text) == text.split("\n")[:-1]
    assert whole_boxes(text[: start + 300]) == text[:start].split("\n")[:-1]
    assert whole_boxes(text[:end])[-1].startswith(" *****")
    assert [len(whole_blocks(geom[:cut])) for cut in (0, 30, 700, len(geom) // 2, len(geom) - 3, len(geom))] == [
        0, 0, 0, 2, 4, 5
    ]  # fmt: skip


def test_geom_missing_or_empty(parse, real):
    files = real("Si-geom-stress")
    for geom in ({}, {"aiida.geom": ""}, {"aiida.geom": " BEGIN header\n\n END header\n\n"}):
        status, outputs = parse({"aiida.castep": files["aiida.castep"], **geom}, SILICON)
        assert status == "CALC_FINISHED"
        assert sorted(outputs) == ["output_array", "output_parameters"]
        assert outputs["output_parameters"]["enthalpy"] == pytest.approx(-216.030384)
        assert len(outputs["output_parameters"]["parser_warnings"]) == len(geom)


def test_bands_that_are_cut_are_left_out(parse, real):
    files = real("Si-geom-stress")
    files["aiida.bands"] = files["aiida.bands"][:-3]
    status, outputs = parse(files, SILICON)
    assert status == "CALC_FINISHED"
    assert "output_bands" not in outputs
    assert "aiida.bands can't be read" in outputs["output_parameters"]["parser_warnings"][0]


def test_binary_bands_that_are_cut_are_left_out(parse, real):
    status, outputs = parse({**real("Si-geom-stress"), "aiida.castep_bin": "\0\0\0\x08CASTEP"}, SILICON)
    assert status == "CALC_FINISHED"
    assert "aiida.castep_bin can't be read" in outputs["output_parameters"]["parser_warnings"][0]


def test_no_output(parse, real):
    assert parse({}, SILICON) == ("ERROR_NO_OUTPUT_FILE", {})
    files = real("Si-geom-stress")
    assert parse({"aiida.geom": files["aiida.geom"], "aiida.0001.err": "killed"}, SILICON)[0] == "ERROR_NO_OUTPUT_FILE"


def test_error_files(parse, real):
    for text, energies in (("", 0), (real("Si-geom-stress")["aiida.castep"], 1)):
        status, outputs = parse({"aiida.castep": text, "aiida.0001.err": "Error in ion_read\n"}, SILICON)
        assert status == "ERROR_CASTEP_ERROR"
        assert outputs["output_parameters"]["error_messages"] == ["Error in ion_read\n"]
        assert ("total_energy" in outputs["output_parameters"].get_dict()) == energies


def test_causes_that_castep_tells_come_before_the_missing_end(parse, real):
    text = real("Si-geom-stress")["aiida.castep"]
    half = text[: len(text) // 2]
    for line, expected in (
        ("Insufficient time for another iteration", "ERROR_TIMELIMIT_REACHED"),
        ("max. SCF cycles performed but system has not reached the groundstate", "ERROR_SCF_NOT_CONVERGED"),
    ):
        assert parse({"aiida.castep": f"{half}\n{line}\n"}, SILICON)[0] == expected


def test_nothing_to_optimise(parse, real):
    text = real("Si-quickstart")["aiida.castep"]
    end = text.index("Writing analysis data")
    warning = " WARNING - there is nothing to optimise - skipping relaxation.\n"
    status, outputs = parse({"aiida.castep": text[:end] + warning + text[end:]}, SILICON)
    assert status == "CALC_FINISHED"
    np.testing.assert_allclose(outputs["output_structure"].cell, SILICON.cell)
    assert outputs["output_trajectory"].numsteps == 1
    assert outputs["output_trajectory"].symbols == ["Si", "Si"]


def test_number_that_is_none(parse, real):
    files = real("Si-geom-stress")
    files["aiida.castep"] = files["aiida.castep"].replace("-216.0333725622", "            NaN")
    status, outputs = parse(files, SILICON)
    assert status == "CALC_FINISHED"
    assert "total_energy" not in outputs["output_parameters"].get_dict()
    assert outputs["output_parameters"]["free_energy"] == -216.0333756337


def test_number_too_long_for_its_field(parse, real):
    """The plugin's reader gives up: the job still ends with an exit code."""
    files = real("Si-geom-stress")
    files["aiida.castep"] = files["aiida.castep"].replace("-2.847547", "*********")
    assert parse(files, SILICON)[0] == "UNKOWN_ERROR"


def test_folder_of_temporary_files_is_lost(parse, real, tmp_path):
    status, _ = parse(real("Si-geom-stress"), SILICON, folder=os.fspath(tmp_path / "gone"))
    assert status == "CALC_FINISHED"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (None, "CALC_FINISHED"),
        ("unconverged", "CALC_FINISHED"),
        ("killed", "ERROR_NO_END_OF_CALCULATION"),
        ("error", "ERROR_CASTEP_ERROR"),
        ("no_output", "ERROR_NO_OUTPUT_FILE"),
    ],
)
def test_job_of_the_stand_in(stand_in_code, unsorted_titania, tmp_path, failure, expected):
    atoms, _ = unsorted_titania
    failures = tmp_path / "failures.json"
    failures.write_text(json.dumps([{"comment": "a job", "failure": failure}] if failure else []))
    builder = stand_in_code.get_builder()
    builder.structure = orm.StructureData(ase=atoms)
    builder.parameters = {
        "PARAM": {"task": "geometryoptimization", "xc_functional": "PBE", "geom_force_tol": 0.01},
        "CELL": {"external_pressure": [f"{PRESSURE} 0 0", f"{PRESSURE} 0", f"{PRESSURE}"], "symmetry_generate": True},
    }
    builder.kpoints = orm.KpointsData()
    builder.kpoints.set_kpoints_mesh([3, 3, 5])
    builder.pseudos = {symbol: OTFGData(otfg_entry="C19") for symbol in ("Ti", "O")}
    builder.metadata.label = "a job"
    builder.metadata.options.update(
        parser_name="polymorph.castep",
        resources={"num_machines": 1},
        withmpi=False,
        environment_variables={"CASTEP_STAND_IN_FAILURES": str(failures)},
    )
    outputs, node = run_get_node(builder)
    assert node.exit_status == EXIT_CODES_SPEC[expected][0]
    if expected == "CALC_FINISHED":
        assert outputs["output_parameters"]["geom_unconverged"] == (True if failure else None)
        assert [site.kind_name for site in outputs["output_structure"].sites] == list(atoms.symbols)
        assert {"output_bands", "output_trajectory"} < set(outputs)
    if failure == "killed":
        assert outputs["output_trajectory"].numsteps > 1
