"""Tasks end when they are told to."""

from __future__ import annotations

import asyncio
import contextlib

from loadtest.call.tasks import end_tasks


async def test_a_task_that_misses_its_cancellation_is_ended_all_the_same() -> None:
    missed = 0

    async def hard_of_hearing() -> None:
        nonlocal missed
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1000)
        missed += 1
        await asyncio.sleep(1000)

    task = asyncio.create_task(hard_of_hearing())
    await asyncio.sleep(0)
    await end_tasks([task])
    assert task.cancelled()
    assert missed == 1


async def test_an_error_at_the_end_is_nobodys_business() -> None:
    async def fails() -> None:
        raise ValueError

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await end_tasks([task])
    assert isinstance(task.exception(), ValueError)
