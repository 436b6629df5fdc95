"""Ending tasks, also those that call the SDK."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

__all__ = ["end_tasks"]

AGAIN_S = 0.5


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end, whatever it is; nobody is told of their errors.

    Before Python 3.12 `asyncio.wait_for`, which the SDK uses, can swallow a cancellation that comes in the moment in
    which what it waits for is done. So those that live on are cancelled again.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        done, pending = await asyncio.wait(pending, timeout=AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # or the loop complains that nobody asked for it
