"""DftScanWorkChain and PressureChainWorkChain: each point a value or a reason; wrong inputs are refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from aiida import orm
from aiida.manage.caching import enable_caching

pytest.importorskip("aiida_castep", reason="aiida-castep is not installed")

import dft
from ase import Atoms

from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.local.relaxation import relax
from aiida_polymorph.potential import load_potential
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.dft_scan import DftScanWorkChain, effort
from aiida_polymorph.workflows.pressure_chain import outwards

pytestmark = [
    pytest.mark.filterwarnings("ignore::aiida.common.warnings.AiidaDeprecationWarning"),
    pytest.mark.usefixtures("needs_lammps"),
]

CASTEP = "aiida.calculations:castep.castep"
PHASES = ("rutile", "columbite")
PRESSURES = [0.0, 20.0, 40.0]
of_two_scans = pytest.mark.xdist_group("two scans")  # one worker makes them
FAILURES = [("rutile PBE 0 GPa", "killed", 1), ("columbite PBE 20 GPa", "error", 99)]


@pytest.fixture(scope="module")
def scans(session_code, tmp_path_factory) -> list[orm.WorkChainNode]:
    """The same scan twice, the second with what the first has put into the cache; two points of it are troubled."""
    code = dft.castep_code(session_code.computer, tmp_path_factory.mktemp("castep"), FAILURES)
    phases = dft.phases_of(PHASES)
    with enable_caching(identifier=CASTEP):
        return [
            dft.run(DftScanWorkChain.get_builder_from_protocol("castep", code, phases, PRESSURES, ["PBE"]))
            for _ in range(2)
        ]


@of_two_scans
@pytest.mark.long
def test_every_point_has_a_value_or_a_reason(scans):
    for scan in scans:
        assert scan.is_finished_ok
        points = scan.outputs.points.to_set()
        assert points.columns["name"].tolist() == [name for name in PHASES for _ in PRESSURES]
        assert points.columns["pressure_gpa"].tolist() == PRESSURES * 2
        assert points.columns["converged"].tolist() == [True, True, True, True, False, True]
        assert np.isnan(points.columns["enthalpy"]).tolist() == [False, False, False, False, True, False]
        reasons = points.columns["reason"].tolist()
        assert reasons.pop(4).endswith("exit code 104, CASTEP stopped: Error: asked for by the test")
        assert reasons == [""] * 5
        assert points.columns["max_stress_error"][points.columns["converged"]].max() < 0.1


@of_two_scans
@pytest.mark.long
def test_a_job_that_was_killed_is_run_again(scans):
    ends = [job.exit_status for job in dft.calculations(scans[0]) if job.label == "rutile PBE 0 GPa"]
    assert ends == [105, 0]


@of_two_scans
@pytest.mark.long
def test_a_second_run_computes_only_what_failed(scans):
    jobs = dft.calculations(scans[1])
    anew = [job.label for job in jobs if not job.base.caching.is_created_from_cache]
    assert anew == ["columbite PBE 20 GPa"] * 2
    assert len(jobs) == 5 + 2
    first, second = [scan.outputs.points.to_set() for scan in scans]
    np.testing.assert_array_equal(first.columns["enthalpy"], second.columns["enthalpy"])


@of_two_scans
@pytest.mark.long
def test_processes_tell_what_they_are_for(scans):
    children = {node.label for node in scans[0].called_descendants if isinstance(node, orm.WorkChainNode)}
    assert children == {f"{name} PBE" for name in PHASES} | {
        f"{name} PBE {pressure:g} GPa" for name in PHASES for pressure in PRESSURES
    }


@of_two_scans
@pytest.mark.long
def test_values_are_those_of_the_potential(scans):
    """The stand-in has CASTEP's tolerances."""
    points, potential = scans[0].outputs.points.to_set(), load_potential("matsui-akaogi")
    phases = dft.phases_of(PHASES).to_set()
    for pressure in PRESSURES:
        alone = relax(phases, potential, pressure)
        for name, enthalpy, volume in zip(PHASES, alone.enthalpy_per_formula_unit, alone.volumes, strict=True):
            (row,) = np.flatnonzero((points.columns["name"] == name) & (points.columns["pressure_gpa"] == pressure))
            if points.columns["converged"][row]:
                assert points.enthalpy_per_formula_unit[row] == pytest.approx(enthalpy, abs=1e-3)
                assert points.volumes[row] == pytest.approx(volume, rel=2e-3)


@of_two_scans
@pytest.mark.long
def test_the_point_beside_one_that_failed_starts_from_the_last_there_is(scans):
    jobs = {job.label: job for job in dft.calculations(scans[0])}
    start = jobs["columbite PBE 40 GPa"].inputs.structure
    assert start.uuid == jobs["columbite PBE 0 GPa"].outputs.output_structure.uuid
    assert jobs["rutile PBE 40 GPa"].inputs.structure.creator.process_label == "squeeze_cell", "two are known"


