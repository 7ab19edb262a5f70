"""Engines of DFT scans: the input files that they make, the results that they read, and an engine from elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from aiida import orm

pytest.importorskip("aiida_castep", reason="aiida-castep is not installed")

import dft
from aiida.plugins import WorkflowFactory
from aiida_castep.data.otfg import OTFGData
from ase import Atoms
from castepinput import CellInput, ParamInput

from aiida_polymorph import engines
from aiida_polymorph.calculations.functions.structures import extract_structure
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines import Engine, Reading, Relaxation, load_engine
from aiida_polymorph.engines.functions import collect_points
from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.parsers.castep import CastepParser
from aiida_polymorph.potential import Potential
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.dft_scan import DftScanWorkChain

pytestmark = pytest.mark.filterwarnings("ignore::aiida.common.warnings.AiidaDeprecationWarning")

FUNCTIONALS = ("LDA", "PBE", "PBEsol")
SILICON = Atoms("Si2", scaled_positions=[[0, 0, 0], [0.25] * 3], cell=2.6954645 * (1 - np.eye(3)[::-1]), pbc=True)
NOT_CONVERGED = "WARNING - Geometry optimization failed to converge after         30 steps"


@pytest.fixture(scope="module")
def scan_of_rutile(castep_code):
    """A scan of rutile with the settings of the paper, run through the stand-in."""
    builder = DftScanWorkChain.get_builder_from_protocol(
        "castep", castep_code, dft.phases_of(["rutile"]), [10, 30], FUNCTIONALS, protocol="paper"
    )
    return dft.run(builder)


@pytest.fixture(scope="module")
def written(scan_of_rutile, tmp_path_factory):
    """Functional -> .param and .cell of its point at 30 GPa."""
    found = {}
    for job in dft.calculations(scan_of_rutile):
        phase, functional, pressure, _ = job.label.split()
        assert phase == "rutile"
        if pressure == "30":
            folder = tmp_path_factory.mktemp(functional)
            for name in ("aiida.param", "aiida.cell"):
                (folder / name).write_text(job.base.repository.get_object_content(name))
            found[functional] = read_files(folder / "aiida")
    return found


def read_files(seed: Path) -> tuple[dict[str, str], dict[str, object]]:
    """Return what .param and .cell hold, in the spelling that CASTEP makes of it."""
    param = ParamInput.from_file(f"{seed}.param", plain=True)
    cell = CellInput.from_file(f"{seed}.cell", plain=True)
    return {key: spelt(value) for key, value in param.items()}, {key: spelt(value) for key, value in cell.items()}


def spelt(value: object) -> object:
    """Small letters, as CASTEP reads them; eV is its unit of energy if none is given; a switch alone is on."""
    if isinstance(value, str):
        return value.lower().removesuffix(" ev") or "true"
    return [line.split() for line in value]


@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_castep_files_are_those_of_the_paper(written, reference_folder, functional):
    param, cell = written[functional]
    theirs, their_cell = read_files(reference_folder / "tio2" / "castep-input" / functional / "TiO2")
    assert theirs["xc_functional"] == functional.lower()
    left_out = {"write_bands", "write_geom"}
    assert {key: theirs[key] for key in theirs if param.get(key) != theirs[key]} == dict.fromkeys(left_out, "false")
    assert set(theirs) - set(param) == left_out
    added = {key: param[key] for key in set(param) - set(theirs)}
    assert added == {"iprint": "1", "comment": f"rutile {functional} 30 gpa".lower()}

    assert set(their_cell) - set(cell) == {"kpoints_mp_spacing", "positions_frac"}
    assert set(cell) - set(their_cell) == {"kpoints_mp_grid", "positions_abs"}
    for key in ("symmetry_generate", "snap_to_symmetry"):
        assert cell[key] == their_cell[key] == "true"
    assert [len(row) for row in their_cell["external_pressure"]] == [3, 2, 1]
    assert cell["external_pressure"] == [["30", "0", "0"], ["30", "0"], ["30"]]
    assert their_cell["species_pot"] == [], "the set that CASTEP takes if none is named"
    assert cell["species_pot"] == [["Ti", "C19"], ["O", "C19"]]
    spacing = float(their_cell["kpoints_mp_spacing"])
    grid = kpoint_grid(np.array(cell["lattice_cart"], float), spacing)
    assert cell["kpoints_mp_grid"].split() == [str(number) for number in grid]


def kpoint_grid(cell: np.ndarray, spacing: float) -> list[int]:
    """Return CASTEP's grid: its reciprocal vectors carry 2 pi, and its spacing is in units of 2 pi / angstrom."""
    lengths = np.linalg.norm(2 * np.pi * np.linalg.inv(cell), axis=0)
    return np.ceil(lengths / (2 * np.pi * spacing)).astype(int).tolist()


def test_kpoint_grid_of_a_cell_that_is_known():
    assert kpoint_grid(np.diag([4.5937, 4.5937, 2.9587]), 0.03) == [8, 8, 12]


