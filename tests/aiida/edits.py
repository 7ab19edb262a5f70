"""Other texts of the package's modules, without touching its files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import aiida_polymorph

PACKAGE = Path(aiida_polymorph.__file__).parent
Edit = Callable[[str], str]


def text_of(module: str) -> str:
    return PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py").read_text()


def in_a_function(name: str) -> Edit:
    """Return an edit that makes a function do something else."""
    return lambda text: re.sub(rf"(\n( *)def {name}\((?:.|\n)*?:\n(?= *\S))", r"\1\2    other = 1\n", text, count=1)


def a_comment(text: str) -> str:
    return f"# A comment.\n{text}"


def other_words(text: str) -> str:
    return text.replace('"""', '"""In other words: ', 1)
