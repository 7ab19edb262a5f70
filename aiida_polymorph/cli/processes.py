"""Running WorkChains: through the daemon where it runs, in this process otherwise; each only once."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_polymorph.cli.output import say
from aiida_polymorph.cli.requests import REQUEST, THROUGH_DAEMON, earlier, request_key
from aiida_polymorph.science_version import changed_since, science_version

if TYPE_CHECKING:
    from aiida import orm
    from aiida.engine import Process, ProcessBuilder
    from aiida.engine.runners import Runner

Watch = Callable[[Sequence["orm.ProcessNode"]], None]

GO_ON = "`verdi process repair; verdi daemon start`"
"""A daemon that is stopped while a process submits a child may lose the child's task: `repair` makes it again."""
SECONDS_BETWEEN_LOOKS = 0.5


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
        mend_tasks()
        client.start_daemon()
        yield
    finally:
        if client.is_daemon_running:
            client.stop_daemon(wait=True)


def mend_tasks() -> None:
    """Give the broker the tasks that are missing for processes under way, while the daemon doesn't run.

    A daemon that is stopped while a WorkChain submits a child may lose the child's task: its broker ends first.
    """
    from aiida.engine.processes.control import get_active_processes
    from aiida.manage import get_manager

    profile = get_manager().get_profile()
    if profile and get_active_processes(project="id"):
        command = ["verdi", "-p", profile.name, "process", "repair"]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def carry_out(
    builders: Sequence[ProcessBuilder], watch: Watch, wait: bool = True, at_once: int | None = None
) -> list[orm.ProcessNode]:
    """Run WorkChains and return their nodes, terminated if waited for.

    What was asked for before with the same inputs is not run again: a finished process is returned as it is, one
    that was handed to the daemon is waited for. A daemon that stops meanwhile is waited for as well.

    Args:
        builders: what to run.
        watch: called with the nodes so far every half a second or so.
        wait: False returns at once after handing them all to the daemon.
        at_once: how many are under way at the same time; None for all.

    Raises:
        click.ClickException: if there is no daemon to hand them to, or one was handed to a daemon that doesn't run.
    """
    starter = Starter(daemon_is_running())
    if not wait:
        if not starter.through_daemon:
            raise click.ClickException("without waiting the daemon is needed, start it with `verdi daemon start`")
        return [starter.start(builder) for builder in builders]
    nodes: list[orm.ProcessNode] = []
    try:
        while len(nodes) < len(builders) or not all(node.is_terminated for node in nodes):
            free = (at_once or len(builders)) - sum(not node.is_terminated for node in nodes)
            free = free if starter.is_ready() else 0
            nodes += [starter.start(builder) for builder in builders[len(nodes) :][: max(free, 0)]]
            watch(nodes)
            starter.let_time_pass(nodes)
        watch(nodes)
    except KeyboardInterrupt:
        starter.interrupt()
        raise
    return nodes


class Starter:
    """Starts processes, through the daemon or in this process, unless they were started before."""

    def __init__(self, through_daemon: bool) -> None:
        self.through_daemon = through_daemon
        self._here: list[Process] = []
        self._runner: Runner | None = None
        self._ready = True
        self._daemon_pid: int | None = None

    def is_ready(self) -> bool:
        """Return whether processes can be started now, and say so when the daemon has stopped or is back."""
        ready = daemon_is_running() if self.through_daemon else True
        if ready != self._ready:
            say("\nThe daemon is back." if ready else f"\nThe daemon has stopped; {GO_ON} lets it go on.")
        self._ready = ready
        return ready

    def start(self, builder: ProcessBuilder) -> orm.ProcessNode:
        """Return the node of a process that was asked for before, or start it.

        Raises:
            click.ClickException: if the daemon has it to do and doesn't run: to run it here as well would be twice;
                or if the daemon runs older code than this command.
        """
        key = request_key(builder)
        node = earlier(key)
        if node is not None and not node.is_terminated and not self.through_daemon:
            raise click.ClickException(
                f"process {node.pk} does this already, through the daemon, which has stopped; {GO_ON} lets it go on"
            )
        if node is not None:
            say(f"Asked for before: process {node.pk}, {'finished' if node.is_finished else 'under way'}.")
            return node
        node = self._submit(builder) if self.through_daemon else self._start_here(builder)
        node.base.extras.set_many({REQUEST: key, THROUGH_DAEMON: self.through_daemon})
        return node

    def _submit(self, builder: ProcessBuilder) -> orm.ProcessNode:
        from aiida.engine import submit

        refuse_a_daemon_with_other_code(builder.process_class)
        self._connect()
        return submit(builder)

    def _connect(self) -> None:
        """Connect anew if another daemon runs than at the last submission: its broker listens elsewhere."""
        from aiida.engine.daemon.client import get_daemon_client
        from aiida.manage import get_manager

        pid = get_daemon_client().get_daemon_pid()
        if self._daemon_pid not in (None, pid):
            get_manager().reset_runner()
            get_manager().reset_broker()
        self._daemon_pid = pid

    def _start_here(self, builder: ProcessBuilder) -> orm.ProcessNode:
        from aiida.manage import get_manager

        if self._runner is None:
            _hide_reports()
            self._runner = get_manager().create_runner(communicator=None)
        process = self._runner.instantiate_process(builder)
        self._runner.loop.create_task(process.step_until_terminated())
        self._here.append(process)
        return process.node

    def let_time_pass(self, nodes: Sequence[orm.ProcessNode]) -> None:
        """Wait for a moment, in which processes of our own make progress."""
        if self._runner is not None:
            self._runner.loop.run_until_complete(asyncio.sleep(SECONDS_BETWEEN_LOOKS))
        elif not all(node.is_terminated for node in nodes):
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def interrupt(self) -> None:
        """Kill what runs in this process; leave the daemon to its work."""
        for process in self._here:
            if not process.has_terminated():
                process.kill("interrupted")
        if self._runner is not None:
            self._runner.loop.run_until_complete(asyncio.sleep(SECONDS_BETWEEN_LOOKS))
            say("\nInterrupted. Repeat the command to continue; finished jobs are not run again.")
        else:
            say("\nStopped waiting. The daemon continues; repeat the command to follow it.")


def refuse_a_daemon_with_other_code(process_class: type[Process]) -> None:
    """Refuse to hand a process to a daemon that was started before the code that the process reaches was changed.

    Raises:
        click.ClickException: naming a file that was changed.
    """
    from aiida.engine.daemon.client import get_daemon_client

    written_at_its_start = Path(get_daemon_client().circus_pid_file)
    if not written_at_its_start.is_file():
        return
    changed = changed_since(science_version(process_class), written_at_its_start.stat().st_mtime)
    if changed:
        raise click.ClickException(
            f"the daemon was started before {changed[0]} was changed, and would run the code as it was; "
            "`verdi daemon restart` loads the new one"
        )


def _hide_reports() -> None:
    """Keep the reports of WorkChains off the terminal; they stay in the database for `verdi process report`."""
    for handler in logging.getLogger("aiida").handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setLevel(logging.WARNING)
