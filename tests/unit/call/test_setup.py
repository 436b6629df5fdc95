"""How a call comes to its answer, or not: who is dialled how, how long it rings, and who ends that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from loadtest.call.ends import CallEnd, not_picked_up
from loadtest.call.presence import DialRequest, Presence
from loadtest.call.setup import CallSetup
from loadtest.call.spec import CallSpec
from loadtest.clock import RunClock
from loadtest.record.events import EndCause, Event, Outcome
from loadtest.scenario.callee import CalleeSpec, Pickup
from tests.unit.call.test_agent_dial import REQUEST, on_virtual_time
from tests.unit.calls import planned_call

INTERRUPTED = CallEnd(Outcome.ABORTED, EndCause.TESTER, "interrupted")


@dataclass
class Room:
    """A room in which all goes well."""

    joined: list[Presence] = field(default_factory=list)
    participant_id = "PA_1"

    async def create(self, *, empty_limit_s: float) -> None: ...

    async def dispatch(self) -> None: ...

    async def join(self, source: object, presence: Presence) -> None:
        self.joined.append(presence)

    async def agents_there(self) -> tuple[str, ...]:
        return ()


@dataclass
class Course:
    """What became of a call's setup."""

    end: CallEnd | None
    rang_s: float
    joined: list[Presence]
    events: list[str]
    max_call_s: float


def course(
    *, request: DialRequest | None, hang_up_at_s: float | None = None, max_call_s: float = 60.0, **call: Any
) -> Course:
    """request: what the agent asks for after 2 s; None: the tester dials."""

    async def play() -> Course:
        loop, room, events = asyncio.get_running_loop(), Room(), list[Event]()
        ended: asyncio.Future[CallEnd] = loop.create_future()

        def emit(event: Event) -> None:
            events.append(event)

        spec = CallSpec(
            call=planned_call(**call), room="r", agent_name="a", metadata="{}", dialled_by_agent=request is not None
        )
        callee = CalleeSpec(max_call_s=max_call_s)
        setup = CallSetup(spec, callee, cast("Any", room), RunClock(0.0), emit, ended)
        if request is not None:
            loop.call_at(2.0, setup.agent_dial.dialled, request)
        if hang_up_at_s is not None:
            loop.call_at(hang_up_at_s, ended.set_result, INTERRUPTED)
        await setup.make_room()
        end = await setup.dial(cast("Any", None))
        began_s = loop.time()
        if end is None:
            end = await setup.ring()
        return Course(end, loop.time() - began_s, room.joined, [event.type for event in events], setup.max_call_s)

    return on_virtual_time(play())


def rings(limit_s: float) -> DialRequest:
    return replace(REQUEST, ringing_limit_s=limit_s)


@pytest.mark.parametrize("dialled", [None, REQUEST])
def test_a_callee_that_picks_up_does_so_when_the_plan_says(dialled: DialRequest | None) -> None:
    went = course(request=dialled, ring_s=4.0)
    assert (went.end, went.rang_s) == (None, pytest.approx(4.0))


def test_whom_the_tester_dials_and_whom_the_agent() -> None:
    (by_tester,) = course(request=None).joined
    (by_agent,) = course(request=REQUEST).joined
    assert (by_tester.identity, by_agent.identity) == ("sip_12005550100", "someone")
    assert by_tester.attributes["loadtest.callID"] == by_agent.attributes["loadtest.callID"] == "0000-ga"


def test_the_order_of_what_is_recorded() -> None:
    assert course(request=None).events == ["room_created", "dispatched", "ringing"]
    assert course(request=REQUEST).events == ["room_created", "dispatched", "agent_dialled", "ringing"]


@pytest.mark.parametrize("pickup", [Pickup.BUSY, Pickup.REJECTED, Pickup.NO_ANSWER])
@pytest.mark.parametrize("dialled", [None, rings(4.0), rings(30.0)])
def test_a_callee_that_does_not(dialled: DialRequest | None, pickup: Pickup) -> None:
    went = course(request=dialled, ring_s=4.0, pickup=pickup)
    assert (went.end, went.rang_s) == (not_picked_up(pickup), pytest.approx(4.0))


@pytest.mark.parametrize("pickup", Pickup)
def test_the_agent_gives_up_first(pickup: Pickup) -> None:
    went = course(request=rings(3.0), ring_s=4.0, pickup=pickup)
    assert went.end == CallEnd(Outcome.NO_ANSWER, EndCause.LIMIT, "the agent's ringing_timeout 3 s")
    assert went.rang_s == pytest.approx(3.0)


def test_a_run_that_is_stopped_while_it_rings() -> None:
    went = course(request=REQUEST, hang_up_at_s=3.5, ring_s=4.0)
    assert (went.end, went.rang_s) == (INTERRUPTED, pytest.approx(1.5))


def test_a_run_that_is_stopped_before_the_agent_dials_puts_nobody_into_the_room() -> None:
    went = course(request=REQUEST, hang_up_at_s=1.0)
    assert (went.end, went.joined, went.events) == (INTERRUPTED, [], ["room_created", "dispatched"])


@pytest.mark.parametrize(("asked_s", "longest_s"), [(None, 60.0), (20.0, 20.0), (90.0, 60.0)])
def test_the_shorter_limit_of_a_call_counts(asked_s: float | None, longest_s: float) -> None:
    assert course(request=replace(REQUEST, max_call_s=asked_s)).max_call_s == longest_s
