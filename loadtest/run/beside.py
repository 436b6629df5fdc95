"""What goes on beside the dialling: sampling, watching, showing. None of it ends a run but by a disk that is full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

from loadtest.errors import RecordError

__all__ = ["beside"]


@asynccontextmanager
async def beside(
    work: Mapping[str, Coroutine[Any, Any, None]],
    *,
    cannot_write: Callable[[RecordError], None],
    warn: Callable[[str], None],
) -> AsyncIterator[None]:
    """Do the work, by what to call it, until the block is left.

    cannot_write: told at once. warn: told, when the block is left, of work that failed otherwise.
    """

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and isinstance(error := task.exception(), RecordError):
            cannot_write(error)

    tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in work.items()]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task, end in zip(tasks, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
            if isinstance(end, Exception) and not isinstance(end, RecordError):
                warn(f"{task.get_name().capitalize()} failed during the run: {_in_a_line(end)}")


def _in_a_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
