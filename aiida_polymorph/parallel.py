"""Work spread over processes of this machine."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_all_start_methods, get_context
from typing import Any


@contextmanager
def worker_map(number: int) -> Iterator[Callable[..., Iterator[Any]]]:
    """Give a `map` that spreads over processes, forked where that is possible: some libraries take seconds to import.

    Args:
        number: of processes; 1 or less maps in this one.
    """
    if number <= 1:
        yield map
        return
    method = "fork" if "fork" in get_all_start_methods() else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process.*multi-threaded", DeprecationWarning)
        pool = get_context(method).Pool(number, initializer=_forget_signals)
    with pool:
        yield pool.imap


def _forget_signals() -> None:
    """Keep a signal to this process from the event loop of its parent, whose handlers and socket it inherits."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
