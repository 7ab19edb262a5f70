"""One plan, two runners: plain Python and the WorkChains come to the same numbers, method by method."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import asdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.engine import run_get_node
from ase.build import bulk
from click.testing import CliRunner
from scipy.optimize import minimize_scalar

from aiida_polymorph.cli import main
from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.local.free_energy import phase_of
from aiida_polymorph.local.runner import LocalRunner
from aiida_polymorph.potential import Potential
from aiida_polymorph.thermodynamics.free_energy.registry import (
    FreeEnergyPlan,
    anchor_names,
    checked_parameters,
    method_names,
)
from aiida_polymorph.thermodynamics.surfaces.integration_plan import ISOBARS, IntegrationPlan, Wanted
from aiida_polymorph.units import GPA, KB
from aiida_polymorph.workflows.free_energy import free_energy_process
from aiida_polymorph.workflows.integrate import IntegrateWorkChain

pytestmark = pytest.mark.long

ARGON = Potential.from_dict(
    {
        "name": "argon",
        "backend": "lammps",
        "species": ["Ar"],
        "units": "metal",
        "commands": ["pair_style lj/cut 5.0", "pair_modify shift yes", "pair_coeff 1 1 0.0104 3.405"],
    }
)
FCC = bulk("Ar", "fcc", a=5.25)
BRIEF = {
    "target_atoms": 32,
    "target_error": 1e-3,
    "max_steps": 8000,
    "equilibrate": {"equilibration_steps": 100, "npt_steps": 200, "nvt_steps": 100, "timestep_fs": 5.0},
}
DYNAMICS = {"dynamics": {"equilibration_steps": 40, "timestep_fs": 5.0, "damping_fs": 200.0}}


@pytest.fixture
def compare(code, tmp_path):
    """Return a function that computes a free energy in both ways, checks that they are the same, and returns it."""

    def both(method, atoms=FCC, temperature=10.0, pressure=0.5, **parameters):
        entries = {"temperature": temperature, "pressure_gpa": pressure, "method": method, **BRIEF} | parameters
        runner = Counting(tmp_path, ARGON)
        here = FreeEnergyPlan(phase_of(atoms, ARGON), checked_parameters(entries)).follow(runner)
        inputs = {"structure": orm.StructureData(ase=atoms), "potential": PotentialData.from_potential(ARGON)}
        outputs, node = run_get_node(
            free_energy_process(method), code=code, parameters=orm.Dict(entries), name="fcc argon", **inputs
        )
        stored = outputs["free_energy"]
        assert_same(stored.to_free_energy(), here.energy)
        assert stored.value("became") == here.became
        assert_knows_its_phase(stored)
        assert set(stored.get_arraynames()) == set(here.curve)
        for name, values in here.curve.items():
            np.testing.assert_allclose(stored.get_array(name), values, rtol=1e-9, atol=1e-12)
        assert set(runner.labels) == steps_of(node)
        return here.energy, runner.labels, node

    return both


class Counting(LocalRunner):
    """Keeps the labels of what it ran."""

    def __init__(self, folder: Path, potential: Potential) -> None:
        super().__init__(folder, potential)
        object.__setattr__(self, "labels", [])

    def run(self, task):
        self.labels.append(task.label)
        return super().run(task)


def steps_of(node):
    """Labels of the jobs that a process ran."""
    links = node.base.links.get_outgoing(node_class=orm.WorkChainNode).all()
    return {link.link_label for link in links}


def assert_knows_its_phase(node):
    attributes = [node.value(name) for name in ("phase", "composition", "potential")]
    assert attributes == ["fcc argon", "Ar", "argon"]


def assert_same(one, other):
    """All that a free energy holds is equal, numbers to the rounding of storage."""
    for name, value in asdict(other).items():
        found = asdict(one)[name]
        if name in ("terms", "checks"):
            assert set(found) == set(value)
            for key in value:
                np.testing.assert_allclose(found[key], value[key], rtol=1e-9, atol=1e-12, err_msg=f"{name} {key}")
        elif isinstance(value, str):
            assert found == value, name
        elif name == "remarks":
            assert tuple(found) == tuple(value)
        else:
            np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("method", anchor_names())
def test_methods_with_dynamics(compare, method):
    found, labels, node = compare(method, **DYNAMICS, target_error=3e-6)
    assert found.reason == ""
    assert np.isfinite(found.gibbs_energy)
    assert {"minimise", "equilibrate", "minimise_in_mean_cell", "phonons"} < set(labels)
    assert len([label for label in labels if label.startswith(("springs", "switching"))]) > 1
    assert node.outputs.crystal.get_ase().get_chemical_formula() == "Ar32"


def test_cells_are_added_where_the_minimum_lies_outside(compare):
    """At 600 K the thermal pressure of argon is larger than what the grid is laid out for."""
    found, labels, node = compare("harmonic", temperature=600.0, pressure=4.0)
    assert node.is_finished_ok
    assert found.reason == ""
    assert {"minimise_06", "phonons_06", "minimise_07", "phonons_07"} <= set(labels)
    assert np.isfinite(found.gibbs_energy)


LOST = {None: "transformed: .*; now an unknown phase, Fm-3m", "harmonic": "share of imaginary phonons .*; no cell at"}
"""What the reason says, by method."""


@pytest.mark.parametrize("method", method_names())
def test_a_phase_that_is_not_metastable(compare, method):
    found, _, node = compare(method, bulk("Ar", "sc", a=3.6))
    assert re.search(LOST.get(method, LOST[None]), found.reason)
    assert found.reason in node.exit_message
    assert node.exit_status == 410


@pytest.mark.parametrize("isobars", ISOBARS)
def test_integration(code, tmp_path, isobars):
    given = {"temperature_step": 10.0, "pressure_step": 0.5, "path_error": 1e-3, "sweep_steps": 1000}
    temperatures, pressures, parameters = [10.0, 20.0], [0.5, 0.7], {**BRIEF, **DYNAMICS}
    wanted = Wanted(tuple(temperatures), tuple(pressures), isobars=isobars, **given)
    here = IntegrationPlan(phase_of(FCC, ARGON), parameters, wanted).follow(LocalRunner(tmp_path, ARGON))
    inputs = {"structure": orm.StructureData(ase=FCC), "potential": PotentialData.from_potential(ARGON)}
    outputs, node = run_get_node(
        IntegrateWorkChain,
        code=code,
        parameters=parameters,
        temperatures=temperatures,
        pressures=pressures,
        isobars=isobars,
        at_once=2,
        name="fcc argon",
        **inputs,
        **given,
    )
    assert node.is_finished_ok, node.exit_message
    stored = outputs["gibbs_energies"]
    assert_knows_its_phase(stored)
    assert len(stored.points) == len(here.points) == 4
    for point, expected in zip(stored.points, here.points, strict=True):
        assert (point["temperature_k"], point["pressure_gpa"]) == (expected.temperature, expected.pressure_gpa)
        assert point["reason"] == expected.reason == ""
        numbers = {"gibbs_energy": expected.value.value, "error": expected.value.error, "volume": expected.volume.value}
        if expected.gap is not None:
            numbers |= {"gap": expected.gap.value, "gap_error": expected.gap.error}
        for name, value in numbers.items():
            assert point[name] == pytest.approx(value, rel=1e-9, abs=1e-10), name
    assert any(each.gap is not None for each in here.points)


# --- a method that another package brings ----------------------------------------------------------------------------


@pytest.fixture
def documented_method(tmp_path, monkeypatch):
    """The method of the page on development, installed as its text says."""
    page = (Path(__file__).parents[2] / "docs" / "development.md").read_text()
    text = page.split("## How to add a free-energy method")[1].split("\n## ")[0]
    blocks = dict(re.findall(r"^```(python|toml)\n(.*?)^```$", text, re.M | re.S))
    (group, points) = next(iter(tomllib.loads(blocks["toml"])["project"]["entry-points"].items()))
    entries = "".join(f"{name} = {place}\n" for name, place in points.items())
    files = {
        "einstein_crystal/__init__.py": "",
        "einstein_crystal/method.py": blocks["python"],
        "einstein_crystal-0.1.dist-info/METADATA": "Metadata-Version: 2.1\nName: einstein-crystal\nVersion: 0.1\n",
        "einstein_crystal-0.1.dist-info/entry_points.txt": f"[{group}]\n{entries}",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))


def einstein_argon(temperature: float, pressure_gpa: float) -> float:
    """Gibbs energy of an fcc crystal of Lennard-Jones atoms, each alone in the cage of the others, eV per atom.

    Sums over the neighbours within the cutoff, at the lattice constant of lowest enthalpy; the stiffness of a site of
    cubic symmetry is a third of the Laplacian of the energy.
    """
    epsilon, sigma, cutoff = 0.0104, 3.405, 5.0
    indices = np.array(list(product(range(-3, 4), repeat=3)))
    sites = indices[(indices.sum(axis=1) % 2 == 0) & indices.any(axis=1)] / 2

    def pairs(a):
        distances = a * np.linalg.norm(sites, axis=1)
        return distances[distances < cutoff]

    def potential(r):
        return 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)

    def enthalpy(a):
        energy = np.sum(potential(pairs(a)) - potential(cutoff)) / 2
        return energy + pressure_gpa * GPA * a**3 / 4

    a = minimize_scalar(enthalpy, bounds=(5.0, 5.4), method="bounded", options={"xatol": 1e-10}).x
    r = pairs(a)
    laplacian = 4 * epsilon * (132 * (sigma / r) ** 12 - 30 * (sigma / r) ** 6) / r**2
    stiffness = laplacian.sum() / 3
    return enthalpy(a) - 1.5 * KB * temperature * np.log(2 * np.pi * KB * temperature / stiffness)


def test_the_method_of_the_documentation_works(documented_method, compare):
    assert method_names() == ["equilibrium", "switching", "harmonic", "einstein"]
    found, labels, _ = compare("einstein", dynamics={})
    assert labels == ["minimise", "cages"]
    assert (found.method, found.steps, found.reason) == ("einstein", 96, "")
    assert found.gibbs_energy == pytest.approx(einstein_argon(10.0, 0.5), abs=2e-6)


def test_the_command_takes_the_method_of_the_documentation(documented_method, code, tmp_path, monkeypatch):
    monkeypatch.setattr("aiida_polymorph.cli.processes.SECONDS_BETWEEN_LOOKS", 0.05)
    (tmp_path / "argon.yaml").write_text(yaml.safe_dump(ARGON.to_dict()))
    FCC.write(tmp_path / "fcc.extxyz")
    arguments = [str(tmp_path / "fcc.extxyz"), "--potential", str(tmp_path / "argon.yaml"), "--code", code.full_label]
    point = ["--temperature", "10", "--pressure", "0.5", "--atoms", "32"]
    result = CliRunner().invoke(main, ["free-energy", *arguments, *point, "--method", "einstein", "--json"])
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)
    assert (row["method"], row["atoms"]) == ("einstein", 32)
    assert row["gibbs_energy_ev_per_formula_unit"] == pytest.approx(einstein_argon(10.0, 0.5), abs=2e-6)
    unknown = CliRunner().invoke(main, ["free-energy", *arguments, *point, "--method", "debye"])
    assert "there are equilibrium, switching, harmonic, einstein" in unknown.output
