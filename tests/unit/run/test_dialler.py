"""The open loop, on virtual time."""

from __future__ import annotations

import pytest

from loadtest.clock import RunClock
from loadtest.plan.calls import PlannedCall
from loadtest.run.dialler import dial_plan
from tests.unit.calls import planned_call


class VirtualClock(RunClock):
    time_s = 0.0

    def now(self) -> float:
        return type(self).time_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    VirtualClock.time_s = 0.0

    async def sleep(seconds: float) -> None:
        VirtualClock.time_s += seconds

    monkeypatch.setattr("loadtest.run.dialler.asyncio.sleep", sleep)
    return VirtualClock(0.0)


def calls(*due_s: float) -> list[PlannedCall]:
    return [planned_call(call_id=f"{slot:04d}-ga", slot=slot, due_s=due) for slot, due in enumerate(due_s)]


async def test_closed_loop_dialling_is_impossible_calls_are_placed_when_due_whether_or_not_others_ended(
    clock: VirtualClock,
) -> None:
    placed: list[float] = []
    await dial_plan(
        calls(0.0, 1.0, 2.5),
        cap=10,
        clock=clock,
        active=lambda: len(placed),  # none ever ends
        place=lambda call: placed.append(clock.now()),
        drop=lambda call, busy: pytest.fail("nothing is to be dropped"),
    )
    assert placed == [0.0, 1.0, 2.5]


async def test_a_call_that_is_due_at_the_cap_is_dropped_and_never_made_up(clock: VirtualClock) -> None:
    placed: list[int] = []
    dropped: list[tuple[int, int]] = []
    await dial_plan(
        calls(0.0, 1.0, 2.0, 3.0),
        cap=2,
        clock=clock,
        active=lambda: min(len(placed), 2) if clock.now() < 3.0 else 1,
        place=lambda call: placed.append(call.slot),
        drop=lambda call, busy: dropped.append((call.slot, busy)),
    )
    assert placed == [0, 1, 3]
    assert dropped == [(2, 2)]


async def test_a_dialler_that_fell_behind_dials_at_once(clock: VirtualClock) -> None:
    placed: list[float] = []

    def place(call: PlannedCall) -> None:
        placed.append(clock.now())
        VirtualClock.time_s += 5.0  # something blocks

    await dial_plan(calls(0.0, 1.0), cap=9, clock=clock, active=lambda: 0, place=place, drop=lambda call, busy: None)
    assert placed == [0.0, 5.0]