def test_castep_files_without_symmetry(castep_code):
    assert not {"symmetry_generate", "snap_to_symmetry"} & set(castep_input(castep_code, symmetry=False)["CELL"])
    assert castep_input(castep_code)["CELL"]["symmetry_generate"] is True


def castep_input(code, **settings) -> dict:
    """Return the input of the engine's builder for rutile."""
    engine = load_engine("castep")
    parameters = engine.parameters("paper", settings.pop("overrides", {}))
    structure = orm.StructureData(ase=dft.phases_of(["rutile"]).to_set()[0])
    pseudos = engine.pseudopotentials("PBE", ["O", "Ti"], parameters)
    relaxation = Relaxation(code, structure, "PBE", 30.0, parameters, pseudos=pseudos, **settings)
    return engine.builder(relaxation).calc.parameters.get_dict()


def test_castep_keywords_of_the_user_win(castep_code):
    overrides = {"param": {"cut_off_energy": 1000, "page_wvfns": None}, "cell": {"fix_com": True}}
    made = castep_input(castep_code, overrides=overrides)
    assert made["PARAM"]["cut_off_energy"] == 1000
    assert "page_wvfns" not in made["PARAM"]
    assert made["CELL"]["fix_com"] is True


def test_castep_pseudopotentials_as_a_set_and_one_by_one():
    engine = load_engine("castep")
    one = engine.pseudopotentials("PBE", ["O", "Ti"], {"pseudos": "C19"})
    assert {symbol: node.string for symbol, node in one.items()} == {"O": "C19", "Ti": "C19"}
    texts = {"O": "2|1.1|15|18|20|20:21(qc=7)", "Ti": "3|1.8|9|10|11|30U:40:31:32"}
    own = engine.pseudopotentials("PBE", ["O", "Ti"], {"pseudos": texts})
    assert {symbol: (node.element, node.string) for symbol, node in own.items()} == {
        symbol: (symbol, text) for symbol, text in texts.items()
    }
    assert all(isinstance(node, OTFGData) and node.is_stored for node in (*one.values(), *own.values()))


def test_castep_parser_is_ours(scan_of_rutile):
    assert {job.base.attributes.get("parser_name") for job in dft.calculations(scan_of_rutile)} == {"polymorph.castep"}


@pytest.fixture
def silicon(make_node, reference_folder):
    """Return a function that gives the outputs of the real run, its text changed here and there."""

    def outputs(**changes: str):
        folder = reference_folder / "castep" / "Si-geom-stress"
        files = {path.name: path.read_text() for path in folder.iterdir() if path.suffix in (".castep", ".geom")}
        for old, new in changes.items():
            assert {"verdict": NOT_CONVERGED}[old] in files["aiida.castep"]
            files["aiida.castep"] = files["aiida.castep"].replace(NOT_CONVERGED, new)
        parameters = orm.Dict({"PARAM": {"task": "geometryoptimisation"}, "CELL": {}})
        node = make_node(
            "castep.castep",
            {"structure": orm.StructureData(ase=SILICON), "parameters": parameters},
            files,
            output_filename="aiida.castep",
            seedname="aiida",
        )
        return CastepParser.parse_from_node(node, store_provenance=False)[0]

    return outputs


def points_of(outputs) -> StructureSet:
    """Return the points of a scan at 0 and 5 GPa, of which the first gave these outputs."""
    scan = {"engine": "castep", "functional": "LDA", "name": "diamond", "pressures_gpa": [0.0, 5.0]}
    nodes = {f"point_00_{name}": node for name, node in outputs.items()}
    structure = orm.StructureData(ase=SILICON)
    failures = orm.Dict({"1": "was not asked for"})
    return collect_points(structure=structure, scan=orm.Dict(scan), failures=failures, **nodes).to_set()


def test_real_output_becomes_a_point(silicon):
    """Numbers as in the .castep file: `finished iteration 30`, its last cell, and the last box of stress."""
    outputs = silicon(verdict="Geometry optimization completed successfully.")
    reading = load_engine("castep").read(outputs, 0.0)
    np.testing.assert_allclose(reading.pressure_tensor, 1.214642 * np.eye(3))
    points = points_of(outputs)
    assert points.columns["enthalpy"][0] == pytest.approx(-216.030384, abs=1e-6)
    assert points.volumes[0] == pytest.approx(39.886429, abs=1e-5)
    assert points.columns["max_stress_error"][0] == pytest.approx(1.214642, abs=1e-6)
    assert reading.stress_error(1.0) == pytest.approx(0.214642, abs=1e-6)
    assert points.columns["converged"].tolist() == [True, False]
    assert points.columns["reason"].tolist() == ["", "was not asked for"]
    assert np.isnan(points.columns["enthalpy"][1])
    np.testing.assert_allclose(points[1].cell, SILICON.cell)
    for name, value in {"name": "diamond", "engine": "castep", "functional": "LDA"}.items():
        assert points.columns[name].tolist() == [value] * 2


