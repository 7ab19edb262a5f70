"""What import-linter, which `make lint` runs, can't see: imports at run time, and how much is loaded for a command."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import aiida_polymorph
from aiida_polymorph.cli.root import COMMANDS

PACKAGE = Path(aiida_polymorph.__file__).parent
BELOW_THE_LINE = (
    "report",
    "local",
    "relaxation",
    "relaxation.driver",
    "landscape",
    "thermodynamics",
    "search",
    "lammps",
    "formats",
    "references",
    "potentials",
    "structures",
    "symmetry",
    "potential",
    "protocol_files",
    "machine",
    "parallel",
    "plain",
    "remember",
    "science_version",
    "text_tables",
    "units",
)
DRIVER_MAY_IMPORT = {"numpy", "lammps", "ase", *sys.stdlib_module_names}
SLOW = ("yaml", "numpy", "jinja2", "dscribe", "sklearn", "matplotlib", "scipy", "pyxtal", "aiida")


def imported(path: Path) -> set[str]:
    """All absolute names that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
    return names


def python(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_driver_is_where_it_is_looked_for() -> None:
    assert (PACKAGE / "relaxation" / "driver" / "worker.py").is_file()


@pytest.mark.parametrize("path", sorted((PACKAGE / "relaxation" / "driver").glob("*.py")), ids=lambda path: path.name)
def test_the_driver_imports_numpy_and_an_engine_only(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(path)} <= DRIVER_MAY_IMPORT
    depth = [n.level for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
    assert max(depth, default=0) <= 1, "relative imports from outside the folder, which travels alone"


@pytest.mark.parametrize("room", BELOW_THE_LINE)
def test_each_module_below_the_line_works_without_aiida(room: str) -> None:
    """All modules of a room in one Python: nothing is imported lazily at the top of a module."""
    folder = PACKAGE / room.replace(".", "/")
    paths = folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]
    names = [".".join(("aiida_polymorph", *path.relative_to(PACKAGE).with_suffix("").parts)) for path in paths]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    assert names
    python(
        f"import sys; from importlib import import_module; sys.modules['aiida'] = None; [*map(import_module, {names})]"
    )


def test_the_table_of_rooms_is_that_of_the_contract() -> None:
    """A new room must say on which side of the line it stands."""
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    below = next(each for each in settings if each["name"].startswith("Below the line"))["source_modules"]
    assert {name.removeprefix("aiida_polymorph.") for name in below} == {
        each for each in BELOW_THE_LINE if "." not in each
    }
    floors = [room for floor in settings[0]["layers"] for room in floor.split(" | ")]
    assert set(floors[floors.index("report") :]) == {each for each in BELOW_THE_LINE if "." not in each}


def test_the_landscape_is_light() -> None:
    loaded = python("import sys, aiida_polymorph.landscape; print(*sys.modules)").split()
    assert not set(loaded) & set(SLOW)


def test_help_of_all_commands_loads_nothing_slow() -> None:
    calls = [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)]
    code = (
        "import sys\nfrom aiida_polymorph.cli import main\n"
        f"for args in {calls!r}:\n    main(args, standalone_mode=False)\n"
        f"    print('SLOW', args[0], *(set(sys.modules) & set({SLOW!r})))"
    )
    loaded = [line.split() for line in python(code).splitlines() if line.startswith("SLOW")]
    assert loaded == [["SLOW", args[0]] for args in calls]


def test_help_makes_no_aiida_folder(tmp_path: Path) -> None:
    set_path = f"import os; os.environ['AIIDA_PATH'] = {str(tmp_path)!r}"
    python(f"{set_path}\nfrom aiida_polymorph.cli import main\nmain(['--help'])")
    assert not list(tmp_path.iterdir())


PLUGINS = ("aiida_castep", "aiida_pseudo", "aiida_quantumespresso")


@pytest.mark.parametrize(
    "module", ["cli", "engines.castep", "engines.quantum_espresso", "engines.lammps", "workflows.dft_scan"]
)
def test_a_missing_plugin_of_a_dft_code_concerns_nobody_who_does_not_call_it(module: str, tmp_path: Path) -> None:
    blocked = (
        f"import os, sys; os.environ['AIIDA_PATH'] = {str(tmp_path)!r}; sys.modules.update(dict.fromkeys({PLUGINS}))"
    )
    python(f"{blocked}; import aiida_polymorph.{module}")


@pytest.mark.parametrize("engine", ["castep", "quantum-espresso"])
def test_an_engine_without_its_plugin_says_what_is_missing(engine: str, tmp_path: Path) -> None:
    code = (
        f"import os, sys\nos.environ['AIIDA_PATH'] = {str(tmp_path)!r}\nsys.modules.update(dict.fromkeys({PLUGINS}))\n"
        "from aiida_polymorph.engines import load_engine\n"
        f"try:\n    load_engine({engine!r})\nexcept ValueError as error:\n    print('REFUSED', error)"
    )
    assert re.search(rf"REFUSED engine '{engine}' needs .*aiida-", python(code))
