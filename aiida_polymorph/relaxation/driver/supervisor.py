"""The parent: hands structures to workers one by one, writes down what comes back, and survives lost workers."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

from .job import RESULTS_FILE, Job
from .streaming import Record, cut_torn_line, parse_records, to_line
from .worker import lost

READY_SECONDS = 120.0
"""How long a worker may take to start its engine."""

KILLED_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)
"""Signals that no engine raises by itself: the structure in hand is tried once more before it is blamed."""


class EngineFailedToStart(RuntimeError):  # noqa: N818
    """A worker ended before its engine was ready; the message holds what it said."""


class Worker:
    """A worker process and the row that it has in hand (None while it starts or waits)."""

    def __init__(self, folder: Path) -> None:
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", __package__, "--worker"],
            cwd=folder,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._messages,
            start_new_session=True,
        )
        self.requests, self.answers = cast(IO[bytes], self.process.stdin), cast(IO[bytes], self.process.stdout)
        self.row: int | None = None
        self.ready = False
        self.since = time.monotonic()
        self._unread = b""

    def give(self, row: int) -> None:
        """Hand over a row of the structures."""
        self.row, self.since = row, time.monotonic()
        try:
            self.requests.write(f"{row}\n".encode())
            self.requests.flush()
        except BrokenPipeError:
            pass  # its standard output ends too, where the loss is noticed

    def replies(self) -> list[dict[str, Any]] | None:
        """Return the replies that have come in, or None if the worker has ended."""
        chunk = os.read(self.answers.fileno(), 1 << 20)
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        return [json.loads(line) for line in lines] if chunk else None

    def overdue(self, max_seconds: float) -> bool:
        """Return whether it has been at work, or starting, for too long."""
        limit = max_seconds if self.ready else READY_SECONDS
        return (self.row is not None or not self.ready) and time.monotonic() - self.since > limit

    def last_words(self) -> str:
        """Return the last line that it wrote to standard error, for the reason of a failure."""
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def end(self, patience: float = 0.0) -> int:
        """Kill it if it still runs after `patience` seconds, and return its exit status."""
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
        status = self.process.wait()
        self.requests.close()
        self.answers.close()
        return status


def _environment() -> dict[str, str]:
    """Return the environment for workers: one thread each, and this Python's own libraries found first."""
    libraries = [str(Path(sys.prefix) / "lib"), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(libraries), "OMP_NUM_THREADS": "1"}


class Supervisor:
    """Relaxes what a job folder asks for and has no record of yet.

    Args:
        folder: the job folder.
        job: its content.
        progress: called with (done, asked) after each record.
    """

    def __init__(self, folder: Path, job: Job, progress: Callable[[int, int], None]) -> None:
        self.folder, self.job, self.progress = folder, job, progress
        self.results = folder / RESULTS_FILE
        cut_torn_line(self.results)
        text = self.results.read_text() if self.results.exists() else ""
        self.done = {record["index"] for record in parse_records(text)}
        self.engine: dict[str, str] | None = None
        self._queue = deque(row for row in range(len(job)) if int(job.arrays["index"][row]) not in self.done)
        self._second_chance: set[int] = set()
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Relax until every structure has a record.

        Raises:
            EngineFailedToStart: if a worker's engine can't be made.
        """
        try:
            for _ in range(min(self.job.processes, len(self._queue))):
                self._start_worker()
            while self._workers:
                for key, _ in self._selector.select(timeout=1.0):
                    self._listen(key.data)
                for worker in [each for each in self._workers if each.overdue(self.job.parameters.max_seconds)]:
                    self._lost(worker, "timed out")
        finally:
            for worker in list(self._workers):
                self._dismiss(worker)

    def _start_worker(self) -> None:
        worker = Worker(self.folder)
        self._workers.append(worker)
        self._selector.register(worker.answers, selectors.EVENT_READ, worker)

    def _dismiss(self, worker: Worker, patience: float = 0.0) -> int:
        self._selector.unregister(worker.answers)
        self._workers.remove(worker)
        return worker.end(patience)

    def _listen(self, worker: Worker) -> None:
        replies = worker.replies()
        if replies is None:
            self._lost(worker, "")
            return
        for reply in replies:
            if "ready" in reply:
                worker.ready, self.engine = True, reply["ready"]
            self._feed(worker)
            if "ready" not in reply:
                self._write(reply)

    def _feed(self, worker: Worker) -> None:
        worker.row = None
        if self._queue:
            worker.give(self._queue.popleft())
        else:
            self._dismiss(worker)

    def _lost(self, worker: Worker, reason: str) -> None:
        """Deal with the structure that a worker had in hand when it died or was given up; start another worker."""
        status = self._dismiss(worker, patience=0.0 if reason else 5.0)
        row = worker.row
        if row is None:
            raise EngineFailedToStart(f"the engine could not be started: {reason or worker.last_words()}")
        if not reason and -status in KILLED_FROM_OUTSIDE and row not in self._second_chance:
            self._second_chance.add(row)
            self._queue.append(row)
        else:
            reason = reason or f"engine crashed: {_how_it_ended(status)}"
            self._write(lost(self.job, row, reason))
        if self._queue:
            self._start_worker()

    def _write(self, record: Record) -> None:
        with self.results.open("a") as file:
            file.write(to_line(record))
        self.done.add(record["index"])
        self.progress(len(self.done), len(self.job))


def _how_it_ended(status: int) -> str:
    try:
        return signal.Signals(-status).name if status < 0 else f"exit status {status}"
    except ValueError:
        return f"signal {-status}"
