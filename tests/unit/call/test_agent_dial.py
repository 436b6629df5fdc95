"""How long the callee waits for the agent to dial, and what becomes of a call that nobody dials."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from loadtest.call.agent_dial import AgentDial
from loadtest.call.ends import CallEnd
from loadtest.call.presence import DialRequest, Presence
from loadtest.record.events import EndCause, Outcome

T = TypeVar("T")

REQUEST = DialRequest(
    number="+12025550123",
    presence=Presence(identity="someone", name="", attributes={}),
    wait_until_answered=True,
    ringing_limit_s=30.0,
    max_call_s=None,
)
AGENT = "agent-1"


class _Leap(selectors.SelectSelector):
    """Sleeps no longer than it takes to say so: time passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now_s += timeout or 0.0
        return super().select(0)


def on_virtual_time(coroutine: Coroutine[Any, Any, T]) -> T:
    leap = _Leap()
    loop = asyncio.SelectorEventLoop(leap)
    loop.time = lambda: leap.now_s  # type: ignore[method-assign]
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


class Server:
    """Says who is in the room."""

    def __init__(self, there: tuple[str, ...] | None = ()) -> None:
        self.there = there

    async def agents_there(self) -> tuple[str, ...] | None:
        return self.there


def wait(server: Server, *happens: tuple[float, str], limit_s: float = 15.0) -> tuple[float, DialRequest | CallEnd]:
    """When the wait ends, and with what, if this happens at these times."""

    async def play() -> tuple[float, DialRequest | CallEnd]:
        loop = asyncio.get_running_loop()
        dial, ended = AgentDial(server.agents_there), loop.create_future()

        def happen(what: str) -> None:
            match what:
                case "comes":
                    server.there = (AGENT,)
                    dial.connected(AGENT)
                case "goes":
                    server.there = ()
                    dial.disconnected(AGENT)
                case "loses its connection":
                    dial.disconnected(AGENT)
                case "dials":
                    dial.dialled(REQUEST)
                case "deletes the room":
                    server.there = None
                    dial.disconnected(AGENT)
                case _:
                    ended.set_result(CallEnd(Outcome.ABORTED, EndCause.TESTER, what))

        for at_s, what in happens:
            loop.call_at(at_s, happen, what)
        result = await dial.wait(limit_s, ended)
        return loop.time(), result

    return on_virtual_time(play())


def test_an_agent_that_dials() -> None:
    assert wait(Server(), (0.4, "comes"), (3.0, "dials")) == (3.0, REQUEST)


def test_an_agent_that_dials_without_coming_first() -> None:
    assert wait(Server(), (3.0, "dials")) == (3.0, REQUEST)


def test_an_agent_that_comes_and_does_not_dial_is_a_no_show_of_its_own_kind() -> None:
    at_s, end = wait(Server(), (0.4, "comes"))
    assert at_s == pytest.approx(15.0)
    reason = "agent agent-1 came but did not dial within 15 s"
    assert end == CallEnd(Outcome.AGENT_NO_SHOW, EndCause.CALLEE_HANGUP, reason)


def test_nobody_comes() -> None:
    at_s, end = wait(Server(), limit_s=7.0)
    assert at_s == pytest.approx(7.0)
    reason = "no agent came, and nobody dialled within 7 s"
    assert end == CallEnd(Outcome.AGENT_NO_SHOW, EndCause.CALLEE_HANGUP, reason)


def test_an_agent_that_leaves_without_dialling_is_not_waited_for() -> None:
    at_s, end = wait(Server(), (0.4, "comes"), (2.0, "goes"))
    assert at_s < 3.0
    assert end == CallEnd(Outcome.AGENT_LEFT, EndCause.AGENT_HANGUP, "the agent left without having dialled")


def test_a_connection_that_comes_back_is_no_leaving() -> None:
    happens = ((0.4, "comes"), (2.0, "loses its connection"), (3.2, "comes"), (9.0, "dials"))
    assert wait(Server(), *happens) == (9.0, REQUEST)


def test_a_room_that_is_deleted_before_anybody_dials() -> None:
    at_s, end = wait(Server(), (0.4, "comes"), (2.0, "deletes the room"))
    assert at_s < 3.0
    assert end == CallEnd(Outcome.AGENT_LEFT, EndCause.ROOM_CLOSED, "the room was closed before anybody dialled")


def test_a_dial_counts_even_if_the_agent_is_gone_by_then() -> None:
    at_s, request = wait(Server(), (0.4, "comes"), (2.0, "goes"), (2.0, "dials"))
    assert (at_s, request) == (2.0, REQUEST)


def test_a_call_that_ends_otherwise() -> None:
    at_s, end = wait(Server(), (0.4, "comes"), (2.0, "interrupted"))
    assert (at_s, end) == (2.0, CallEnd(Outcome.ABORTED, EndCause.TESTER, "interrupted"))
