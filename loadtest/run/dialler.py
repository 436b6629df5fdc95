"""The open-loop dialler: a call is dialled when the plan says so, whatever became of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from loadtest.clock import RunClock
from loadtest.plan.calls import PlannedCall

__all__ = ["dial_plan"]


async def dial_plan(
    calls: Sequence[PlannedCall],
    *,
    cap: int,
    clock: RunClock,
    active: Callable[[], int],
    place: Callable[[PlannedCall], None],
    drop: Callable[[PlannedCall, int], None],
) -> None:
    """Place each call at its due time; a call that is due while `cap` calls are active is dropped and never made up.

    calls: in the order of their due times. A dialler that has fallen behind dials at once and lets the lateness show.
    """
    for call in calls:
        if (wait := call.due_s - clock.now()) > 0:
            await asyncio.sleep(wait)
        if (busy := active()) >= cap:
            drop(call, busy)
        else:
            place(call)
