"""What was asked for before: a process is found again by its inputs and by the code that decides about its result."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aiida_polymorph.science_version import science_version

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import ProcessBuilder

REQUEST = "polymorph_request"
"""Extra by which a process is found that was asked for the same thing before."""
THROUGH_DAEMON = "polymorph_through_daemon"
"""Extra that says whether the daemon was asked to run the process."""
NO_PART_OF_A_REQUEST = ("metadata", "jobs", "batch_size", "options")
"""Inputs that don't change what comes out: how the work is shared out."""


def request_key(builder: ProcessBuilder) -> str:
    """Return what identifies a request: the process, the code that it reaches and the contents of its inputs.

    The code is that of the WorkChain and of all calcfunctions, jobs and WorkChains that it may start.
    """
    code = science_version(builder.process_class).digest
    parts = sorted(_identities(builder._inputs(prune=True)))
    return hashlib.sha256(repr((code, builder.process_class.__name__, parts)).encode()).hexdigest()


def earlier(key: str) -> orm.ProcessNode | None:
    """Return the newest process that was asked for the same and has finished well or was handed to the daemon.

    One whose steps can't say which code they ran, because files changed meanwhile, is not taken.
    """
    from aiida import orm

    from aiida_polymorph.versioned import ran_unsure_code

    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={f"extras.{REQUEST}": key})
    nodes = sorted(query.all(flat=True), key=lambda node: node.pk, reverse=True)
    for node in nodes:
        if node.is_finished_ok and not ran_unsure_code(node):
            return node
        if not node.is_terminated and node.base.extras.get(THROUGH_DAEMON):
            return node
    return None


def _identities(inputs: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    from aiida import orm

    for name, value in inputs.items():
        if not path and name in NO_PART_OF_A_REQUEST:
            continue
        if isinstance(value, Mapping):
            yield from _identities(value, f"{path}{name}.")
        elif isinstance(value, orm.AbstractCode):
            yield f"{path}{name}", value.uuid
        elif isinstance(value, orm.Data):
            content = (type(value).__name__, sorted(value.base.attributes.all.items()), value.base.repository.hash())
            yield f"{path}{name}", repr(content)
        else:
            yield f"{path}{name}", repr(value)