def test_real_output_that_is_not_converged_is_no_value(silicon):
    points = points_of(silicon())
    assert np.isnan(points.columns["enthalpy"]).all()
    assert points.columns["reason"][0] == "not readable: the geometry did not converge within geom_max_iter"


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        ({"geom_unconverged": True}, "geometry did not converge"),
        ({"warnings": ["ERROR_SCF_NOT_CONVERGED"]}, "ground state not reached"),
        ({"warnings": ["At least one kpoint has no empty bands, energy/forces"]}, "no empty bands"),
        ({}, "no structure could be read"),
    ],
)
def test_castep_outputs_that_mean_nothing(results, reason):
    outputs = {"output_parameters": orm.Dict({"geom_unconverged": None, "warnings": [], **results})}
    with pytest.raises(ValueError, match=reason):
        load_engine("castep").read(outputs, 0.0)


@pytest.mark.parametrize("missing", ["geom_enthalpy", "symm_stress"])
def test_castep_output_without_enthalpy_or_stress(missing):
    structure, trajectory = orm.StructureData(ase=SILICON), orm.TrajectoryData()
    trajectory.set_trajectory(["Si", "Si"], SILICON.positions[None], cells=SILICON.cell.array[None], pbc=(True,) * 3)
    for name, array in {"geom_enthalpy": np.zeros(1), "symm_stress": np.zeros((1, 3, 3))}.items():
        if name != missing:
            trajectory.set_array(name, array)
    outputs = {
        "output_parameters": orm.Dict({"warnings": []}),
        "output_structure": structure,
        "output_trajectory": trajectory,
    }
    with pytest.raises(ValueError, match="no enthalpy or no stress"):
        load_engine("castep").read(outputs, 0.0)


class LennardJonesEngine(Engine):
    """An engine as another package might bring it: its functionals are values of sigma, ASE computes."""

    name = "lennard-jones"
    process = "polymorph.relax_set"
    install = "the package that brings it"
    code_plugin = "polymorph.relax_set"
    functionals = {"small": "3.0", "large": "3.4"}
    outputs = ("relaxed",)
    uses_pseudos = False

    def content(self):
        """Its package is this module, which has no folder of protocols."""
        return {
            "default_protocol": "moderate",
            "default_inputs": {"rc": 8.0, "epsilon": 0.0104},
            "protocols": {"moderate": {"description": "all there is"}},
        }

    def pseudopotentials(self, functional, elements, parameters):
        return {}

    def builder(self, relaxation):
        builder = WorkflowFactory(self.process).get_builder()
        builder.code = relaxation.code
        builder.structures = StructureSetData.from_set(StructureSet.from_atoms([relaxation.structure.get_ase()]))
        builder.potential = PotentialData.from_potential(self.potential(relaxation.functional, relaxation.parameters))
        builder.pressure_gpa = relaxation.pressure_gpa
        builder.metadata.label = relaxation.label
        return builder

    def potential(self, functional, parameters):
        return Potential.from_dict(
            {
                "name": functional,
                "backend": "ase",
                "species": ["Ar"],
                "calculator": "ase.calculators.lj.LennardJones",
                "arguments": {"sigma": float(self.functionals[functional]), **parameters},
            }
        )

    def structure(self, process):
        return extract_structure(process.outputs.relaxed, orm.Int(0)) if process.is_finished_ok else None

    def read(self, outputs, pressure_gpa):
        relaxed = outputs["relaxed"].to_set()
        return Reading(relaxed[0], float(relaxed.columns["enthalpy"][0]), pressure_gpa * np.eye(3))


def test_engine_of_another_package(monkeypatch, relax_code, argon):
    entry = SimpleNamespace(name="lennard-jones", load=lambda: LennardJonesEngine)
    ours = engines.entry_points
    monkeypatch.setattr(engines, "entry_points", lambda group: [*ours(group=group), entry])
    assert "lennard-jones" in engines.engine_names()
    phases = StructureSet.from_atoms([argon[0]], {"name": ["fcc"]})
    builder = DftScanWorkChain.get_builder_from_protocol(
        "lennard-jones",
        relax_code,
        StructureSetData.from_set(phases),
        [1, 3],
        ["Small", "large"],
        overrides={"parameters": {"rc": 9.0}},
    )
    points = dft.run(builder).outputs.points.to_set()
    assert points.columns["functional"].tolist() == ["small"] * 2 + ["large"] * 2
    assert points.columns["converged"].all()
    for i, pressure in enumerate(points.columns["pressure_gpa"]):
        potential = LennardJonesEngine().potential(points.columns["functional"][i], {"rc": 9.0, "epsilon": 0.0104})
        alone = relax(argon.select([0]), potential, float(pressure))
        assert points.columns["enthalpy"][i] == pytest.approx(alone.columns["enthalpy"][0], abs=1e-4)
