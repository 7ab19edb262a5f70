"""Running WorkChains: through the daemon where it runs, in this process otherwise; each only once."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from aiida_polymorph.cli.output import say

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import Process, ProcessBuilder

Watch = Callable[[Sequence["orm.ProcessNode"]], None]

REQUEST = "polymorph_request"
"""Extra by which a process is found that was asked for the same thing before."""
THROUGH_DAEMON = "polymorph_through_daemon"
SECONDS_BETWEEN_LOOKS = 2.0
SECONDS_BETWEEN_STEPS = 0.5


def daemon_is_running() -> bool:
    """Return whether the loaded profile's daemon is up."""
    from aiida.engine.daemon.client import get_daemon_client
    from aiida.manage import get_manager

    profile = get_manager().get_profile()
    return bool(profile and profile.process_control_backend and get_daemon_client().is_daemon_running)


@contextmanager
def running_daemon() -> Iterator[None]:
    """Start the daemon if it doesn't run, and stop it in the end if it was started here."""
    from aiida.engine.daemon.client import get_daemon_client

    if daemon_is_running():
        yield
        return
    client = get_daemon_client()
    try:
        client.start_daemon()
        yield
    finally:
        if client.is_daemon_running:
            client.stop_daemon(wait=True)


def carry_out(builders: Sequence[ProcessBuilder], watch: Watch, wait: bool = True) -> list[orm.ProcessNode]:
    """Run WorkChains and return their nodes, terminated if waited for.

    What was asked for before with the same inputs is not run again: a finished process is returned as it is, one
    that the daemon is still working on is waited for.

    Args:
        builders: what to run.
        watch: called with all nodes every few seconds.
        wait: False returns at once after handing them to the daemon.

    Raises:
        click.ClickException: if there is no daemon to hand them to.
    """
    through_daemon = daemon_is_running()
    if not (wait or through_daemon):
        raise click.ClickException("without waiting the daemon is needed, start it with `verdi daemon start`")
    nodes: list[orm.ProcessNode] = []
    started: list[Process] = []
    for builder in builders:
        key = request_key(builder)
        node = earlier(key, through_daemon)
        if node is not None:
            say(f"Asked for before: process {node.pk}, {'finished' if node.is_finished else 'under way'}.")
        elif through_daemon:
            node = _submit(builder)
        else:
            started.append(_start_here(builder))
            node = started[-1].node
        node.base.extras.set_many({REQUEST: key, THROUGH_DAEMON: through_daemon})
        nodes.append(node)
    if wait:
        _follow(nodes, started, watch)
    return nodes


def _submit(builder: ProcessBuilder) -> orm.ProcessNode:
    from aiida.engine import submit

    return submit(builder)


def _start_here(builder: ProcessBuilder) -> Process:
    from aiida.manage import get_manager

    runner = get_manager().get_runner()
    process = runner.instantiate_process(builder)
    runner.loop.create_task(process.step_until_terminated())
    return process


def _follow(nodes: Sequence[orm.ProcessNode], started: Sequence[Process], watch: Watch) -> None:
    try:
        while not all(node.is_terminated for node in nodes):
            watch(nodes)
            _let_time_pass(started)
        watch(nodes)
    except KeyboardInterrupt:
        for process in started:
            process.kill("interrupted")
        if not started:
            say("\nStopped waiting; the daemon goes on. `aiida-polymorph status` shows how far it is.")
        raise


def _let_time_pass(started: Sequence[Process]) -> None:
    """Wait for a moment; processes of our own make progress meanwhile."""
    if not started:
        time.sleep(SECONDS_BETWEEN_LOOKS)
        return
    loop = started[0].loop
    loop.run_until_complete(asyncio.sleep(SECONDS_BETWEEN_STEPS))


def request_key(builder: ProcessBuilder) -> str:
    """Return what identifies a request: the process and the contents of its inputs."""
    parts = sorted(_identities(builder._inputs(prune=True)))
    return hashlib.sha256(repr((builder.process_class.__name__, parts)).encode()).hexdigest()


def _identities(inputs: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    from aiida import orm

    for name, value in inputs.items():
        if name == "metadata" and not path:
            continue
        if isinstance(value, Mapping):
            yield from _identities(value, f"{path}{name}.")
        elif isinstance(value, orm.AbstractCode):
            yield f"{path}{name}", value.uuid
        elif isinstance(value, orm.Data):
            yield f"{path}{name}", value.base.caching.compute_hash()
        else:
            yield f"{path}{name}", repr(value)


def earlier(key: str, through_daemon: bool) -> orm.ProcessNode | None:
    """Return the newest process that was asked for the same and has finished well or is being worked on."""
    from aiida import orm

    query = orm.QueryBuilder().append(orm.WorkChainNode, filters={f"extras.{REQUEST}": key})
    nodes = sorted(query.all(flat=True), key=lambda node: node.pk, reverse=True)
    for node in nodes:
        alive = not node.is_terminated and node.base.extras.get(THROUGH_DAEMON) and through_daemon
        if node.is_finished_ok or alive:
            return node
    return None
