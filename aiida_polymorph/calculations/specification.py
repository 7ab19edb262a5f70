"""The type of what `define` of a process is given."""

from __future__ import annotations

from typing import Any, TypeAlias

Spec: TypeAlias = Any
"""A ProcessSpec, CalcJobProcessSpec or WorkChainSpec.

AiiDA's classes narrow the argument of `define` in ways that no type can satisfy at once, ports that are made at run
time can't be told apart by type, and the steps of an outline are typed as functions of WorkChain itself.
"""
