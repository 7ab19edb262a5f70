"""Results of costly functions, remembered within a process."""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def remember(maxsize: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that gives the earlier result where a pure function is called with equal arguments.

    Unlike `functools.lru_cache` it takes arguments that hold arrays. Results are shared: they must not be changed.

    Args:
        maxsize: so many results are kept, those that were used last.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        known: OrderedDict[bytes, R] = OrderedDict()

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            key = hashlib.sha256(pickle.dumps((args, sorted(kwargs.items())))).digest()
            if key not in known:
                known[key] = function(*args, **kwargs)
                if len(known) > maxsize:
                    known.popitem(last=False)
            known.move_to_end(key)
            return known[key]

        return call

    return decorate
