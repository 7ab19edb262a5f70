"""The rule for steps of WorkChains: all is started through `run_once` and `submit_once`, under a label of its own.

Replays (test_replay.py) show that a step keeps it; this reads the code, so that a new step can't forget it.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from aiida.engine import WorkChain

import aiida_polymorph

ROOMS = ("aiida_polymorph.workflows.", "aiida_polymorph.engines.")
"""Where code is that steps run, beside the modules that hold WorkChains."""

HOME = "aiida_polymorph.workflows.children"
"""Where the rule is carried out."""

FORBIDDEN = {  # methods of any object, and functions of aiida.engine
    "submit": "submit_once(self, label, process, ...) instead",
    "store": "a node that is made in a step comes from a calcfunction",
    "store_all": "a node that is made in a step comes from a calcfunction",
    "run": "run_once or submit_once instead",
    "run_get_node": "run_once or submit_once instead",
    "run_get_pk": "run_once or submit_once instead",
}
STARTERS = ("run_once", "submit_once")


def modules() -> list[str]:
    """Return the modules whose code may run within a step."""
    found = [each.name for each in pkgutil.walk_packages(aiida_polymorph.__path__, "aiida_polymorph.")]
    return [name for name in found if name != HOME and (name.startswith(ROOMS) or holds_workchain(name))]


def holds_workchain(name: str) -> bool:
    path = Path(aiida_polymorph.__file__).parent.joinpath(*name.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if "WorkChain" not in file.read_text():
        return False
    module = importlib.import_module(name)
    return any(
        isinstance(each, type) and issubclass(each, WorkChain) and each.__module__ == name
        for each in vars(module).values()
    )


def breaches(tree: ast.Module, module: ModuleType) -> list[str]:
    """Return where code starts something by itself, or gives a label to two calls."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    wrong = [f"line {call.lineno}: {problem}" for call in calls if (problem := problem_of(call, module))]
    labels = Counter(label for label in labels_of(tree) if label is not None)
    return wrong + [f"label {label} has {n} calls" for label, n in labels.items() if n > 1]


def problem_of(call: ast.Call, module: ModuleType) -> str | None:
    """Return what is wrong with a call, None if nothing."""
    name = ast.unparse(call.func)
    if getattr(resolved(call.func, module), "is_process_function", False):
        return f"{name}(...): run_once(self, label, {name}, ...) instead"
    if isinstance(call.func, ast.Attribute) and call.func.attr in FORBIDDEN and not name.startswith("subprocess."):
        return f"{name}(...): {FORBIDDEN[call.func.attr]}"
    if isinstance(call.func, ast.Name) and call.func.id in FORBIDDEN and engine_has(call.func.id, module):
        return f"{name}(...): {FORBIDDEN[call.func.id]}"
    return None


def engine_has(name: str, module: ModuleType) -> bool:
    return getattr(vars(module).get(name), "__module__", "").startswith("aiida.engine")


def resolved(node: ast.expr, module: ModuleType) -> object:
    """Return what a name, with or without dots, stands for in a module, None if it can't be told."""
    if isinstance(node, ast.Name):
        return vars(module).get(node.id)
    if isinstance(node, ast.Attribute):
        owner = resolved(node.value, module)
        return None if owner is None else getattr(owner, node.attr, None)
    return None


def labels_of(tree: ast.Module) -> Iterator[str | None]:
    """Give the label of each call that starts something, as it is written; None where it comes from elsewhere."""
    labels: dict[ast.Call, str | None] = {}
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            nodes = list(ast.walk(function))
            assigned = {
                name.id: each.value for each in nodes if isinstance(each, ast.Assign) for name in names_in(each)
            }
            for call in nodes:
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in STARTERS:
                    label = call.args[1]
                    label = assigned.get(label.id, label) if isinstance(label, ast.Name) else label
                    labels[call] = ast.unparse(label) if isinstance(label, ast.Constant | ast.JoinedStr) else None
    yield from labels.values()


def names_in(assignment: ast.Assign) -> list[ast.Name]:
    return [target for target in assignment.targets if isinstance(target, ast.Name)]


@pytest.mark.parametrize("name", modules())
def test_steps_start_nothing_by_themselves(name):
    module = importlib.import_module(name)
    assert breaches(ast.parse(Path(module.__file__).read_text()), module) == []


CASES = [
    ("draw(self.inputs.set)", "run_once(self, label, draw, ...)"),
    ("structures.extract_structure(self.inputs.set)", "run_once(self, label, structures.extract_structure, ...)"),
    ("self.submit(Child)", "submit_once"),
    ("self.runner.submit(Child)", "submit_once"),
    ("run_get_node(Child)", "submit_once"),
    ("orm.Dict({}).store()", "calcfunction"),
    ("[run_once(self, 'a', draw), run_once(self, 'a', draw)]", "label 'a' has 2 calls"),
    ("[run_once(self, f'a_{i}', draw), submit_once(self, f'a_{i}', Child)]", "has 2 calls"),
    ("run_once(self, 'a', draw)", None),
    ("[run_once(self, f'a_{i}', draw) for i in range(3)]", None),
]


@pytest.mark.parametrize(("code", "words"), CASES)
def test_breaches_are_seen(code, words):
    from aiida.engine import run_get_node

    from aiida_polymorph.calculations.functions import structures

    module = ModuleType("step")
    vars(module).update(structures=structures, draw=structures.extract_structure, run_get_node=run_get_node)
    found = breaches(ast.parse(f"def step(self):\n    return {code}"), module)
    assert (words in " ".join(found)) if words else found == []


def test_the_rule_covers_the_workchains():
    assert {"aiida_polymorph.workflows.search", "aiida_polymorph.engines.lammps"} <= set(modules())
