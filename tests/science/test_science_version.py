"""Which code counts for a number: all below it, and no comment."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import package
import pytest

from aiida_polymorph.science_version.reach import Library, ScienceVersion, _find, installed
from aiida_polymorph.science_version.sources import Sources

JOBS = package.plugins("aiida.calculations") + package.plugins("aiida.parsers")
WORKCHAINS = package.plugins("aiida.workflows")
TARGETS = [*package.calcfunctions(), *JOBS, *WORKCHAINS]
ENGINES = package.plugins("aiida_polymorph.engines")


def version(name: package.Name, replaced: dict[str, str] | None = None) -> ScienceVersion:
    library = Library(Sources(replaced=replaced)) if replaced else installed()
    return _find(library, *name)


def label(name: package.Name) -> str:
    return ".".join(name).removeprefix("aiida_polymorph.")


def test_there_is_something_to_test() -> None:
    assert len(package.calcfunctions()) > 25
    assert len(JOBS) >= 5
    assert sum(package.farthest_below(name) != name for name in TARGETS) > len(TARGETS) - 5


@pytest.mark.parametrize("name", TARGETS, ids=label)
def test_a_change_below_makes_another_version(name: package.Name) -> None:
    assert version(name, package.changed(package.farthest_below(name))).digest != version(name).digest


@pytest.mark.parametrize("name", TARGETS, ids=label)
def test_a_change_of_what_it_calls_itself_makes_another_version(name: package.Name) -> None:
    for each in (name, *package.called_by(name)[:1]):
        assert version(name, package.changed(each)).digest != version(name).digest


def test_comments_docstrings_and_formatting_make_no_other_version() -> None:
    replaced: dict[str, str] = {}
    for module in package.modules():
        replaced |= package.reworded(module)
    assert all(replaced[module] != package.file_of(module).read_text() for module in replaced)
    library = Library(Sources(replaced=replaced))
    for name in TARGETS:
        assert _find(library, *name).digest == version(name).digest, label(name)


@pytest.mark.parametrize("path", sorted((package.PACKAGE / "relaxation" / "driver").glob("*.py")), ids=lambda p: p.name)
def test_what_travels_with_a_relaxation_counts_for_it(path: Path) -> None:
    module = f"aiida_polymorph.relaxation.driver.{path.stem}".removesuffix(".__init__")
    name = ("aiida_polymorph.calculations.relax_set", "RelaxSetCalculation")
    assert version(name, {module: f"{path.read_text()}\nOTHER = 1\n"}).digest != version(name).digest


@pytest.mark.parametrize("name", JOBS, ids=label)
def test_a_job_counts_with_its_parser(name: package.Name) -> None:
    parser = (name[0].replace(".calculations.", ".parsers."), name[1].replace("Calculation", "Parser"))
    assert version(name, package.changed(parser)).digest != version(name).digest


@pytest.mark.parametrize("engine", ENGINES, ids=label)
def test_engines_count_though_they_are_found_by_name(engine: package.Name) -> None:
    for name in (
        ("aiida_polymorph.engines.functions", "collect_points"),
        ("aiida_polymorph.workflows.dft_scan", "DftScanWorkChain"),
    ):
        assert version(name, package.changed(engine)).digest != version(name).digest


def test_code_that_nothing_reaches_does_not_count() -> None:
    unrelated = [m for m in package.modules() if m.split(".")[1:2] in (["cli"], ["report"], ["results"])]
    for name in (*package.calcfunctions(), *JOBS):
        assert not set(version(name).modules) & set(unrelated), label(name)


def test_another_function_of_the_same_module_does_not_count() -> None:
    module = "aiida_polymorph.relaxation.statistics"
    other = f"{package.file_of(module).read_text()}\n\ndef another() -> int:\n    return 1\n"
    name = ("aiida_polymorph.parsers.relax_set", "RelaxSetParser")
    assert module in version(name).modules
    assert version(name, {module: other}).digest == version(name).digest


def test_the_listing_is_python_and_begins_with_what_was_asked_for() -> None:
    name = ("aiida_polymorph.calculations.functions.structures", "extract_structure")
    found = version(name)
    ast.parse(found.listing)
    lines = found.listing.splitlines()[found.starting_line - 1 :][: found.lines]
    assert lines[0] == "@calcfunction"
    assert lines[1].startswith("def extract_structure(")


def test_each_module_is_parsed_once_for_all_versions() -> None:
    code = (
        "from aiida_polymorph.science_version.modules import read_module\n"
        "from aiida_polymorph.science_version.reach import _of_installed\n"
        f"for name in {TARGETS!r}: _of_installed(*name)\nprint(read_module.cache_info().misses)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(result.stdout) <= len(package.modules())


# The rules, on a small package.

PLAIN = {
    "__init__": "",
    "entry": "from aiida_polymorph.below import area\n\ndef number(x):\n    return area(x)\n",
    "below": "PI = 3.14\n\ndef area(x):\n    return PI * x\n\ndef unused():\n    return 1\n",
}


def small(tmp_path: Path, files: dict[str, str], name: str = "number") -> str:
    """Return the digest of a function of `entry` in a package of these files."""
    root = tmp_path / "aiida_polymorph"
    for module, text in {**PLAIN, **files}.items():
        path = root.joinpath(*module.split("/")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return _find(Library(Sources(root)), "aiida_polymorph.entry", name).digest


CHANGES = {
    "a constant": ({}, {"below": PLAIN["below"].replace("3.14", "3.15")}),
    "a lazy import": (
        {"entry": "def number(x):\n    from aiida_polymorph.below import area\n    return area(x)\n"},
        {"below": PLAIN["below"].replace("PI * x", "PI + x")},
    ),
    "a relative import": (
        {"entry": "from .below import area as f\n\ndef number(x):\n    return f(x)\n"},
        {"below": PLAIN["below"].replace("PI * x", "PI + x")},
    ),
    "an attribute of a module": (
        {"entry": "from aiida_polymorph import below\n\ndef number(x):\n    return below.area(x)\n"},
        {"below": PLAIN["below"].replace("PI * x", "PI + x")},
    ),
    "a module by its full name": (
        {"entry": "import aiida_polymorph.below\n\ndef number(x):\n    return aiida_polymorph.below.area(x)\n"},
        {"below": PLAIN["below"].replace("PI * x", "PI + x")},
    ),
    "a module as an object": (
        {"entry": "from aiida_polymorph import below\n\ndef number(x):\n    return getattr(below, x)\n"},
        {"below": PLAIN["below"].replace("return 1", "return 2")},
    ),
    "a name that is passed on": (
        {
            "entry": "from aiida_polymorph.rooms import area\n\ndef number(x):\n    return area(x)\n",
            "rooms/__init__": "from aiida_polymorph.below import area\n",
        },
        {"below": PLAIN["below"].replace("PI * x", "PI + x")},
    ),
    "which function an import binds": (
        {"entry": "from math import sin as f\n\ndef number(x):\n    return f(x)\n"},
        {"entry": "from math import cos as f\n\ndef number(x):\n    return f(x)\n"},
    ),
    "a method of a class that is only in an annotation": (
        {
            "entry": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
            "    from aiida_polymorph.kinds import Kind\n\ndef number(x: 'Kind | None'):\n    return x.twice()\n",
            "kinds": "class Kind:\n    def twice(self):\n        return 2\n",
        },
        {"kinds": "class Kind:\n    def twice(self):\n        return 3\n"},
    ),
    "a base class": (
        {
            "entry": "from aiida_polymorph.kinds import Kind\n\ndef number(x):\n    return Kind().twice()\n",
            "kinds": "class Base:\n    def twice(self):\n        return 2\n\nclass Kind(Base):\n    pass\n",
        },
        {"kinds": "class Base:\n    def twice(self):\n        return 3\n\nclass Kind(Base):\n    pass\n"},
    ),
    "what registers itself in a module that is only loaded": (
        {
            "entry": "from aiida_polymorph.rooms import KINDS\n\ndef number(x):\n    return KINDS[x]()\n",
            "rooms/__init__": "from aiida_polymorph.rooms import one\nfrom aiida_polymorph.registry import KINDS\n",
            "registry": "KINDS = {}\n\ndef register(f):\n    KINDS[f.__name__] = f\n    return f\n",
            "rooms/one": "from aiida_polymorph.registry import register\n\n@register\ndef one():\n    return 1\n",
        },
        {"rooms/one": "from aiida_polymorph.registry import register\n\n@register\ndef one():\n    return 2\n"},
    ),
    "an item that a module puts somewhere": (
        {
            "entry": "from aiida_polymorph.rooms import KINDS\n\ndef number(x):\n    return KINDS[x]\n",
            "rooms/__init__": "from aiida_polymorph.registry import KINDS\nfrom aiida_polymorph.rooms import one\n",
            "registry": "KINDS = {}\n",
            "rooms/one": "from aiida_polymorph.registry import KINDS\n\nKINDS['one'] = 1\n",
        },
        {"rooms/one": "from aiida_polymorph.registry import KINDS\n\nKINDS['one'] = 2\n"},
    ),
    "modules that are loaded by a name": (
        {
            "entry": "from importlib import import_module\n\ndef number(x):\n"
            "    return import_module(f'aiida_polymorph.rooms.{x}').one()\n",
            "rooms/__init__": "",
            "rooms/one": "def one():\n    return 1\n",
        },
        {"rooms/one": "def one():\n    return 2\n"},
    ),
    "files of a package that are copied": (
        {
            "entry": "from aiida_polymorph import rooms\n\ndef number(x):\n    return open(rooms.__file__)\n",
            "rooms/__init__": "",
            "rooms/one": "def one():\n    return 1\n",
        },
        {"rooms/one": "def one():\n    return 2\n"},
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_this_counts(tmp_path: Path, what: str) -> None:
    before, after = CHANGES[what]
    assert small(tmp_path, before) != small(tmp_path, {**before, **after})
    assert small(tmp_path, before) == small(tmp_path, before)


def test_the_code_of_an_engine_from_another_package_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `docs/development.md` writes one: found through the group of entry points that `load_engine` looks in."""
    entry = "from importlib.metadata import entry_points\n\ndef number(x):\n"
    entry += "    return entry_points(group='aiida_polymorph.engines')[x].load()().read()\n"
    engine = tmp_path / "other_scan" / "engine.py"
    engine.parent.mkdir()
    (engine.parent / "__init__.py").touch()
    engine.write_text("class Engine:\n    def read(self):\n        return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = {"aiida_polymorph.engines": {"other": ["other_scan.engine:Engine"]}}
    monkeypatch.setattr("aiida_polymorph.science_version.reach.plugins", lambda: found)
    monkeypatch.setattr(
        "aiida_polymorph.science_version.library.followed", lambda: frozenset({"aiida_polymorph", "other_scan"})
    )
    before = small(tmp_path, {"entry": entry})
    assert small(tmp_path, {"entry": entry}) == before
    engine.write_text(engine.read_text().replace("return 1", "return 2"))
    assert small(tmp_path, {"entry": entry}) != before


NO_CHANGES = {
    "another function of the same module": {"below": PLAIN["below"].replace("return 1", "return 2")},
    "a new function beside it": {"entry": f"{PLAIN['entry']}\ndef third():\n    return 3\n"},
    "comments and blank lines": {
        "below": f"# New.\n\n\n{PLAIN['below']}".replace("PI * x", "(PI\n            * x)  # !")
    },
    "a docstring of a function": {"below": PLAIN["below"].replace("    return PI", '    """Area."""\n    return PI')},
    "a docstring of a constant": {"below": PLAIN["below"].replace("3.14\n", '3.14\n"""Pi."""\n')},
}


@pytest.mark.parametrize("what", NO_CHANGES)
def test_this_does_not_count(tmp_path: Path, what: str) -> None:
    assert small(tmp_path, {}) == small(tmp_path, NO_CHANGES[what])


def test_help_of_an_input_does_not_count_but_its_default_does(tmp_path: Path) -> None:
    text = (
        "def number(spec):\n    spec.input('x', default=1, help='A number.')\n    spec.inputs['x'].help = 'A number.'\n"
    )
    before = small(tmp_path, {"entry": text})
    assert small(tmp_path, {"entry": text.replace("A number", "Any number")}) == before
    assert small(tmp_path, {"entry": text.replace("default=1", "default=2")}) != before


# Constructs that the rules can't see through.

UNSEEN = [
    "__init_subclass__",
    "__subclasses__",
    "globals",
    "exec",
    "eval",
    "__import__",
    "iter_modules",
    "walk_packages",
]
MAKE_NO_NUMBERS = (["cli"], ["science_version"])
MAY_LOAD_BY_NAME = {
    "aiida_polymorph.relaxation.driver.ase_calculator": "calculators of other packages",
}


@pytest.mark.parametrize("module", package.modules())
def test_the_package_has_nothing_that_the_rules_do_not_see(module: str) -> None:
    """Write it in another way, or teach `science_version` to see it, with a line in CHANGES above."""
    if module.split(".")[1:2] in MAKE_NO_NUMBERS:
        return
    for node in ast.walk(package.tree_of(module)):
        name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "name", None)
        assert name not in UNSEEN, f"{module}: {name}"
        assert not (isinstance(node, ast.keyword) and node.arg == "metaclass"), f"{module}: a metaclass"
        if isinstance(node, ast.ImportFrom):
            assert "*" not in [each.name for each in node.names], f"{module}: import *"
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            by_constant = isinstance(node.args[0], ast.Constant)
            assert by_constant or module in MAY_LOAD_BY_NAME, f"{module}: {ast.unparse(node)}"


def test_every_calcfunction_goes_through_our_decorator() -> None:
    for module in package.modules():
        if module == "aiida_polymorph.versioned":
            continue
        for node in ast.walk(package.tree_of(module)):
            if isinstance(node, ast.ImportFrom) and "calcfunction" in [each.name for each in node.names]:
                assert node.module == "aiida_polymorph.versioned", f"{module} takes AiiDA's calcfunction"
            assert not (isinstance(node, ast.Attribute) and node.attr == "calcfunction"), (
                f"{module}: engine.calcfunction"
            )
