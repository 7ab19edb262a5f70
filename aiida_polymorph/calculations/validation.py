"""What validators of inputs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def problem_of(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str | None:
    """Return the message of the ValueError or TypeError that a call raises, None if it raises none."""
    try:
        function(*args, **kwargs)
    except (TypeError, ValueError) as error:
        return str(error)
    return None
