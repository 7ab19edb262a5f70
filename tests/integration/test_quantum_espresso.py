"""Real DFT through the scan: fluorite TiO2 at two pressures with Quantum ESPRESSO, small and coarse."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import ase.io
import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from ase import Atoms

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.engines.functions import collect_points
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.units import GPA
from aiida_polymorph.workflows.dft_scan import DftScanWorkChain

PSEUDOS = Path("/usr/share/espresso/pseudo")
FILES = {"Ti": PSEUDOS / "Ti.pz-sp-van_ak.UPF", "O": PSEUDOS / "O.pz-van_ak.UPF"}
PRESSURES = [0.0, 20.0]
COARSE = {
    "pseudo_family": "ultrasoft/{functional}",
    "cutoff_ry": 30,
    "density_cutoff_ry": 240,
    "kpoints_distance": 1.0,
}

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("pw.x") is None, reason="Quantum ESPRESSO is not there: no `pw.x` on PATH"),
    pytest.mark.skipif(
        not all(path.exists() for path in FILES.values()),
        reason=f"pseudopotentials of Debian's quantum-espresso-data are not in {PSEUDOS}",
    ),
    pytest.mark.skipif(find_spec("aiida_quantumespresso") is None, reason="aiida-quantumespresso is not installed"),
]


@pytest.fixture(scope="module")
def family(aiida_profile, tmp_path_factory):
    """The two pseudopotentials as a family of aiida-pseudo."""
    from aiida_pseudo.data.pseudo.upf import UpfData
    from aiida_pseudo.groups.family import PseudoPotentialFamily

    folder = tmp_path_factory.mktemp("pseudos")
    for path in FILES.values():
        shutil.copy(path, folder)
    label = COARSE["pseudo_family"].format(functional="LDA")
    return PseudoPotentialFamily.create_from_folder(folder, label, pseudo_type=UpfData)


@pytest.fixture(scope="module")
def builder(family, aiida_profile, tmp_path_factory):
    """A scan of fluorite in its primitive cell."""
    computer = orm.Computer(
        "pw", "localhost", transport_type="core.local", scheduler_type="core.direct",
        workdir=str(tmp_path_factory.mktemp("pw")),
    ).store()  # fmt: skip
    computer.configure(safe_interval=0, use_login_shell=False)
    computer.set_minimum_job_poll_interval(0)
    code = orm.InstalledCode(
        label="pw", computer=computer, filepath_executable=shutil.which("pw.x"), with_mpi=False,
        default_calc_job_plugin="quantumespresso.pw", prepend_text="export OMP_NUM_THREADS=1",
    ).store()  # fmt: skip
    a = 4.77
    fluorite = Atoms(
        "TiO2",
        scaled_positions=[[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]],
        cell=np.array([[0, a, a], [a, 0, a], [a, a, 0]]) / 2,
        pbc=True,
    )
    phases = StructureSetData.from_set(StructureSet.from_atoms([fluorite], {"name": ["fluorite"]}))
    return DftScanWorkChain.get_builder_from_protocol(
        "quantum-espresso", code, phases, PRESSURES, ["lda"], protocol="fast", overrides={"parameters": COARSE}
    )


@pytest.fixture(scope="module")
def scan(builder):
    """The finished scan."""
    results, node = run_get_node(builder)
    assert node.is_finished_ok, f"{node.exit_message}: {results['points'].to_set().columns['reason']}"
    return node


def jobs_of(scan: orm.WorkChainNode) -> list[orm.CalcJobNode]:
    """The runs of pw.x, in the order in which they were made."""
    return [node for node in scan.called_descendants if isinstance(node, orm.CalcJobNode)]


def test_every_point_has_a_value_and_is_at_its_pressure(scan):
    points = scan.outputs.points.to_set()
    assert points.columns["pressure_gpa"].tolist() == PRESSURES
    assert points.columns["reason"].tolist() == ["", ""]
    assert points.columns["max_stress_error"].max() < 2.0


def test_the_volume_is_that_of_dft(scan):
    """Fluorite's lattice constant by LDA is 4.75 angstrom, its bulk modulus 280 GPa; this is coarser than that."""
    zero, high = scan.outputs.points.to_set().volume_per_formula_unit
    assert zero == pytest.approx(4.75**3 / 4, rel=0.02)
    assert 250 < 20 / np.log(zero / high) < 400


def test_the_enthalpy_rises_by_the_integral_of_the_volume(scan):
    points = scan.outputs.points.to_set()
    rise = np.diff(points.enthalpy_per_formula_unit)[0]
    assert rise == pytest.approx(points.volume_per_formula_unit.mean() * np.ptp(PRESSURES) * GPA, rel=0.01)


def test_the_values_are_those_of_the_output_files(scan, tmp_path):
    """ASE reads the last energy, cell and stress of each pw.x output by itself."""
    points = scan.outputs.points.to_set()
    read = {}
    for job in jobs_of(scan):
        path = tmp_path / f"{job.pk}.pwo"
        path.write_text(job.outputs.retrieved.base.repository.get_object_content("aiida.out"))
        read[job.inputs.parameters["CELL"]["press"] / 10] = ase.io.read(path)
    for i, pressure in enumerate(PRESSURES):
        atoms = read[pressure]
        enthalpy = atoms.get_potential_energy() + pressure * GPA * atoms.get_volume()
        left = np.abs(-atoms.get_stress(voigt=False) / GPA - pressure * np.eye(3)).max()
        assert points.columns["enthalpy"][i] == pytest.approx(enthalpy, abs=1e-3)
        assert points.columns["max_stress_error"][i] == pytest.approx(left, abs=0.01)


def test_a_second_scan_runs_nothing(scan, builder):
    with enable_caching(identifier="aiida.calculations:quantumespresso.pw"):
        _, again = run_get_node(builder)
    assert again.is_finished_ok
    assert all(job.base.caching.is_created_from_cache for job in jobs_of(again))
    first, second = (node.outputs.points.to_set() for node in (scan, again))
    np.testing.assert_array_equal(first.columns["enthalpy"], second.columns["enthalpy"])


def test_the_points_lead_back_to_the_jobs(scan):
    """The table's history holds the energies that pw.x gave."""
    joined = scan.outputs.points.creator
    collected = joined.inputs.chain_000.creator
    assert collected.process_label == collect_points.__name__
    read = {link.node.uuid for link in collected.base.links.get_incoming() if "output_parameters" in link.link_label}
    assert read == {job.outputs.output_parameters.uuid for job in jobs_of(scan)}
