"""AiiDA's instructions of an outline, which it types for steps of WorkChain itself, for those of any WorkChain."""

from __future__ import annotations

from typing import Any

from aiida import engine

if_: Any = engine.if_
while_: Any = engine.while_
