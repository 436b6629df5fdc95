"""How a run comes to its end before the plan is done: stopped by the user, ended early, unable to write, or failed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from enum import IntEnum
from typing import Any

from loadtest.errors import EndedEarlyError, RecordError, StackError
from loadtest.record.run_json import RunState

__all__ = ["Ending", "StopRequest"]


class StopRequest(IntEnum):
    """How much the user wants the run to stop."""

    NONE = 0
    ORDERLY = 1
    """Hang up, keep and measure what there is."""
    AT_ONCE = 2


class Ending:
    """Collects the reasons to end a run, and lets work be done until there is one. Of each kind the first counts."""

    def __init__(self) -> None:
        self.request = StopRequest.NONE
        self.early: EndedEarlyError | None = None
        self.unwritable: RecordError | None = None
        self._called = asyncio.Event()
        self._called_at_once = asyncio.Event()

    def stop(self) -> None:
        """The user asks for an orderly end; asked again, for an end at once."""
        self.request = StopRequest(min(self.request + 1, StopRequest.AT_ONCE))
        self._called.set()
        if self.at_once:
            self._called_at_once.set()

    def end_early(self, why: EndedEarlyError) -> None:
        """The plan may not, or cannot, be carried out to its end."""
        self.early = self.early or why
        self._called.set()

    def cannot_write(self, error: RecordError) -> None:
        """Nothing that is dialled from now on would be measured."""
        self.unwritable = self.unwritable or error
        self._called.set()

    @property
    def called_for(self) -> bool:
        """Whether the stages that are left are to be left out. What cannot be written raises in `until_called`."""
        return bool(self.request) or self.early is not None

    @property
    def at_once(self) -> bool:
        return self.request is StopRequest.AT_ONCE

    def state(self) -> RunState:
        """Of a run that did not fail otherwise."""
        if self.early is not None:
            return RunState.ABORTED
        if self.request:
            return RunState.INTERRUPTED
        return RunState.COMPLETE if self.unwritable is None else RunState.ABORTED

    def raise_failure(self) -> None:
        """Raise what makes a run that was wound down a failure, if anything."""
        if self.unwritable is not None:
            raise self.unwritable
        if self.early is not None:
            raise self.early

    async def until_called(
        self, work: Coroutine[Any, Any, None], *, failed: Coroutine[Any, Any, StackError] | None = None
    ) -> None:
        """Do `work` until it is done or the run is to end. Raises RecordError when nothing can be written any more.

        failed: waits for a service to die; what it returns is raised, unless the run is ending anyway.
        """
        task, called = asyncio.create_task(work), asyncio.create_task(self._called.wait())
        watch = None if failed is None else asyncio.create_task(failed)
        everything = [each for each in (task, called, watch) if each is not None]
        try:
            await asyncio.wait(everything, return_when=asyncio.FIRST_COMPLETED)
            if self.unwritable is not None and not self.request:
                raise self.unwritable
            if watch is not None and watch.done() and not self.called_for:
                raise watch.result()
            if task.done() and self.early is None:
                task.result()
        finally:
            for each in everything:
                each.cancel()
            await asyncio.gather(*everything, return_exceptions=True)

    async def within(self, limit_s: float, work: Coroutine[Any, Any, None]) -> None:
        """Wait for `work`, but neither beyond the limit nor once the user wants an end at once."""
        tasks = (asyncio.create_task(work), asyncio.create_task(self._called_at_once.wait()))
        await asyncio.wait(tasks, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