def test_symmetry_is_kept_or_dropped_as_asked(relax_code, matsui_akaogi):
    """Rutile of this potential is a saddle above 20 GPa: kept it stays there, dropped it falls."""
    phases = dft.phases_of(["rutile"])
    enthalpies = []
    for symmetry in (True, False):
        builder = DftScanWorkChain.get_builder_from_protocol(
            "lammps",
            relax_code,
            phases,
            [50, 60],
            potential=matsui_akaogi,
            overrides={"symmetry": symmetry, "parameters": {"relaxation": {"max_force_calls": 500}}},
        )
        scan = dft.run(builder)
        displaced = [node for node in scan.called_descendants if node.process_label == "displace_atoms"]
        assert len(displaced) == (not symmetry)
        enthalpies.append(scan.outputs.points.to_set().enthalpy_per_formula_unit)
    np.testing.assert_allclose(enthalpies[0], [-31.0565, -29.4324], atol=1e-3)
    np.testing.assert_allclose(enthalpies[1], [-31.1094, -29.5128], atol=1e-3)


def test_short_chains_go_first():
    """Four points of each by PBE took pw.x 5, 7, 15 and 58 minutes."""
    phases = dft.phases_of(["columbite", "fluorite", "pyrite", "rutile"]).to_set()
    efforts = dict(zip(phases.columns["name"].tolist(), map(effort, phases), strict=True))
    assert sorted(efforts, key=efforts.get) == ["fluorite", "rutile", "pyrite", "columbite"]


def test_order_of_pressures():
    assert outwards([0, 20, 40, 60], None) == [0, 1, 2, 3]
    assert outwards([0, 20, 40, 60], 25.0) == [1, 2, 3, 0]
    assert outwards([0, 20, 40, 60], 99.0) == [3, 2, 1, 0]


@pytest.fixture
def inputs(castep_code):
    """Arguments of `get_builder_from_protocol` that are right."""
    return {
        "engine": "castep",
        "code": castep_code,
        "phases": dft.phases_of(["rutile"]),
        "pressures_gpa": [0, 20],
        "functionals": ["PBE"],
    }


def refusal(inputs: dict, **changed: object) -> str:
    """Return in what words the inputs with these changes are refused; nothing may have been submitted."""
    before = orm.QueryBuilder().append(orm.ProcessNode).count()
    with pytest.raises(ValueError, match=r"\w") as error:
        dft.run(DftScanWorkChain.get_builder_from_protocol(**{**inputs, **changed}))
    assert orm.QueryBuilder().append(orm.ProcessNode).count() == before
    return str(error.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"engine": "vasp"}, "engine 'vasp' is none of castep, lammps, quantum-espresso"),
        ({"functionals": ["PBE", "HSE06"]}, "castep has no functional 'HSE06'; it has LDA, PBE, PBEsol"),
        ({"functionals": []}, "functionals is [], must be one or more names"),
        ({"functionals": ["PBE", "pbe"]}, "functionals is ['PBE', 'PBE'], must be one or more names, each only once"),
        ({"pressures_gpa": [20]}, "pressures is [20.0]: a scan needs at least two, e.g. [0, 20, 40]"),
        ({"pressures_gpa": []}, "pressures is []: a scan needs at least two"),
        ({"pressures_gpa": [0, 2e6]}, "must be numbers in GPa"),
        ({"protocol": "sloppy"}, "protocol 'sloppy' is none of fast, moderate, precise, paper"),
        ({"overrides": {"parameters": {"cutoff": 900}}}, "parameters: castep has no cutoff; it has cell"),
        (
            {"overrides": {"parameters": {"param": {"write_bands": False}}}},
            "parameters: param.write_bands is false, which can't be: the WorkChain of aiida-castep needs them",
        ),
        ({"overrides": {"parameters": {"param": {"WRITE_GEOM": False}}}}, "param.write_geom is false"),
        ({"overrides": {"parameters": {"param": {"task": "phonon"}}}}, "holds task, which the scan sets itself"),
        (
            {"overrides": {"parameters": {"param": {"cut_of_energy": 700}}}},
            "parameters: keyword 'cut_of_energy' is not found (Maybe you wanted to specify one of these: cut",
        ),
        (
            {"overrides": {"parameters": {"cell": {"external_pressure": ["5 0 0", "5 0", "5"]}}}},
            "parameters: cell holds external_pressure, which the scan sets itself",
        ),
        (
            {"overrides": {"parameters": {"pseudos": "my-family"}}},
            "no pseudopotentials from pseudos 'my-family'",
        ),
        (
            {"overrides": {"parameters": {"pseudos": {"Ti": "3|1.8|9|10|11|30U:40:31:32"}}}},
            "no pseudopotential for O: pseudos has Ti",
        ),
        ({"overrides": {"jobs": 0}}, "jobs is 0, must be 1 or more"),
        ({"overrides": {"options": {"resources": {"num_machines": "many"}}}}, "options"),
    ],
)
def test_wrong_inputs_are_refused_in_words(inputs, changed, words):
    assert words in refusal(inputs, **changed)


