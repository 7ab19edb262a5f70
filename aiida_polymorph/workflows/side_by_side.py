"""What WorkChains share that start many children, so many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida.engine import WorkChain, append_

from aiida_polymorph.versioned import VersionedMixin


class SideBySideMixin(VersionedMixin, WorkChain):
    """Children of a plan, at most `ctx.jobs` of them under way; those that were awaited are `ctx.ended`, in order.

    The outline is `while_(cls.is_unfinished)(while_(cls.a_job_is_free)(..., a step that starts the child of
    `ctx.plan[ctx.started]` and hands it to `_count`), cls.await_oldest)`.
    """

    def _plan(self, plan: Sequence[Any], jobs: int) -> None:
        """Set out what is to be started, and how many at a time."""
        self.ctx.plan, self.ctx.jobs = list(plan), jobs
        self.ctx.started, self.ctx.running, self.ctx.ended = 0, [], []

    def _count(self, child: Any) -> None:
        """Note a child as started."""
        self.ctx.running.append(child)
        self.ctx.started += 1

    def _is_left(self) -> bool:
        return self.ctx.started < len(self.ctx.plan)

    def is_unfinished(self) -> bool:
        """Return whether a child is still to be started or awaited."""
        return self._is_left() or bool(self.ctx.running)

    def a_job_is_free(self) -> bool:
        """Return whether another child can be started beside those that run."""
        return self._is_left() and sum(not child.is_terminated for child in self.ctx.running) < self.ctx.jobs

    def await_oldest(self) -> None:
        """Wait for the child that was started first; those that ended meanwhile make room as well."""
        self.to_context(ended=append_(self.ctx.running.pop(0)))