def test_wrong_phases_are_refused_in_words(inputs):
    names = {"name": ["one", "other"]}
    rutile = dft.phases_of(["rutile"]).to_set()[0]
    for columns, words in (({}, "['', '']"), ({"name": ["a", "a"]}, "['a', 'a']")):
        nameless = StructureSetData.from_set(StructureSet.from_atoms([rutile, rutile], columns))
        assert f"phases: {words} are their names; a scan needs one or more" in refusal(inputs, phases=nameless)
    mixed = StructureSet.from_atoms([rutile, Atoms("TiO", [[0, 0, 0], [2, 0, 0]], cell=[4, 3, 3], pbc=True)], names)
    assert "different compositions: TiO, TiO2" in refusal(inputs, phases=StructureSetData.from_set(mixed))
    close = rutile.copy()
    close.positions[1] = close.positions[0] + [0.2, 0, 0]
    overlapping = StructureSetData.from_set(StructureSet.from_atoms([rutile, close], names))
    assert "phase other: atoms collapsed (shortest distance 0.20 angstrom)" in refusal(inputs, phases=overlapping)


def test_pseudopotential_that_is_missing_is_refused_in_words(inputs):
    builder = DftScanWorkChain.get_builder_from_protocol(**inputs)
    builder.pseudos = {"PBE": {"O": builder.pseudos["PBE"]["O"]}}
    with pytest.raises(ValueError, match="pseudos: no pseudopotential for Ti with PBE"):
        dft.run(builder)


def test_code_for_something_else_is_refused_in_words(inputs, aiida_code_installed):
    code = aiida_code_installed(
        label="pw", default_calc_job_plugin="quantumespresso.pw", filepath_executable="/bin/true"
    )
    assert (
        refusal(inputs, code=code) == "code pw@localhost is for quantumespresso.pw, castep needs one for castep.castep"
    )
    builder = DftScanWorkChain.get_builder_from_protocol(**inputs)
    builder.code = code
    with pytest.raises(ValueError, match="castep needs one for castep"):
        dft.run(builder)


def test_lammps_needs_a_potential_that_knows_the_elements(inputs, relax_code, lennard_jones):
    for_lammps = {**inputs, "engine": "lammps", "code": relax_code}
    assert refusal(for_lammps) == "potential is missing: lammps needs one"
    assert "Ti" in refusal(for_lammps, potential=lennard_jones)
    wrong = {"parameters": {"relaxation": {"tolerance": 1}}}
    assert "tolerance" in refusal(for_lammps, potential=lennard_jones, overrides=wrong)


def test_a_phase_that_breaks_down_keeps_what_it_had(relax_code, matsui_akaogi, monkeypatch):
    """An exception where the points are put together: the scan reads them from the jobs."""

    def broken(**_):
        raise RuntimeError("asked for by the test")

    monkeypatch.setattr("aiida_polymorph.workflows.pressure_chain.collect_points", broken)
    arguments = ("lammps", relax_code, dft.phases_of(["fluorite"]), [0, 20])
    scan = dft.run(DftScanWorkChain.get_builder_from_protocol(*arguments, potential=matsui_akaogi))
    (chain,) = (node for node in scan.called if node.process_label == "PressureChainWorkChain")
    assert chain.is_excepted
    assert scan.is_finished_ok
    points = scan.outputs.points.to_set()
    assert points.columns["converged"].all()
    assert points.columns["reason"].tolist() == ["", ""]


def test_points_that_a_broken_phase_did_not_reach_have_its_reason(relax_code, matsui_akaogi, monkeypatch):
    def broken(self, index):
        if index == 1:
            raise RuntimeError("asked for by the test")
        return self.ctx.start

    monkeypatch.setattr("aiida_polymorph.workflows.pressure_chain.PressureChainWorkChain._start", broken)
    arguments = ("lammps", relax_code, dft.phases_of(["fluorite"]), [0, 20])
    scan = dft.run(DftScanWorkChain.get_builder_from_protocol(*arguments, potential=matsui_akaogi))
    points = scan.outputs.points.to_set()
    assert points.columns["converged"].tolist() == [True, False]
    assert "asked for by the test" in points.columns["reason"][1]
